/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look back over ids, in three lengths: a moment, minutes, everything.
 */
#include "horizon.h"

#define ID_SECOND	((int64_t)1000000 << 11)
#define MOMENT		(2 * ID_SECOND)		/* each look */
#define LATEST		(120 * ID_SECOND)	/* no commit is later */
#define ALL_EVERY_MS	10000

int64_t
horizon_from(struct horizon *h, long long now)
{
	h->all = now >= h->all_due;
	if (h->all || h->seen - MOMENT < h->settled)
		return h->settled;
	return h->seen - MOMENT;
}

void
horizon_saw(struct horizon *h, int64_t id)
{
	if (id > h->seen)
		h->seen = id;
}

void
horizon_looked(struct horizon *h, long long now, bool complete)
{
	if (!h->all || !complete)
		return;
	h->all_due = now + ALL_EVERY_MS;
	if (h->seen - LATEST > h->settled)
		h->settled = h->seen - LATEST;
}

void
horizon_reset(struct horizon *h)
{
	h->all_due = 0;
}

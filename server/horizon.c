/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look back over ids, in three lengths: for commits that are on time, for
 * those that a slow disk held up, and for all.
 */
#include "horizon.h"

#define ID_SECOND	((int64_t)1000000 << 11)
#define MOMENT		(ID_SECOND / 8)		/* each look */
#define SOME		(10 * ID_SECOND)
#define SOME_EVERY_MS	1000
#define LATEST		(120 * ID_SECOND)	/* no commit is later */
#define ALL_EVERY_MS	30000

int64_t
horizon_from(struct horizon *h, long long now)
{
	int64_t back = MOMENT;

	h->all = now >= h->all_due;
	if (now >= h->some_due) {
		back = SOME;
		h->some_due = now + SOME_EVERY_MS;
	}
	if (h->all || h->seen - back < h->settled)
		return h->settled;
	return h->seen - back;
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

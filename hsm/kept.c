/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list in no order: it is empty but for moments.
 */
#include <stdlib.h>
#include <string.h>

#include "../db/db.h"
#include "../server/mem.h"
#include "kept.h"

static struct kept_one *
find(struct kept *k, int64_t id)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		if (k->one[i].id == id)
			return &k->one[i];
	return NULL;
}

static void
put_to_sleep(struct kept_one *one, long long now)
{
	long long wait = (now - one->since) / 2;

	if (wait < KEPT_LEAST_MS)
		wait = KEPT_LEAST_MS;
	if (wait > KEPT_MOST_MS)
		wait = KEPT_MOST_MS;
	one->due = now + wait;
}

static struct kept_one *
place(struct kept *k)
{
	struct kept_one *more;

	if (k->n == KEPT_MAX)
		return NULL;
	if (k->n == k->room) {
		k->room = k->room == 0 ? 64 : k->room * 2;
		more = xcalloc(k->room, sizeof(*more));
		if (k->n > 0)
			memcpy(more, k->one, k->n * sizeof(*more));
		free(k->one);
		k->one = more;
	}
	return &k->one[k->n++];
}

bool
kept_add(struct kept *k, int64_t id, bool waits, long long now)
{
	struct kept_one *one = find(k, id);

	if (one == NULL) {
		if ((one = place(k)) == NULL)
			return false;
		*one = (struct kept_one){ .id = id, .since = now };
	}
	one->looked_for = false;
	one->due = now;
	if (waits)
		put_to_sleep(one, now);
	return true;
}

void
kept_drop(struct kept *k, int64_t id)
{
	struct kept_one *one = find(k, id);

	if (one != NULL)
		*one = k->one[--k->n];
}

void
kept_wake(struct kept *k, int64_t id)
{
	struct kept_one *one = find(k, id);

	if (one != NULL)
		one->due = 0;
}

size_t
kept_asleep(struct kept *k, long long now, struct arg *out, int64_t *from)
{
	size_t i, n = 0;

	for (i = 0; i < k->n; i++) {
		struct kept_one *one = &k->one[i];

		one->looked_for = one->due <= now;
		if (!one->looked_for)
			out[n++] = arg_int(one->id);
		else if (one->id < *from)
			*from = one->id;
	}
	return n;
}

void
kept_looked(struct kept *k, bool complete, long long now)
{
	size_t i;

	for (i = 0; i < k->n; i++) {
		if (k->one[i].looked_for && complete)
			put_to_sleep(&k->one[i], now);
		k->one[i].looked_for = false;
	}
}

void
kept_free(struct kept *k)
{
	free(k->one);
	*k = (struct kept){ 0 };
}

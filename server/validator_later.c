/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short list that is searched from end to end: it is empty unless the
 * configuration has challenges tried again.
 */
#include "validator_later.h"

int
later_add(struct later *l, int64_t id, int64_t authorization_id,
    long long due)
{
	if (l->n == LATER_MAX)
		return -1;
	l->rows[l->n].id = id;
	l->rows[l->n].authorization_id = authorization_id;
	l->rows[l->n].due = due;
	l->n++;
	return 0;
}

void
later_drop(struct later *l, int64_t id)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->rows[i].id == id) {
			l->rows[i] = l->rows[--l->n];
			return;
		}
}

void
later_drop_due(struct later *l, long long now,
    bool (*under_way)(int64_t authorization_id))
{
	for (size_t i = 0; i < l->n;)
		if (l->rows[i].due <= now &&
		    !under_way(l->rows[i].authorization_id))
			l->rows[i] = l->rows[--l->n];
		else
			i++;
}

int64_t
later_from(const struct later *l, long long now, int64_t from)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->rows[i].due <= now && l->rows[i].id < from)
			from = l->rows[i].id;
	return from;
}

long long
later_next(const struct later *l, long long otherwise)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->rows[i].due < otherwise)
			otherwise = l->rows[i].due;
	return otherwise;
}

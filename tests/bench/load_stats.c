/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every sample is kept: a run has some thousands, and a percentile from a
 * histogram would be as coarse as its bins.
 */
#include <math.h>
#include <stdlib.h>

#include "server/log.h"
#include "load_stats.h"

void
samples_add(struct samples *s, double v)
{
	if (s->count == s->cap) {
		s->cap = s->cap == 0 ? 256 : s->cap * 2;
		s->at = reallocarray(s->at, s->cap, sizeof(*s->at));
		if (s->at == NULL)
			die(EXIT_FAILED, "out of memory");
	}
	s->at[s->count++] = v;
}

void
samples_join(struct samples *to, const struct samples *from)
{
	size_t i;

	for (i = 0; i < from->count; i++)
		samples_add(to, from->at[i]);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
samples_sort(struct samples *s)
{
	if (s->count > 0)
		qsort(s->at, s->count, sizeof(*s->at), compare);
}

void
samples_free(struct samples *s)
{
	free(s->at);
	*s = (struct samples){ 0 };
}

double
samples_percentile(const struct samples *s, double percent)
{
	size_t rank;

	if (s->count == 0)
		return 0;
	rank = (size_t)ceil(percent / 100 * (double)s->count);
	return s->at[rank == 0 ? 0 : rank - 1];
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples and their percentiles.
 */
#ifndef CHANCERY_LOAD_STATS_H
#define CHANCERY_LOAD_STATS_H

#include <stddef.h>

struct samples {
	double	*at;
	size_t	 count;
	size_t	 cap;
};

void	samples_add(struct samples *, double);
/* All of `from` are added to `to`. */
void	samples_join(struct samples *to, const struct samples *from);
void	samples_sort(struct samples *);
void	samples_free(struct samples *);

/* The nearest-rank percentile of sorted samples; 0 without any. */
double	samples_percentile(const struct samples *, double percent);

#endif

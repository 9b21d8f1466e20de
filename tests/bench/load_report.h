/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run of the load generator has measured, as a table and as JSON.
 */
#ifndef CHANCERY_LOAD_REPORT_H
#define CHANCERY_LOAD_REPORT_H

#include "load.h"

struct result {
	const struct options	*opt;
	struct tally		 sum;		/* samples sorted */
	double			 seconds;
	double			 own_cpu_ms;	/* of the generator */
	struct proc_list	 procs;		/* CPU time in the run alone */
};

/* Add a worker's tally to the sum; its samples are released. */
void	result_join(struct result *, struct tally *);
void	result_sort(struct result *);

void	report_table(const struct result *);
/* To the file of --json; 0, or -1 when it cannot be written. */
int	report_json(const struct result *);

/* Failures of all kinds; the p99 of an order is over --max-p99. */
unsigned long result_failures(const struct result *);
bool	result_slow(const struct result *);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time and memory of other processes, from /proc.  A named process
 * stands for itself and all that it started, but for those that have a name
 * of their own.
 */
#ifndef CHANCERY_LOAD_PROC_H
#define CHANCERY_LOAD_PROC_H

#include <stddef.h>
#include <sys/types.h>

#define PROC_MAX	64

struct proc {
	char	name[40];	/* the same for several: they are added up */
	pid_t	pid;
	double	cpu_ms;		/* user and system, since its start */
	double	rss_kb;
	double	pss_kb;		/* shared pages counted in part; 0: unknown */
};

struct proc_list {
	struct proc	at[PROC_MAX];
	size_t		count;
};

/* "NAME=PID"; 0, or -1 when it is not that or there are too many. */
int	proc_add(struct proc_list *, const char *text);

/* Read CPU time, and memory when `memory`; those that ended keep what was
 * last read. */
void	proc_read(struct proc_list *, int memory);

/* CPU time of this process itself, in milliseconds. */
double	proc_own_cpu(void);

/* The parent of a process, or -1. */
pid_t	proc_parent(pid_t);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where to begin when looking for waiting rows.  Ids are time-ordered
 * (new_id() of db/schema.sql), so those that wait lie behind the newest one
 * seen, but for rows whose commit came late: each look goes back a moment, one
 * a second goes back some seconds, and now and then one goes back to where
 * nothing can wait any more.  So a look costs what is new, however long the
 * table has grown.  Pure.
 */
#ifndef CHANCERY_HORIZON_H
#define CHANCERY_HORIZON_H

#include <stdbool.h>
#include <stdint.h>

struct horizon {
	int64_t		seen;		/* newest id that a look returned */
	int64_t		settled;	/* no row below it waits */
	long long	some_due;	/* CLOCK_MONOTONIC, ms */
	long long	all_due;
	bool		all;		/* this look goes back to settled */
};

/* The first id of the next look. */
int64_t	horizon_from(struct horizon *, long long now);

/* A row that a look returned, or an id that is known to be as new. */
void	horizon_saw(struct horizon *, int64_t id);

/*
 * A look succeeded; `complete` when it returned all rows that waited, rather
 * than as many as there was room for.
 */
void	horizon_looked(struct horizon *, long long now, bool complete);

/* Begin with everything again: a connection was lost. */
void	horizon_reset(struct horizon *);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of chancery-validator: each runs one validation at a time,
 * blocking; the main thread alone has the database.
 */
#ifndef CHANCERY_VALIDATOR_POOL_H
#define CHANCERY_VALIDATOR_POOL_H

#include "validate.h"

struct arena;

struct job {
	struct challenge	 challenge;
	struct verdict		 verdict;
	struct arena		*arena;		/* of the verdict */
	struct job		*next;
};

struct pool;

/* Start `threads` of them; ends the process when they cannot be had. */
struct pool *pool_start(const struct conf *, const struct address_policy *,
	    unsigned threads);
/* Readable when a job is done. */
int	pool_fd(const struct pool *);
/* The job is the pool's until pool_take() gives it back. */
void	pool_give(struct pool *, struct job *);
/* All that are done, as a list, or NULL. */
struct job *pool_take(struct pool *);

struct job *job_new(void);
void	job_free(struct job *);

#endif

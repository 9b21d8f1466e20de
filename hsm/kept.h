/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that a pass kept: they wait for the token, the validator or one
 * before them.  Those that no pass can bring further sleep until they are
 * woken, or for half as long as they have waited, so that however many there
 * are they take no place in a batch from the others.  Pure.
 */
#ifndef CHANCERY_KEPT_H
#define CHANCERY_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arg;

#define KEPT_MAX	4096
#define KEPT_LEAST_MS	250
#define KEPT_MOST_MS	30000

struct kept {
	struct kept_one {
		int64_t		id;
		long long	since, due;	/* CLOCK_MONOTONIC, ms */
		bool		looked_for;	/* in this pass */
	}			*one;		/* heap */
	size_t			 n, room;
};

/* Once more, or for the first time; it sleeps when it `waits` for somebody
 * else.  False: there is no place. */
bool	kept_add(struct kept *, int64_t id, bool waits, long long now);
/* It was decided. */
void	kept_drop(struct kept *, int64_t id);
/* What it waits for may be there. */
void	kept_wake(struct kept *, int64_t id);
/* Those that sleep, as arguments in `out`, which has room for all that are
 * kept; *from is lowered to the first that does not. */
size_t	kept_asleep(struct kept *, long long now, struct arg *out,
	    int64_t *from);
/* The look is over; `complete` when it returned all that waited, so that what
 * it did not return is locked, or gone. */
void	kept_looked(struct kept *, bool complete, long long now);
void	kept_free(struct kept *);

#endif

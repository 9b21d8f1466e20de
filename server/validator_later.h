/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Challenges between two attempts (RFC 8555, 8.2).  They hold no thread:
 * their rows stay without evidence and are not looked for before their time.
 * Pure.
 */
#ifndef CHANCERY_VALIDATOR_LATER_H
#define CHANCERY_VALIDATOR_LATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LATER_MAX	4096	/* more are not tried again */

struct later {
	struct {
		int64_t		id;
		int64_t		authorization_id;
		long long	due;	/* CLOCK_MONOTONIC, ms */
	} rows[LATER_MAX];
	size_t	n;
};

/* 0, or -1 when there is no room. */
int	later_add(struct later *, int64_t id, int64_t authorization_id,
	    long long due);
/* The row was taken up. */
void	later_drop(struct later *, int64_t id);
/*
 * All rows that waited were seen: one that was due and not there has ended,
 * unless its authorization is under way by another row.
 */
void	later_drop_due(struct later *, long long now,
	    bool (*under_way)(int64_t authorization_id));
/* The smallest id of those that are due, or `from` if that is smaller. */
int64_t	later_from(const struct later *, long long now, int64_t from);
/* When the next one is due, or `otherwise` if that is earlier. */
long long later_next(const struct later *, long long otherwise);

#endif

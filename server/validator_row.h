/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits in the database as a challenge, and what became of it as
 * evidence.
 */
#ifndef CHANCERY_VALIDATOR_ROW_H
#define CHANCERY_VALIDATOR_ROW_H

#include <stdbool.h>
#include <stddef.h>

#include "validator_pool.h"

struct db;
struct rows;

/* Row `i` of challenge_waiting; -1 when it is not of our form. */
int	row_to_challenge(const struct conf *, const struct rows *, size_t i,
	    struct challenge *);
/* It is a wanted look at CAA, not a challenge. */
bool	row_is_caa(const struct rows *, size_t i);
/* Insert the verdict; 0 or -1. */
int	row_of_evidence(struct db *, const struct job *);

#endif

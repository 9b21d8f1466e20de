/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that are held open for a moment until the signer or the validator
 * has done its part.  Who waits holds no database connection: one dispatcher
 * asks PostgreSQL for all of them at each ring and each sweep.
 */
#ifndef CHANCERY_HOLD_H
#define CHANCERY_HOLD_H

#include <stdbool.h>
#include <stdint.h>

struct conf;

enum hold_kind {
	HOLD_OUTCOME,		/* of a request: rings the signer */
	HOLD_EVIDENCE,		/* of an authorization: the validator */
	HOLD_KINDS
};

/*
 * Ring, then wait until the row is there, at most `ms`.  False when it was
 * not seen in that time.
 */
bool	hold_wait(const struct conf *, enum hold_kind, int64_t id,
	    unsigned ms);

/* The dispatcher: returns when the process is to stop. */
void	hold_dispatch(int bell);

/* Let all go, and nobody wait any more. */
void	hold_end(void);

#endif

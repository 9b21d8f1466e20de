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

#include "enc.h"

struct arena;
struct conf;

enum hold_kind {
	HOLD_OUTCOME,		/* of a request: rings the signer */
	HOLD_EVIDENCE,		/* of an authorization: the validator */
	HOLD_KINDS
};

/* What the row says, so that nobody has to read it again. */
struct arrival {
	bool		 good;		/* done, or valid */
	const char	*problem;	/* document, when it is not */
	/* of an outcome; 0: it has none */
	int64_t		 account_id;
	int64_t		 certificate_id;
	unsigned char	 certificate_public[SECRET_LEN];
	/* of evidence */
	const char	*method;
	int64_t		 at;
};

/*
 * Ring, then wait until the row is there, at most `ms`.  False when it was
 * not seen in that time; texts are in the arena.
 */
bool	hold_wait(const struct conf *, enum hold_kind, int64_t id,
	    unsigned ms, struct arena *, struct arrival *);

/* The dispatcher: returns when the process is to stop. */
void	hold_dispatch(int bell);

/* Let all go, and nobody wait any more. */
void	hold_end(void);

#endif

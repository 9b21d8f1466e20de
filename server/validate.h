/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One challenge, from the row that says that the client is ready to what
 * becomes its evidence; or a later look at CAA alone, for a name that was
 * proven before.  Runs in a thread of its own, blocks, holds no database
 * connection.
 */
#ifndef CHANCERY_VALIDATE_H
#define CHANCERY_VALIDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "enc.h"
#include "problem.h"

struct arena;
struct conf;

#define TRANSCRIPT_MAX	16384	/* octets; db/schema.sql, evidence */
#define CAA_SECONDS	28800	/* CAA is good for 8 hours, or its TTL */

/* What is to be validated, as the database holds it. */
struct challenge {
	int64_t		 id;		/* challenge_ready, or caa_wanted */
	int64_t		 authorization_id;	/* 0: of CAA alone */
	bool		 caa_only;
	long long	 until;		/* retried so long; CLOCK_MONOTONIC */
	int64_t		 account_id;
	unsigned char	 account_public[SECRET_LEN];
	unsigned char	 thumbprint[DIGEST_LEN];	/* of the response */
	char		 method[33];	/* or what proved it before */
	char		 token[65];
	char		 type[16];
	char		 value[254];
	bool		 wildcard;
};

struct verdict {
	bool		 valid;
	bool		 again;		/* not valid; may be another time */
	unsigned	 caa_seconds;	/* before CAA must be looked at */
	struct problem	 problem;	/* when not valid */
	const char	*problem_text;	/* its document, NULL when valid */
	const char	*transcript;	/* JSON */
};

/* Never fails: what goes wrong is in the verdict. */
void	validate(const struct conf *, const struct address_policy *,
	    struct arena *, const struct challenge *, struct verdict *);

/* A verdict that was not reached by validation. */
void	verdict_internal(struct arena *, const char *detail,
	    struct verdict *);

#endif

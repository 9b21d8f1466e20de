/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One challenge, from the row that says that the client is ready to what
 * becomes its evidence.  Runs in a thread of its own, blocks, holds no
 * database connection.
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

/* What is to be validated, as the database holds it. */
struct challenge {
	int64_t		 id;		/* of its challenge_ready row */
	int64_t		 authorization_id;
	int64_t		 account_id;
	unsigned char	 account_public[SECRET_LEN];
	unsigned char	 thumbprint[DIGEST_LEN];
	char		 method[32];
	char		 token[65];
	char		 type[16];
	char		 value[254];
	bool		 wildcard;
};

struct verdict {
	bool		 valid;
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An officer's act as it was signed, and what is known about what it changes.
 * Seen by signer_act.c, which decides, and signer_act_read.c, which reads.
 */
#ifndef CHANCERY_SIGNER_ACT_H
#define CHANCERY_SIGNER_ACT_H

#include "signer.h"

#define ACT_ID_LEN	32
#define ACT_LIFE_MAX	86400	/* seconds that an act may wait */

enum act_kind {
	ACT_SET,		/* a directive */
	ACT_PROFILE,
	ACT_ACCOUNT_REVOKE
};

struct act {
	json_t			*payload;
	const char		*officer, *officer_jwk;
	struct jwk		 officer_key;

	enum act_kind		 what;
	const unsigned char	*id;
	/* of a directive (kind, name) or profile (name) */
	const char		*kind, *name;
	const char		*body;		/* canonical, or "null" */
	const unsigned char	*replaces;	/* hash, or NULL: nothing */
	const json_t		*deliver_to;	/* JWK, or NULL */
	struct jwk		 subject;	/* of a new officer */
	/* of an account */
	int64_t			 account;
	unsigned char		 account_public[SECRET_LEN];

	/* asked */
	bool			 used;		/* the id */
	int64_t			 version;	/* newest; 0: none */
	unsigned char		 hash[DIGEST_LEN];	/* of that */
	int64_t			 issuer;	/* for a profile */
	/* decided */
	const char		*detail;	/* for the outcome, or NULL */
};

/* Signature, form and time of the act: 0, or -1 with the problem. */
int	act_read(struct signer *, struct request *);

#endif

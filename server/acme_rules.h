/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ACME face's own copy of what officers decided: the directives
 * (server/rules.h) and the profiles.  Whoever asks brings it up to date, at
 * most once a second; many threads may ask at once.  The seals of the rows
 * are not looked at here: this is for early and helpful answers, the signer
 * decides with its own copy.
 */
#ifndef CHANCERY_ACME_RULES_H
#define CHANCERY_ACME_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#include "../hsm/profile.h"
#include "enc.h"
#include "ident.h"
#include "rules.h"

struct acme_req;
struct problem;

/* One version of a profile; kept until the process ends. */
struct acme_profile {
	const char	*name;
	struct profile	 body;
	unsigned char	 hash[DIGEST_LEN];	/* orders.profile_hash */
};

/* At the start of the process, after pool_start(): ends it on failure. */
void	acme_rules_start(void);
void	acme_rules_stop(void);

/* As rules.h says, for the account of the request. */
int	acme_rules_name(struct acme_req *, const struct ident *,
	    struct problem *);
bool	acme_rules_prevalidated(struct acme_req *, const struct ident *);
bool	acme_rules_method(struct acme_req *, const char *method);
/* Is the key id one in force (RFC 8555, 7.3.4)? */
bool	acme_rules_eab(const char *kid);
/* The i-th other chain of an issuer, an array of base64url DER: a new
 * reference, or NULL after the last. */
json_t	*acme_rules_chain(const char *issuer, size_t i);

/* The newest version of that name; NULL when there is none or it was
 * withdrawn. */
const struct acme_profile *acme_profile(const char *name);
/* May the account of the request use it? */
bool	acme_profile_allowed(struct acme_req *, const struct acme_profile *);
/* All in force, by name; an array in the request's arena. */
const struct acme_profile **acme_profiles(struct acme_req *, size_t *n);

#endif

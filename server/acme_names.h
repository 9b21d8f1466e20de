/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identifiers that a client asks for, in newOrder and newAuthz: judged
 * all together, and made ready to become authorizations.
 */
#ifndef CHANCERY_ACME_NAMES_H
#define CHANCERY_ACME_NAMES_H

#include <stddef.h>
#include <jansson.h>

#include "ident.h"

struct acme_req;

#define IDENTIFIERS_MAX	100	/* of an order */

/*
 * Judge an array of identifiers, sort it and drop repeats.  0, or -1 with one
 * problem that tells all that is wrong (RFC 8555, 6.7.1).
 */
int	names_parse(struct acme_req *, const json_t *list, struct ident **out,
	    size_t *count);

/* What an authorization for it is to be. */
struct authz_spec {
	bool		  granted;	/* an officer's word is enough */
	const char	 *methods;	/* "{http-01,dns-01}"; "{}" of those */
	const char	 *public;	/* hexadecimal */
	const char	 *token;
};
void	names_authz(struct acme_req *, const struct ident *,
	    struct authz_spec *);

/* The parameter of order_insert: each name with its authorization. */
const char *names_print(struct acme_req *, const struct ident *,
	    size_t count);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last look before a signature: a table of rules over the octets that
 * are about to be signed, decoded by OpenSSL and so by other code than wrote
 * them.  A finding blocks the certificate and is logged.  Pure.
 */
#ifndef CHANCERY_LINT_H
#define CHANCERY_LINT_H

#include <stddef.h>
#include <stdint.h>
#include <openssl/x509.h>

#include "../server/ident.h"
#include "profile.h"

struct arena;

struct lint_input {
	const unsigned char	*tbs;
	size_t			 tbs_len;
	const X509		*issuer;
	const unsigned char	*issuer_spki;
	size_t			 issuer_spki_len;
	const struct profile	*profile;
	struct profile_dates	 dates;		/* that the order asks for */
	const struct ident	*names;		/* the order's, sorted */
	size_t			 nnames;
	const unsigned char	*spki;		/* of the request */
	size_t			 spki_len;
	int64_t			 now;		/* seconds since 1970 */
};

struct lint_rule {
	const char	*name;		/* "serial_positive" */
	const char	*cites;		/* "RFC 5280, 4.1.2.2" */
};

#define LINT_MAX	96	/* more than there are rules */

/*
 * Try every rule; those that do not hold are put into `found`, which has
 * room for LINT_MAX.  Their number: 0 is clean.
 */
size_t	lint_check(struct arena *, const struct lint_input *,
	    struct lint_rule *found);

/* The number of rules. */
size_t	lint_rules(void);

#endif

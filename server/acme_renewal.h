/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renewal information (RFC 9773), where orders meet it.
 */
#ifndef CHANCERY_ACME_RENEWAL_H
#define CHANCERY_ACME_RENEWAL_H

#include <stddef.h>
#include <stdint.h>

#include "ident.h"

struct acme_req;

/* What the row of an order is to say. */
struct replaced {
	int64_t	certificate_id;
	int64_t	attempt;
};

/*
 * May an order for these names replace the certificate (RFC 9773, 5)?  0, or
 * -1: with alreadyReplaced when another order does.
 */
int	renewal_replaces(struct acme_req *, const char *cert_id,
	    const struct ident *, size_t count, struct replaced *);

#endif

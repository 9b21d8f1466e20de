/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the appliance's own account key may sign for chancery-renew: the JWS
 * of an ordinary order (RFC 8555, 7.4), that the account agrees to the terms
 * of service, and nothing else that changes an account, a key or a
 * certificate that exists.  Pure.
 */
#ifndef CHANCERY_OWN_JWS_H
#define CHANCERY_OWN_JWS_H

#include <stddef.h>

/*
 * Judge a signing input (RFC 7515, 5.1), `len` octets with a NUL behind
 * them.  `account` is the URL of the own account.  0, or -1 with one line in
 * `why`.
 */
int	own_jws_check(const char *base_url, const char *account,
	    const char *input, size_t len, char *why, size_t whylen);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question whether a MAC of external account binding holds (RFC 8555,
 * 7.3.4), as one message, and its answer from the MAC key.  Pure; the signer
 * packs, the token worker unpacks and computes.
 */
#ifndef CHANCERY_EAB_H
#define CHANCERY_EAB_H

#include <stdbool.h>
#include <stddef.h>

#include "../server/enc.h"

#define EAB_KID_MAX	255
#define EAB_MAC_MAX	64	/* HMAC-SHA-512 */

struct eab_question {
	const char		*kid, *alg;	/* "HS256" "HS384" "HS512" */
	const unsigned char	*mac;
	size_t			 mac_len;
	const unsigned char	*input;
	size_t			 input_len;
};

/* Octets written, or 0: the question is none, or does not fit. */
size_t	eab_pack(const struct eab_question *, unsigned char *out, size_t cap);
/* Points into the message; 0 or -1. */
int	eab_unpack(const unsigned char *message, size_t len,
	    struct eab_question *);
/* Is it the MAC of the input under this key, all of it? */
bool	eab_holds(const struct eab_question *,
	    const unsigned char key[DIGEST_LEN]);

#endif

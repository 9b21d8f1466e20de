/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signing side of JWS, for keys that are ours: the JWK of a public key,
 * the algorithm that goes with it, and the form of its signatures.  Pure.
 */
#ifndef CHANCERY_JWS_KEY_H
#define CHANCERY_JWS_KEY_H

#include <stddef.h>
#include <openssl/evp.h>

struct arena;

/* The canonical JWK (RFC 7638, 3), or NULL: of no kind that JWS knows. */
char	*jwk_print(struct arena *, const EVP_PKEY *);
/* The same from a SubjectPublicKeyInfo. */
char	*jwk_print_spki(struct arena *, const unsigned char *spki,
	    size_t len);

/* "ES256", "ES384", "ES512", "EdDSA", "RS256", or NULL. */
const char *jws_alg(const EVP_PKEY *);

/*
 * A signature as JWS wants it (RFC 7518, 3.4) from DER: `half` octets of r,
 * then of s.  0, or -1.
 */
int	jws_raw(const unsigned char *der, size_t len, size_t half,
	    unsigned char *out);
/* Octets of r and of s of an "ES..." algorithm; 0 for the others. */
size_t	jws_half(const char *alg);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client signs: account keys with their JWS (RFC 8555, 6.2) and
 * certificate requests (RFC 2986).
 */
#ifndef CHANCERY_LOAD_JWS_H
#define CHANCERY_LOAD_JWS_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>

struct arena;

struct account_key {
	EVP_PKEY	*pkey;
	const char	*alg;
	char		 jwk[1200];		/* RFC 7638, 3: canonical */
	char		 thumbprint[44];	/* its SHA-256, base64url */
};

/* A new key for "ES256" or "RS256"; ends the process when there is none. */
void	account_key_new(struct account_key *, const char *alg);
void	account_key_free(struct account_key *);

/*
 * A flattened JWS over the payload ("" is POST-as-GET); `kid` NULL: with the
 * key itself.  In the arena.
 */
char	*jws_make(struct arena *, const struct account_key *, const char *kid,
	    const char *nonce, const char *url, const char *payload);

struct request {
	const unsigned char	*der;
	size_t			 len;
	const unsigned char	*spki;
	size_t			 spki_len;
};

/* A CSR with a new P-256 key, no subject, and these names. */
void	csr_make(struct arena *, const char *const *names, size_t count,
	    struct request *);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token worker may sign as a JWS: the signing input (RFC 7515, 5.1),
 * whose header names the algorithm of the key.  Pure.
 */
#ifndef CHANCERY_JWS_INPUT_H
#define CHANCERY_JWS_INPUT_H

#include <stddef.h>

/* "ES256" for a key of kind "P-256"...; NULL: such a key signs no JWS. */
const char *jws_input_alg(const char *kind);

/*
 * What speaks against signing these octets as a JWS with a key of this kind
 * (token.h), or NULL: base64url, ".", base64url and nothing else, the first
 * a JSON object with the key's `alg`, a `url`, and `kid` or `jwk`.
 */
const char *jws_input_objection(const void *octets, size_t len,
	    const char *kind);

#endif

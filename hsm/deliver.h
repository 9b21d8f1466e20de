/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of an EAB MAC key from the signer to the officer's terminal: the
 * act names an ephemeral key, the outcome holds the MAC key encrypted to it
 * (ECDH over P-256, HKDF-SHA-256, AES-256-GCM), so that the database never
 * has it in clear.  Pure.
 */
#ifndef CHANCERY_DELIVER_H
#define CHANCERY_DELIVER_H

#include <stddef.h>
#include <jansson.h>
#include <openssl/evp.h>

#include "../server/enc.h"

/*
 * Encrypt the MAC key of `kid` to the public JWK (P-256) of an act:
 * {"epk", "iv", "ciphertext", "tag"}, a new reference.  NULL with one line
 * in `why` when the JWK is none.
 */
json_t	*deliver_seal(const json_t *jwk, const char *kid,
	    const unsigned char key[DIGEST_LEN], char *why, size_t whylen);
/* Open it with the private key; 0, or -1: it is not for us. */
int	deliver_open(EVP_PKEY *own, const json_t *sealed, const char *kid,
	    unsigned char key[DIGEST_LEN]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quality of the key in a certificate request: type, named curve, point on
 * the curve, and of an RSA key all that csr_rsa.h tells.  Pure.
 */
#ifndef CHANCERY_CSR_KEY_H
#define CHANCERY_CSR_KEY_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "../server/enc.h"

struct arena;
struct problem;

/* 0 with the kind (PROFILE_RSA...), or -1 with badCSR. */
int	csr_key_check(X509_PUBKEY *, unsigned *kind, struct problem *);

/* The thumbprint that this key has as an account key (RFC 7638, 3). */
int	csr_key_thumbprint(struct arena *, EVP_PKEY *,
	    unsigned char out[DIGEST_LEN]);

#endif

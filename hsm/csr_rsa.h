/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is bad about an RSA public key by itself (CA/B BR, 6.1.5, 6.1.6 and
 * 6.1.1.3): its size, its exponent, small factors, factors that are close to
 * each other, and the primes of one faulty library.  Pure.
 */
#ifndef CHANCERY_CSR_RSA_H
#define CHANCERY_CSR_RSA_H

#include <openssl/bn.h>

struct problem;

#define RSA_BITS_MIN	2048
#define RSA_BITS_MAX	8192

/* 0, or -1 with badCSR. */
int	rsa_key_check(const BIGNUM *n, const BIGNUM *e, struct problem *);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quality of RSA public keys.  Size and exponent first, so that the work on
 * the modulus is bounded.
 */
#include <stdbool.h>

#include "../server/log.h"
#include "../server/mem.h"
#include "../server/problem.h"
#include "csr_rsa.h"

#define FERMAT_ROUNDS	100	/* CA/B BR, 6.1.1.3 */
#define ROCA_LAST	167	/* the largest prime that the test looks at */

/* CA/B BR, 6.1.6: no prime factor below 752. */
static const unsigned short primes[] = {
	2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61,
	67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137,
	139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193, 197, 199, 211,
	223, 227, 229, 233, 239, 241, 251, 257, 263, 269, 271, 277, 281, 283,
	293, 307, 311, 313, 317, 331, 337, 347, 349, 353, 359, 367, 373, 379,
	383, 389, 397, 401, 409, 419, 421, 431, 433, 439, 443, 449, 457, 461,
	463, 467, 479, 487, 491, 499, 503, 509, 521, 523, 541, 547, 557, 563,
	569, 571, 577, 587, 593, 599, 601, 607, 613, 617, 619, 631, 641, 643,
	647, 653, 659, 661, 673, 677, 683, 691, 701, 709, 719, 727, 733, 739,
	743, 751,
};

static int
size_check(const BIGNUM *n, struct problem *p)
{
	int bits = BN_num_bits(n);

	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX || bits % 8 != 0)
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: an RSA key needs "
		    "%d to %d bits, a multiple of 8, and this one has %d",
		    RSA_BITS_MIN, RSA_BITS_MAX, bits);
	return 0;
}

static int
exponent_check(const BIGNUM *e, struct problem *p)
{
	if (!BN_is_odd(e) || BN_num_bits(e) < 17 || BN_num_bits(e) > 64)
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the RSA public "
		    "exponent must be odd, above 2^16 and below 2^64");
	return 0;
}

/*
 * One division of the modulus answers for as many primes as have a product
 * of 32 bits: `rest` holds the modulus modulo each prime.
 */
static void
residues(const BIGNUM *n, unsigned short rest[])
{
	size_t i, k;

	for (i = 0; i < nitems(primes); i = k) {
		unsigned long product = primes[i];
		BN_ULONG r;

		for (k = i + 1; k < nitems(primes) &&
		    product * primes[k] <= 0xffffffff; k++)
			product *= primes[k];
		r = BN_mod_word(n, product);
		for (; i < k; i++)
			rest[i] = (unsigned short)(r % primes[i]);
	}
}

static int
factors_check(const unsigned short rest[], struct problem *p)
{
	size_t i;

	for (i = 0; i < nitems(primes); i++)
		if (rest[i] == 0)
			return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the RSA "
			    "modulus is divisible by %u", primes[i]);
	return 0;
}

/* `value` is a power of 65537 modulo the prime. */
static bool
is_power(unsigned value, unsigned prime)
{
	unsigned at = 1;

	do {
		if (at == value)
			return true;
		at = at * (65537 % prime) % prime;
	} while (at != 1);
	return false;
}

/*
 * CVE-2017-15361: the faulty library's primes, and so their products, are
 * powers of 65537 modulo each small prime.  A random modulus is, modulo all
 * of these, once in 2^27 times.
 */
static int
roca_check(const unsigned short rest[], struct problem *p)
{
	size_t i;

	for (i = 1; primes[i] <= ROCA_LAST; i++)
		if (!is_power(rest[i], primes[i]))
			return 0;
	return problem(p, PR_BAD_CSR, "CA/B BR, 6.1.1.3: the RSA key was made "
	    "by a library whose keys can be factored (CVE-2017-15361)");
}

/* The largest r with r * r <= n, by Newton's method from above. */
static int
root(BIGNUM *r, const BIGNUM *n, BN_CTX *ctx)
{
	BIGNUM *next = BN_CTX_get(ctx);

	if (next == NULL)
		return -1;
	BN_zero(r);
	if (!BN_set_bit(r, (BN_num_bits(n) + 1) / 2))
		return -1;
	for (;;) {
		if (!BN_div(next, NULL, n, r, ctx) || !BN_add(next, next, r) ||
		    !BN_rshift1(next, next))
			return -1;
		if (BN_cmp(next, r) >= 0)
			return 0;
		if (BN_copy(r, next) == NULL)
			return -1;
	}
}

/* 1 a square, 0 none, -1 no memory.  Most are told by their last bits. */
static int
is_square(const BIGNUM *n, BN_CTX *ctx)
{
	static const BN_ULONG modulus = 3UL * 3 * 5 * 7 * 11 * 13;
	BN_ULONG low = BN_mod_word(n, 64), r, i, m;
	static const unsigned char small[] = { 9, 5, 7, 11, 13 };
	BIGNUM *a;
	int rc = -1;

	/* Squares modulo 64: as bits. */
	if ((0x202021202030213ULL >> low & 1) == 0)
		return 0;
	r = BN_mod_word(n, modulus);
	for (i = 0; i < nitems(small); i++) {
		for (m = 0; m < small[i]; m++)
			if (m * m % small[i] == r % small[i])
				break;
		if (m == small[i])
			return 0;
	}
	BN_CTX_start(ctx);
	a = BN_CTX_get(ctx);
	if (a != NULL && root(a, n, ctx) == 0 && BN_sqr(a, a, ctx))
		rc = BN_cmp(a, n) == 0;
	BN_CTX_end(ctx);
	return rc;
}

/*
 * Fermat: n = a^2 - b^2 is found at once when the factors are close.  1 they
 * are, 0 not within the rounds, -1 no memory.
 */
static int
fermat(const BIGNUM *n, BN_CTX *ctx)
{
	BIGNUM *a = BN_CTX_get(ctx), *b2 = BN_CTX_get(ctx),
	    *step = BN_CTX_get(ctx);
	int i, square;

	if (step == NULL || root(a, n, ctx) == -1 || !BN_sqr(b2, a, ctx))
		return -1;
	if (BN_cmp(b2, n) == 0)
		return 1;
	/* a + 1 is the first whose square is above n. */
	if (!BN_add_word(a, 1) || !BN_sqr(b2, a, ctx) ||
	    !BN_sub(b2, b2, n) || !BN_lshift1(step, a) ||
	    !BN_add_word(step, 1))
		return -1;
	for (i = 0; i < FERMAT_ROUNDS; i++) {
		square = is_square(b2, ctx);
		if (square != 0)
			return square;
		/* (a + 1)^2 - n = a^2 - n + 2a + 1 */
		if (!BN_add(b2, b2, step) || !BN_add_word(step, 2))
			return -1;
	}
	return 0;
}

static int
fermat_check(const BIGNUM *n, struct problem *p)
{
	BN_CTX *ctx = BN_CTX_new();
	int found;

	if (ctx == NULL)
		die(EXIT_FAILED, "out of memory");
	BN_CTX_start(ctx);
	found = fermat(n, ctx);
	BN_CTX_end(ctx);
	BN_CTX_free(ctx);
	if (found == -1)
		die(EXIT_FAILED, "out of memory");
	if (found == 1)
		return problem(p, PR_BAD_CSR, "CA/B BR, 6.1.1.3: the factors "
		    "of the RSA modulus are close to each other (Fermat)");
	return 0;
}

int
rsa_key_check(const BIGNUM *n, const BIGNUM *e, struct problem *p)
{
	unsigned short rest[nitems(primes)];

	if (size_check(n, p) == -1 || exponent_check(e, p) == -1)
		return -1;
	residues(n, rest);
	if (factors_check(rest, p) == -1 || roca_check(rest, p) == -1)
		return -1;
	return fermat_check(n, p);
}

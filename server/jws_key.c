/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWKs and signatures of our own keys.  What may be read from others is in
 * jwk.c and jws.c.
 */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/x509.h>

#include "enc.h"
#include "jws_key.h"
#include "mem.h"

#define OCTETS_MAX	1024	/* of a modulus */

/* RFC 7518, 3.1 and RFC 8037, 3.1 */
static const struct curve {
	const char	*alg, *crv, *group;
	size_t		 half;
} curves[] = {
	{ "ES256", "P-256", "prime256v1", 32 },
	{ "ES384", "P-384", "secp384r1", 48 },
	{ "ES512", "P-521", "secp521r1", 66 },
};

static const struct curve *
curve_of(const EVP_PKEY *pkey)
{
	char group[32];
	size_t i;

	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC ||
	    EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1)
		return NULL;
	for (i = 0; i < nitems(curves); i++)
		if (strcmp(curves[i].group, group) == 0)
			return &curves[i];
	return NULL;
}

/* A number of the key as base64url: of `len` octets, 0: as short as it is. */
static char *
number(struct arena *a, const EVP_PKEY *pkey, const char *name, size_t len)
{
	unsigned char octets[OCTETS_MAX];
	BIGNUM *n = NULL;
	char *text = NULL;

	if (EVP_PKEY_get_bn_param(pkey, name, &n) == 1) {
		if (len == 0)
			len = (size_t)BN_num_bytes(n);
		if (len <= sizeof(octets) &&
		    BN_bn2binpad(n, octets, (int)len) == (int)len)
			text = b64u_encode(a, octets, len);
	}
	BN_free(n);
	return text;
}

static char *
print_ec(struct arena *a, const EVP_PKEY *pkey, const struct curve *curve)
{
	const char *x, *y;

	x = number(a, pkey, OSSL_PKEY_PARAM_EC_PUB_X, curve->half);
	y = number(a, pkey, OSSL_PKEY_PARAM_EC_PUB_Y, curve->half);
	if (x == NULL || y == NULL)
		return NULL;
	return arena_printf(a, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\","
	    "\"y\":\"%s\"}", curve->crv, x, y);
}

static char *
print_rsa(struct arena *a, const EVP_PKEY *pkey)
{
	const char *e, *n;

	e = number(a, pkey, OSSL_PKEY_PARAM_RSA_E, 0);
	n = number(a, pkey, OSSL_PKEY_PARAM_RSA_N, 0);
	if (e == NULL || n == NULL)
		return NULL;
	return arena_printf(a, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}",
	    e, n);
}

static char *
print_ed25519(struct arena *a, const EVP_PKEY *pkey)
{
	unsigned char x[32];
	size_t len = sizeof(x);

	if (EVP_PKEY_get_raw_public_key(pkey, x, &len) != 1)
		return NULL;
	return arena_printf(a, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
	    "\"x\":\"%s\"}", b64u_encode(a, x, len));
}

char *
jwk_print(struct arena *a, const EVP_PKEY *pkey)
{
	const struct curve *curve = curve_of(pkey);

	if (curve != NULL)
		return print_ec(a, pkey, curve);
	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA)
		return print_rsa(a, pkey);
	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519)
		return print_ed25519(a, pkey);
	return NULL;
}

char *
jwk_print_spki(struct arena *a, const unsigned char *spki, size_t len)
{
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &spki, (long)len);
	char *text = pkey == NULL ? NULL : jwk_print(a, pkey);

	EVP_PKEY_free(pkey);
	return text;
}

const char *
jws_alg(const EVP_PKEY *pkey)
{
	const struct curve *curve = curve_of(pkey);

	if (curve != NULL)
		return curve->alg;
	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA)
		return "RS256";
	return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519 ? "EdDSA" :
	    NULL;
}

size_t
jws_half(const char *alg)
{
	size_t i;

	for (i = 0; i < nitems(curves); i++)
		if (strcmp(curves[i].alg, alg) == 0)
			return curves[i].half;
	return 0;
}

int
jws_raw(const unsigned char *der, size_t len, size_t half,
    unsigned char *out)
{
	const unsigned char *p = der;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	int rv = -1;

	if (sig != NULL && p == der + len &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)half) ==
	    (int)half && BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half,
	    (int)half) == (int)half)
		rv = 0;
	ECDSA_SIG_free(sig);
	return rv;
}

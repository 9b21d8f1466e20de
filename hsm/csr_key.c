/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quality of the key in a certificate request, and the name it would have as
 * an account key: a key that signs ACME requests never gets a certificate
 * (RFC 8555, 11.1).  Pure.
 */
#include <stdbool.h>
#include <string.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>

#include "../server/mem.h"
#include "../server/problem.h"
#include "csr_key.h"

#define RSA_BITS_MIN	2048
#define RSA_BITS_MAX	8192
#define FACTOR_MAX	752	/* no prime factor below it */

static const struct {
	int		 nid;
	const char	*group;		/* as OpenSSL names it */
	const char	*jose;		/* RFC 7518, 6.2.1.1 */
	size_t		 len;		/* octets of a coordinate */
} curves[] = {
	{ NID_X9_62_prime256v1,	"prime256v1",	"P-256",	32 },
	{ NID_secp384r1,	"secp384r1",	"P-384",	48 },
};

static int
rsa_modulus_check(const BIGNUM *n, struct problem *p)
{
	unsigned d;

	if (BN_num_bits(n) < RSA_BITS_MIN || BN_num_bits(n) > RSA_BITS_MAX ||
	    BN_num_bits(n) % 8 != 0)
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: an RSA key needs "
		    "%d to %d bits, a multiple of 8, and this one has %d",
		    RSA_BITS_MIN, RSA_BITS_MAX, BN_num_bits(n));
	for (d = 2; d < FACTOR_MAX; d += d == 2 ? 1 : 2)
		if (BN_mod_word(n, d) == 0)
			return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the RSA "
			    "modulus is divisible by %u", d);
	return 0;
}

static int
rsa_exponent_check(const BIGNUM *e, struct problem *p)
{
	if (!BN_is_odd(e) || BN_num_bits(e) < 17 || BN_num_bits(e) > 64)
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the RSA public "
		    "exponent must be odd, above 2^16 and below 2^64");
	return 0;
}

static int
rsa_check(EVP_PKEY *pkey, int param_type, struct problem *p)
{
	BIGNUM *n = NULL, *e = NULL;
	int rc = -1;

	if (param_type != V_ASN1_NULL) {
		problem(p, PR_BAD_CSR, "RFC 3279, 2.3.1: the parameters of "
		    "an RSA key must be NULL");
		goto out;
	}
	if (!EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) ||
	    !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e)) {
		problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the RSA key cannot "
		    "be read");
		goto out;
	}
	if (rsa_modulus_check(n, p) == -1 || rsa_exponent_check(e, p) == -1)
		goto out;
	rc = 0;
out:
	BN_free(n);
	BN_free(e);
	return rc;
}

static int
ec_check(X509_PUBKEY *pub, EVP_PKEY *pkey, int param_type, const void *param,
    struct problem *p)
{
	const unsigned char *point = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	size_t i;
	int len = 0, rc = -1;

	/* RFC 5480, 2.1.1: specifiedCurve must not be used. */
	if (param_type != V_ASN1_OBJECT)
		return problem(p, PR_BAD_CSR, "RFC 5480, 2.1.1: the curve of "
		    "an EC key must be given by its name");
	for (i = 0; i < nitems(curves); i++)
		if (OBJ_obj2nid(param) == curves[i].nid)
			break;
	if (i == nitems(curves))
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: EC keys are "
		    "accepted on P-256 and P-384 only");
	X509_PUBKEY_get0_param(NULL, &point, &len, NULL, pub);
	if ((size_t)len != 2 * curves[i].len + 1 || point[0] != 0x04)
		return problem(p, PR_BAD_CSR, "RFC 5480, 2.2: the point of an "
		    "EC key must be in the uncompressed form");
	/* Their cofactor is 1: each point but infinity has the full order. */
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	if (ctx == NULL || EVP_PKEY_public_check_quick(ctx) != 1)
		problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the EC key is not a "
		    "point of its curve");
	else
		rc = 0;
	EVP_PKEY_CTX_free(ctx);
	return rc;
}

int
csr_key_check(X509_PUBKEY *pub, struct problem *p)
{
	const ASN1_OBJECT *alg_oid = NULL;
	X509_ALGOR *alg = NULL;
	EVP_PKEY *pkey;
	const void *param = NULL;
	int type = V_ASN1_UNDEF;

	X509_PUBKEY_get0_param(NULL, NULL, NULL, &alg, pub);
	X509_ALGOR_get0(&alg_oid, &type, &param, alg);
	pkey = X509_PUBKEY_get0(pub);
	if (pkey == NULL)
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the public key "
		    "cannot be read");
	switch (OBJ_obj2nid(alg_oid)) {
	case NID_rsaEncryption:
		return rsa_check(pkey, type, p);
	case NID_X9_62_id_ecPublicKey:
		return ec_check(pub, pkey, type, param, p);
	}
	return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: keys are accepted of "
	    "the types RSA, EC P-256 and EC P-384 only");
}

static char *
bn_b64u(struct arena *a, EVP_PKEY *pkey, const char *name, size_t width)
{
	unsigned char octets[RSA_BITS_MAX / 8];
	BIGNUM *n = NULL;
	char *text = NULL;
	int len;

	if (!EVP_PKEY_get_bn_param(pkey, name, &n))
		return NULL;
	len = width > 0 ? (int)width : BN_num_bytes(n);
	if (len <= (int)sizeof(octets) && BN_bn2binpad(n, octets, len) == len)
		text = b64u_encode(a, octets, (size_t)len);
	BN_free(n);
	return text;
}

static char *
ec_canonical(struct arena *a, EVP_PKEY *pkey)
{
	char group[64], *x, *y;
	size_t i;

	if (!EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME,
	    group, sizeof(group), NULL))
		return NULL;
	for (i = 0; i < nitems(curves); i++) {
		if (strcmp(group, curves[i].group) != 0)
			continue;
		x = bn_b64u(a, pkey, OSSL_PKEY_PARAM_EC_PUB_X, curves[i].len);
		y = bn_b64u(a, pkey, OSSL_PKEY_PARAM_EC_PUB_Y, curves[i].len);
		if (x == NULL || y == NULL)
			return NULL;
		return arena_printf(a, "{\"crv\":\"%s\",\"kty\":\"EC\","
		    "\"x\":\"%s\",\"y\":\"%s\"}", curves[i].jose, x, y);
	}
	return NULL;
}

int
csr_key_thumbprint(struct arena *a, EVP_PKEY *pkey,
    unsigned char out[DIGEST_LEN])
{
	char *text = NULL, *n, *e;

	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC) {
		text = ec_canonical(a, pkey);
	} else if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA) {
		n = bn_b64u(a, pkey, OSSL_PKEY_PARAM_RSA_N, 0);
		e = bn_b64u(a, pkey, OSSL_PKEY_PARAM_RSA_E, 0);
		if (n != NULL && e != NULL)
			text = arena_printf(a, "{\"e\":\"%s\",\"kty\":\"RSA\","
			    "\"n\":\"%s\"}", e, n);
	}
	if (text == NULL)
		return -1;
	sha256(text, strlen(text), out);
	return 0;
}

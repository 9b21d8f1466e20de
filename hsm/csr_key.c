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
#include "csr_rsa.h"
#include "profile.h"

#define ED25519_LEN	32

static const struct {
	int		 nid;
	unsigned	 kind;
	const char	*group;		/* as OpenSSL names it */
	const char	*jose;		/* RFC 7518, 6.2.1.1 */
	size_t		 len;		/* octets of a coordinate */
} curves[] = {
	{ NID_X9_62_prime256v1,	PROFILE_P256, "prime256v1", "P-256", 32 },
	{ NID_secp384r1,	PROFILE_P384, "secp384r1", "P-384", 48 },
	{ NID_secp521r1,	PROFILE_P521, "secp521r1", "P-521", 66 },
};

/*
 * y of the points of Ed25519 whose order divides 8, as a key holds them but
 * for the sign of x: anybody can sign with such a key (RFC 8032, 5.1.7 does
 * not refuse it).
 */
static const unsigned char low_order[][ED25519_LEN] = {
	{ 0 },
	{ 1 },
	{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
	  0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
	  0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
	{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
	  0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
	  0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
};

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
	rc = rsa_key_check(n, e, p);
out:
	BN_free(n);
	BN_free(e);
	return rc;
}

static int
ec_check(X509_PUBKEY *pub, EVP_PKEY *pkey, int param_type, const void *param,
    unsigned *kind, struct problem *p)
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
		    "accepted on P-256, P-384 and P-521 only");
	*kind = curves[i].kind;
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

/* RFC 8410, 3: no parameters, 32 octets; RFC 8032, 5.1.3: y below p. */
static int
ed25519_check(X509_PUBKEY *pub, int param_type, struct problem *p)
{
	unsigned char y[ED25519_LEN];
	const unsigned char *point = NULL;
	size_t i;
	int len = 0;

	X509_PUBKEY_get0_param(NULL, &point, &len, NULL, pub);
	if (param_type != V_ASN1_UNDEF || len != ED25519_LEN)
		return problem(p, PR_BAD_CSR, "RFC 8410, 3: an Ed25519 key "
		    "has no parameters and 32 octets");
	memcpy(y, point, sizeof(y));
	y[ED25519_LEN - 1] &= 0x7f;
	for (i = 1; i < sizeof(y) - 1 && y[i] == 0xff; i++)
		;
	if (y[0] >= 0xed && i == sizeof(y) - 1 && y[i] == 0x7f)
		return problem(p, PR_BAD_CSR, "RFC 8032, 5.1.3: the Ed25519 "
		    "key is not in its one form");
	for (i = 0; i < nitems(low_order); i++)
		if (memcmp(y, low_order[i], sizeof(y)) == 0)
			return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the "
			    "Ed25519 key is a point of low order");
	return 0;
}

int
csr_key_check(X509_PUBKEY *pub, unsigned *kind, struct problem *p)
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
		*kind = PROFILE_RSA;
		return rsa_check(pkey, type, p);
	case NID_X9_62_id_ecPublicKey:
		return ec_check(pub, pkey, type, param, kind, p);
	case NID_ED25519:
		*kind = PROFILE_ED25519;
		return ed25519_check(pub, type, p);
	}
	return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: keys are accepted of "
	    "the types RSA, EC P-256, P-384, P-521 and Ed25519 only");
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

/* RFC 8037, 2 */
static char *
ed25519_canonical(struct arena *a, EVP_PKEY *pkey)
{
	unsigned char octets[ED25519_LEN];
	size_t len = sizeof(octets);

	if (!EVP_PKEY_get_raw_public_key(pkey, octets, &len))
		return NULL;
	return arena_printf(a, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
	    "\"x\":\"%s\"}", b64u_encode(a, octets, len));
}

int
csr_key_thumbprint(struct arena *a, EVP_PKEY *pkey,
    unsigned char out[DIGEST_LEN])
{
	char *text = NULL, *n, *e;

	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC) {
		text = ec_canonical(a, pkey);
	} else if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519) {
		text = ed25519_canonical(a, pkey);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWK: public keys of accounts.  A key has exactly one text that we accept,
 * so its thumbprint (RFC 7638) is one number whoever computes it.
 */
#include <stdint.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "jws.h"
#include "json.h"
#include "log.h"
#include "mem.h"
#include "problem.h"

#define COORDINATE_MAX	66	/* octets of x, of y: those of P-521 */
#define ED25519_LEN	32
#define RSA_BITS_MIN	2048
#define RSA_BITS_MAX	8192
#define RSA_E_MIN	65537
#define RSA_E_LEN_MAX	8

/* One kind of key, one algorithm: neither can be used with another's. */
struct key_kind {
	const char	*kty;
	const char	*crv;		/* NULL: RSA */
	const char	*alg;
	const char	*group;		/* OpenSSL's name for it */
	size_t		 len;		/* octets of x, of y */
	int		(*parse)(struct arena *, const struct key_kind *,
			    const json_t *, struct jwk *, struct problem *);
};

/* A base64url member of a key; `octets` holds its `len` octets. */
struct number {
	const char	*text;
	unsigned char	*octets;
	size_t		 len;
};

static int
number_read(struct arena *a, const json_t *key, const char *name,
    struct number *n, struct problem *p)
{
	n->text = json_member_string(key, name);
	if (n->text == NULL)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 7518, 6: \"%s\" is "
		    "missing or not a string", name);
	if (b64u_decode(a, n->text, strlen(n->text), &n->octets,
	    &n->len) == -1)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 7518, 6: \"%s\" is "
		    "not base64url without padding", name);
	return 0;
}

/* Make the key from OpenSSL's parameters; takes over `bld`.  0 or -1. */
static int
pkey_make(const char *type, OSSL_PARAM_BLD *bld, EVP_PKEY **out)
{
	EVP_PKEY_CTX *ctx = NULL;
	OSSL_PARAM *params = NULL;
	int rc = -1;

	params = OSSL_PARAM_BLD_to_param(bld);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (params != NULL && ctx != NULL &&
	    EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, out, EVP_PKEY_PUBLIC_KEY, params) == 1)
		rc = 0;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	return rc;
}

/* The point must lie on the curve; none of them has another subgroup. */
static int
ec_make(const struct key_kind *kind, const struct number *x,
    const struct number *y, EVP_PKEY **out)
{
	unsigned char point[1 + 2 * COORDINATE_MAX];
	EVP_PKEY_CTX *ctx;
	OSSL_PARAM_BLD *bld;
	int rc = -1;

	point[0] = POINT_CONVERSION_UNCOMPRESSED;
	memcpy(point + 1, x->octets, kind->len);
	memcpy(point + 1 + kind->len, y->octets, kind->len);
	bld = OSSL_PARAM_BLD_new();
	if (bld == NULL || OSSL_PARAM_BLD_push_utf8_string(bld,
	    OSSL_PKEY_PARAM_GROUP_NAME, kind->group, 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
	    point, 1 + 2 * kind->len) != 1) {
		OSSL_PARAM_BLD_free(bld);
		return -1;
	}
	if (pkey_make("EC", bld, out) == -1)
		return -1;
	ctx = EVP_PKEY_CTX_new(*out, NULL);
	if (ctx != NULL && EVP_PKEY_public_check_quick(ctx) == 1)
		rc = 0;
	EVP_PKEY_CTX_free(ctx);
	return rc;
}

/* RFC 7518, 6.2.1 */
static int
ec_parse(struct arena *a, const struct key_kind *kind, const json_t *key,
    struct jwk *jwk, struct problem *p)
{
	struct number x, y;

	if (number_read(a, key, "x", &x, p) == -1 ||
	    number_read(a, key, "y", &y, p) == -1)
		return -1;
	if (x.len != kind->len || y.len != kind->len)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 7518, 6.2.1.2: x "
		    "and y must be of %zu octets", kind->len);
	if (ec_make(kind, &x, &y, &jwk->pkey) == -1)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 7518, 6.2.1: x and "
		    "y are not a point on %s", kind->crv);
	jwk->canonical = arena_printf(a, "{\"crv\":\"%s\",\"kty\":\"EC\","
	    "\"x\":\"%s\",\"y\":\"%s\"}", kind->crv, x.text, y.text);
	return 0;
}

/*
 * RFC 8037, 2.  A point of small order signs anything: OpenSSL takes such a
 * key, and its owner could deny a signature, so it is not one of ours.
 */
static int
ed25519_check(struct arena *a, const struct number *x, struct problem *p)
{
	/* y of the points whose order divides 8, sign bit cleared. */
	static const char *const small[] = {
		"0000000000000000000000000000000000000000000000000000000000"
		    "000000",
		"0100000000000000000000000000000000000000000000000000000000"
		    "000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		    "ffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d"
		    "53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792"
		    "ac037a",
	};
	unsigned char y[ED25519_LEN];
	const char *text;
	size_t i;

	memcpy(y, x->octets, sizeof(y));
	y[ED25519_LEN - 1] &= 0x7f;
	/* RFC 8032, 5.1.3: y is below p = 2^255 - 19, or one point would have
	 * two thumbprints. */
	for (i = 1; i < sizeof(y) - 1 && y[i] == 0xff; i++)
		;
	if (i == sizeof(y) - 1 && y[i] == 0x7f && y[0] >= 0xed)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 8032, 5.1.3: x is "
		    "not in its canonical form");
	text = hex_encode(a, y, sizeof(y));
	for (i = 0; i < nitems(small); i++)
		if (strcmp(text, small[i]) == 0)
			return problem(p, PR_BAD_PUBLIC_KEY, "RFC 8032, 5.1: "
			    "the point is of small order");
	return 0;
}

static int
okp_parse(struct arena *a, const struct key_kind *kind, const json_t *key,
    struct jwk *jwk, struct problem *p)
{
	struct number x;

	if (number_read(a, key, "x", &x, p) == -1)
		return -1;
	if (x.len != kind->len)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 8037, 2: x must be "
		    "of %zu octets", kind->len);
	if (ed25519_check(a, &x, p) == -1)
		return -1;
	jwk->pkey = EVP_PKEY_new_raw_public_key_ex(NULL, kind->group, NULL,
	    x.octets, x.len);
	if (jwk->pkey == NULL)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 8037, 2: x is not "
		    "a key for %s", kind->crv);
	jwk->canonical = arena_printf(a, "{\"crv\":\"%s\",\"kty\":\"OKP\","
	    "\"x\":\"%s\"}", kind->crv, x.text);
	return 0;
}

static int
rsa_make(const struct number *n, const struct number *e, EVP_PKEY **out)
{
	OSSL_PARAM_BLD *bld;
	BIGNUM *bn_n = NULL, *bn_e = NULL;
	int rc = -1;

	bld = OSSL_PARAM_BLD_new();
	bn_n = BN_bin2bn(n->octets, (int)n->len, NULL);
	bn_e = BN_bin2bn(e->octets, (int)e->len, NULL);
	if (bld == NULL || bn_n == NULL || bn_e == NULL ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e) != 1) {
		OSSL_PARAM_BLD_free(bld);
		goto out;
	}
	rc = pkey_make("RSA", bld, out);
out:
	BN_free(bn_n);
	BN_free(bn_e);
	return rc;
}

static size_t
number_bits(const struct number *n)
{
	size_t bits = 8 * n->len;
	unsigned char first = n->octets[0];

	for (; (first & 0x80) == 0; first = (unsigned char)(first << 1))
		bits--;
	return bits;
}

static int
rsa_check(const struct number *n, const struct number *e, struct problem *p)
{
	uint64_t exponent = 0;
	size_t i;

	/* RFC 7518, 2: no leading zero octets, so one text for one key. */
	if (n->len == 0 || e->len == 0 || n->octets[0] == 0 ||
	    e->octets[0] == 0)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 7518, 6.3.1: n and "
		    "e must be in the fewest octets");
	if (number_bits(n) < RSA_BITS_MIN || number_bits(n) > RSA_BITS_MAX)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 7518, 3.3: an RSA "
		    "key must have %d to %d bits, this one has %zu",
		    RSA_BITS_MIN, RSA_BITS_MAX, number_bits(n));
	if ((n->octets[n->len - 1] & 1) == 0)
		return problem(p, PR_BAD_PUBLIC_KEY,
		    "RFC 8017, 3.1: the modulus is even");
	for (i = 0; i < e->len && e->len <= RSA_E_LEN_MAX; i++)
		exponent = exponent << 8 | e->octets[i];
	if (exponent < RSA_E_MIN || exponent % 2 == 0)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 8017, 3.1: the "
		    "exponent must be odd and in 2^16 .. 2^64");
	return 0;
}

/* RFC 7518, 6.3.1 */
static int
rsa_parse(struct arena *a, const struct key_kind *kind, const json_t *key,
    struct jwk *jwk, struct problem *p)
{
	struct number n, e;

	(void)kind;
	if (number_read(a, key, "n", &n, p) == -1 ||
	    number_read(a, key, "e", &e, p) == -1 ||
	    rsa_check(&n, &e, p) == -1)
		return -1;
	if (rsa_make(&n, &e, &jwk->pkey) == -1)
		return problem(p, PR_BAD_PUBLIC_KEY,
		    "RFC 7518, 6.3.1: this is not an RSA public key");
	jwk->canonical = arena_printf(a, "{\"e\":\"%s\",\"kty\":\"RSA\","
	    "\"n\":\"%s\"}", e.text, n.text);
	return 0;
}

static const struct key_kind key_kinds[] = {
	{ "EC", "P-256", "ES256", "prime256v1", 32, ec_parse },
	{ "EC", "P-384", "ES384", "secp384r1", 48, ec_parse },
	{ "EC", "P-521", "ES512", "secp521r1", COORDINATE_MAX, ec_parse },
	{ "OKP", "Ed25519", "EdDSA", "ED25519", ED25519_LEN, okp_parse },
	{ "RSA", NULL, "RS256", NULL, 0, rsa_parse },
};

/* By type and curve; NULL with the problem. */
static const struct key_kind *
kind_find(const json_t *key, struct problem *p)
{
	const char *kty = json_member_string(key, "kty");
	const char *crv = json_member_string(key, "crv");
	bool known = false;
	size_t i;

	if (kty == NULL) {
		problem(p, PR_BAD_PUBLIC_KEY,
		    "RFC 7517, 4.1: \"kty\" is missing or not a string");
		return NULL;
	}
	for (i = 0; i < nitems(key_kinds); i++) {
		if (strcmp(key_kinds[i].kty, kty) != 0)
			continue;
		known = true;
		if (key_kinds[i].crv == NULL || (crv != NULL &&
		    strcmp(key_kinds[i].crv, crv) == 0))
			return &key_kinds[i];
	}
	if (known)
		problem(p, PR_BAD_PUBLIC_KEY, "RFC 8555, 6.2: keys of type "
		    "%.32s on the curve \"%.32s\" are not supported", kty,
		    crv == NULL ? "" : crv);
	else
		problem(p, PR_BAD_PUBLIC_KEY, "RFC 8555, 6.2: keys of type "
		    "\"%.32s\" are not supported", kty);
	return NULL;
}

/* What says something about the key without being part of it. */
static int
check_members(const json_t *key, const char *alg, struct problem *p)
{
	static const char *const secret[] = {
		"d", "p", "q", "dp", "dq", "qi", "oth", "k"
	};
	const json_t *value;
	const char *text;
	size_t i;

	for (i = 0; i < nitems(secret); i++) {
		if (json_object_get(key, secret[i]) != NULL)
			return problem(p, PR_BAD_PUBLIC_KEY, "RFC 7518, 6: "
			    "\"%s\" belongs to a private key: that key is "
			    "known now and must not be used again", secret[i]);
	}
	value = json_object_get(key, "alg");
	text = json_string_value(value);
	if (value != NULL && (text == NULL || strcmp(text, alg) != 0))
		return problem(p, PR_BAD_PUBLIC_KEY,
		    "RFC 7517, 4.4: alg of this key can only be %s", alg);
	value = json_object_get(key, "use");
	text = json_string_value(value);
	if (value != NULL && (text == NULL || strcmp(text, "sig") != 0))
		return problem(p, PR_BAD_PUBLIC_KEY,
		    "RFC 7517, 4.2: this key is not for signatures");
	return 0;
}

int
jwk_parse(struct arena *a, const json_t *key, struct jwk *jwk,
    struct problem *p)
{
	const struct key_kind *kind;
	int rc;

	memset(jwk, 0, sizeof(*jwk));
	kind = kind_find(key, p);
	if (kind == NULL || check_members(key, kind->alg, p) == -1)
		return -1;
	rc = kind->parse(a, kind, key, jwk, p);
	ERR_clear_error();
	if (rc == -1)
		return -1;
	jwk->alg = kind->alg;
	sha256(jwk->canonical, strlen(jwk->canonical), jwk->thumbprint);
	return 0;
}

int
jwk_parse_text(struct arena *a, const char *canonical, struct jwk *jwk,
    struct problem *p)
{
	const char *why;
	json_t *key;
	int rc;

	memset(jwk, 0, sizeof(*jwk));
	key = json_read_object(canonical, strlen(canonical), &why);
	if (key == NULL)
		return problem(p, PR_BAD_PUBLIC_KEY,
		    "RFC 7517, 4: the key cannot be read: %s", why);
	rc = jwk_parse(a, key, jwk, p);
	json_decref(key);
	if (rc == 0 && strcmp(jwk->canonical, canonical) != 0)
		rc = problem(p, PR_BAD_PUBLIC_KEY,
		    "RFC 7638, 3: the text of the key is not canonical");
	return rc;
}

void
jwk_clear(struct jwk *jwk)
{
	EVP_PKEY_free(jwk->pkey);
	jwk->pkey = NULL;
}

void
jwk_spki_hash(const struct jwk *jwk, unsigned char out[DIGEST_LEN])
{
	unsigned char *der = NULL;
	int len;

	len = i2d_PUBKEY(jwk->pkey, &der);
	if (len <= 0)
		die(EXIT_FAILED, "OpenSSL cannot encode a public key");
	sha256(der, (size_t)len, out);
	OPENSSL_free(der);
}

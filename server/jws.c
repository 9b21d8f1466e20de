/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWS and JWK.  Parsing judges form only and remembers the octets that were
 * signed; verifying uses those octets.  A key has exactly one text that we
 * accept, so its thumbprint (RFC 7638) is one number whoever computes it.
 */
#include <assert.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "jws.h"
#include "json.h"
#include "mem.h"
#include "problem.h"

#define ES256_HALF	32	/* octets of r, of s, of x, of y */
#define RSA_BITS_MIN	2048
#define RSA_BITS_MAX	8192
#define RSA_E_MIN	65537
#define RSA_E_LEN_MAX	8

static int	ec_parse(struct arena *, const json_t *, struct jwk *,
		    struct problem *);
static int	rsa_parse(struct arena *, const json_t *, struct jwk *,
		    struct problem *);
static int	es256_verify(const struct jws *, EVP_PKEY *);
static int	rs256_verify(const struct jws *, EVP_PKEY *);

/* One key type, one algorithm: neither can be used with another's. */
static const struct algorithm {
	const char	*alg;
	const char	*kty;
	int		(*parse)(struct arena *, const json_t *, struct jwk *,
			    struct problem *);
	int		(*verify)(const struct jws *, EVP_PKEY *);
} algorithms[] = {
	{ "ES256", "EC", ec_parse, es256_verify },
	{ "RS256", "RSA", rsa_parse, rs256_verify },
};

static const struct algorithm *
algorithm_find(const char *alg)
{
	size_t i;

	for (i = 0; i < nitems(algorithms); i++) {
		if (strcmp(algorithms[i].alg, alg) == 0)
			return &algorithms[i];
	}
	return NULL;
}

/* A member that must be a string; -1 with malformed. */
static int
need_string(struct arena *a, const json_t *object, const char *name,
    const char **out, struct problem *p)
{
	const json_t *value;

	value = json_object_get(object, name);
	if (!json_is_string(value))
		return problem(p, PR_MALFORMED,
		    "RFC 8555, 6.2: \"%s\" is missing or not a string", name);
	*out = arena_strdup(a, json_string_value(value));
	return 0;
}

/* RFC 8555, 6.5.2 */
static int
read_nonce(struct arena *a, const json_t *header, struct jws *jws,
    struct problem *p)
{
	unsigned char *raw;
	size_t len;

	if (json_object_get(header, "nonce") == NULL)
		return 0;
	if (need_string(a, header, "nonce", &jws->nonce, p) == -1)
		return -1;
	if (b64u_decode(a, jws->nonce, strlen(jws->nonce), &raw, &len) == -1 ||
	    len == 0)
		return problem(p, PR_MALFORMED,
		    "RFC 8555, 6.5.2: the nonce is not base64url");
	return 0;
}

/* RFC 8555, 6.2: exactly one of jwk and kid. */
static int
read_key(struct arena *a, const json_t *header, struct jws *jws,
    struct problem *p)
{
	json_t *jwk, *kid;

	jwk = json_object_get(header, "jwk");
	kid = json_object_get(header, "kid");
	if ((jwk == NULL) == (kid == NULL))
		return problem(p, PR_MALFORMED, "RFC 8555, 6.2: the protected "
		    "header must hold either jwk or kid");
	if (kid != NULL)
		return need_string(a, header, "kid", &jws->kid, p);
	if (!json_is_object(jwk))
		return problem(p, PR_MALFORMED,
		    "RFC 8555, 6.2: jwk is not an object");
	jws->jwk = json_incref(jwk);
	return 0;
}

static int
read_header(struct arena *a, const json_t *header, struct jws *jws,
    struct problem *p)
{
	static const char *const refused[] = { "crit", "b64" };
	size_t i;

	for (i = 0; i < nitems(refused); i++) {
		if (json_object_get(header, refused[i]) != NULL)
			return problem(p, PR_MALFORMED, "RFC 8555, 6.2: \"%s\""
			    " is not allowed in the protected header",
			    refused[i]);
	}
	if (need_string(a, header, "alg", &jws->alg, p) == -1)
		return -1;
	if (algorithm_find(jws->alg) == NULL)
		return problem(p, PR_BAD_SIGNATURE_ALGORITHM, "RFC 8555, 6.2: "
		    "alg \"%.32s\" is not supported", jws->alg);
	if (need_string(a, header, "url", &jws->url, p) == -1 ||
	    read_nonce(a, header, jws, p) == -1)
		return -1;
	return read_key(a, header, jws, p);
}

/* The decoded value of a base64url member (RFC 8555, 6.1). */
static int
read_octets(struct arena *a, const json_t *body, const char *name,
    const char **text, unsigned char **out, size_t *outlen, struct problem *p)
{
	if (need_string(a, body, name, text, p) == -1)
		return -1;
	if (b64u_decode(a, *text, strlen(*text), out, outlen) == -1)
		return problem(p, PR_MALFORMED, "RFC 8555, 6.1: \"%s\" is not "
		    "base64url without padding", name);
	return 0;
}

/* RFC 7515, 7.2.2, as far as RFC 8555, 6.2 allows it. */
static int
read_body(struct arena *a, const json_t *body, struct jws *jws,
    struct problem *p)
{
	const char *header_text, *payload_text, *signature_text, *why;
	unsigned char *header_raw;
	size_t header_len;
	json_t *header;
	int rc;

	if (json_object_get(body, "signatures") != NULL ||
	    json_object_get(body, "header") != NULL)
		return problem(p, PR_MALFORMED, "RFC 8555, 6.2: the JWS must "
		    "be flattened, with one signature and no unprotected "
		    "header");
	if (read_octets(a, body, "protected", &header_text, &header_raw,
	    &header_len, p) == -1 ||
	    read_octets(a, body, "payload", &payload_text, &jws->payload,
	    &jws->payload_len, p) == -1 ||
	    read_octets(a, body, "signature", &signature_text,
	    &jws->signature, &jws->signature_len, p) == -1)
		return -1;
	header = json_read_object(header_raw, header_len, &why);
	if (header == NULL)
		return problem(p, PR_MALFORMED, "RFC 7515, 5.2: the protected "
		    "header cannot be read: %s", why);
	rc = read_header(a, header, jws, p);
	json_decref(header);
	if (rc == -1)
		return -1;
	jws->signing_input = arena_printf(a, "%s.%s", header_text,
	    payload_text);
	jws->compact = arena_printf(a, "%s.%s", jws->signing_input,
	    signature_text);
	sha256(jws->signing_input, strlen(jws->signing_input), jws->digest);
	return 0;
}

int
jws_parse(struct arena *a, const void *text, size_t len, struct jws *jws,
    struct problem *p)
{
	const char *why;
	json_t *body;
	int rc;

	memset(jws, 0, sizeof(*jws));
	if (len > JWS_MAX)
		return problem_status(p, 413, PR_MALFORMED,
		    "the request is longer than %d octets", JWS_MAX);
	body = json_read_object(text, len, &why);
	if (body == NULL)
		return problem(p, PR_MALFORMED,
		    "RFC 8555, 6.2: the request is not a JWS: %s", why);
	rc = read_body(a, body, jws, p);
	json_decref(body);
	return rc;
}

void
jws_clear(struct jws *jws)
{
	json_decref(jws->jwk);
	jws->jwk = NULL;
}

/*
 * ECDSA over the digest; the signature is r and s, 32 octets each (RFC 7518,
 * 3.4), which OpenSSL refuses unless both lie in 1 .. n - 1.
 */
static int
es256_verify(const struct jws *jws, EVP_PKEY *pkey)
{
	unsigned char der[80], *end = der;
	EVP_PKEY_CTX *ctx = NULL;
	ECDSA_SIG *sig = NULL;
	BIGNUM *r = NULL, *s = NULL;
	int len, rc = -1;

	if (jws->signature_len != 2 * (size_t)ES256_HALF)
		goto out;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(jws->signature, ES256_HALF, NULL);
	s = BN_bin2bn(jws->signature + ES256_HALF, ES256_HALF, NULL);
	if (sig == NULL || r == NULL || s == NULL ||
	    ECDSA_SIG_set0(sig, r, s) != 1)
		goto out;
	r = s = NULL;
	len = i2d_ECDSA_SIG(sig, &end);
	ctx = EVP_PKEY_CTX_new(pkey, NULL);
	if (len > 0 && ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
	    EVP_PKEY_verify(ctx, der, (size_t)len, jws->digest,
	    DIGEST_LEN) == 1)
		rc = 0;
out:
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	EVP_PKEY_CTX_free(ctx);
	return rc;
}

/* RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, 3.3). */
static int
rs256_verify(const struct jws *jws, EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx;
	int rc = -1;

	ctx = EVP_PKEY_CTX_new(pkey, NULL);
	if (ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
	    EVP_PKEY_verify(ctx, jws->signature, jws->signature_len,
	    jws->digest, DIGEST_LEN) == 1)
		rc = 0;
	EVP_PKEY_CTX_free(ctx);
	return rc;
}

int
jws_verify(const struct jws *jws, const struct jwk *jwk, struct problem *p)
{
	const struct algorithm *algorithm;
	int rc;

	algorithm = algorithm_find(jwk->alg);
	assert(algorithm != NULL && jwk->pkey != NULL);
	if (strcmp(jws->alg, jwk->alg) != 0)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 8555, 6.2: alg is "
		    "%s, but the key is one for %s", jws->alg, jwk->alg);
	rc = algorithm->verify(jws, jwk->pkey);
	ERR_clear_error();
	if (rc == -1)
		return problem(p, PR_MALFORMED, "RFC 8555, 6.2: the signature "
		    "does not verify with the account's key");
	return 0;
}

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

/* The point must lie on the curve; P-256 has no other subgroup. */
static int
ec_make(const struct number *x, const struct number *y, EVP_PKEY **out)
{
	unsigned char point[1 + 2 * ES256_HALF];
	EVP_PKEY_CTX *ctx;
	OSSL_PARAM_BLD *bld;
	int rc = -1;

	point[0] = POINT_CONVERSION_UNCOMPRESSED;
	memcpy(point + 1, x->octets, ES256_HALF);
	memcpy(point + 1 + ES256_HALF, y->octets, ES256_HALF);
	bld = OSSL_PARAM_BLD_new();
	if (bld == NULL || OSSL_PARAM_BLD_push_utf8_string(bld,
	    OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
	    point, sizeof(point)) != 1) {
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
ec_parse(struct arena *a, const json_t *key, struct jwk *jwk,
    struct problem *p)
{
	struct number x, y;
	const char *crv;

	crv = json_member_string(key, "crv");
	if (crv == NULL || strcmp(crv, "P-256") != 0)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 7518, 3.4: the "
		    "curve must be P-256");
	if (number_read(a, key, "x", &x, p) == -1 ||
	    number_read(a, key, "y", &y, p) == -1)
		return -1;
	if (x.len != ES256_HALF || y.len != ES256_HALF)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 7518, 6.2.1.2: x "
		    "and y must be of 32 octets");
	if (ec_make(&x, &y, &jwk->pkey) == -1)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 7518, 6.2.1: x and "
		    "y are not a point on P-256");
	jwk->canonical = arena_printf(a, "{\"crv\":\"P-256\",\"kty\":\"EC\","
	    "\"x\":\"%s\",\"y\":\"%s\"}", x.text, y.text);
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
rsa_parse(struct arena *a, const json_t *key, struct jwk *jwk,
    struct problem *p)
{
	struct number n, e;

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
	const struct algorithm *found = NULL;
	const char *kty;
	size_t i;
	int rc;

	memset(jwk, 0, sizeof(*jwk));
	kty = json_member_string(key, "kty");
	if (kty == NULL)
		return problem(p, PR_BAD_PUBLIC_KEY,
		    "RFC 7517, 4.1: \"kty\" is missing or not a string");
	for (i = 0; i < nitems(algorithms); i++) {
		if (strcmp(algorithms[i].kty, kty) == 0)
			found = &algorithms[i];
	}
	if (found == NULL)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 8555, 6.2: keys of "
		    "type \"%.32s\" are not supported", kty);
	if (check_members(key, found->alg, p) == -1)
		return -1;
	rc = found->parse(a, key, jwk, p);
	ERR_clear_error();
	if (rc == -1)
		return -1;
	jwk->alg = found->alg;
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

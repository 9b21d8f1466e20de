/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWS.  Parsing judges form only and remembers the octets that were signed;
 * verifying uses those octets.
 */
#include <assert.h>
#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "jws.h"
#include "json.h"
#include "mem.h"
#include "problem.h"

#define HALF_MAX	66	/* octets of r, of s: those of P-521 */

struct algorithm;

static int	ecdsa_verify(const struct algorithm *, const struct jws *,
		    EVP_PKEY *);
static int	eddsa_verify(const struct algorithm *, const struct jws *,
		    EVP_PKEY *);
static int	rs256_verify(const struct algorithm *, const struct jws *,
		    EVP_PKEY *);

/* RFC 7518, 3.1 and RFC 8037, 3.1.  Those without a function are MACs. */
static const struct algorithm {
	const char	*alg;
	int		(*verify)(const struct algorithm *, const struct jws *,
			    EVP_PKEY *);
	const char	*digest;
	size_t		 half;		/* of an ECDSA signature */
} algorithms[] = {
	{ "ES256", ecdsa_verify, "SHA256", 32 },
	{ "ES384", ecdsa_verify, "SHA384", 48 },
	{ "ES512", ecdsa_verify, "SHA512", HALF_MAX },
	{ "EdDSA", eddsa_verify, NULL, 0 },
	{ "RS256", rs256_verify, "SHA256", 0 },
	{ "HS256", NULL, "SHA256", 0 },
	{ "HS384", NULL, "SHA384", 0 },
	{ "HS512", NULL, "SHA512", 0 },
};

/* Where a JWS stands decides what its header must hold. */
struct place {
	const char	*cites;
	bool		 mac;
	bool		 nonce;		/* may hold one */
	bool		 kid, jwk;	/* may be signed with */
};
static const struct place outermost = {
	"RFC 8555, 6.2", false, true, true, true
};
static const struct place inner[] = {
	[JWS_BINDING] = { "RFC 8555, 7.3.4", true, false, true, false },
	[JWS_KEY_CHANGE] = { "RFC 8555, 7.3.5", false, false, false, true },
};

static const struct algorithm *
algorithm_find(const char *alg, bool mac)
{
	size_t i;

	for (i = 0; i < nitems(algorithms); i++) {
		if (strcmp(algorithms[i].alg, alg) == 0 &&
		    (algorithms[i].verify == NULL) == mac)
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
read_nonce(struct arena *a, const json_t *header, const struct place *at,
    struct jws *jws, struct problem *p)
{
	unsigned char *raw;
	size_t len;

	if (json_object_get(header, "nonce") == NULL)
		return 0;
	if (!at->nonce)
		return problem(p, PR_MALFORMED, "%s: the inner JWS must not "
		    "hold a nonce", at->cites);
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
read_key(struct arena *a, const json_t *header, const struct place *at,
    struct jws *jws, struct problem *p)
{
	json_t *jwk, *kid;

	jwk = json_object_get(header, "jwk");
	kid = json_object_get(header, "kid");
	if ((jwk != NULL && !at->jwk) || (kid != NULL && !at->kid))
		return problem(p, PR_MALFORMED, "%s: the inner JWS is signed "
		    "with %s, not with %s", at->cites, at->kid ? "kid" : "jwk",
		    at->kid ? "jwk" : "kid");
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
read_header(struct arena *a, const json_t *header, const struct place *at,
    struct jws *jws, struct problem *p)
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
	if (algorithm_find(jws->alg, at->mac) == NULL)
		return problem(p, at->mac ? PR_MALFORMED :
		    PR_BAD_SIGNATURE_ALGORITHM, "%s: alg \"%.32s\" is not "
		    "supported", at->cites, jws->alg);
	if (need_string(a, header, "url", &jws->url, p) == -1 ||
	    read_nonce(a, header, at, jws, p) == -1)
		return -1;
	return read_key(a, header, at, jws, p);
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
read_body(struct arena *a, const json_t *body, const struct place *at,
    struct jws *jws, struct problem *p)
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
	rc = read_header(a, header, at, jws, p);
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
	rc = read_body(a, body, &outermost, jws, p);
	json_decref(body);
	return rc;
}

int
jws_parse_inner(struct arena *a, const json_t *body, enum jws_inner kind,
    const char *url, struct jws *jws, struct problem *p)
{
	const struct place *at = &inner[kind];

	memset(jws, 0, sizeof(*jws));
	if (!json_is_object(body))
		return problem(p, PR_MALFORMED, "%s: the inner JWS is not an "
		    "object", at->cites);
	if (read_body(a, body, at, jws, p) == -1)
		return -1;
	if (strcmp(jws->url, url) != 0)
		return problem(p, PR_MALFORMED, "%s: url of the inner JWS is "
		    "not that of the outer one", at->cites);
	return 0;
}

void
jws_clear(struct jws *jws)
{
	json_decref(jws->jwk);
	jws->jwk = NULL;
}

/* The digest of what was signed; SHA-256 of it is known. */
static int
digest_make(const struct algorithm *algorithm, const struct jws *jws,
    unsigned char out[EVP_MAX_MD_SIZE], size_t *len)
{
	if (strcmp(algorithm->digest, "SHA256") == 0) {
		memcpy(out, jws->digest, DIGEST_LEN);
		*len = DIGEST_LEN;
		return 0;
	}
	return EVP_Q_digest(NULL, algorithm->digest, NULL, jws->signing_input,
	    strlen(jws->signing_input), out, len) == 1 ? 0 : -1;
}

/*
 * ECDSA over the digest; the signature is r and s, each as long as the order
 * of the curve (RFC 7518, 3.4), which OpenSSL refuses unless both lie in
 * 1 .. n - 1.
 */
static int
ecdsa_verify(const struct algorithm *algorithm, const struct jws *jws,
    EVP_PKEY *pkey)
{
	unsigned char der[2 * HALF_MAX + 16], *end = der;
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_PKEY_CTX *ctx = NULL;
	ECDSA_SIG *sig = NULL;
	BIGNUM *r = NULL, *s = NULL;
	size_t half = algorithm->half, digest_len;
	int len, rc = -1;

	if (jws->signature_len != 2 * half ||
	    digest_make(algorithm, jws, digest, &digest_len) == -1)
		goto out;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(jws->signature, (int)half, NULL);
	s = BN_bin2bn(jws->signature + half, (int)half, NULL);
	if (sig == NULL || r == NULL || s == NULL ||
	    ECDSA_SIG_set0(sig, r, s) != 1)
		goto out;
	r = s = NULL;
	len = i2d_ECDSA_SIG(sig, &end);
	ctx = EVP_PKEY_CTX_new(pkey, NULL);
	if (len > 0 && ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
	    EVP_PKEY_verify(ctx, der, (size_t)len, digest, digest_len) == 1)
		rc = 0;
out:
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	EVP_PKEY_CTX_free(ctx);
	return rc;
}

/* Ed25519 over the text itself (RFC 8037, 3.1). */
static int
eddsa_verify(const struct algorithm *algorithm, const struct jws *jws,
    EVP_PKEY *pkey)
{
	EVP_MD_CTX *ctx;
	int rc = -1;

	(void)algorithm;
	ctx = EVP_MD_CTX_new();
	if (ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
	    EVP_DigestVerify(ctx, jws->signature, jws->signature_len,
	    (const unsigned char *)jws->signing_input,
	    strlen(jws->signing_input)) == 1)
		rc = 0;
	EVP_MD_CTX_free(ctx);
	return rc;
}

/* RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, 3.3). */
static int
rs256_verify(const struct algorithm *algorithm, const struct jws *jws,
    EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx;
	int rc = -1;

	(void)algorithm;
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

	algorithm = algorithm_find(jwk->alg, false);
	assert(algorithm != NULL && jwk->pkey != NULL);
	if (strcmp(jws->alg, jwk->alg) != 0)
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 8555, 6.2: alg is "
		    "%s, but the key is one for %s", jws->alg, jwk->alg);
	rc = algorithm->verify(algorithm, jws, jwk->pkey);
	ERR_clear_error();
	if (rc == -1)
		return problem(p, PR_MALFORMED, "RFC 8555, 6.2: the signature "
		    "does not verify with the account's key");
	return 0;
}

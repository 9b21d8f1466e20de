/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWS inside JWS: bindings and key changes, each good once and then with one
 * thing wrong; and each algorithm of an account key, with the vectors of
 * RFC 7515 and RFC 8037 where there are some.
 */
#include "unit.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "server/jws.h"
#include "server/jws_key.h"
#include "server/json.h"
#include "server/problem.h"
#include "server/jws_inner.c"

#define URL	"https://ca.test/acme/key-change"
#define ACCOUNT	"https://ca.test/acme/account/A"

static const char *const curves[] = { "P-256", "P-384", "P-521" };

static EVP_PKEY *
key_new(size_t kind)
{
	EVP_PKEY *key;

	key = kind < nitems(curves) ? EVP_EC_gen(curves[kind]) :
	    kind == nitems(curves) ? EVP_PKEY_Q_keygen(NULL, NULL,
	    "ED25519") : EVP_RSA_gen(2048);
	assert_non_null(key);
	return key;
}

/* base64url of the signature that goes with the key. */
static const char *
sign(struct arena *a, EVP_PKEY *key, const char *input)
{
	static const EVP_MD *(*const mds[])(void) = { EVP_sha256, EVP_sha384,
	    EVP_sha512 };
	size_t half = jws_half(jws_alg(key)), len = 1024;
	unsigned char sig[1024], raw[132];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = NULL;

	if (half != 0)
		md = mds[half == 32 ? 0 : half == 48 ? 1 : 2]();
	else if (EVP_PKEY_is_a(key, "RSA"))
		md = EVP_sha256();
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len,
	    (const unsigned char *)input, strlen(input)), 1);
	EVP_MD_CTX_free(ctx);
	if (half == 0)
		return b64u_encode(a, sig, len);
	assert_int_equal(jws_raw(sig, len, half, raw), 0);
	return b64u_encode(a, raw, 2 * half);
}

/* A flattened JWS as an object. */
static json_t *
make(struct arena *a, const char *header, const char *payload,
    EVP_PKEY *key)
{
	const char *h = b64u_encode(a, header, strlen(header));
	const char *p = b64u_encode(a, payload, strlen(payload));
	const char *s = key == NULL ? "AAAA" :
	    sign(a, key, arena_printf(a, "%s.%s", h, p));

	return json_pack("{s:s, s:s, s:s}", "protected", h, "payload", p,
	    "signature", s);
}

/* PR_NONE: accepted. */
static enum problem_type
change(struct arena *a, json_t *body, const char *account,
    const struct jwk *old)
{
	struct problem p = { 0 };
	struct jwk key;
	int rc;

	rc = jws_key_change(a, body, URL, account, old->thumbprint, &key, &p);
	assert_true((rc == 0) == (p.type == PR_NONE));
	json_decref(body);
	jwk_clear(&key);
	return p.type;
}

static const char *
change_header(struct arena *a, EVP_PKEY *key)
{
	return arena_printf(a, "{\"alg\":\"%s\",\"jwk\":%s,\"url\":\"" URL
	    "\"}", jws_alg(key), jwk_print(a, key));
}

static const char *
change_payload(struct arena *a, EVP_PKEY *old)
{
	return arena_printf(a, "{\"account\":\"" ACCOUNT "\",\"oldKey\":%s}",
	    jwk_print(a, old));
}

static void
old_key(struct arena *a, EVP_PKEY *pkey, struct jwk *out)
{
	struct problem p;

	assert_int_equal(jwk_parse_text(a, jwk_print(a, pkey), out, &p), 0);
}

/* Every kind of key signs, and no other key's signature will do. */
static void
test_algorithms(void **state)
{
	static const char *const algs[] = { "ES256", "ES384", "ES512",
	    "EdDSA", "RS256" };
	struct arena *a = *state;
	EVP_PKEY *old = key_new(0), *key, *other;
	struct jwk was;
	size_t i;

	old_key(a, old, &was);
	for (i = 0; i < nitems(algs); i++) {
		key = key_new(i);
		other = key_new(i);
		assert_string_equal(jws_alg(key), algs[i]);
		assert_int_equal(change(a, make(a, change_header(a, key),
		    change_payload(a, old), key), ACCOUNT, &was), PR_NONE);
		assert_int_equal(change(a, make(a, change_header(a, key),
		    change_payload(a, old), other), ACCOUNT, &was),
		    PR_MALFORMED);
		assert_int_equal(change(a, make(a, change_header(a, key),
		    change_payload(a, old), NULL), ACCOUNT, &was),
		    PR_MALFORMED);
		/* the algorithm of another kind of key */
		assert_int_equal(change(a, make(a, arena_printf(a,
		    "{\"alg\":\"%s\",\"jwk\":%s,\"url\":\"" URL "\"}",
		    algs[(i + 1) % nitems(algs)], jwk_print(a, key)),
		    change_payload(a, old), key), ACCOUNT, &was),
		    PR_BAD_PUBLIC_KEY);
		EVP_PKEY_free(key);
		EVP_PKEY_free(other);
	}
	EVP_PKEY_free(old);
	jwk_clear(&was);
}

static void
test_key_change(void **state)
{
	struct arena *a = *state;
	EVP_PKEY *old = key_new(0), *key = key_new(1);
	const char *jwk = jwk_print(a, key), *good;
	const char *const headers[] = {
		"{\"alg\":\"ES384\",\"jwk\":%s,\"url\":\"" URL "/\"}",
		"{\"alg\":\"ES384\",\"jwk\":%s}",
		"{\"alg\":\"ES384\",\"jwk\":%s,\"nonce\":\"AAAA\",\"url\":\""
		    URL "\"}",
		"{\"alg\":\"ES384\",\"jwk\":%s,\"kid\":\"k\",\"url\":\"" URL
		    "\"}",
		"{\"alg\":\"ES384\",\"kid\":\"k\",\"url\":\"" URL
		    "\",\"x\":%s}",
		"{\"alg\":\"ES384\",\"crit\":[],\"jwk\":%s,\"url\":\"" URL
		    "\"}",
	};
	const char *const payloads[] = {
		"{\"oldKey\":%s}",
		"{\"account\":\"" ACCOUNT "/\",\"oldKey\":%s}",
		"{\"account\":1,\"oldKey\":%s}",
		"{\"account\":\"" ACCOUNT "\",\"key\":%s}",
		"%s",
	};
	struct jwk was;
	size_t i;

	old_key(a, old, &was);
	good = change_header(a, key);
	for (i = 0; i < nitems(headers); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		if (change(a, make(a, arena_printf(a, headers[i], jwk),
		    change_payload(a, old), key), ACCOUNT,
		    &was) != PR_MALFORMED)
			fail_msg("header %zu", i);
	}
	for (i = 0; i < nitems(payloads); i++) {
		if (change(a, make(a, good, arena_printf(a, payloads[i],
		    jwk_print(a, old)), key), ACCOUNT, &was) != PR_MALFORMED)
			fail_msg("payload %zu", i);
#pragma GCC diagnostic pop
	}
	/* the old key is another's; no old key; another account's */
	assert_int_equal(change(a, make(a, good, change_payload(a, key),
	    key), ACCOUNT, &was), PR_MALFORMED);
	assert_int_equal(change(a, make(a, good, "{\"account\":\"" ACCOUNT
	    "\",\"oldKey\":\"x\"}", key), ACCOUNT, &was), PR_MALFORMED);
	assert_int_equal(change(a, make(a, good, change_payload(a, old),
	    key), ACCOUNT "B", &was), PR_MALFORMED);
	/* a MAC is no signature; no JWS at all */
	assert_int_equal(change(a, make(a, arena_printf(a, "{\"alg\":"
	    "\"HS256\",\"jwk\":%s,\"url\":\"" URL "\"}", jwk),
	    change_payload(a, old), key), ACCOUNT, &was),
	    PR_BAD_SIGNATURE_ALGORITHM);
	assert_int_equal(change(a, json_pack("{}"), ACCOUNT, &was),
	    PR_MALFORMED);
	assert_int_equal(change(a, json_string("x"), ACCOUNT, &was),
	    PR_MALFORMED);
	assert_int_equal(change(a, NULL, ACCOUNT, &was), PR_MALFORMED);
	EVP_PKEY_free(old);
	EVP_PKEY_free(key);
	jwk_clear(&was);
}

static enum problem_type
bind(struct arena *a, const char *header, const char *payload,
    const struct jwk *key)
{
	json_t *body = make(a, header, payload, NULL);
	struct problem p = { 0 };
	struct jws jws;

	if (jws_binding(a, body, URL, key, &jws, &p) == 0) {
		assert_string_equal(jws.kid, "k1");
		assert_int_equal(jws.signature_len, 3);
	}
	jws_clear(&jws);
	json_decref(body);
	return p.type;
}

static void
test_binding(void **state)
{
	static const struct {
		const char		*header;
		enum problem_type	 type;
	} rows[] = {
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"url\":\"" URL "\"}",
		    PR_NONE },
		{ "{\"alg\":\"HS384\",\"kid\":\"k1\",\"url\":\"" URL "\"}",
		    PR_NONE },
		{ "{\"alg\":\"HS512\",\"kid\":\"k1\",\"url\":\"" URL "\"}",
		    PR_NONE },
		{ "{\"alg\":\"HS1\",\"kid\":\"k1\",\"url\":\"" URL "\"}",
		    PR_MALFORMED },
		{ "{\"alg\":\"none\",\"kid\":\"k1\",\"url\":\"" URL "\"}",
		    PR_MALFORMED },
		{ "{\"alg\":\"ES256\",\"kid\":\"k1\",\"url\":\"" URL "\"}",
		    PR_MALFORMED },
		{ "{\"alg\":\"HS256\",\"kid\":\"\",\"url\":\"" URL "\"}",
		    PR_MALFORMED },
		{ "{\"alg\":\"HS256\",\"kid\":1,\"url\":\"" URL "\"}",
		    PR_MALFORMED },
		{ "{\"alg\":\"HS256\",\"url\":\"" URL "\"}", PR_MALFORMED },
		{ "{\"alg\":\"HS256\",\"jwk\":{},\"url\":\"" URL "\"}",
		    PR_MALFORMED },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\"}", PR_MALFORMED },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"url\":\"" URL "2\"}",
		    PR_MALFORMED },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\",\"nonce\":\"AAAA\","
		    "\"url\":\"" URL "\"}", PR_MALFORMED },
	};
	struct arena *a = *state;
	EVP_PKEY *pkey = key_new(0), *other = key_new(0);
	const char *jwk = jwk_print(a, pkey);
	struct jwk key;
	json_t *loose;
	size_t i, len;

	old_key(a, pkey, &key);
	for (i = 0; i < nitems(rows); i++)
		if (bind(a, rows[i].header, jwk, &key) != rows[i].type)
			fail_msg("%s", rows[i].header);
	/* the same key in another text (RFC 8555, 7.3.4) */
	loose = json_loads(jwk, 0, NULL);
	json_object_set_new(loose, "kid", json_string("mine"));
	assert_int_equal(bind(a, rows[0].header, json_pretty(a, loose, &len),
	    &key), PR_NONE);
	json_decref(loose);
	assert_int_equal(bind(a, rows[0].header, jwk_print(a, other), &key),
	    PR_MALFORMED);
	assert_int_equal(bind(a, rows[0].header, "", &key), PR_MALFORMED);
	assert_int_equal(bind(a, rows[0].header, "{}", &key),
	    PR_BAD_PUBLIC_KEY);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(other);
	jwk_clear(&key);
}

/* Verify a compact JWS whose header is not one of ACME's. */
static int
vector(struct arena *a, const char *key_text, const char *input,
    const char *signature)
{
	struct problem p = { 0 };
	struct jws jws = { 0 };
	struct jwk key;
	int rc;

	if (jwk_parse_text(a, key_text, &key, &p) == -1)
		fail_msg("%s", p.detail);
	jws.alg = key.alg;
	jws.signing_input = input;
	sha256(input, strlen(input), jws.digest);
	assert_int_equal(b64u_decode(a, signature, strlen(signature),
	    &jws.signature, &jws.signature_len), 0);
	rc = jws_verify(&jws, &key, &p);
	jwk_clear(&key);
	return rc;
}

#define ED_KEY \
	"{\"crv\":\"Ed25519\",\"kty\":\"OKP\"," \
	"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define ED_SIGNATURE \
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVs" \
	"Pt9g7sVvpAr_MuM0KAg"
#define ES512_KEY \
	"{\"crv\":\"P-521\",\"kty\":\"EC\"," \
	"\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjF" \
	"Z6OvLFV1jSfS9tsz4qUxcWceqwQGk\"," \
	"\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79" \
	"ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}"
#define ES512_SIGNATURE \
	"AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT" \
	"2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjy" \
	"qOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"

static void
test_vectors(void **state)
{
	struct arena *a = *state;
	struct problem p;
	struct jwk key;

	/* RFC 7515, A.4 */
	assert_int_equal(vector(a, ES512_KEY, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9h"
	    "ZA", ES512_SIGNATURE), 0);
	assert_int_equal(vector(a, ES512_KEY, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9h"
	    "ZQ", ES512_SIGNATURE), -1);
	/* RFC 8037, A.4 and A.3 */
	assert_int_equal(vector(a, ED_KEY, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSB"
	    "vZiBFZDI1NTE5IHNpZ25pbmc", ED_SIGNATURE), 0);
	assert_int_equal(vector(a, ED_KEY, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSB"
	    "vZiBFZDI1NTE5IHNpZ25pbmcg", ED_SIGNATURE), -1);
	assert_int_equal(vector(a, ED_KEY, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSB"
	    "vZiBFZDI1NTE5IHNpZ25pbmc", "AAAA"), -1);
	assert_int_equal(jwk_parse_text(a, ED_KEY, &key, &p), 0);
	assert_string_equal(b64u_encode(a, key.thumbprint, DIGEST_LEN),
	    "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
	jwk_clear(&key);
}

/* RFC 8032: points of small order, with either sign, are no keys. */
static void
test_small_order(void **state)
{
	static const char *const points[] = {
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA",
		"7P_______________________________________38",
		"JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
		"xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA_o",
	};
	struct problem p;
	struct jwk key;
	size_t i;

	for (i = 0; i < nitems(points); i++) {
		if (jwk_parse_text(*state, arena_printf(*state, "{\"crv\":"
		    "\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", points[i]),
		    &key, &p) == 0)
			fail_msg("%s", points[i]);
		assert_int_equal(p.type, PR_BAD_PUBLIC_KEY);
		jwk_clear(&key);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_algorithms),
		UNIT(test_key_change),
		UNIT(test_binding),
		UNIT(test_vectors),
		UNIT(test_small_order),
	};

	return cmocka_run_group_tests_name("server/jws_inner", tests, NULL,
	    NULL);
}

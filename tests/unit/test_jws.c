/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWS and JWK: the vectors of RFC 7515, 7517, 7638 and 8037, keys of our own
 * that sign whole requests, and bodies that must be refused.
 */
#include "unit.h"

#include <openssl/ec.h>

#include "server/jws.c"
#include "server/jwk.c"

#define URL	"https://ca.test/acme/new-order"
#define KID	"https://ca.test/acme/account/A"

/* RFC 7515, A.1 - A.3: the payload; the headers of A.2 and A.3. */
#define A_PAYLOAD \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGx" \
	"lLmNvbS9pc19yb290Ijp0cnVlfQ"
#define A1_HEADER	"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
#define A2_HEADER	"eyJhbGciOiJSUzI1NiJ9"
#define A3_HEADER	"eyJhbGciOiJFUzI1NiJ9"

#define A2_N \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Va" \
	"w-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32" \
	"690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBd" \
	"QOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJ" \
	"H7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FR" \
	"WyuXpoQ"
#define A2_SIGNATURE \
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAu" \
	"HIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRF" \
	"diuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_" \
	"eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6I" \
	"eYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUP" \
	"QGe77Rw"
#define A3_X	"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define A3_Y	"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define A3_SIGNATURE \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmW" \
	"QxfKTUJqPP3-Kg6NU1Q"

/* RFC 7517, A.1 and RFC 7638, 3.1 */
#define RSA_N \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1" \
	"RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5" \
	"n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8K" \
	"JZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQF" \
	"h6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz" \
	"KnqDKgw"
#define EC_X	"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
#define EC_Y	"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"

#define EC_JWK(x, y) \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" x "\",\"y\":\"" y "\"}"
#define RSA_JWK(n, e) \
	"{\"kty\":\"RSA\",\"n\":\"" n "\",\"e\":\"" e "\"}"

/* Parse a key from text; 0 or the problem's type. */
static enum problem_type
key_read(struct arena *a, const char *text, struct jwk *jwk)
{
	struct problem p = { 0 };
	json_t *key;
	int rc;

	key = json_loads(text, 0, NULL);
	assert_non_null(key);
	rc = jwk_parse(a, key, jwk, &p);
	json_decref(key);
	assert_true((rc == -1) == (p.type != PR_NONE));
	return p.type;
}

/* Verify a compact JWS whose header is not one of ACME's. */
static int
vector_verify(struct arena *a, const char *alg, const char *input,
    const char *signature, const struct jwk *jwk)
{
	struct problem p = { 0 };
	struct jws jws = { .alg = alg };

	jws.signing_input = input;
	sha256(input, strlen(input), jws.digest);
	assert_int_equal(b64u_decode(a, signature, strlen(signature),
	    &jws.signature, &jws.signature_len), 0);
	return jws_verify(&jws, jwk, &p);
}

static void
test_rfc7515_a2(void **state)
{
	struct arena *a = *state;
	struct jwk jwk, other;

	assert_int_equal(key_read(a, RSA_JWK(A2_N, "AQAB"), &jwk), PR_NONE);
	assert_string_equal(jwk.alg, "RS256");
	assert_int_equal(vector_verify(a, "RS256", A2_HEADER "." A_PAYLOAD,
	    A2_SIGNATURE, &jwk), 0);
	assert_int_equal(vector_verify(a, "RS256", A3_HEADER "." A_PAYLOAD,
	    A2_SIGNATURE, &jwk), -1);
	assert_int_equal(vector_verify(a, "RS256", A2_HEADER "." A_PAYLOAD,
	    A3_SIGNATURE, &jwk), -1);
	assert_int_equal(vector_verify(a, "RS256", A2_HEADER "." A_PAYLOAD,
	    "", &jwk), -1);
	/* alg of another kind of key (RFC 8555, 6.2) */
	assert_int_equal(vector_verify(a, "ES256", A2_HEADER "." A_PAYLOAD,
	    A2_SIGNATURE, &jwk), -1);
	assert_int_equal(key_read(a, RSA_JWK(RSA_N, "AQAB"), &other), PR_NONE);
	assert_int_equal(vector_verify(a, "RS256", A2_HEADER "." A_PAYLOAD,
	    A2_SIGNATURE, &other), -1);
	jwk_clear(&jwk);
	jwk_clear(&other);
}

static void
test_rfc7515_a3(void **state)
{
	struct arena *a = *state;
	struct jwk jwk;

	assert_int_equal(key_read(a, EC_JWK(A3_X, A3_Y), &jwk), PR_NONE);
	assert_string_equal(jwk.alg, "ES256");
	assert_int_equal(vector_verify(a, "ES256", A3_HEADER "." A_PAYLOAD,
	    A3_SIGNATURE, &jwk), 0);
	assert_int_equal(vector_verify(a, "ES256", A2_HEADER "." A_PAYLOAD,
	    A3_SIGNATURE, &jwk), -1);
	assert_int_equal(vector_verify(a, "RS256", A3_HEADER "." A_PAYLOAD,
	    A3_SIGNATURE, &jwk), -1);
	jwk_clear(&jwk);
}

/* Signatures of the right length that are none, and of a wrong length. */
static void
test_es256_signatures(void **state)
{
	static const char n[] = "ffffffff00000000ffffffffffffffff"
	    "bce6faada7179e84f3b9cac2fc632551";
	struct arena *a = *state;
	struct problem p;
	struct jws jws = { .alg = "ES256" };
	unsigned char good[64], *order, *raw;
	struct jwk jwk;
	size_t i, len;

	assert_int_equal(key_read(a, EC_JWK(A3_X, A3_Y), &jwk), PR_NONE);
	assert_int_equal(b64u_decode(a, A3_SIGNATURE, strlen(A3_SIGNATURE),
	    &raw, &len), 0);
	memcpy(good, raw, sizeof(good));
	order = unit_unhex(a, n, &len);
	sha256(A3_HEADER "." A_PAYLOAD, strlen(A3_HEADER "." A_PAYLOAD),
	    jws.digest);
	jws.signature = raw = arena_alloc(a, 80);
	for (i = 0; i < 80; i++) {
		memset(raw, 0, 80);
		memcpy(raw, good, i < 64 ? i : 64);
		jws.signature_len = i;
		assert_int_equal(jws_verify(&jws, &jwk, &p),
		    i == 64 ? 0 : -1);
	}
	jws.signature_len = 64;
	for (i = 0; i < 2; i++) {
		/* r or s is 0, is n, is all ones */
		memcpy(raw, good, 64);
		memset(raw + 32 * i, 0, 32);
		assert_int_equal(jws_verify(&jws, &jwk, &p), -1);
		memcpy(raw + 32 * i, order, 32);
		assert_int_equal(jws_verify(&jws, &jwk, &p), -1);
		memset(raw + 32 * i, 0xff, 32);
		assert_int_equal(jws_verify(&jws, &jwk, &p), -1);
	}
	memset(raw, 0, 64);
	assert_int_equal(jws_verify(&jws, &jwk, &p), -1);
	assert_int_equal(p.type, PR_MALFORMED);
	assert_int_equal(ERR_peek_error(), 0);
	jwk_clear(&jwk);
}

static void
test_thumbprints(void **state)
{
	struct arena *a = *state;
	struct problem p;
	struct jwk jwk, again;

	/* RFC 7638, 3.1, with what its example adds to the key */
	assert_int_equal(key_read(a, "{\"kid\":\"2011-04-29\",\"alg\":"
	    "\"RS256\",\"e\":\"AQAB\",\"n\":\"" RSA_N "\",\"kty\":\"RSA\"}",
	    &jwk), PR_NONE);
	assert_string_equal(b64u_encode(a, jwk.thumbprint, DIGEST_LEN),
	    "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	assert_string_equal(jwk.canonical, "{\"e\":\"AQAB\",\"kty\":\"RSA\","
	    "\"n\":\"" RSA_N "\"}");
	assert_int_equal(jwk_parse_text(a, jwk.canonical, &again, &p), 0);
	assert_memory_equal(again.thumbprint, jwk.thumbprint, DIGEST_LEN);
	assert_int_equal(EVP_PKEY_eq(again.pkey, jwk.pkey), 1);
	jwk_clear(&again);
	jwk_clear(&jwk);
	/* RFC 7517, A.1 */
	assert_int_equal(key_read(a, "{\"kty\":\"EC\",\"crv\":\"P-256\","
	    "\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\",\"kid\":\"1\"}", &jwk),
	    PR_NONE);
	assert_string_equal(jwk.canonical, "{\"crv\":\"P-256\",\"kty\":"
	    "\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}");
	assert_int_equal(jwk_parse_text(a, jwk.canonical, &again, &p), 0);
	jwk_clear(&again);
	jwk_clear(&jwk);
}

static void
test_canonical_text(void **state)
{
	static const char *const texts[] = {
		"", "{}", "[]", EC_JWK(EC_X, EC_Y),
		"{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"" EC_X
		    "\",\"y\":\"" EC_Y "\"} ",
		"{\"crv\":\"P-256\",\"kty\":\"EC\",\"kid\":\"1\",\"x\":\""
		    EC_X "\",\"y\":\"" EC_Y "\"}",
	};
	struct problem p;
	struct jwk jwk;
	size_t i;

	for (i = 0; i < nitems(texts); i++) {
		assert_int_equal(jwk_parse_text(*state, texts[i], &jwk, &p),
		    -1);
		assert_int_equal(p.type, PR_BAD_PUBLIC_KEY);
		jwk_clear(&jwk);
	}
}

/* Every one is refused as badPublicKey. */
static void
test_bad_keys(void **state)
{
	static const char *const keys[] = {
		"{}",
		"{\"kty\":5}",
		"{\"kty\":\"ec\",\"crv\":\"P-256\"}",
		/* RFC 7517, A.1 as printed there is for encryption */
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X
		    "\",\"y\":\"" EC_Y "\",\"use\":\"enc\",\"kid\":\"1\"}",
		/* RFC 7517, A.2: a private key */
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X
		    "\",\"y\":\"" EC_Y "\",\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eU"
		    "ZNP4Bk43bVdj3eAE\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"p\":"
		    "\"AQ\"}",
		/* RFC 7517, A.3: a symmetric key */
		"{\"kty\":\"oct\",\"alg\":\"A128KW\",\"k\":"
		    "\"GawgguFyGrWKav7AX4VKUg\"}",
		/* RFC 8037, A.6: a key for ECDH */
		"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":"
		    "\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\"}",
		"{\"kty\":\"OKP\",\"x\":"
		    "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
		    "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X
		    "\",\"y\":\"" EC_Y "\",\"alg\":\"ES384\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X
		    "\",\"y\":\"" EC_Y "\",\"alg\":1}",
		"{\"kty\":\"RSA\",\"crv\":\"P-256\",\"x\":\"" EC_X
		    "\",\"y\":\"" EC_Y "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" EC_X
		    "\",\"y\":\"" EC_Y "\"}",
		"{\"kty\":\"EC\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\"}",
		EC_JWK(EC_X, EC_X),		/* not on the curve */
		EC_JWK("", ""),
		EC_JWK("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		EC_JWK("_____wAAAAEAAAAAAAAAAAAAAAD_______________8",
		    "_____wAAAAEAAAAAAAAAAAAAAAD_______________8"),
		EC_JWK(EC_X "=", EC_Y),
		EC_JWK(EC_X, "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFy"),
		EC_JWK("ADCgQkzSHClEg4otdckrN-duog2fAIk6O07uijwKr-w-", EC_Y),
		EC_JWK("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D5", EC_Y),
		/* an octet too many */
		EC_JWK("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4B", EC_Y),
		EC_JWK(EC_X, "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyMB"),
		RSA_JWK("", "AQAB"),
		RSA_JWK(RSA_N, ""),
		RSA_JWK(RSA_N, "AA"),
		RSA_JWK(RSA_N, "AQ"),
		RSA_JWK(RSA_N, "Aw"),		/* 3 */
		RSA_JWK(RSA_N, "__8"),		/* 2^16 - 1 */
		RSA_JWK(RSA_N, "AQAA"),		/* 2^16 */
		RSA_JWK(RSA_N, "AQAC"),		/* even */
		RSA_JWK(RSA_N, "AAEAAQ"),	/* a zero in front */
		RSA_JWK(RSA_N, "AQAAAAAAAAAA"),	/* 2^64 */
		RSA_JWK(RSA_N, "AQAAAAAAAQAB"),	/* 2^64 + 65537 */
		RSA_JWK("AQAB", "AQAB"),
		RSA_JWK("AAAA" RSA_N, "AQAB"),
		"{\"kty\":\"RSA\",\"n\":1,\"e\":\"AQAB\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":65537}",
	};
	struct jwk jwk;
	size_t i;

	for (i = 0; i < nitems(keys); i++) {
		if (key_read(*state, keys[i], &jwk) != PR_BAD_PUBLIC_KEY)
			fail_msg("key %zu: %s", i, keys[i]);
		jwk_clear(&jwk);
		assert_int_equal(ERR_peek_error(), 0);
	}
}

static void
test_rsa_sizes(void **state)
{
	static const struct {
		size_t bits;
		enum problem_type type;
	} rows[] = {
		{ 1024, PR_BAD_PUBLIC_KEY }, { 2047, PR_BAD_PUBLIC_KEY },
		{ 2048, PR_NONE }, { 2049, PR_NONE }, { 3072, PR_NONE },
		{ 4096, PR_NONE }, { 8192, PR_NONE },
		{ 8193, PR_BAD_PUBLIC_KEY }, { 16384, PR_BAD_PUBLIC_KEY },
	};
	struct arena *a = *state;
	unsigned char n[2048];
	struct jwk jwk;
	size_t i, len, top;
	char *text;
	int odd;

	for (i = 0; i < nitems(rows); i++) {
		for (odd = 0; odd < 2; odd++) {
			memset(n, 0xa5, sizeof(n));
			len = (rows[i].bits + 7) / 8;
			top = (rows[i].bits - 1) % 8;
			n[0] = (unsigned char)(1 << top);
			n[len - 1] = (unsigned char)(0xa4 | odd);
			text = arena_printf(a, RSA_JWK("%s", "AQAB"),
			    b64u_encode(a, n, len));
			assert_int_equal(key_read(a, text, &jwk),
			    odd ? rows[i].type : PR_BAD_PUBLIC_KEY);
			jwk_clear(&jwk);
		}
	}
	/* the greatest exponent, 2^64 - 1 */
	assert_int_equal(key_read(a, RSA_JWK(RSA_N, "__________8"), &jwk),
	    PR_NONE);
	jwk_clear(&jwk);
}

/* Whole requests. */

static char *
body_make(struct arena *a, const char *header, const char *payload,
    const char *signature)
{
	return arena_printf(a, "{\"protected\":\"%s\",\"payload\":\"%s\","
	    "\"signature\":\"%s\"}", b64u_encode(a, header, strlen(header)),
	    b64u_encode(a, payload, strlen(payload)), signature);
}

/* Parse a body; 0 or the problem's type. */
static enum problem_type
body_read(struct arena *a, const char *body, size_t len, struct jws *jws)
{
	struct problem p = { 0 };
	int rc;

	rc = jws_parse(a, body, len, jws, &p);
	assert_true((rc == -1) == (p.type != PR_NONE));
	return p.type;
}

/* base64url(r || s) of ES256 over the digest of a parsed request */
static const char *
sign(struct arena *a, EVP_PKEY *pkey, const struct jws *jws)
{
	unsigned char der[80], raw[64];
	const unsigned char *in = der;
	EVP_PKEY_CTX *ctx;
	ECDSA_SIG *sig;
	size_t len = sizeof(der);

	ctx = EVP_PKEY_CTX_new(pkey, NULL);
	assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
	assert_int_equal(EVP_PKEY_sign(ctx, der, &len, jws->digest,
	    DIGEST_LEN), 1);
	sig = d2i_ECDSA_SIG(NULL, &in, (long)len);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
	ECDSA_SIG_free(sig);
	EVP_PKEY_CTX_free(ctx);
	return b64u_encode(a, raw, sizeof(raw));
}

static const char *
key_text(struct arena *a, EVP_PKEY *pkey)
{
	unsigned char point[65];
	size_t len;

	assert_int_equal(EVP_PKEY_get_octet_string_param(pkey,
	    OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len), 1);
	return arena_printf(a, EC_JWK("%s", "%s"),
	    b64u_encode(a, point + 1, 32), b64u_encode(a, point + 33, 32));
}

static void
test_whole_request(void **state)
{
	struct arena *a = *state;
	const char *header, *body, *signature;
	struct problem p;
	struct jws jws;
	struct jwk jwk;
	EVP_PKEY *pkey;

	pkey = EVP_EC_gen("P-256");
	header = arena_printf(a, "{\"alg\":\"ES256\",\"nonce\":\"AAAA\","
	    "\"url\":\"" URL "\",\"jwk\":%s}", key_text(a, pkey));
	body = body_make(a, header, "{\"a\":1}", "AA");
	assert_int_equal(body_read(a, body, strlen(body), &jws), PR_NONE);
	signature = sign(a, pkey, &jws);
	jws_clear(&jws);
	body = body_make(a, header, "{\"a\":1}", signature);
	assert_int_equal(body_read(a, body, strlen(body), &jws), PR_NONE);
	assert_string_equal(jws.alg, "ES256");
	assert_string_equal(jws.nonce, "AAAA");
	assert_string_equal(jws.url, URL);
	assert_null(jws.kid);
	assert_non_null(jws.jwk);
	assert_string_equal(jws.payload, "{\"a\":1}");
	assert_int_equal(jws.payload_len, 7);
	assert_string_equal(jws.signing_input, arena_printf(a, "%s.eyJhIjoxfQ",
	    b64u_encode(a, header, strlen(header))));
	assert_string_equal(jws.compact, arena_printf(a, "%s.%s",
	    jws.signing_input, signature));
	assert_int_equal(jws.signature_len, 64);
	assert_int_equal(jwk_parse(a, jws.jwk, &jwk, &p), 0);
	assert_int_equal(jws_verify(&jws, &jwk, &p), 0);
	jws.digest[0] ^= 1;
	assert_int_equal(jws_verify(&jws, &jwk, &p), -1);
	jws_clear(&jws);
	assert_null(jws.jwk);
	jwk_clear(&jwk);
	assert_null(jwk.pkey);
	EVP_PKEY_free(pkey);
}

static void
test_post_as_get(void **state)
{
	struct arena *a = *state;
	const char *body;
	struct jws jws;

	body = body_make(a, "{\"alg\":\"RS256\",\"url\":\"" URL "\",\"kid\":"
	    "\"" KID "\",\"jku\":\"x\"}", "", "AA");
	assert_int_equal(body_read(a, body, strlen(body), &jws), PR_NONE);
	assert_string_equal(jws.kid, KID);
	assert_null(jws.jwk);
	assert_null(jws.nonce);
	assert_int_equal(jws.payload_len, 0);
	assert_string_equal(jws.payload, "");
	jws_clear(&jws);
	jws_clear(&jws);
}

#define REST	"\"nonce\":\"AAAA\",\"url\":\"" URL "\",\"kid\":\"" KID "\""
#define ES	"\"alg\":\"ES256\","

static void
test_hostile_headers(void **state)
{
	static const struct {
		const char *header;
		enum problem_type type;
	} rows[] = {
		{ "{" ES REST "}", PR_NONE },
		{ "{\"alg\":\"RS256\"," REST "}", PR_NONE },
		{ "", PR_MALFORMED },
		{ "x", PR_MALFORMED },
		{ "[]", PR_MALFORMED },
		{ "{}", PR_MALFORMED },
		{ "{" REST "}", PR_MALFORMED },
		{ "{\"alg\":null," REST "}", PR_MALFORMED },
		{ "{\"alg\":[\"ES256\"]," REST "}", PR_MALFORMED },
		/* RFC 8555, 6.2 */
		{ "{\"alg\":\"none\"," REST "}", PR_BAD_SIGNATURE_ALGORITHM },
		{ "{\"alg\":\"\"," REST "}", PR_BAD_SIGNATURE_ALGORITHM },
		{ "{\"alg\":\"HS256\"," REST "}", PR_BAD_SIGNATURE_ALGORITHM },
		{ "{\"alg\":\"es256\"," REST "}", PR_BAD_SIGNATURE_ALGORITHM },
		{ "{\"alg\":\"ES384\"," REST "}", PR_NONE },
		{ "{\"alg\":\"ES512\"," REST "}", PR_NONE },
		{ "{\"alg\":\"HS512\"," REST "}", PR_BAD_SIGNATURE_ALGORITHM },
		{ "{\"alg\":\"PS256\"," REST "}", PR_BAD_SIGNATURE_ALGORITHM },
		{ "{\"alg\":\"EdDSA\"," REST "}", PR_NONE },
		{ "{\"alg\":\"Ed448\"," REST "}", PR_BAD_SIGNATURE_ALGORITHM },
		{ "{\"alg\":\"RS1\"," REST "}", PR_BAD_SIGNATURE_ALGORITHM },
		{ "{" ES "\"crit\":[\"b64\"],\"b64\":false," REST "}",
		    PR_MALFORMED },
		{ "{" ES "\"crit\":[]," REST "}", PR_MALFORMED },
		{ "{" ES "\"b64\":true," REST "}", PR_MALFORMED },
		{ "{" ES "\"alg\":\"none\"," REST "}", PR_MALFORMED },
		{ "{" ES REST "} ", PR_NONE },
		{ "{" ES REST "}{}", PR_MALFORMED },
		/* url */
		{ "{" ES "\"kid\":\"x\"}", PR_MALFORMED },
		{ "{" ES "\"kid\":\"x\",\"url\":7}", PR_MALFORMED },
		{ "{" ES "\"kid\":\"x\",\"url\":[\"" URL "\"]}",
		    PR_MALFORMED },
		/* jwk and kid */
		{ "{" ES "\"url\":\"x\"}", PR_MALFORMED },
		{ "{" ES "\"jwk\":{}," REST "}", PR_MALFORMED },
		{ "{" ES "\"jwk\":null," REST "}", PR_MALFORMED },
		{ "{" ES "\"url\":\"x\",\"jwk\":null}", PR_MALFORMED },
		{ "{" ES "\"url\":\"x\",\"jwk\":\"{}\"}", PR_MALFORMED },
		{ "{" ES "\"url\":\"x\",\"jwk\":[]}", PR_MALFORMED },
		{ "{" ES "\"url\":\"x\",\"jwk\":{}}", PR_NONE },
		{ "{" ES "\"url\":\"x\",\"kid\":{}}", PR_MALFORMED },
		{ "{" ES "\"url\":\"x\",\"kid\":null}", PR_MALFORMED },
		/* RFC 8555, 6.5.2 */
		{ "{" ES "\"url\":\"x\",\"kid\":\"x\",\"nonce\":\"a=b\"}",
		    PR_MALFORMED },
		{ "{" ES "\"url\":\"x\",\"kid\":\"x\",\"nonce\":\"AA==\"}",
		    PR_MALFORMED },
		{ "{" ES "\"url\":\"x\",\"kid\":\"x\",\"nonce\":\"\"}",
		    PR_MALFORMED },
		{ "{" ES "\"url\":\"x\",\"kid\":\"x\",\"nonce\":\"A\"}",
		    PR_MALFORMED },
		{ "{" ES "\"url\":\"x\",\"kid\":\"x\",\"nonce\":null}",
		    PR_MALFORMED },
		{ "{" ES "\"url\":\"x\",\"kid\":\"x\",\"nonce\":5}",
		    PR_MALFORMED },
	};
	struct arena *a = *state;
	const char *body;
	struct jws jws;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		body = body_make(a, rows[i].header, "{}", "AA");
		if (body_read(a, body, strlen(body), &jws) != rows[i].type)
			fail_msg("header %zu: %s", i, rows[i].header);
		jws_clear(&jws);
	}
}

/* base64url of {"alg":"ES256","url":"x","kid":"x"} */
#define OK	"eyJhbGciOiJFUzI1NiIsInVybCI6IngiLCJraWQiOiJ4In0"
#define P	"\"protected\":\"" OK "\""

static void
test_hostile_bodies(void **state)
{
	static const struct {
		const char *body;
		enum problem_type type;
	} rows[] = {
		{ "{" P ",\"payload\":\"\",\"signature\":\"AA\"}", PR_NONE },
		{ " {" P ",\n\"payload\":\"e30\",\"signature\":\"\"}\n",
		    PR_NONE },
		{ "{" P ",\"payload\":\"\",\"signature\":\"AA\",\"x\":1}",
		    PR_NONE },
		{ "", PR_MALFORMED },
		{ "{}", PR_MALFORMED },
		{ "\"" OK "..AA\"", PR_MALFORMED },
		{ OK "..AA", PR_MALFORMED },
		{ "[{" P ",\"payload\":\"\",\"signature\":\"AA\"}]",
		    PR_MALFORMED },
		{ "{\"payload\":\"\",\"signatures\":[{" P
		    ",\"signature\":\"AA\"}]}", PR_MALFORMED },
		{ "{" P ",\"payload\":\"\",\"signature\":\"AA\","
		    "\"signatures\":[]}", PR_MALFORMED },
		{ "{" P ",\"payload\":\"\",\"signature\":\"AA\","
		    "\"header\":{}}", PR_MALFORMED },
		{ "{" P ",\"payload\":\"\",\"signature\":\"AA\","
		    "\"header\":null}", PR_MALFORMED },
		{ "{" P ",\"signature\":\"AA\"}", PR_MALFORMED },
		{ "{" P ",\"payload\":null,\"signature\":\"AA\"}",
		    PR_MALFORMED },
		{ "{" P ",\"payload\":{},\"signature\":\"AA\"}",
		    PR_MALFORMED },
		{ "{" P ",\"payload\":\"\"}", PR_MALFORMED },
		{ "{" P ",\"payload\":\"\",\"signature\":[\"AA\"]}",
		    PR_MALFORMED },
		{ "{\"payload\":\"\",\"signature\":\"AA\"}", PR_MALFORMED },
		{ "{\"protected\":\"\",\"payload\":\"\",\"signature\":"
		    "\"AA\"}", PR_MALFORMED },
		/* RFC 8555, 6.1 */
		{ "{\"protected\":\"" OK "=\",\"payload\":\"\","
		    "\"signature\":\"AA\"}", PR_MALFORMED },
		{ "{" P ",\"payload\":\"e30=\",\"signature\":\"AA\"}",
		    PR_MALFORMED },
		{ "{" P ",\"payload\":\"{}\",\"signature\":\"AA\"}",
		    PR_MALFORMED },
		{ "{" P ",\"payload\":\"\",\"signature\":\"AA==\"}",
		    PR_MALFORMED },
		{ "{" P ",\"payload\":\"\",\"signature\":\"A\"}",
		    PR_MALFORMED },
		{ "{" P ",\"payload\":\"\",\"signature\":\"AB\"}",
		    PR_MALFORMED },
		{ "{" P ",\"payload\":\" \",\"signature\":\"AA\"}",
		    PR_MALFORMED },
		{ "{" P "," P ",\"payload\":\"\",\"signature\":\"AA\"}",
		    PR_MALFORMED },
		{ "{" P ",\"payload\":\"\",\"payload\":\"e30\","
		    "\"signature\":\"AA\"}", PR_MALFORMED },
		{ "{" P ",\"payload\":\"\",\"signature\":\"AA\"}x",
		    PR_MALFORMED },
		/* RFC 8037, A.4 in flattened form: no url */
		{ "{\"protected\":\"eyJhbGciOiJFZERTQSJ9\",\"payload\":"
		    "\"RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc\",\"signature\":"
		    "\"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4"
		    "ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg\"}", PR_MALFORMED },
		/* RFC 7515, A.1 in flattened form */
		{ "{\"protected\":\"" A1_HEADER "\",\"payload\":\"" A_PAYLOAD
		    "\",\"signature\":"
		    "\"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\"}",
		    PR_BAD_SIGNATURE_ALGORITHM },
		/* RFC 7515, A.3 in flattened form: no url */
		{ "{\"protected\":\"" A3_HEADER "\",\"payload\":\"" A_PAYLOAD
		    "\",\"signature\":\"" A3_SIGNATURE "\"}", PR_MALFORMED },
	};
	struct jws jws;
	size_t i;

	for (i = 0; i < nitems(rows); i++) {
		if (body_read(*state, rows[i].body, strlen(rows[i].body),
		    &jws) != rows[i].type)
			fail_msg("body %zu: %s", i, rows[i].body);
		jws_clear(&jws);
	}
}

/* RFC 8555, 6.2: the limit is told as 413; a body of that size is read. */
static void
test_sizes(void **state)
{
	struct arena *a = *state;
	struct problem p;
	struct jws jws;
	struct buf b;
	size_t len;
	int extra;

	for (extra = 0; extra < 2; extra++) {
		buf_init(&b, a);
		buf_puts(&b, "{" P ",\"payload\":\"\",\"signature\":\"AA\"}");
		while (b.len < JWS_MAX + (size_t)extra)
			buf_puts(&b, " ");
		assert_int_equal(jws_parse(a, b.data, b.len, &jws, &p),
		    -extra);
		if (extra == 1)
			assert_int_equal(problem_http_status(&p), 413);
		jws_clear(&jws);
	}
	/* every shorter one is refused, and read no further than its end */
	len = strlen("{" P ",\"payload\":\"\",\"signature\":\"AA\"}");
	while (len-- > 0) {
		char *cut = malloc(len + 1);

		memcpy(cut, b.data, len);
		assert_int_equal(body_read(a, cut, len, &jws), PR_MALFORMED);
		jws_clear(&jws);
		free(cut);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_rfc7515_a2),
		UNIT(test_rfc7515_a3),
		UNIT(test_es256_signatures),
		UNIT(test_thumbprints),
		UNIT(test_canonical_text),
		UNIT(test_bad_keys),
		UNIT(test_rsa_sizes),
		UNIT(test_whole_request),
		UNIT(test_post_as_get),
		UNIT(test_hostile_headers),
		UNIT(test_hostile_bodies),
		UNIT(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

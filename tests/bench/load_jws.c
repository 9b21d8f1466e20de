/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of a client.  The request is written as DER directly: an
 * OpenSSL object for the key's way into a CSR costs more than all the
 * signatures of an order, and the generator shall leave the processor to the
 * server.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "hsm/der.h"
#include "server/enc.h"
#include "server/log.h"
#include "server/mem.h"
#include "load_jws.h"

#define POINT_LEN	65	/* of P-256, not compressed */
#define RAW_LEN		64	/* RFC 7518, 3.4 */

/* SubjectPublicKeyInfo of a P-256 key up to its point (RFC 5480, 2). */
static const unsigned char spki_head[] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
	0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
	0x07, 0x03, 0x42, 0x00,
};

static void
must(int good, const char *what)
{
	if (!good)
		die(EXIT_FAILED, "OpenSSL: %s failed", what);
}

static void
point_of(EVP_PKEY *pkey, unsigned char out[POINT_LEN])
{
	size_t len = 0;

	must(EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY,
	    out, POINT_LEN, &len) == 1 && len == POINT_LEN, "reading a key");
}

static EVP_PKEY *
p256_new(void)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");

	must(pkey != NULL && EVP_PKEY_set_utf8_string_param(pkey,
	    OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") == 1,
	    "making a P-256 key");
	return pkey;
}

static const char *
number(struct arena *a, EVP_PKEY *pkey, const char *name)
{
	unsigned char octets[512];
	BIGNUM *bn = NULL;
	int n;

	must(EVP_PKEY_get_bn_param(pkey, name, &bn) == 1 &&
	    BN_num_bytes(bn) <= (int)sizeof(octets), "reading a key");
	n = BN_bn2bin(bn, octets);
	BN_free(bn);
	return b64u_encode(a, octets, (size_t)n);
}

static void
jwk_print(struct arena *a, struct account_key *key, bool rsa)
{
	unsigned char point[POINT_LEN];

	if (rsa) {
		snprintf(key->jwk, sizeof(key->jwk),
		    "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}",
		    number(a, key->pkey, OSSL_PKEY_PARAM_RSA_E),
		    number(a, key->pkey, OSSL_PKEY_PARAM_RSA_N));
		return;
	}
	point_of(key->pkey, point);
	snprintf(key->jwk, sizeof(key->jwk), "{\"crv\":\"P-256\","
	    "\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
	    b64u_encode(a, point + 1, 32), b64u_encode(a, point + 33, 32));
}

void
account_key_new(struct account_key *key, const char *alg)
{
	unsigned char digest[DIGEST_LEN];
	struct arena *a = arena_new(16384);
	bool rsa = strcmp(alg, "RS256") == 0;

	key->alg = alg;
	key->pkey = rsa ? EVP_RSA_gen(2048) : p256_new();
	must(key->pkey != NULL, "making an account key");
	jwk_print(a, key, rsa);
	sha256(key->jwk, strlen(key->jwk), digest);
	snprintf(key->thumbprint, sizeof(key->thumbprint), "%s",
	    b64u_encode(a, digest, sizeof(digest)));
	arena_free(a);
}

void
account_key_free(struct account_key *key)
{
	EVP_PKEY_free(key->pkey);
	key->pkey = NULL;
}

/* SHA-256 and the key's signature over the octets, as OpenSSL gives it. */
static size_t
sign(EVP_PKEY *pkey, const void *data, size_t len, unsigned char *out,
    size_t size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	must(ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL,
	    pkey) == 1 && EVP_DigestSign(ctx, out, &size, data, len) == 1,
	    "signing");
	EVP_MD_CTX_free(ctx);
	return size;
}

/* Two numbers of 32 octets in place of the DER of them. */
static void
raw_of(const unsigned char *der, size_t len, unsigned char out[RAW_LEN])
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);

	must(sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) ==
	    32 && BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) == 32,
	    "reading a signature");
	ECDSA_SIG_free(sig);
}

char *
jws_make(struct arena *a, const struct account_key *key, const char *kid,
    const char *nonce, const char *url, const char *payload)
{
	unsigned char der[1024], raw[RAW_LEN];
	const char *protected, *body, *signature;
	char *input;
	size_t len;

	protected = arena_printf(a, "{\"alg\":\"%s\",\"nonce\":\"%s\","
	    "\"url\":\"%s\",\"%s\":%s%s%s}", key->alg, nonce, url,
	    kid != NULL ? "kid" : "jwk", kid != NULL ? "\"" : "",
	    kid != NULL ? kid : key->jwk, kid != NULL ? "\"" : "");
	protected = b64u_encode(a, protected, strlen(protected));
	body = b64u_encode(a, payload, strlen(payload));
	input = arena_printf(a, "%s.%s", protected, body);
	len = sign(key->pkey, input, strlen(input), der, sizeof(der));
	if (key->alg[0] == 'E') {
		raw_of(der, len, raw);
		signature = b64u_encode(a, raw, RAW_LEN);
	} else
		signature = b64u_encode(a, der, len);
	return arena_printf(a, "{\"protected\":\"%s\",\"payload\":\"%s\","
	    "\"signature\":\"%s\"}", protected, body, signature);
}

/* ------------------------------------------------------------------- CSR */

/* The attribute that asks for a subjectAltName (RFC 2985, 5.4.2). */
static void
attributes_write(struct der_writer *w, const char *const *names, size_t count)
{
	size_t end = der_mark(w), i;	/* all of it ends at one place */

	for (i = count; i > 0; i--)
		der_text(w, DER_CONTEXT(2), names[i - 1]);
	der_wrap(w, DER_SEQUENCE, end);
	der_wrap(w, DER_OCTET_STRING, end);
	must(der_oid(w, "2.5.29.17") == 0, "an OID");
	der_wrap(w, DER_SEQUENCE, end);
	der_wrap(w, DER_SEQUENCE, end);
	der_wrap(w, DER_SET, end);
	must(der_oid(w, "1.2.840.113549.1.9.14") == 0, "an OID");
	der_wrap(w, DER_SEQUENCE, end);
	der_wrap(w, DER_CONSTRUCTED(0), end);
}

static const unsigned char *
info_write(struct arena *a, const struct request *r, const char *const *names,
    size_t count, size_t *len)
{
	struct der_writer w;
	size_t mark;

	der_init(&w, a);
	mark = der_mark(&w);
	attributes_write(&w, names, count);
	der_raw(&w, r->spki, r->spki_len);
	der_element(&w, DER_SEQUENCE, "", 0);
	der_uint(&w, 0);
	der_wrap(&w, DER_SEQUENCE, mark);
	return der_finish(&w, len);
}

static void
signed_write(struct arena *a, const unsigned char *info, size_t info_len,
    const unsigned char *sig, size_t sig_len, struct request *r)
{
	struct der_writer w;
	size_t all, part;

	der_init(&w, a);
	all = part = der_mark(&w);
	der_raw(&w, sig, sig_len);
	der_raw(&w, "", 1);		/* no unused bits */
	der_wrap(&w, DER_BIT_STRING, part);
	part = der_mark(&w);
	must(der_oid(&w, "1.2.840.10045.4.3.2") == 0, "an OID");
	der_wrap(&w, DER_SEQUENCE, part);
	der_raw(&w, info, info_len);
	der_wrap(&w, DER_SEQUENCE, all);
	r->der = der_finish(&w, &r->len);
}

void
csr_make(struct arena *a, const char *const *names, size_t count,
    struct request *r)
{
	unsigned char sig[80], *spki;
	const unsigned char *info;
	EVP_PKEY *pkey = p256_new();
	size_t len, sig_len;

	spki = arena_alloc(a, sizeof(spki_head) + POINT_LEN);
	memcpy(spki, spki_head, sizeof(spki_head));
	point_of(pkey, spki + sizeof(spki_head));
	r->spki = spki;
	r->spki_len = sizeof(spki_head) + POINT_LEN;
	info = info_write(a, r, names, count, &len);
	sig_len = sign(pkey, info, len, sig, sizeof(sig));
	signed_write(a, info, len, sig, sig_len, r);
	EVP_PKEY_free(pkey);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encryption to an ephemeral key, once in each direction of the code.  The
 * key id is authenticated with the ciphertext, so that the key of one id
 * cannot be passed off as that of another.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "../server/json.h"
#include "../server/jws.h"
#include "../server/jws_key.h"
#include "../server/mem.h"
#include "../server/problem.h"
#include "deliver.h"

#define INFO		"chancery eab key"
#define IV_LEN		12
#define TAG_LEN		16
#define MEMORY		(256u << 10)

/* RFC 5869 without a salt: the shared secret is used for this alone. */
static int
hkdf(const unsigned char *secret, size_t len, unsigned char out[DIGEST_LEN])
{
	char digest[] = "SHA256", info[] = INFO;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
		    digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
		    (void *)secret, len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info,
		    sizeof(info) - 1),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	int rv = -1;

	if (ctx != NULL && EVP_KDF_derive(ctx, out, DIGEST_LEN, params) == 1)
		rv = 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return rv;
}

/* The key that both ends have; 0 or -1. */
static int
agree(EVP_PKEY *own, EVP_PKEY *other, unsigned char out[DIGEST_LEN])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	unsigned char secret[32];
	size_t len = sizeof(secret);
	int rv = -1;

	if (ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	    EVP_PKEY_derive_set_peer(ctx, other) == 1 &&
	    EVP_PKEY_derive(ctx, secret, &len) == 1)
		rv = hkdf(secret, len, out);
	OPENSSL_cleanse(secret, sizeof(secret));
	EVP_PKEY_CTX_free(ctx);
	return rv;
}

static int
encrypt(const unsigned char *with, const unsigned char *iv, const char *kid,
    const unsigned char *key, unsigned char *out, unsigned char *tag)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len, rv = -1;

	if (ctx != NULL && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL,
	    with, iv) == 1 && EVP_EncryptUpdate(ctx, NULL, &len,
	    (const unsigned char *)kid, (int)strlen(kid)) == 1 &&
	    EVP_EncryptUpdate(ctx, out, &len, key, DIGEST_LEN) == 1 &&
	    len == DIGEST_LEN && EVP_EncryptFinal_ex(ctx, out + len,
	    &len) == 1 && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG,
	    TAG_LEN, tag) == 1)
		rv = 0;
	EVP_CIPHER_CTX_free(ctx);
	return rv;
}

static int
decrypt(const unsigned char *with, const unsigned char *iv, const char *kid,
    const unsigned char *text, unsigned char *tag, unsigned char *key)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int len, rv = -1;

	if (ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL,
	    with, iv) == 1 && EVP_DecryptUpdate(ctx, NULL, &len,
	    (const unsigned char *)kid, (int)strlen(kid)) == 1 &&
	    EVP_DecryptUpdate(ctx, key, &len, text, DIGEST_LEN) == 1 &&
	    len == DIGEST_LEN && EVP_CIPHER_CTX_ctrl(ctx,
	    EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
	    EVP_DecryptFinal_ex(ctx, key + len, &len) == 1)
		rv = 0;
	EVP_CIPHER_CTX_free(ctx);
	return rv;
}

static json_t *
message(struct arena *a, EVP_PKEY *own, const unsigned char *iv,
    const unsigned char *text, const unsigned char *tag)
{
	const char *epk = jwk_print(a, own), *why;

	if (epk == NULL)
		return NULL;
	return json_pack("{s:o, s:s, s:s, s:s}",
	    "epk", json_read_object(epk, strlen(epk), &why),
	    "iv", b64u_encode(a, iv, IV_LEN),
	    "ciphertext", b64u_encode(a, text, DIGEST_LEN),
	    "tag", b64u_encode(a, tag, TAG_LEN));
}

json_t *
deliver_seal(const json_t *jwk, const char *kid,
    const unsigned char key[DIGEST_LEN], char *why, size_t whylen)
{
	struct arena *a = arena_new(MEMORY);
	unsigned char with[DIGEST_LEN], iv[IV_LEN], tag[TAG_LEN];
	unsigned char text[DIGEST_LEN];
	struct problem p = { 0 };
	EVP_PKEY *own = NULL;
	struct jwk to = { 0 };
	json_t *out = NULL;

	if (jwk_parse(a, jwk, &to, &p) == -1) {
		snprintf(why, whylen, "%s", p.detail);
		goto out;
	}
	snprintf(why, whylen, "the key to deliver to must be of P-256");
	if (strcmp(to.alg, "ES256") != 0)
		goto out;
	random_octets(iv, sizeof(iv));
	own = EVP_EC_gen("P-256");
	if (own != NULL && agree(own, to.pkey, with) == 0 &&
	    encrypt(with, iv, kid, key, text, tag) == 0)
		out = message(a, own, iv, text, tag);
out:
	OPENSSL_cleanse(with, sizeof(with));
	EVP_PKEY_free(own);
	jwk_clear(&to);
	arena_free(a);
	return out;
}

/* Exactly `len` octets of a member. */
static unsigned char *
octets(struct arena *a, const json_t *o, const char *name, size_t len)
{
	const char *text = json_member_string(o, name);
	unsigned char *data;
	size_t n;

	if (text == NULL || b64u_decode(a, text, strlen(text), &data,
	    &n) == -1 || n != len)
		return NULL;
	return data;
}

int
deliver_open(EVP_PKEY *own, const json_t *sealed, const char *kid,
    unsigned char key[DIGEST_LEN])
{
	struct arena *a = arena_new(MEMORY);
	unsigned char with[DIGEST_LEN], *iv, *text, *tag;
	struct problem p = { 0 };
	struct jwk from = { 0 };
	int rv = -1;

	iv = octets(a, sealed, "iv", IV_LEN);
	text = octets(a, sealed, "ciphertext", DIGEST_LEN);
	tag = octets(a, sealed, "tag", TAG_LEN);
	if (iv != NULL && text != NULL && tag != NULL &&
	    jwk_parse(a, json_object_get(sealed, "epk"), &from, &p) == 0 &&
	    strcmp(from.alg, "ES256") == 0 &&
	    agree(own, from.pkey, with) == 0)
		rv = decrypt(with, iv, kid, text, tag, key);
	OPENSSL_cleanse(with, sizeof(with));
	jwk_clear(&from);
	arena_free(a);
	return rv;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification of P-256 signatures: with a key at hand, and with one that
 * comes in a CSR.  The fastest way that libcrypto has, contexts kept.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "hsm/der.h"
#include "server/enc.h"
#include "server/log.h"
#include "server/mem.h"
#include "floor.h"
#include "load_jws.h"

#define POINT_LEN	65

struct verify {
	EVP_PKEY_CTX	*ctx;
	unsigned char	 text[400];	/* as long as a usual JWS */
	unsigned char	 sig[80];
	size_t		 sig_len;
};

static void
must(int good, const char *what)
{
	if (!good)
		die(EXIT_FAILED, "OpenSSL: %s failed", what);
}

static EVP_PKEY_CTX *
verifier(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);

	must(ctx != NULL && EVP_PKEY_verify_init(ctx) == 1, "verifying");
	return ctx;
}

static int
verify_once(void *arg)
{
	struct verify *v = arg;
	unsigned char digest[DIGEST_LEN];

	sha256(v->text, sizeof(v->text), digest);
	must(EVP_PKEY_verify(v->ctx, v->sig, v->sig_len, digest,
	    sizeof(digest)) == 1, "verifying");
	return 0;
}

struct price
price_verify(double seconds)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct price price;
	struct verify v;

	memset(v.text, 'x', sizeof(v.text));
	v.sig_len = sizeof(v.sig);
	must(pkey != NULL && md != NULL && EVP_DigestSignInit(md, NULL,
	    EVP_sha256(), NULL, pkey) == 1 && EVP_DigestSign(md, v.sig,
	    &v.sig_len, v.text, sizeof(v.text)) == 1, "signing");
	v.ctx = verifier(pkey);
	price = price_of(seconds, verify_once, &v);
	EVP_PKEY_CTX_free(v.ctx);
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(pkey);
	return price;
}

/* -------------------------------------------------------------------- CSR */

static EVP_PKEY *
key_from_point(EVP_PKEY_CTX *maker, const unsigned char *point)
{
	char group[] = "prime256v1";
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group,
		    sizeof(group) - 1),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
		    (void *)point, POINT_LEN),
		OSSL_PARAM_END
	};
	EVP_PKEY *pkey = NULL;

	must(EVP_PKEY_fromdata_init(maker) == 1 && EVP_PKEY_fromdata(maker,
	    &pkey, EVP_PKEY_PUBLIC_KEY, params) == 1, "decoding a key");
	return pkey;
}

struct csr_loop {
	EVP_PKEY_CTX	*maker;
	struct request	 csr;
};

/* RFC 2986, 4: the part that is signed, the point in it, the signature. */
static void
csr_split(const struct request *csr, struct der *info,
    const unsigned char **point, struct der *sig)
{
	struct der all = { csr->der, csr->len }, body, in, spki;
	unsigned tag;

	must(der_take(&all, DER_SEQUENCE, &body) == 0 &&
	    der_take_whole(&body, DER_SEQUENCE, info) == 0 &&
	    der_next(&body, &tag, NULL, NULL) == 0 &&
	    der_take(&body, DER_BIT_STRING, sig) == 0, "reading the CSR");
	body = *info;
	must(der_take(&body, DER_SEQUENCE, &in) == 0 &&
	    der_next(&in, &tag, NULL, NULL) == 0 &&
	    der_next(&in, &tag, NULL, NULL) == 0 &&
	    der_take(&in, DER_SEQUENCE, &spki) == 0 &&
	    der_next(&spki, &tag, NULL, NULL) == 0 &&
	    der_take(&spki, DER_BIT_STRING, &in) == 0 &&
	    in.len == POINT_LEN + 1, "reading the CSR");
	*point = in.data + 1;
}

static int
csr_once(void *arg)
{
	struct csr_loop *l = arg;
	unsigned char digest[DIGEST_LEN];
	const unsigned char *point;
	struct der info, sig;
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *pkey;

	csr_split(&l->csr, &info, &point, &sig);
	pkey = key_from_point(l->maker, point);
	ctx = verifier(pkey);
	sha256(info.data, info.len, digest);
	must(EVP_PKEY_verify(ctx, sig.data + 1, sig.len - 1, digest,
	    sizeof(digest)) == 1, "verifying the CSR");
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return 0;
}

struct price
price_csr(double seconds)
{
	static const char *const names[] = { "www.floor.test" };
	struct arena *a = arena_new(65536);
	struct csr_loop l;
	struct price price;

	csr_make(a, names, 1, &l.csr);
	l.maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	must(l.maker != NULL, "decoding a key");
	price = price_of(seconds, csr_once, &l);
	EVP_PKEY_CTX_free(l.maker);
	arena_free(a);
	return price;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm/csr.c: requests made with OpenSSL, each with one thing wrong, and the
 * one that is right.
 */
#include "unit.h"

#include "../../hsm/csr.c"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

static EVP_PKEY *p256, *p384, *rsa;

static EVP_PKEY *
rsa_make(unsigned bits, uint64_t e)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *pkey = NULL;
	BIGNUM *n = BN_new();

	assert_int_equal(BN_set_word(n, e), 1);
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits), 1);
	assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, n), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &pkey), 1);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	return pkey;
}

static EVP_PKEY *
ec_explicit(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
		    "prime256v1", 10),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING,
		    "explicit", 8),
		OSSL_PARAM_END
	};
	EVP_PKEY *pkey = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_params(ctx, params), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &pkey), 1);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static int
setup(void **state)
{
	(void)state;
	p256 = EVP_EC_gen("P-256");
	p384 = EVP_EC_gen("P-384");
	rsa = rsa_make(2048, 65537);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(rsa);
	return 0;
}

/* How a request is made; everything has a good default. */
struct make {
	EVP_PKEY	*pkey;
	const char	*cn;
	const char	*ext[4][2];	/* name and value as in openssl.cnf */
	const EVP_MD	*md;
	long		 version;
	bool		 twice;		/* the extensionRequest */
	bool		 spoil;		/* the signature */
};

static void
extensions_add(X509_REQ *req, const struct make *m)
{
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
	size_t i;

	for (i = 0; i < nitems(m->ext) && m->ext[i][0] != NULL; i++) {
		X509_EXTENSION *e = X509V3_EXT_conf(NULL, NULL, m->ext[i][0],
		    m->ext[i][1]);

		assert_non_null(e);
		sk_X509_EXTENSION_push(list, e);
	}
	if (i > 0) {
		assert_int_equal(X509_REQ_add_extensions(req, list), 1);
		if (m->twice)
			assert_int_equal(X509_REQ_add_extensions_nid(req,
			    list, NID_ms_ext_req), 1);
	}
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}

static unsigned char *
make(struct arena *a, const struct make *m, size_t *len)
{
	EVP_PKEY *pkey = m->pkey != NULL ? m->pkey : p256;
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL, *copy;
	int n;

	X509_REQ_set_version(req, m->version);
	X509_REQ_set_pubkey(req, pkey);
	if (m->cn != NULL)
		assert_int_equal(X509_NAME_add_entry_by_txt(
		    X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8,
		    (const unsigned char *)m->cn, -1, -1, 0), 1);
	extensions_add(req, m);
	assert_true(X509_REQ_sign(req, pkey,
	    m->md != NULL ? m->md : EVP_sha256()) > 0);
	n = i2d_X509_REQ(req, &der);
	assert_true(n > 0);
	copy = arena_memdup(a, der, (size_t)n);
	*len = (size_t)n;
	if (m->spoil)
		copy[n - 1] ^= 1;
	OPENSSL_free(der);
	X509_REQ_free(req);
	return copy;
}

static int
parse(struct arena *a, const struct make *m, struct csr *csr,
    struct problem *p)
{
	unsigned char *der;
	size_t len;

	memset(p, 0, sizeof(*p));
	der = make(a, m, &len);
	return csr_parse(a, der, len, csr, p);
}

#define SAN(v)	.ext = { { "subjectAltName", v } }

static void
test_good(void **state)
{
	const struct make m = {
		.cn = "B.example.com",
		SAN("DNS:b.example.com,DNS:a.example.com,DNS:*.a.example.com,"
		    "DNS:A.example.com"),
	};
	struct csr csr;
	struct problem p;

	assert_int_equal(parse(*state, &m, &csr, &p), 0);
	assert_int_equal(csr.nnames, 3);
	assert_string_equal(csr.names[0].value, "a.example.com");
	assert_false(csr.names[0].wildcard);
	assert_string_equal(csr.names[1].value, "a.example.com");
	assert_true(csr.names[1].wildcard);
	assert_string_equal(csr.names[2].value, "b.example.com");
	assert_false(csr.rsa);
	assert_int_equal(csr_names_check(&csr, csr.names, 3, &p), 0);
	assert_int_equal(csr_names_check(&csr, csr.names, 2, &p), -1);
	assert_int_equal(p.type, PR_BAD_CSR);
	assert_int_equal(csr_names_check(&csr, csr.names + 1, 2, &p), -1);
}

/* The octets that come out are those of the key, for each kind of key. */
static void
test_spki(void **state)
{
	EVP_PKEY *keys[] = { p256, p384, rsa };
	struct problem p;
	struct csr csr;
	size_t i;

	for (i = 0; i < nitems(keys); i++) {
		const struct make m = { .pkey = keys[i],
		    SAN("DNS:a.example.com") };
		unsigned char *want = NULL;
		int n;

		assert_int_equal(parse(*state, &m, &csr, &p), 0);
		n = i2d_PUBKEY(keys[i], &want);
		assert_int_equal(csr.spki_len, n);
		assert_memory_equal(csr.spki, want, csr.spki_len);
		assert_int_equal(csr.rsa, keys[i] == rsa);
		OPENSSL_free(want);
	}
}

/* A commonName that is no name is neither copied nor judged. */
static void
test_common_name(void **state)
{
	static const struct {
		const char	*cn;
		int		 rc;
		size_t		 names;
	} t[] = {
		{ "a.example.com", 0, 1 }, { "b.example.com", 0, 2 },
		{ "A host of ours", 0, 1 }, { "localhost", 0, 1 },
		{ "127.0.0.1", -1, 0 }, { "a_b.example.com", -1, 0 },
		{ "*.*.example.com", -1, 0 },
	};
	struct problem p;
	struct csr csr;
	size_t i;

	for (i = 0; i < nitems(t); i++) {
		const struct make m = { .cn = t[i].cn,
		    SAN("DNS:a.example.com") };

		assert_int_equal(parse(*state, &m, &csr, &p), t[i].rc);
		if (t[i].rc == 0)
			assert_int_equal(csr.nnames, t[i].names);
		else
			assert_int_equal(p.type, PR_BAD_CSR);
	}
}

static void
test_common_name_alone(void **state)
{
	const struct make m = { .cn = "a.example.com" };
	struct problem p;
	struct csr csr;

	assert_int_equal(parse(*state, &m, &csr, &p), 0);
	assert_int_equal(csr.nnames, 1);
}

static void
test_refused(void **state)
{
	const struct make t[] = {
		{ .cn = NULL },
		{ .cn = "no name" },
		{ SAN("DNS:a.example.com"), .spoil = true },
		{ SAN("DNS:a.example.com"), .version = 1 },
		{ SAN("DNS:a.example.com"), .md = EVP_sha1() },
		{ SAN("DNS:a.example.com,email:a@example.com") },
		{ SAN("DNS:a.example.com,IP:192.0.2.1") },
		{ SAN("DNS:a.example.com,URI:http://a.example.com/") },
		{ SAN("DNS:a.example.com,otherName:1.2.3.4;UTF8:x") },
		{ SAN("DNS:a_b.example.com") },
		{ SAN("DNS:a.example.com."), },
		{ .ext = { { "subjectAltName", "DNS:a.example.com" },
		    { "basicConstraints", "CA:TRUE" } } },
		{ .ext = { { "subjectAltName", "DNS:a.example.com" },
		    { "subjectAltName", "DNS:b.example.com" } } },
		{ .ext = { { "subjectAltName", "DNS:a.example.com" },
		    { "1.2.3.4", "critical,ASN1:NULL" } } },
		{ SAN("DNS:a.example.com"), .twice = true },
	};
	struct problem p;
	struct csr csr;
	size_t i;

	for (i = 0; i < nitems(t); i++) {
		if (parse(*state, &t[i], &csr, &p) != -1)
			fail_msg("number %zu was accepted", i);
		assert_int_equal(p.type, PR_BAD_CSR);
	}
}

/* What the profile decides is not looked at. */
static void
test_ignored(void **state)
{
	const struct make m = { .ext = {
		{ "subjectAltName", "critical,DNS:a.example.com" },
		{ "basicConstraints", "critical,CA:FALSE" },
		{ "extendedKeyUsage", "clientAuth" },
		{ "1.3.6.1.4.1.311.20.2", "ASN1:UTF8:WebServer" } } };
	struct problem p;
	struct csr csr;

	assert_int_equal(parse(*state, &m, &csr, &p), 0);
	assert_int_equal(csr.nnames, 1);
}

static void
refuse_key(struct arena *a, EVP_PKEY *pkey, const EVP_MD *md)
{
	const struct make m = { .pkey = pkey, .md = md,
	    SAN("DNS:a.example.com") };
	struct problem p;
	struct csr csr;

	assert_int_equal(parse(a, &m, &csr, &p), -1);
	assert_int_equal(p.type, PR_BAD_CSR);
	EVP_PKEY_free(pkey);
}

static void
test_keys(void **state)
{
	refuse_key(*state, rsa_make(1024, 65537), NULL);
	refuse_key(*state, rsa_make(2048, 3), NULL);
	refuse_key(*state, EVP_EC_gen("P-521"), NULL);
	refuse_key(*state, EVP_EC_gen("secp256k1"), NULL);
	refuse_key(*state, ec_explicit(), NULL);
}

/* An RSA public key from little-endian octets, as a SPKI. */
static X509_PUBKEY *
rsa_pubkey(unsigned char *n, size_t len)
{
	unsigned char e[] = { 1, 0, 1 };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM params[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, n, len),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, e, sizeof(e)),
		OSSL_PARAM_END
	};
	EVP_PKEY *pkey = NULL;
	X509_PUBKEY *pub = NULL;

	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY,
	    params), 1);
	assert_int_equal(X509_PUBKEY_set(&pub, pkey), 1);
	EVP_PKEY_free(pkey);
	EVP_PKEY_CTX_free(ctx);
	return pub;
}

/* A modulus of the right size that is a multiple of 751. */
static void
test_small_factor(void **state)
{
	unsigned char octets[256];
	struct problem p = { 0 };
	BIGNUM *n = BN_new();
	X509_PUBKEY *pub;

	(void)state;
	BN_set_bit(n, 2047);
	BN_set_bit(n, 0);
	while (BN_mod_word(n, 751) != 0 || BN_mod_word(n, 3) == 0)
		BN_add_word(n, 2);
	assert_int_equal(BN_bn2lebinpad(n, octets, sizeof(octets)), 256);
	pub = rsa_pubkey(octets, sizeof(octets));
	assert_int_equal(csr_key_check(pub, &p), -1);
	assert_int_equal(p.type, PR_BAD_CSR);
	assert_non_null(strstr(p.detail, "divisible"));
	X509_PUBKEY_free(pub);
	BN_free(n);
}

static void
test_octets(void **state)
{
	const struct make m = { SAN("DNS:a.example.com") };
	struct problem p = { 0 };
	struct csr csr;
	unsigned char *der, *more;
	size_t len, i;

	der = make(*state, &m, &len);
	more = arena_alloc(*state, len + 1);
	memcpy(more, der, len);
	assert_int_equal(csr_parse(*state, more, len + 1, &csr, &p), -1);
	assert_int_equal(p.type, PR_BAD_CSR);
	for (i = 0; i < len; i++)
		assert_int_equal(csr_parse(*state, der, i, &csr, &p), -1);
	assert_int_equal(csr_parse(*state, (const unsigned char *)"x", 1,
	    &csr, &p), -1);
}

/* No octet of a request can be changed without notice. */
static void
test_flips(void **state)
{
	const struct make m = { SAN("DNS:a.example.com") };
	struct arena *a;
	struct problem p;
	struct csr csr;
	unsigned char *der;
	size_t len, i;

	der = make(*state, &m, &len);
	for (i = 0; i < len; i++) {
		a = arena_new(UNIT_LIMIT);
		der[i] ^= 0x20;
		if (csr_parse(a, der, len, &csr, &p) != -1)
			fail_msg("octet %zu of %zu", i, len);
		der[i] ^= 0x20;
		arena_free(a);
	}
}

/* RFC 7638, 3.1: the key of the example as a certificate's key. */
static void
test_thumbprint(void **state)
{
	static const char n64[] =
	    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zw"
	    "u1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4"
	    "Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSq"
	    "zs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI"
	    "4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8"
	    "awapJzKnqDKgw";
	unsigned char out[DIGEST_LEN], *octets;
	X509_PUBKEY *pub;
	size_t len, i;

	assert_int_equal(b64u_decode(*state, n64, strlen(n64), &octets, &len),
	    0);
	for (i = 0; i < len / 2; i++) {
		unsigned char c = octets[i];

		octets[i] = octets[len - 1 - i];
		octets[len - 1 - i] = c;
	}
	pub = rsa_pubkey(octets, len);
	assert_int_equal(csr_key_thumbprint(*state, X509_PUBKEY_get0(pub),
	    out), 0);
	assert_string_equal(b64u_encode(*state, out, sizeof(out)),
	    "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	X509_PUBKEY_free(pub);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_good),
		UNIT(test_spki),
		UNIT(test_common_name),
		UNIT(test_common_name_alone),
		UNIT(test_refused),
		UNIT(test_ignored),
		UNIT(test_keys),
		UNIT(test_small_factor),
		UNIT(test_octets),
		UNIT(test_flips),
		UNIT(test_thumbprint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm/csr.c: requests made with OpenSSL, each with one thing wrong, and the
 * one that is right.
 */
#include "unit.h"

#include "../../hsm/csr.c"
#include "../../hsm/csr_rsa.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

static EVP_PKEY *p256, *p384, *p521, *ed, *rsa;

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
	p521 = EVP_EC_gen("P-521");
	ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	rsa = rsa_make(2048, 65537);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(p521);
	EVP_PKEY_free(ed);
	EVP_PKEY_free(rsa);
	return 0;
}

/* How a request is made; everything has a good default. */
struct make {
	EVP_PKEY	*pkey;
	const char	*cn;
	const char	*ext[4][2];	/* name and value as in openssl.cnf */
	const EVP_MD	*md;		/* not with Ed25519 */
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
		    X509_REQ_get_subject_name(req), "CN", V_ASN1_UTF8STRING,
		    (const unsigned char *)m->cn, -1, -1, 0), 1);
	extensions_add(req, m);
	assert_true(X509_REQ_sign(req, pkey, pkey == ed ? NULL :
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
	assert_int_equal(csr.kind, PROFILE_P256);
	assert_int_equal(csr_names_check(&csr, csr.names, 3, &p), 0);
	assert_int_equal(csr_names_check(&csr, csr.names, 2, &p), -1);
	assert_int_equal(p.type, PR_BAD_CSR);
	assert_int_equal(csr_names_check(&csr, csr.names + 1, 2, &p), -1);
}

/* The octets that come out are those of the key, for each kind of key. */
static void
test_spki(void **state)
{
	EVP_PKEY *keys[] = { p256, p384, p521, ed, rsa };
	const unsigned kinds[] = { PROFILE_P256, PROFILE_P384, PROFILE_P521,
	    PROFILE_ED25519, PROFILE_RSA };
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
		assert_int_equal(csr.kind, kinds[i]);
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
		{ "192.0.2.1", 0, 2 }, { "2001:DB8:0::1", 0, 2 },
		{ "", 0, 1 }, { "192.0.2.256", -1, 0 }, { "a_b.example.com", -1, 0 },
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

/* RFC 8738, 3; sorted with the names, in one form. */
static void
test_addresses(void **state)
{
	const struct make m = {
		.cn = "192.0.2.1",
		SAN("IP:2001:DB8:0:0:0:0:0:1,IP:192.0.2.1,DNS:a.example.com"),
	};
	struct problem p;
	struct csr csr;

	assert_int_equal(parse(*state, &m, &csr, &p), 0);
	assert_int_equal(csr.nnames, 3);
	assert_string_equal(csr.names[0].type, "dns");
	assert_string_equal(csr.names[1].type, "ip");
	assert_string_equal(csr.names[1].value, "192.0.2.1");
	assert_string_equal(csr.names[2].value, "2001:db8::1");
}

static void
test_refused(void **state)
{
	const struct make t[] = {
		{ .cn = NULL },
		{ .cn = "no name" },
		{ SAN("DNS:a.example.com"), .spoil = true },
		{ SAN("DNS:a.example.com"), .version = 3 },
		{ SAN("DNS:a.example.com"), .md = EVP_sha1() },
		{ SAN("DNS:a.example.com,email:a@example.com") },
		{ SAN("DER:300787050102030405") },	/* 5 octets */
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
	unsigned kind;

	(void)state;
	BN_set_bit(n, 2047);
	BN_set_bit(n, 0);
	while (BN_mod_word(n, 751) != 0 || BN_mod_word(n, 3) == 0)
		BN_add_word(n, 2);
	assert_int_equal(BN_bn2lebinpad(n, octets, sizeof(octets)), 256);
	pub = rsa_pubkey(octets, sizeof(octets));
	assert_int_equal(csr_key_check(pub, &kind, &p), -1);
	assert_int_equal(p.type, PR_BAD_CSR);
	assert_non_null(strstr(p.detail, "divisible"));
	X509_PUBKEY_free(pub);
	BN_free(n);
}

static int
judge_modulus(const BIGNUM *n, struct problem *p)
{
	BIGNUM *e = BN_new();
	int rc;

	memset(p, 0, sizeof(*p));
	BN_set_word(e, 65537);
	rc = rsa_key_check(n, e, p);
	assert_int_equal(p->type, rc == -1 ? PR_BAD_CSR : PR_NONE);
	BN_free(e);
	return rc;
}

/* A key of a good generator, as a number. */
static BIGNUM *
good_modulus(void)
{
	BIGNUM *n = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N,
	    &n), 1);
	return n;
}

static void
test_exponents(void **state)
{
	static const struct {
		const char	*e;
		int		 rc;
	} t[] = {
		{ "3", -1 }, { "65535", -1 }, { "65537", 0 },
		{ "65538", -1 }, { "4294967297", 0 },
		{ "36893488147419103233", -1 },
	};
	BIGNUM *n = good_modulus(), *e = NULL;
	struct problem p;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(t); i++) {
		BN_dec2bn(&e, t[i].e);
		assert_int_equal(rsa_key_check(n, e, &p), t[i].rc);
	}
	BN_free(n);
	BN_free(e);
}

/* Two primes of 1024 bits that are `apart` from each other at the least. */
static BIGNUM *
close_primes(const char *apart)
{
	BIGNUM *p = BN_new(), *q, *n = BN_new(), *d = NULL;
	BN_CTX *ctx = BN_CTX_new();

	BN_dec2bn(&d, apart);
	assert_int_equal(BN_generate_prime_ex(p, 1024, 0, NULL, NULL, NULL),
	    1);
	q = BN_dup(p);
	BN_add(q, q, d);
	while (BN_check_prime(q, ctx, NULL) != 1)
		BN_add_word(q, 2);
	BN_mul(n, p, q, ctx);
	BN_free(p);
	BN_free(q);
	BN_free(d);
	BN_CTX_free(ctx);
	return n;
}

/* CA/B BR, 6.1.1.3: found in 100 rounds, and a good key is not. */
static void
test_fermat(void **state)
{
	static const char *const apart[] = { "2", "1000000",
	    "1000000000000000000000000000000000000000000000000000000000000" };
	struct problem p;
	BN_CTX *ctx;
	BIGNUM *n;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(apart); i++) {
		n = close_primes(apart[i]);
		assert_int_equal(judge_modulus(n, &p), -1);
		assert_non_null(strstr(p.detail, "Fermat"));
		BN_free(n);
	}
	n = good_modulus();
	assert_int_equal(judge_modulus(n, &p), 0);
	/* a square is the worst of them */
	BN_rshift(n, n, 1024);
	BN_set_bit(n, 1022);
	BN_set_bit(n, 0);
	while (BN_check_prime(n, NULL, NULL) != 1)
		BN_add_word(n, 2);
	ctx = BN_CTX_new();
	assert_int_equal(BN_sqr(n, n, ctx), 1);
	BN_CTX_free(ctx);
	assert_int_equal(judge_modulus(n, &p), -1);
	assert_non_null(strstr(p.detail, "Fermat"));
	BN_free(n);
}

/* A prime of the faulty library: k * M + (65537^a mod M). */
static BIGNUM *
roca_prime(BN_CTX *ctx)
{
	BIGNUM *m = BN_new(), *p = BN_new(), *a = BN_new(), *g = BN_new();
	unsigned i;

	BN_one(m);
	BN_set_word(g, 65537);
	for (i = 2; i <= 701; i++) {
		unsigned d = 2;

		while (d * d <= i && i % d != 0)
			d++;
		if (d * d > i)
			BN_mul_word(m, i);
	}
	do {
		BN_rand(a, 62, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
		BN_mod_exp(a, g, a, m, ctx);
		BN_rand(p, 1024 - BN_num_bits(m), BN_RAND_TOP_TWO,
		    BN_RAND_BOTTOM_ANY);
		BN_mul(p, p, m, ctx);
		BN_add(p, p, a);
	} while (BN_check_prime(p, ctx, NULL) != 1);
	BN_free(m);
	BN_free(a);
	BN_free(g);
	return p;
}

static void
test_roca(void **state)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p = roca_prime(ctx), *q = roca_prime(ctx), *n = BN_new();
	struct problem why;

	(void)state;
	BN_mul(n, p, q, ctx);
	if (BN_num_bits(n) == 2047)	/* of another size: judged by that */
		BN_lshift1(n, n);
	assert_int_equal(judge_modulus(n, &why), -1);
	assert_non_null(strstr(why.detail, "CVE-2017-15361"));
	BN_free(p);
	BN_free(q);
	BN_free(n);
	BN_CTX_free(ctx);
}

/* Points of Ed25519 with which anybody can sign, and forms that are not
 * the one. */
static void
test_ed25519(void **state)
{
	static const char *const bad[] = {
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "0000000000000000000000000000000000000000000000000000000000000080",
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "0100000000000000000000000000000000000000000000000000000000000080",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	X509_PUBKEY *pub = NULL;
	struct problem p;
	EVP_PKEY *pkey;
	unsigned kind;
	size_t i, len;

	for (i = 0; i < nitems(bad); i++) {
		unsigned char *octets = unit_unhex(*state, bad[i], &len);

		pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
		    octets, len);
		assert_non_null(pkey);
		assert_int_equal(X509_PUBKEY_set(&pub, pkey), 1);
		memset(&p, 0, sizeof(p));
		if (csr_key_check(pub, &kind, &p) != -1)
			fail_msg("number %zu was accepted", i);
		assert_int_equal(p.type, PR_BAD_CSR);
		EVP_PKEY_free(pkey);
	}
	X509_PUBKEY_free(pub);
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
	EVP_PKEY *pkey;
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
	/* RFC 8037, A.3 */
	octets = unit_unhex(*state, "d75a980182b10ab7d54bfed3c964073a0ee172f3"
	    "daa62325af021a68f707511a", &len);
	pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, octets,
	    len);
	assert_int_equal(csr_key_thumbprint(*state, pkey, out), 0);
	assert_string_equal(b64u_encode(*state, out, sizeof(out)),
	    "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
	EVP_PKEY_free(pkey);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_good),
		UNIT(test_spki),
		UNIT(test_common_name),
		UNIT(test_common_name_alone),
		UNIT(test_addresses),
		UNIT(test_refused),
		UNIT(test_ignored),
		UNIT(test_keys),
		UNIT(test_small_factor),
		UNIT(test_exponents),
		UNIT(test_fermat),
		UNIT(test_roca),
		UNIT(test_ed25519),
		UNIT(test_octets),
		UNIT(test_flips),
		UNIT(test_thumbprint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates as octets: what tbs.c writes is read with OpenSSL, member by
 * member, chains are verified by it, and the token worker's objections are
 * tried one by one.
 */
#include "tests/unit/unit.h"

#include "hsm/tbs.c"

#include <openssl/x509_vfy.h>
#undef KU_DIGITAL_SIGNATURE
#undef KU_KEY_ENCIPHERMENT
#undef KU_CRL_SIGN
#include <openssl/x509v3.h>

#define USAGE_SIGN	(1u << 0)	/* as in tbs.h */
#define USAGE_CERT	(1u << 5)
#define USAGE_CRL	(1u << 6)

#define NOW		INT64_C(1790000000)	/* 2026 */
#define YEAR		(INT64_C(365) * 86400)

struct pair {
	EVP_PKEY	*pkey;
	unsigned char	*spki;
	size_t		 len;
	const char	*digest;
};

/* P-256, P-384, RSA-2048, P-256; no issuers: P-521, Ed25519 */
static struct pair keys[6];

static int
group_setup(void **state)
{
	static const char *const digests[] = { "SHA256", "SHA384", "SHA256",
	    "SHA256", NULL, NULL };
	size_t i;

	(void)state;
	keys[0].pkey = EVP_EC_gen("P-256");
	keys[1].pkey = EVP_EC_gen("P-384");
	keys[2].pkey = EVP_RSA_gen(2048);
	keys[3].pkey = EVP_EC_gen("P-256");
	keys[4].pkey = EVP_EC_gen("P-521");
	keys[5].pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	for (i = 0; i < nitems(keys); i++) {
		keys[i].len = (size_t)i2d_PUBKEY(keys[i].pkey, &keys[i].spki);
		keys[i].digest = digests[i];
	}
	return 0;
}

static int
group_teardown(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < nitems(keys); i++) {
		EVP_PKEY_free(keys[i].pkey);
		OPENSSL_free(keys[i].spki);
	}
	return 0;
}

static struct tbs_spec
ca_spec(struct arena *a, const struct pair *key, const char *name)
{
	struct tbs_spec s = { .path_len = -1, .ca = true };

	serial_new(s.serial);
	s.issuer = s.subject = tbs_name(a, name, "Ö & Co", &s.issuer_len);
	s.subject_len = s.issuer_len;
	s.not_before = NOW;
	s.not_after = NOW + 30 * YEAR - 1;
	s.spki = s.issuer_spki = key->spki;
	s.spki_len = s.issuer_spki_len = key->len;
	s.key_usage = USAGE_CERT | USAGE_CRL;
	return s;
}

static struct tbs_spec
leaf_spec(struct arena *a, const struct tbs_spec *ca, const struct pair *key)
{
	static const char *const eku[] = { EKU_SERVER_AUTH, EKU_CLIENT_AUTH,
	    NULL };
	struct tbs_spec s = *ca;
	struct ident *names = arena_alloc(a, 2 * sizeof(*names));

	serial_new(s.serial);
	s.ca = false;
	s.subject = (const unsigned char *)"\x30";
	s.subject_len = 2;
	s.spki = key->spki;
	s.spki_len = key->len;
	s.not_after = NOW + 90 * 86400 - 1;
	s.key_usage = USAGE_SIGN;
	s.eku = eku;
	names[0] = (struct ident){ .type = "dns", .value = "a.example" };
	names[1] = (struct ident){ .type = "dns", .wildcard = true,
	    .value = "b.example" };
	s.names = names;
	s.nnames = 2;
	s.ca_issuers_url = "http://ca.example/i.crt";
	return s;
}

static unsigned char *
sign(struct arena *a, const struct pair *key, const unsigned char *tbs,
    size_t len, size_t *siglen)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char *sig = arena_alloc(a, 1024);

	*siglen = 1024;
	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, key->digest, NULL,
	    NULL, key->pkey, NULL), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, siglen, tbs, len), 1);
	EVP_MD_CTX_free(ctx);
	return sig;
}

static X509 *
issue(struct arena *a, const struct tbs_spec *s, const struct pair *key)
{
	unsigned char *tbs, *sig, *der;
	const unsigned char *p;
	size_t len, siglen, derlen;
	X509 *x;

	tbs = tbs_build(a, s, &len);
	assert_non_null(tbs);
	sig = sign(a, key, tbs, len, &siglen);
	assert_int_equal(tbs_verify(tbs, len, key->spki, key->len, sig,
	    siglen), 0);
	der = tbs_assemble(a, tbs, len, key->spki, key->len, sig, siglen,
	    &derlen);
	p = der;
	x = d2i_X509(NULL, &p, (long)derlen);
	assert_non_null(x);
	assert_ptr_equal(p, der + derlen);
	return x;
}

static void
leaf_members(void **state)
{
	struct arena *a = *state;
	struct tbs_spec ca = ca_spec(a, &keys[1], "Root");
	struct tbs_spec s = leaf_spec(a, &ca, &keys[0]);
	X509 *x = issue(a, &s, &keys[1]);
	const ASN1_OCTET_STRING *id;
	STACK_OF(GENERAL_NAME) *san;
	unsigned char digest[DIGEST_LEN];
	struct der key;
	int critical;

	assert_int_equal(X509_get_version(x), 2);
	assert_int_equal(ASN1_STRING_length(X509_get0_serialNumber(x)),
	    SERIAL_LEN);
	assert_memory_equal(ASN1_STRING_get0_data(X509_get0_serialNumber(x)),
	    s.serial, SERIAL_LEN);
	assert_int_equal(X509_get_signature_nid(x), NID_ecdsa_with_SHA384);
	assert_int_equal(X509_get_key_usage(x), 0x80);
	assert_int_equal(X509_get_extended_key_usage(x),
	    XKU_SSL_SERVER | XKU_SSL_CLIENT);
	assert_int_equal(X509_check_ca(x), 0);
	assert_int_equal(X509_check_host(x, "a.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(x, "w.b.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(x, "b.example", 0, 0, NULL), 0);
	san = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(san), 2);
	assert_int_equal(critical, 1);
	sk_GENERAL_NAME_pop_free(san, GENERAL_NAME_free);
	assert_non_null(spki_read(keys[1].spki, keys[1].len, &key));
	sha256(key.data, key.len, digest);
	id = X509_get0_authority_key_id(x);
	assert_int_equal(ASN1_STRING_length(id), TBS_KEY_ID_LEN);
	assert_memory_equal(ASN1_STRING_get0_data(id), digest, TBS_KEY_ID_LEN);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), keys[0].pkey), 1);
	X509_free(x);
}

static void
san_not_critical_with_subject(void **state)
{
	struct tbs_spec ca = ca_spec(*state, &keys[0], "Root");
	struct tbs_spec s = leaf_spec(*state, &ca, &keys[3]);
	int critical = -1;
	X509 *x;

	s.subject = ca.subject;
	s.subject_len = ca.subject_len;
	x = issue(*state, &s, &keys[0]);
	sk_GENERAL_NAME_pop_free(X509_get_ext_d2i(x, NID_subject_alt_name,
	    &critical, NULL), GENERAL_NAME_free);
	assert_int_equal(critical, 0);
	X509_free(x);
}

/* RFC 8738: 4 or 16 octets, in the order of the names. */
static void
addresses(void **state)
{
	static const unsigned char v6[16] = { 0x20, 0x01, 0x0d, 0xb8,
	    [15] = 1 };
	const struct ident list[] = {
		{ .type = "dns", .value = "a.example" },
		{ .type = "ip", .value = "192.0.2.1" },
		{ .type = "ip", .value = "2001:db8::1" },
	}, wrong = { .type = "ip", .value = "192.0.2.256" };
	struct tbs_spec ca = ca_spec(*state, &keys[0], "Root");
	struct tbs_spec s = leaf_spec(*state, &ca, &keys[3]);
	STACK_OF(GENERAL_NAME) *san;
	const ASN1_OCTET_STRING *ip;
	size_t len;
	X509 *x;

	s.names = list;
	s.nnames = 3;
	x = issue(*state, &s, &keys[0]);
	san = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(san), 3);
	ip = sk_GENERAL_NAME_value(san, 1)->d.iPAddress;
	assert_int_equal(ASN1_STRING_length(ip), 4);
	assert_memory_equal(ASN1_STRING_get0_data(ip), "\xc0\0\2\1", 4);
	ip = sk_GENERAL_NAME_value(san, 2)->d.iPAddress;
	assert_int_equal(ASN1_STRING_length(ip), 16);
	assert_memory_equal(ASN1_STRING_get0_data(ip), v6, 16);
	sk_GENERAL_NAME_pop_free(san, GENERAL_NAME_free);
	assert_int_equal(X509_check_ip_asc(x, "2001:db8::1", 0), 1);
	X509_free(x);
	s.names = &wrong;
	s.nnames = 1;
	assert_null(tbs_build(*state, &s, &len));
}

/* C, O, CN in this order; a country is a PrintableString. */
static void
subjects(void **state)
{
	struct tbs_spec ca = ca_spec(*state, &keys[0], "Root");
	struct tbs_spec s = leaf_spec(*state, &ca, &keys[3]);
	char text[128];
	size_t len;
	X509 *x;

	assert_memory_equal(tbs_subject(*state, NULL, NULL, NULL, &len),
	    "\x30\x00", 2);
	assert_int_equal(len, 2);
	s.subject = tbs_subject(*state, "DE", "Org", "a.example",
	    &s.subject_len);
	x = issue(*state, &s, &keys[0]);
	X509_NAME_oneline(X509_get_subject_name(x), text, sizeof(text));
	assert_string_equal(text, "/C=DE/O=Org/CN=a.example");
	assert_int_equal(ASN1_STRING_type(X509_NAME_ENTRY_get_data(
	    X509_NAME_get_entry(X509_get_subject_name(x), 0))),
	    V_ASN1_PRINTABLESTRING);
	X509_free(x);
}

static void
policies(void **state)
{
	static const char *const want[] = { "2.23.140.1.2.1", "1.2.3.4",
	    NULL };
	static const char *const bad[] = { "1.x", NULL };
	struct tbs_spec ca = ca_spec(*state, &keys[0], "Root");
	struct tbs_spec s = leaf_spec(*state, &ca, &keys[3]);
	CERTIFICATEPOLICIES *list;
	int critical = -1, i;
	char oid[80];
	size_t len;
	X509 *x;

	s.policies = want;
	x = issue(*state, &s, &keys[0]);
	list = X509_get_ext_d2i(x, NID_certificate_policies, &critical,
	    NULL);
	assert_int_equal(critical, 0);
	assert_int_equal(sk_POLICYINFO_num(list), 2);
	for (i = 0; i < 2; i++) {
		OBJ_obj2txt(oid, sizeof(oid),
		    sk_POLICYINFO_value(list, i)->policyid, 1);
		assert_string_equal(oid, want[i]);
		assert_null(sk_POLICYINFO_value(list, i)->qualifiers);
	}
	CERTIFICATEPOLICIES_free(list);
	X509_free(x);
	s.policies = bad;
	assert_null(tbs_build(*state, &s, &len));
}

/* Keys that get certificates and sign none. */
static void
leaf_keys(void **state)
{
	struct tbs_spec ca = ca_spec(*state, &keys[0], "Root"), s;
	size_t i, len;
	X509 *x;

	for (i = 4; i < nitems(keys); i++) {
		s = leaf_spec(*state, &ca, &keys[i]);
		x = issue(*state, &s, &keys[0]);
		assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x),
		    keys[i].pkey), 1);
		X509_free(x);
		s = ca_spec(*state, &keys[i], "Root");
		assert_null(tbs_build(*state, &s, &len));
		assert_null(tbs_assemble(*state, keys[0].spki, keys[0].len,
		    keys[i].spki, keys[i].len, keys[0].spki, 8, &len));
		assert_int_equal(tbs_verify(keys[0].spki, 8, keys[i].spki,
		    keys[i].len, keys[0].spki, 8), -1);
	}
}

/* Root, issuing and leaf for every pair of key kinds. */
static void
chains(void **state)
{
	struct arena *a = *state;
	struct tbs_spec root, issuing, leaf;
	X509 *r, *i, *l;
	STACK_OF(X509) *untrusted;
	X509_STORE *store;
	X509_STORE_CTX *ctx;
	size_t m, n;

	for (m = 0; m < 3; m++)
		for (n = 0; n < 3; n++) {
			root = ca_spec(a, &keys[m], "Root");
			issuing = ca_spec(a, &keys[n], "Issuing");
			issuing.issuer = root.subject;
			issuing.issuer_len = root.subject_len;
			issuing.issuer_spki = root.spki;
			issuing.issuer_spki_len = root.spki_len;
			issuing.path_len = 0;
			leaf = leaf_spec(a, &issuing, &keys[3]);
			leaf.issuer = issuing.subject;
			leaf.issuer_len = issuing.subject_len;
			leaf.issuer_spki = keys[n].spki;
			leaf.issuer_spki_len = keys[n].len;
			r = issue(a, &root, &keys[m]);
			i = issue(a, &issuing, &keys[m]);
			l = issue(a, &leaf, &keys[n]);
			assert_int_equal(X509_get_pathlen(i), 0);
			assert_int_equal(X509_get_pathlen(r), -1);
			store = X509_STORE_new();
			X509_STORE_add_cert(store, r);
			untrusted = sk_X509_new_null();
			sk_X509_push(untrusted, i);
			ctx = X509_STORE_CTX_new();
			X509_STORE_CTX_init(ctx, store, l, untrusted);
			X509_VERIFY_PARAM_set_flags(
			    X509_STORE_CTX_get0_param(ctx),
			    X509_V_FLAG_X509_STRICT);
			X509_VERIFY_PARAM_set_time(
			    X509_STORE_CTX_get0_param(ctx), NOW + 100);
			assert_int_equal(X509_verify_cert(ctx), 1);
			X509_STORE_CTX_free(ctx);
			X509_STORE_free(store);
			sk_X509_free(untrusted);
			X509_free(r);
			X509_free(i);
			X509_free(l);
		}
}

static void
dates(void **state)
{
	struct tbs_spec s = ca_spec(*state, &keys[0], "Root");
	X509 *x = issue(*state, &s, &keys[0]);

	assert_int_equal(ASN1_STRING_type(X509_get0_notBefore(x)),
	    V_ASN1_UTCTIME);
	assert_int_equal(ASN1_STRING_type(X509_get0_notAfter(x)),
	    V_ASN1_GENERALIZEDTIME);
	assert_int_equal(ASN1_TIME_cmp_time_t(X509_get0_notAfter(x),
	    (time_t)s.not_after), 0);
	X509_free(x);
}

static void
verify_refuses(void **state)
{
	struct arena *a = *state;
	struct tbs_spec s = ca_spec(a, &keys[0], "Root");
	unsigned char *tbs, *sig;
	size_t len, siglen, i;

	tbs = tbs_build(a, &s, &len);
	sig = sign(a, &keys[0], tbs, len, &siglen);
	for (i = 0; i < siglen; i++) {
		sig[i] ^= 1;
		assert_int_equal(tbs_verify(tbs, len, keys[0].spki,
		    keys[0].len, sig, siglen), -1);
		sig[i] ^= 1;
	}
	assert_int_equal(tbs_verify(tbs, len, keys[3].spki, keys[3].len, sig,
	    siglen), -1);
	assert_int_equal(tbs_verify(tbs, len, keys[0].spki, keys[0].len, sig,
	    siglen - 1), -1);
	assert_int_equal(tbs_verify(tbs, len - 1, keys[0].spki, keys[0].len,
	    sig, siglen), -1);
	assert_int_equal(tbs_verify(tbs, len, tbs, len, sig, siglen), -1);
	assert_int_equal(tbs_verify(tbs, len, keys[0].spki, keys[0].len, sig,
	    siglen), 0);
}

static void
bad_input_builds_nothing(void **state)
{
	static const char *const eku[] = { "1.x", NULL };
	struct tbs_spec s = ca_spec(*state, &keys[0], "Root");
	size_t len;

	s.eku = eku;
	assert_null(tbs_build(*state, &s, &len));
	s.eku = NULL;
	s.spki_len--;
	assert_null(tbs_build(*state, &s, &len));
	s.spki_len++;
	s.issuer_spki = s.subject;
	s.issuer_spki_len = s.subject_len;
	assert_null(tbs_build(*state, &s, &len));
}

static const char *
object(struct arena *a, const struct tbs_spec *s, const struct pair *key,
    bool ceremony)
{
	unsigned char *tbs;
	size_t len;

	tbs = tbs_build(a, s, &len);
	assert_non_null(tbs);
	return tbs_objection(tbs, len, key->spki, key->len, ceremony);
}

static void
objections(void **state)
{
	struct arena *a = *state;
	struct tbs_spec root = ca_spec(a, &keys[1], "Root");
	struct tbs_spec other = ca_spec(a, &keys[1], "Sub");
	struct tbs_spec leaf = leaf_spec(a, &root, &keys[0]);
	unsigned char *tbs, *longer;
	size_t len, i;

	other.spki = keys[0].spki;
	other.spki_len = keys[0].len;
	assert_null(object(a, &leaf, &keys[1], false));
	assert_null(object(a, &leaf, &keys[1], true));
	assert_null(object(a, &root, &keys[1], true));
	assert_null(object(a, &other, &keys[1], true));
	/* Another key: of another kind, and of the same. */
	assert_non_null(object(a, &leaf, &keys[0], false));
	root = ca_spec(a, &keys[0], "Root");
	leaf = leaf_spec(a, &root, &keys[2]);
	assert_null(object(a, &leaf, &keys[0], false));
	assert_non_null(object(a, &leaf, &keys[3], false));
	/* A CA certificate and a root, outside the ceremony. */
	assert_non_null(object(a, &root, &keys[0], false));
	assert_non_null(object(a, &other, &keys[1], false));
	/* Cut off, lengthened, no certificate at all. */
	tbs = tbs_build(a, &leaf, &len);
	for (i = 0; i < len; i++)
		assert_non_null(tbs_objection(tbs, i, keys[0].spki,
		    keys[0].len, true));
	longer = arena_alloc(a, len + 1);
	memcpy(longer, tbs, len);
	assert_non_null(tbs_objection(longer, len + 1, keys[0].spki,
	    keys[0].len, true));
	assert_non_null(tbs_objection((const unsigned char *)"\x30", 2,
	    keys[0].spki, keys[0].len, true));
}

/* No change of one octet makes it crash or read outside. */
static void
objections_survive_changes(void **state)
{
	struct arena *a = *state;
	struct tbs_spec root = ca_spec(a, &keys[0], "Root");
	struct tbs_spec leaf = leaf_spec(a, &root, &keys[3]);
	unsigned char *tbs;
	size_t len, i;
	int bit;

	tbs = tbs_build(a, &leaf, &len);
	for (i = 0; i < len; i++)
		for (bit = 1; bit < 256; bit <<= 1) {
			tbs[i] ^= bit;
			tbs_objection(tbs, len, keys[0].spki, keys[0].len,
			    false);
			tbs[i] ^= bit;
		}
}

/* a.1 of serials: 16 octets in DER, and the random bits are random. */
static void
serials(void **state)
{
	unsigned char serial[SERIAL_LEN];
	unsigned ones[SERIAL_LEN * 8] = { 0 };
	const unsigned rounds = 20000;
	unsigned i, bit;

	(void)state;
	for (i = 0; i < rounds; i++) {
		serial_new(serial);
		assert_true(serial[0] > 0 && serial[0] < 0x80);
		for (bit = 0; bit < SERIAL_LEN * 8; bit++)
			ones[bit] += serial[bit / 8] >> (7 - bit % 8) & 1;
	}
	assert_int_equal(ones[0], 0);
	for (bit = 1; bit < SERIAL_LEN * 8; bit++) {
		assert_true(ones[bit] > rounds * 47 / 100);
		assert_true(ones[bit] < rounds * 53 / 100);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		UNIT(leaf_members),
		UNIT(san_not_critical_with_subject),
		UNIT(addresses),
		UNIT(subjects),
		UNIT(policies),
		UNIT(leaf_keys),
		UNIT(chains),
		UNIT(dates),
		UNIT(verify_refuses),
		UNIT(bad_input_builds_nothing),
		UNIT(objections),
		UNIT(objections_survive_changes),
		UNIT(serials),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm/lint.c: what tbs_build() writes is clean, and each rule finds the one
 * thing that was broken for it.
 */
#include "unit.h"

#include "../../hsm/lint.c"

#define NOW	INT64_C(1800000000)
#define DAY	86400

static EVP_PKEY *ca_key, *leaf_key, *rsa_key;
static X509 *ca;
static unsigned char *ca_spki, *leaf_spki, *rsa_spki;
static size_t ca_spki_len, leaf_spki_len, rsa_spki_len;
static const char *eku[] = { EKU_SERVER_AUTH, NULL };
static struct profile profile = {
	.name = "default", .validity = 90 * DAY, .backdate = 3600,
	.key_usage = KU_DIGITAL_SIGNATURE, .eku = eku,
	.ca_issuers_url = "http://ca.test/issuing.crt",
};
static struct ident names[2];

static size_t
spki_of(EVP_PKEY *pkey, unsigned char **out)
{
	int n = i2d_PUBKEY(pkey, out);

	assert_true(n > 0);
	return (size_t)n;
}

/* The issuer as the ceremony would make it, self-signed for the test. */
static void
ca_make(void)
{
	struct arena *a = arena_new(UNIT_LIMIT);
	unsigned char sig[8] = { 0 }, *tbs, *der;
	const unsigned char *at;
	struct tbs_spec spec = {
		.serial = { 1, 2, 3 }, .not_before = NOW - 1000 * DAY,
		.not_after = NOW + 1000 * DAY, .spki = ca_spki,
		.spki_len = ca_spki_len, .issuer_spki = ca_spki,
		.issuer_spki_len = ca_spki_len, .ca = true, .path_len = 0,
		.key_usage = KU_CERT_SIGN,
	};
	size_t len;

	spec.issuer = spec.subject = tbs_name(a, "Test CA", NULL,
	    &spec.issuer_len);
	spec.subject_len = spec.issuer_len;
	tbs = tbs_build(a, &spec, &len);
	assert_non_null(tbs);
	at = der = tbs_assemble(a, tbs, len, ca_spki, ca_spki_len, sig,
	    sizeof(sig), &len);
	ca = d2i_X509(NULL, &at, (long)len);
	assert_non_null(ca);
	assert_true(at == der + len);
	arena_free(a);
}

static int
setup(void **state)
{
	(void)state;
	ca_key = EVP_EC_gen("P-256");
	leaf_key = EVP_EC_gen("P-256");
	rsa_key = EVP_RSA_gen(2048);
	ca_spki_len = spki_of(ca_key, &ca_spki);
	leaf_spki_len = spki_of(leaf_key, &leaf_spki);
	rsa_spki_len = spki_of(rsa_key, &rsa_spki);
	names[0] = (struct ident){ "dns", false, "a.example.com" };
	names[1] = (struct ident){ "dns", true, "a.example.com" };
	ca_make();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(leaf_key);
	EVP_PKEY_free(rsa_key);
	OPENSSL_free(ca_spki);
	OPENSSL_free(leaf_spki);
	OPENSSL_free(rsa_spki);
	return 0;
}

static const unsigned char empty[] = { 0x30, 0x00 };

static struct tbs_spec
good(void)
{
	struct tbs_spec spec = {
		.serial = { 0x11, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
		    15, 16 },
		.subject = empty, .subject_len = sizeof(empty),
		.not_before = NOW - 3600,
		.not_after = NOW - 3600 + 90 * DAY - 1,
		.spki = leaf_spki, .spki_len = leaf_spki_len,
		.issuer_spki = ca_spki, .issuer_spki_len = ca_spki_len,
		.path_len = -1, .key_usage = KU_DIGITAL_SIGNATURE,
		.eku = eku, .names = names, .nnames = 2,
		.ca_issuers_url = profile.ca_issuers_url,
	};

	X509_NAME_get0_der(X509_get_subject_name(ca), &spec.issuer,
	    &spec.issuer_len);
	return spec;
}

static size_t
check(struct arena *a, const unsigned char *tbs, size_t len,
    struct lint_rule *found)
{
	const struct lint_input in = {
		.tbs = tbs, .tbs_len = len, .issuer = ca,
		.issuer_spki = ca_spki, .issuer_spki_len = ca_spki_len,
		.profile = &profile, .names = names, .nnames = 2,
		.spki = leaf_spki, .spki_len = leaf_spki_len, .now = NOW,
	};

	return lint_check(a, &in, found);
}

static bool
has(const struct lint_rule *found, size_t n, const char *name)
{
	while (n-- > 0)
		if (strcmp(found[n].name, name) == 0)
			return true;
	return false;
}

static void
expect(struct arena *a, const unsigned char *tbs, size_t len,
    const char *name)
{
	struct lint_rule found[LINT_MAX];
	size_t n;

	assert_non_null(tbs);
	n = check(a, tbs, len, found);
	if (!has(found, n, name))
		fail_msg("%s was not found, but %zu others, first %s", name,
		    n, n > 0 ? found[0].name : "none");
}

static void
expect_spec(struct arena *a, const struct tbs_spec *spec, const char *name)
{
	unsigned char *tbs;
	size_t len;

	tbs = tbs_build(a, spec, &len);
	expect(a, tbs, len, name);
}

static void
test_clean(void **state)
{
	struct lint_rule found[LINT_MAX];
	struct tbs_spec spec = good();
	unsigned char *tbs;
	size_t len, n;

	tbs = tbs_build(*state, &spec, &len);
	assert_non_null(tbs);
	n = check(*state, tbs, len, found);
	if (n != 0)
		fail_msg("%zu findings, first %s", n, found[0].name);
	assert_true(lint_rules() >= 20);
}

/* Every rule has a name of its own and says where it comes from. */
static void
test_table(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < nitems(rules); i++) {
		assert_true(strlen(rules[i].rule.cites) > 4);
		for (k = 0; k < i; k++)
			assert_string_not_equal(rules[i].rule.name,
			    rules[k].rule.name);
	}
}

static void
test_times(void **state)
{
	struct tbs_spec spec;

	spec = good();
	spec.not_after++;			/* one second too many */
	expect_spec(*state, &spec, "validity_not_long");
	spec = good();
	spec.not_after = spec.not_before - 1;
	expect_spec(*state, &spec, "validity_ordered");
	spec = good();
	spec.not_after = NOW + 1001 * DAY;
	expect_spec(*state, &spec, "ends_within_issuer");
	spec = good();
	spec.not_before = NOW - 1001 * DAY;
	expect_spec(*state, &spec, "starts_within_issuer");
	expect_spec(*state, &spec, "starts_now");
	spec = good();
	spec.not_before = NOW + 1;
	expect_spec(*state, &spec, "starts_now");
	spec = good();
	spec.not_after = NOW;
	expect_spec(*state, &spec, "ends_later");
}

static void
test_serial(void **state)
{
	struct tbs_spec spec;

	spec = good();
	memset(spec.serial, 0, SERIAL_LEN);
	spec.serial[SERIAL_LEN - 1] = 1;
	expect_spec(*state, &spec, "serial_not_short");
	memset(spec.serial, 0, SERIAL_LEN);
	expect_spec(*state, &spec, "serial_positive");
}

static void
test_names(void **state)
{
	struct ident other = { "dns", false, "b.example.com" };
	struct tbs_spec spec;

	spec = good();
	spec.nnames = 1;
	expect_spec(*state, &spec, "san_is_order");
	spec = good();
	spec.names = &other;
	spec.nnames = 1;
	expect_spec(*state, &spec, "san_is_order");
	spec = good();
	spec.nnames = 0;
	expect_spec(*state, &spec, "san_present");
}

static void
test_keys(void **state)
{
	struct tbs_spec spec;

	spec = good();
	spec.spki = rsa_spki;
	spec.spki_len = rsa_spki_len;
	expect_spec(*state, &spec, "key_of_request");
	spec = good();
	spec.spki = ca_spki;
	spec.spki_len = ca_spki_len;
	expect_spec(*state, &spec, "key_not_issuers");
}

static void
test_usages(void **state)
{
	const char *any[] = { EKU_SERVER_AUTH, "2.5.29.37.0", NULL };
	struct tbs_spec spec;

	spec = good();
	spec.key_usage |= KU_CERT_SIGN;
	expect_spec(*state, &spec, "key_usage_no_ca");
	expect_spec(*state, &spec, "key_usage_profile");
	spec = good();
	spec.key_usage |= KU_KEY_ENCIPHERMENT;
	expect_spec(*state, &spec, "key_usage_of_key");
	spec = good();
	spec.key_usage = 0;
	expect_spec(*state, &spec, "key_usage_profile");
	spec = good();
	spec.eku = any;
	expect_spec(*state, &spec, "eku_profile");
	spec.eku = NULL;
	expect_spec(*state, &spec, "eku_profile");
	spec = good();
	spec.ca = true;
	expect_spec(*state, &spec, "not_a_ca");
}

static void
test_issuer(void **state)
{
	struct tbs_spec spec;

	spec = good();
	spec.issuer = tbs_name(*state, "Test  CA", NULL, &spec.issuer_len);
	expect_spec(*state, &spec, "issuer_equal");
	spec = good();
	spec.issuer_spki = leaf_spki;		/* AKI of another key */
	spec.issuer_spki_len = leaf_spki_len;
	expect_spec(*state, &spec, "aki_is_issuer");
	spec.issuer_spki = rsa_spki;		/* and another algorithm */
	spec.issuer_spki_len = rsa_spki_len;
	expect_spec(*state, &spec, "algorithms_equal");
	spec = good();
	spec.ca_issuers_url = "http://other.test/";
	expect_spec(*state, &spec, "aia_profile");
	spec.ca_issuers_url = NULL;
	expect_spec(*state, &spec, "aia_profile");
}

static void
test_subject(void **state)
{
	struct tbs_spec spec;

	spec = good();
	spec.subject = tbs_name(*state, "b.example.com", NULL,
	    &spec.subject_len);
	expect_spec(*state, &spec, "common_name_in_san");
	spec.subject = tbs_name(*state, "a.example.com", "Org",
	    &spec.subject_len);
	expect_spec(*state, &spec, "subject_plain");
	spec.subject = tbs_name(*state, "a.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaa.com", NULL, &spec.subject_len);
	expect_spec(*state, &spec, "common_name_short");
}

/* ------------------- what tbs_build() cannot write: changed with OpenSSL */

static X509 *
opened(struct arena *a)
{
	const unsigned char zeros[8] = { 0 }, *at;
	struct tbs_spec spec = good();
	unsigned char *tbs;
	X509 *cert;
	size_t len;

	tbs = tbs_build(a, &spec, &len);
	at = tbs_assemble(a, tbs, len, ca_spki, ca_spki_len, zeros,
	    sizeof(zeros), &len);
	cert = d2i_X509(NULL, &at, (long)len);
	assert_non_null(cert);
	return cert;
}

static void
expect_cert(struct arena *a, X509 *cert, const char *name)
{
	unsigned char *tbs = NULL;
	int n = i2d_re_X509_tbs(cert, &tbs);

	assert_true(n > 0);
	expect(a, tbs, (size_t)n, name);
	OPENSSL_free(tbs);
	X509_free(cert);
}

static void
add(X509 *cert, const char *name, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf(NULL, NULL, name, value);

	assert_non_null(e);
	assert_int_equal(X509_add_ext(cert, e, -1), 1);
	X509_EXTENSION_free(e);
}

static void
drop(X509 *cert, int nid)
{
	int at = X509_get_ext_by_NID(cert, nid, -1);

	assert_true(at >= 0);
	X509_EXTENSION_free(X509_delete_ext(cert, at));
}

static void
critical(X509 *cert, int nid, int to)
{
	int at = X509_get_ext_by_NID(cert, nid, -1);

	assert_true(at >= 0);
	X509_EXTENSION_set_critical(X509_get_ext(cert, at), to);
}

static void
test_extensions(void **state)
{
	X509 *cert;

	cert = opened(*state);
	add(cert, "extendedKeyUsage", "serverAuth");
	expect_cert(*state, cert, "extensions_once");
	cert = opened(*state);
	add(cert, "1.2.3.4", "ASN1:NULL");
	expect_cert(*state, cert, "extensions_known");
	cert = opened(*state);
	critical(cert, NID_key_usage, 0);
	expect_cert(*state, cert, "extensions_critical");
	cert = opened(*state);
	critical(cert, NID_ext_key_usage, 1);
	expect_cert(*state, cert, "extensions_critical");
	cert = opened(*state);
	critical(cert, NID_subject_alt_name, 0);
	expect_cert(*state, cert, "san_critical");
	cert = opened(*state);
	drop(cert, NID_subject_key_identifier);
	expect_cert(*state, cert, "ski_present");
	cert = opened(*state);
	drop(cert, NID_subject_key_identifier);
	add(cert, "subjectKeyIdentifier", "00112233");
	expect_cert(*state, cert, "ski_present");
	cert = opened(*state);
	drop(cert, NID_authority_key_identifier);
	expect_cert(*state, cert, "aki_is_issuer");
}

static void
test_fields(void **state)
{
	unsigned char octets[21];
	ASN1_INTEGER *serial;
	X509 *cert;
	BIGNUM *n;

	cert = opened(*state);
	X509_set_version(cert, X509_VERSION_1);
	expect_cert(*state, cert, "version_3");
	memset(octets, 0x7f, sizeof(octets));
	n = BN_bin2bn(octets, sizeof(octets), NULL);
	serial = BN_to_ASN1_INTEGER(n, NULL);
	cert = opened(*state);
	X509_set_serialNumber(cert, serial);
	expect_cert(*state, cert, "serial_not_long");
	BN_set_negative(n, 1);
	ASN1_INTEGER_free(serial);
	serial = BN_to_ASN1_INTEGER(n, NULL);
	cert = opened(*state);
	X509_set_serialNumber(cert, serial);
	expect_cert(*state, cert, "serial_positive");
	ASN1_INTEGER_free(serial);
	BN_free(n);
	/* RFC 5280, 4.1.2.5: UTCTime through 2049 */
	cert = opened(*state);
	assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(cert),
	    "20270401000000Z"), 1);
	expect_cert(*state, cert, "times_encoded");
}

/* The serial is random, and a time may be a second more or less; whatever
 * other octet is changed, some rule does not hold. */
static bool
free_octet(const unsigned char *tbs, size_t len, size_t i)
{
	const unsigned char *times = memmem(tbs, len, "\x30\x1e\x17\x0d", 4);

	assert_non_null(times);
	return (i >= 4 + 5 + 2 && i < 4 + 5 + 2 + SERIAL_LEN) ||
	    (tbs + i >= times + 4 && tbs + i < times + 32);
}

static void
test_octets(void **state)
{
	struct tbs_spec spec = good();
	struct lint_rule found[LINT_MAX];
	struct arena *a;
	unsigned char *tbs;
	size_t len, i;

	tbs = tbs_build(*state, &spec, &len);
	for (i = 0; i < len; i++) {
		a = arena_new(UNIT_LIMIT);
		assert_true(check(a, tbs, i, found) > 0);
		arena_free(a);
	}
	for (i = 0; i < len; i++) {
		a = arena_new(UNIT_LIMIT);
		tbs[i] ^= 1;
		if (check(a, tbs, len, found) == 0 && !free_octet(tbs, len, i))
			fail_msg("octet %zu of %zu", i, len);
		tbs[i] ^= 1;
		arena_free(a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_clean),
		UNIT(test_table),
		UNIT(test_times),
		UNIT(test_serial),
		UNIT(test_names),
		UNIT(test_keys),
		UNIT(test_usages),
		UNIT(test_issuer),
		UNIT(test_subject),
		UNIT(test_extensions),
		UNIT(test_fields),
		UNIT(test_octets),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

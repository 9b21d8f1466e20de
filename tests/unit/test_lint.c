/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm/lint.c: what tbs_build() writes is clean, and each rule finds the one
 * thing that was broken for it.
 */
#include "unit.h"

#include "../../hsm/lint.c"

#define NOW	INT64_C(1800000000)
#define DAY	86400
#define DV	"2.23.140.1.2.1"

#define NAME(t, v)	{ .type = (t), .value = (v) }
#define WILD(v)		{ .type = "dns", .wildcard = true, .value = (v) }

static EVP_PKEY *ca_key, *leaf_key, *rsa_key, *ed_key;
static X509 *ca;
static unsigned char *ca_spki, *leaf_spki, *rsa_spki, *ed_spki;
static size_t ca_spki_len, leaf_spki_len, rsa_spki_len, ed_spki_len;
static const char *eku[] = { EKU_SERVER_AUTH, NULL };
static const struct profile usual = {
	.name = "server", .validity = 90 * DAY, .backdate = 3600,
	.advance = DAY, .key_usage = KU_DIGITAL_SIGNATURE, .eku = eku,
	.keys = PROFILE_RSA | PROFILE_P256 | PROFILE_ED25519,
	.ca_issuers_url = "http://ca.test/issuing.crt",
	.dns = true, .ip = true, .wildcards = true, .names_max = 100,
};
static struct profile profile;		/* as the test wants it */
static struct profile_dates dates;
static const struct ident both[] = { NAME("dns", "a.example.com"),
    WILD("a.example.com") };
static const struct ident *names;	/* of the order */
static size_t nnames;
static const unsigned char *key;	/* of the request */
static size_t key_len;

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
	ed_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ca_spki_len = spki_of(ca_key, &ca_spki);
	leaf_spki_len = spki_of(leaf_key, &leaf_spki);
	rsa_spki_len = spki_of(rsa_key, &rsa_spki);
	ed_spki_len = spki_of(ed_key, &ed_spki);
	ca_make();
	return 0;
}

/* Before each test: an arena, and the order and the profile as usual. */
static int
usual_setup(void **state)
{
	profile = usual;
	dates = (struct profile_dates){ 0, 0 };
	names = both;
	nnames = 2;
	key = leaf_spki;
	key_len = leaf_spki_len;
	return unit_setup(state);
}

#undef UNIT
#define UNIT(f) \
	cmocka_unit_test_setup_teardown(f, usual_setup, unit_teardown)

static int
teardown(void **state)
{
	(void)state;
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(leaf_key);
	EVP_PKEY_free(rsa_key);
	EVP_PKEY_free(ed_key);
	OPENSSL_free(ca_spki);
	OPENSSL_free(leaf_spki);
	OPENSSL_free(rsa_spki);
	OPENSSL_free(ed_spki);
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
		.spki = key, .spki_len = key_len,
		.issuer_spki = ca_spki, .issuer_spki_len = ca_spki_len,
		.path_len = -1, .key_usage = KU_DIGITAL_SIGNATURE,
		.eku = eku, .policies = profile.policies,
		.names = names, .nnames = nnames,
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
		.profile = &profile, .dates = dates, .names = names,
		.nnames = nnames, .spki = key, .spki_len = key_len,
		.now = NOW,
	};

	return lint_check(a, &in, found);
}

/* Rules that a test has seen broken. */
static bool broken[nitems(rules)];

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
	size_t i, n;

	assert_non_null(tbs);
	n = check(a, tbs, len, found);
	for (i = 0; i < nitems(rules); i++)
		if (strcmp(rules[i].rule.name, name) == 0)
			broken[i] = true;
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
clean(struct arena *a, const struct tbs_spec *spec)
{
	struct lint_rule found[LINT_MAX];
	unsigned char *tbs;
	size_t len, n;

	tbs = tbs_build(a, spec, &len);
	assert_non_null(tbs);
	n = check(a, tbs, len, found);
	if (n != 0)
		fail_msg("%zu findings, first %s", n, found[0].name);
}

static void
test_clean(void **state)
{
	static const struct ident mixed[] = { NAME("dns", "a.example.com"),
	    NAME("dns", "xn--mnchen-3ya.example.com"),
	    NAME("ip", "192.0.2.1"), NAME("ip", "2001:db8::1") };
	const char *policies[] = { "1.2.3.4", NULL };
	struct tbs_spec spec = good();

	clean(*state, &spec);
	names = mixed;
	nnames = 4;
	profile.policies = policies;
	profile.organization = "Org";
	profile.country = "DE";
	profile.common_name = CN_FIRST;
	spec = good();
	spec.subject = tbs_subject(*state, "DE", "Org", "2001:db8::1",
	    &spec.subject_len);
	clean(*state, &spec);
	key = rsa_spki;
	key_len = rsa_spki_len;
	profile.key_usage |= KU_KEY_ENCIPHERMENT;
	spec = good();
	spec.key_usage |= KU_KEY_ENCIPHERMENT;
	profile.country = profile.organization = NULL;
	clean(*state, &spec);
	key = ed_spki;
	key_len = ed_spki_len;
	spec = good();
	clean(*state, &spec);
	assert_true(lint_rules() >= 45);
}

/* A certificate that the BR take, too: seven days, as no CRL is named. */
static void
test_clean_br(void **state)
{
	const char *policies[] = { DV, NULL };
	struct tbs_spec spec;

	profile.br = true;
	profile.policies = policies;
	profile.validity = 7 * DAY;
	spec = good();
	spec.not_after = spec.not_before + 7 * DAY - 1;
	clean(*state, &spec);
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
	dates.not_before = NOW + 2;
	expect_spec(*state, &spec, "dates_of_order");
	dates.not_before = spec.not_before = NOW + DAY + 1;
	expect_spec(*state, &spec, "starts_now");
	dates.not_before = spec.not_before = NOW + DAY;
	dates.not_after = spec.not_after;
	clean(*state, &spec);
	dates.not_after++;
	expect_spec(*state, &spec, "dates_of_order");
	dates = (struct profile_dates){ 0, 0 };
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
	static const struct ident other = NAME("dns", "b.example.com");
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

/* Names that no order can have, in the order and in the certificate. */
static void
test_bad_names(void **state)
{
	static const struct {
		struct ident	 name;
		const char	*rule;
	} t[] = {
		{ NAME("dns", "a_b.example.com"), "san_octets" },
		{ NAME("dns", "A.example.com"), "san_octets" },
		{ NAME("dns", " "), "san_octets" },
		{ NAME("dns", "a..example.com"), "san_labels" },
		{ NAME("dns", "-a.example.com"), "san_labels" },
		{ NAME("dns", "a.example.com."), "san_labels" },
		{ NAME("dns", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaa.example.com"), "san_labels" },
		{ NAME("dns", "ab--c.example.com"), "san_reserved_labels" },
		{ NAME("dns", "a.*.example.com"), "san_wildcards" },
		{ NAME("dns", "a*.example.com"), "san_wildcards" },
		{ WILD("*.example.com"), "san_wildcards" },
		{ WILD("com"), "san_wildcards" },
		{ NAME("dns", "192.0.2.1"), "san_no_address_text" },
		{ NAME("dns", "xn--a.example.com"), "san_names" },
		{ NAME("dns", "com"), "san_names" },
		{ NAME("dns", "a.invalid"), "san_names" },
	};
	struct tbs_spec spec;
	size_t i;

	nnames = 1;
	for (i = 0; i < nitems(t); i++) {
		names = &t[i].name;
		spec = good();
		expect_spec(*state, &spec, t[i].rule);
	}
}

static void
test_profile_of_names(void **state)
{
	static const struct ident twice[] = { NAME("dns", "a.example.com"),
	    NAME("dns", "a.example.com") },
	    mixed[] = { NAME("dns", "a.example.com"),
	    NAME("ip", "192.0.2.1") };
	struct tbs_spec spec = good();

	profile.names_max = 1;
	expect_spec(*state, &spec, "san_count");
	profile.wildcards = false;
	expect_spec(*state, &spec, "san_wildcards");
	profile.dns = false;
	expect_spec(*state, &spec, "san_types");
	profile = usual;
	names = twice;
	spec = good();
	expect_spec(*state, &spec, "san_once");
	names = mixed;
	spec = good();
	clean(*state, &spec);
	profile.ip = false;
	expect_spec(*state, &spec, "san_types");
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
	spec = good();
	profile.keys = PROFILE_RSA | PROFILE_P384;
	expect_spec(*state, &spec, "key_of_profile");
}

static void
test_usages(void **state)
{
	const char *any[] = { EKU_SERVER_AUTH, "2.5.29.37.0", NULL },
	    *ocsp[] = { "1.3.6.1.5.5.7.3.9", NULL },
	    *twice[] = { EKU_SERVER_AUTH, EKU_SERVER_AUTH, NULL };
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
	expect_spec(*state, &spec, "eku_profile");
	spec.eku = any;
	expect_spec(*state, &spec, "eku_no_authority");
	spec.eku = ocsp;
	expect_spec(*state, &spec, "eku_no_authority");
	spec.eku = twice;
	expect_spec(*state, &spec, "eku_once");
	spec = good();
	spec.ca = true;
	expect_spec(*state, &spec, "not_a_ca");
}

static void
test_policies(void **state)
{
	const char *one[] = { "1.2.3.4", NULL },
	    *two[] = { "1.2.3.4", "1.2.3.4", NULL };
	struct tbs_spec spec = good();

	spec.policies = one;
	expect_spec(*state, &spec, "policies_profile");
	profile.policies = one;
	clean(*state, &spec);
	spec.policies = two;
	expect_spec(*state, &spec, "policies_once");
	expect_spec(*state, &spec, "policies_profile");
	spec.policies = NULL;
	expect_spec(*state, &spec, "policies_profile");
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
expect_subject(struct arena *a, const char *country, const char *organization,
    const char *common_name, const char *rule)
{
	struct tbs_spec spec = good();

	spec.subject = tbs_subject(a, country, organization, common_name,
	    &spec.subject_len);
	expect_spec(a, &spec, rule);
}

static void
test_subject(void **state)
{
	const char *long64 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaa";

	expect_subject(*state, NULL, NULL, "a.example.com",
	    "subject_profile");
	profile.common_name = CN_FIRST;
	expect_subject(*state, NULL, NULL, "b.example.com",
	    "common_name_in_san");
	expect_subject(*state, NULL, "Org", "a.example.com",
	    "subject_profile");
	expect_subject(*state, NULL, NULL, long64, "common_name_short");
	expect_subject(*state, NULL, NULL, "", "subject_text");
	profile.organization = "Org";
	expect_subject(*state, NULL, NULL, "a.example.com",
	    "subject_profile");
	expect_subject(*state, NULL, long64, "a.example.com",
	    "organization_short");
	profile.country = "DE";
	expect_subject(*state, "DEU", "Org", "a.example.com",
	    "country_form");
	expect_subject(*state, "de", "Org", "a.example.com",
	    "country_form");
	expect_subject(*state, "FR", "Org", "a.example.com",
	    "subject_profile");
}

/* What only public CAs must hold to; without `br` nobody asks. */
static void
test_br(void **state)
{
	static const struct ident private = NAME("ip", "10.0.0.1"),
	    document = NAME("ip", "2001:db8::1"), tail = NAME("ip", "fd00::1");
	const char *dv[] = { DV, NULL }, *two[] = { DV, "2.23.140.1.2.2",
	    NULL }, *client[] = { EKU_CLIENT_AUTH, NULL },
	    *code[] = { EKU_SERVER_AUTH, "1.3.6.1.5.5.7.3.3", NULL };
	struct tbs_spec spec;

	profile.br = true;
	spec = good();
	expect_spec(*state, &spec, "br_policy");
	expect_spec(*state, &spec, "br_revocation");
	profile.policies = two;
	spec = good();
	expect_spec(*state, &spec, "br_policy");
	profile.policies = dv;
	spec = good();
	spec.not_after = spec.not_before + 200 * DAY;	/* and a second */
	expect_spec(*state, &spec, "br_validity");
	spec = good();
	spec.not_before = NOW - 2 * DAY - 1;
	expect_spec(*state, &spec, "br_start");
	spec = good();
	spec.eku = client;
	expect_spec(*state, &spec, "br_eku");
	spec.eku = code;
	expect_spec(*state, &spec, "br_eku");
	spec = good();
	spec.key_usage |= 1u << 4;			/* keyAgreement */
	expect_spec(*state, &spec, "br_key_usage");
	spec = good();
	spec.ca_issuers_url = NULL;
	expect_spec(*state, &spec, "br_issuer_url");
	spec.ca_issuers_url = "ldap://ca.test/";
	expect_spec(*state, &spec, "br_issuer_url");
	expect_subject(*state, NULL, "Org", NULL, "br_subject");
	nnames = 1;
	names = &private;
	spec = good();
	expect_spec(*state, &spec, "br_addresses");
	names = &document;
	spec = good();
	expect_spec(*state, &spec, "br_addresses");
	names = &tail;
	spec = good();
	expect_spec(*state, &spec, "br_addresses");
	key = ed_spki;
	key_len = ed_spki_len;
	spec = good();
	expect_spec(*state, &spec, "br_key_kind");
}

/* RSA keys that never get as far: octets of a SPKI, as they are. */
static void
test_br_rsa(void **state)
{
	const char *dv[] = { DV, NULL };
	EVP_PKEY *small = EVP_RSA_gen(1024);
	unsigned char *spki = NULL, *at;
	struct tbs_spec spec;

	profile.br = true;
	profile.policies = dv;
	key_len = spki_of(small, &spki);
	key = spki;
	spec = good();
	expect_spec(*state, &spec, "br_rsa_size");
	/* 65537, the last octets, to 3 with zeros before it */
	at = spki + key_len - 3;
	assert_memory_equal(at, "\1\0\1", 3);
	at[0] = 0;
	at[2] = 3;
	spec = good();
	expect_spec(*state, &spec, "br_rsa_exponent");
	at[0] = 1;
	at[2] = 2;
	expect_spec(*state, &spec, "br_rsa_exponent");
	OPENSSL_free(spki);
	EVP_PKEY_free(small);
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

/* What OpenSSL reads but would write otherwise, or what it cannot read. */
static void
test_values(void **state)
{
	X509 *cert;

	cert = opened(*state);
	drop(cert, NID_ext_key_usage);
	/* the length of the list in its long form */
	add(cert, "extendedKeyUsage", "DER:30810a06082b06010505070301");
	expect_cert(*state, cert, "extensions_der");
	cert = opened(*state);
	drop(cert, NID_subject_alt_name);
	add(cert, "subjectAltName", "critical,DER:30050203");
	expect_cert(*state, cert, "extensions_der");
	cert = opened(*state);
	drop(cert, NID_subject_alt_name);
	add(cert, "subjectAltName",
	    "critical,DER:300787050102030405");	/* 5 octets */
	expect_cert(*state, cert, "san_addresses");
	cert = opened(*state);
	drop(cert, NID_subject_alt_name);
	add(cert, "subjectAltName", "critical,email:a@example.com");
	expect_cert(*state, cert, "san_types");
	cert = opened(*state);
	add(cert, "certificatePolicies",
	    "DER:30323030060328030430293027"
	    "06082b060105050702011619687474703a2f2f63612e746573742f61626364"
	    "656667686970706b");
	expect_cert(*state, cert, "policies_profile");
}

static void
test_qualifiers(void **state)
{
	const char *one[] = { "1.2.3.4", NULL };
	CERTIFICATEPOLICIES *list;
	POLICYQUALINFO *q = POLICYQUALINFO_new();
	X509 *cert;

	profile.policies = one;
	cert = opened(*state);
	list = X509_get_ext_d2i(cert, NID_certificate_policies, NULL, NULL);
	q->pqualid = OBJ_nid2obj(NID_id_qt_cps);
	q->d.cpsuri = ASN1_IA5STRING_new();
	ASN1_STRING_set(q->d.cpsuri, "http://ca.test/", -1);
	sk_POLICYINFO_value(list, 0)->qualifiers =
	    sk_POLICYQUALINFO_new_null();
	sk_POLICYQUALINFO_push(sk_POLICYINFO_value(list, 0)->qualifiers, q);
	assert_int_equal(X509_add1_ext_i2d(cert, NID_certificate_policies,
	    list, 0, X509V3_ADD_REPLACE), 1);
	CERTIFICATEPOLICIES_free(list);
	expect_cert(*state, cert, "policies_plain");
}

static void
attribute_add(X509 *cert, const char *type, const char *value, int set)
{
	assert_int_equal(X509_NAME_add_entry_by_txt(
	    X509_get_subject_name(cert), type, V_ASN1_UTF8STRING,
	    (const unsigned char *)value, -1, -1, set), 1);
}

static void
test_attributes(void **state)
{
	X509 *cert;

	profile.br = true;
	cert = opened(*state);
	attribute_add(cert, "CN", "a.example.com", 0);
	attribute_add(cert, "CN", "a.example.com", 0);
	expect_cert(*state, cert, "subject_once");
	cert = opened(*state);
	attribute_add(cert, "O", "Org", 0);
	attribute_add(cert, "CN", "a.example.com", -1);	/* the same RDN */
	expect_cert(*state, cert, "br_rdn_single");
	cert = opened(*state);
	attribute_add(cert, "CN", "a.example.com", 0);
	attribute_add(cert, "O", "Org", 0);
	expect_cert(*state, cert, "br_subject_order");
	cert = opened(*state);
	assert_int_equal(X509_NAME_add_entry_by_txt(
	    X509_get_subject_name(cert), "O", V_ASN1_T61STRING,
	    (const unsigned char *)"Org", -1, -1, 0), 1);
	expect_cert(*state, cert, "subject_text");
}

/* An algorithm of the key or of the signature with what it must not have. */
static void
test_parameters(void **state)
{
	struct tbs_spec spec = good();
	unsigned char *tbs, *at;
	size_t len;
	X509 *cert;

	cert = opened(*state);
	X509_ALGOR_set0((X509_ALGOR *)X509_get0_tbs_sigalg(cert),
	    OBJ_nid2obj(NID_ecdsa_with_SHA256), V_ASN1_NULL, NULL);
	expect_cert(*state, cert, "algorithm_parameters");
	cert = opened(*state);
	X509_ALGOR_set0((X509_ALGOR *)X509_get0_tbs_sigalg(cert),
	    OBJ_nid2obj(NID_ecdsa_with_SHA1), V_ASN1_UNDEF, NULL);
	expect_cert(*state, cert, "algorithm_strong");
	/* NULL of an RSA key turned into an empty OCTET STRING */
	key = rsa_spki;
	key_len = rsa_spki_len;
	spec = good();
	tbs = tbs_build(*state, &spec, &len);
	at = memmem(tbs, len, rsa_spki, rsa_spki_len);
	at = memmem(at, rsa_spki_len, "\x05\x00\x03", 3);
	assert_non_null(at);
	at[0] = 0x04;
	expect(*state, tbs, len, "key_parameters");
}

/* What X509 has no function to add, as octets. */
static void
test_unique_id(void **state)
{
	struct tbs_spec spec = good();
	unsigned char *tbs, *more;
	const unsigned char *spki;
	size_t len, at;

	tbs = tbs_build(*state, &spec, &len);
	spki = memmem(tbs, len, leaf_spki, leaf_spki_len);
	assert_non_null(spki);
	at = (size_t)(spki - tbs) + leaf_spki_len;
	more = arena_alloc(*state, len + 4);
	memcpy(more, tbs, at);
	memcpy(more + at, "\x81\x02\x00\x01", 4);
	memcpy(more + at + 4, tbs + at, len - at);
	/* 30 82 hh ll */
	more[2] = (unsigned char)((len - 4 + 4) >> 8);
	more[3] = (unsigned char)(len - 4 + 4);
	expect(*state, more, len + 4, "no_unique_ids");
}

/* TRUE is FF, and a KeyUsage has no zero bits at its end. */
static void
test_bits(void **state)
{
	struct tbs_spec spec = good();
	unsigned char *tbs, *at;
	size_t len;

	tbs = tbs_build(*state, &spec, &len);
	at = memmem(tbs, len, "\x01\x01\xff\x04", 4);
	assert_non_null(at);
	at[2] = 1;
	expect(*state, tbs, len, "extensions_booleans");
	at[2] = 0xff;
	at = memmem(tbs, len, "\x03\x02\x07\x80", 4);
	assert_non_null(at);
	at[2] = 6;
	expect(*state, tbs, len, "key_usage_der");
	at[2] = 7;
	expect(*state, tbs, len - 1, "der");
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

/* The last one: no rule without an object that breaks it. */
static void
test_every_rule(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rules); i++)
		if (!broken[i])
			fail_msg("no test breaks %s", rules[i].rule.name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_clean),
		UNIT(test_clean_br),
		UNIT(test_table),
		UNIT(test_times),
		UNIT(test_serial),
		UNIT(test_names),
		UNIT(test_bad_names),
		UNIT(test_profile_of_names),
		UNIT(test_keys),
		UNIT(test_usages),
		UNIT(test_policies),
		UNIT(test_issuer),
		UNIT(test_subject),
		UNIT(test_br),
		UNIT(test_br_rsa),
		UNIT(test_extensions),
		UNIT(test_values),
		UNIT(test_qualifiers),
		UNIT(test_attributes),
		UNIT(test_parameters),
		UNIT(test_unique_id),
		UNIT(test_bits),
		UNIT(test_fields),
		UNIT(test_octets),
		UNIT(test_every_rule),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

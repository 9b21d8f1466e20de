/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last look before a signature: the rules about the fields of a leaf,
 * and the table of all rules.  Pure.
 */
#include <string.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#include "../server/log.h"
#include "../server/mem.h"
#include "lint.h"
#include "lint_rules.h"
#include "profile.h"
#include "validity.h"

#define CLOCK_SLACK	60	/* between the decision and this look */
#define DUMMY_SIG_LEN	72

/* RFC 5280, 4.1: DER has one form, so encoding again gives the same. */
static bool
is_der(const struct lint_view *v)
{
	unsigned char *again = NULL;
	bool same;
	int n;

	n = i2d_re_X509_tbs(v->cert, &again);
	same = n > 0 && (size_t)n == v->in->tbs_len &&
	    memcmp(again, v->in->tbs, (size_t)n) == 0;
	OPENSSL_free(again);
	return same;
}

static bool
version_3(const struct lint_view *v)
{
	return X509_get_version(v->cert) == X509_VERSION_3;
}

static bool
serial_positive(const struct lint_view *v)
{
	const ASN1_INTEGER *n = X509_get0_serialNumber(v->cert);

	return ASN1_STRING_type(n) == V_ASN1_INTEGER &&
	    ASN1_STRING_length(n) > 0 && (ASN1_STRING_length(n) > 1 ||
	    ASN1_STRING_get0_data(n)[0] != 0);
}

static int
serial_octets(const struct lint_view *v)
{
	return i2d_ASN1_INTEGER(X509_get0_serialNumber(v->cert), NULL) - 2;
}

static bool
serial_not_long(const struct lint_view *v)
{
	return serial_octets(v) <= 20;
}

static bool
serial_not_short(const struct lint_view *v)
{
	return serial_octets(v) >= SERIAL_LEN;
}

/* RFC 5280, 4.1.1.2: the one inside is the one outside. */
static bool
algorithms_equal(const struct lint_view *v)
{
	const X509_ALGOR *outer = NULL;

	X509_get0_signature(NULL, &outer, v->cert);
	return X509_ALGOR_cmp(X509_get0_tbs_sigalg(v->cert), outer) == 0;
}

/* The one inside: that outside is ours. */
static int
algorithm(const struct lint_view *v)
{
	return OBJ_obj2nid(X509_get0_tbs_sigalg(v->cert)->algorithm);
}

static bool
algorithm_strong(const struct lint_view *v)
{
	switch (algorithm(v)) {
	case NID_ecdsa_with_SHA256:
	case NID_ecdsa_with_SHA384:
	case NID_sha256WithRSAEncryption:
		return true;
	}
	return false;
}

static bool
issuer_equal(const struct lint_view *v)
{
	const unsigned char *ours = NULL, *theirs = NULL;
	size_t n = 0, m = 0;

	return X509_NAME_get0_der(X509_get_issuer_name(v->cert), &ours, &n) &&
	    X509_NAME_get0_der(X509_get_subject_name(v->in->issuer), &theirs,
	    &m) && n > 2 && n == m && memcmp(ours, theirs, n) == 0;
}

static bool
no_unique_ids(const struct lint_view *v)
{
	const ASN1_BIT_STRING *issuer = NULL, *subject = NULL;

	X509_get0_uids(v->cert, &issuer, &subject);
	return issuer == NULL && subject == NULL;
}

static bool
time_form(const ASN1_TIME *t)
{
	const unsigned char *text = ASN1_STRING_get0_data(t);
	int len = ASN1_STRING_length(t);

	if (len < 1 || text[len - 1] != 'Z')
		return false;
	if (ASN1_STRING_type(t) == V_ASN1_UTCTIME)
		return len == 13;
	return len == 15 && memcmp(text, "2050", 4) >= 0;
}

static bool
times_encoded(const struct lint_view *v)
{
	return time_form(X509_get0_notBefore(v->cert)) &&
	    time_form(X509_get0_notAfter(v->cert));
}

static bool
validity_ordered(const struct lint_view *v)
{
	return v->timed && v->not_before < v->not_after;
}

/* notAfter is part of the validity: no extra second. */
static bool
validity_not_long(const struct lint_view *v)
{
	return v->timed &&
	    v->not_after - v->not_before + 1 <= v->in->profile->validity;
}

/* RFC 8555, 7.4: to the second, or not at all. */
static bool
dates_of_order(const struct lint_view *v)
{
	const struct profile_dates *d = &v->in->dates;

	return v->timed &&
	    (d->not_before == 0 || d->not_before == v->not_before) &&
	    (d->not_after == 0 || d->not_after == v->not_after);
}

static bool
starts_within_issuer(const struct lint_view *v)
{
	return v->timed && v->not_before >= v->issuer_from;
}

static bool
ends_within_issuer(const struct lint_view *v)
{
	return v->timed && v->not_after <= v->issuer_until;
}

static bool
starts_now(const struct lint_view *v)
{
	const struct profile *f = v->in->profile;
	int64_t last = v->in->now;

	if (v->in->dates.not_before != 0)
		last += f->advance;
	return v->timed && v->not_before <= last &&
	    v->not_before + f->backdate + CLOCK_SLACK >= v->in->now;
}

static bool
ends_later(const struct lint_view *v)
{
	return v->timed && v->not_after > v->in->now;
}

static bool
key_of_request(const struct lint_view *v)
{
	return v->spki_len == v->in->spki_len &&
	    memcmp(v->spki, v->in->spki, v->spki_len) == 0;
}

static bool
key_not_issuers(const struct lint_view *v)
{
	return v->spki_len != v->in->issuer_spki_len ||
	    memcmp(v->spki, v->in->issuer_spki, v->spki_len) != 0;
}

static bool
key_of_profile(const struct lint_view *v)
{
	return (v->kind & v->in->profile->keys) != 0;
}

/* RFC 3279, 2.3.1: NULL; RFC 5480, 2.1.1: a curve; RFC 8410, 3: none.  And
 * an AlgorithmIdentifier holds nothing else. */
static bool
key_parameters(const struct lint_view *v)
{
	struct der in = { v->spki, v->spki_len }, body, alg;

	if (der_take(&in, DER_SEQUENCE, &body) == -1 ||
	    der_take(&body, DER_SEQUENCE, &alg) == -1 ||
	    der_take(&alg, DER_OID, NULL) == -1)
		return false;
	if (v->kind == PROFILE_RSA)
		return der_equal(&alg, "\x05\x00", 2);
	if (v->kind == PROFILE_ED25519)
		return alg.len == 0;
	return der_take(&alg, DER_OID, NULL) == 0 && alg.len == 0;
}

/* RFC 4055, 5: NULL for RSA; RFC 5758, 3.2: none for ECDSA. */
static bool
algorithm_parameters(const struct lint_view *v)
{
	const X509_ALGOR *alg = X509_get0_tbs_sigalg(v->cert);
	int type = V_ASN1_UNDEF;

	X509_ALGOR_get0(NULL, &type, NULL, alg);
	return type == (algorithm(v) == NID_sha256WithRSAEncryption ?
	    V_ASN1_NULL : V_ASN1_UNDEF);
}

#define ALWAYS	false
#define BR	true

static const struct {
	struct lint_rule	  rule;
	bool			(*holds)(const struct lint_view *);
	bool			  br;	/* only where the profile says so */
} rules[] = {
	{ { "der", "RFC 5280, 4.1" }, is_der, ALWAYS },
	{ { "version_3", "RFC 5280, 4.1.2.1" }, version_3, ALWAYS },
	{ { "serial_positive", "RFC 5280, 4.1.2.2" }, serial_positive,
	    ALWAYS },
	{ { "serial_not_long", "RFC 5280, 4.1.2.2" }, serial_not_long,
	    ALWAYS },
	/* What we always do, although only the BR ask for it. */
	{ { "serial_not_short", "CA/B BR, 7.1" }, serial_not_short, ALWAYS },
	{ { "algorithms_equal", "RFC 5280, 4.1.2.3" }, algorithms_equal,
	    ALWAYS },
	{ { "algorithm_strong", "CA/B BR, 7.1.3.2" }, algorithm_strong,
	    ALWAYS },
	{ { "algorithm_parameters", "RFC 5758, 3.2" }, algorithm_parameters,
	    ALWAYS },
	{ { "issuer_equal", "RFC 5280, 4.1.2.4" }, issuer_equal, ALWAYS },
	{ { "no_unique_ids", "RFC 5280, 4.1.2.8" }, no_unique_ids, ALWAYS },
	{ { "times_encoded", "RFC 5280, 4.1.2.5" }, times_encoded, ALWAYS },
	{ { "validity_ordered", "RFC 5280, 4.1.2.5" }, validity_ordered,
	    ALWAYS },
	{ { "validity_not_long", "RFC 5280, 4.1.2.5" }, validity_not_long,
	    ALWAYS },
	{ { "dates_of_order", "RFC 8555, 7.4" }, dates_of_order, ALWAYS },
	{ { "starts_within_issuer", "RFC 5280, 6.1.3" },
	    starts_within_issuer, ALWAYS },
	{ { "ends_within_issuer", "RFC 5280, 6.1.3" }, ends_within_issuer,
	    ALWAYS },
	{ { "starts_now", "RFC 5280, 4.1.2.5" }, starts_now, ALWAYS },
	{ { "ends_later", "RFC 5280, 4.1.2.5" }, ends_later, ALWAYS },
	{ { "key_of_request", "RFC 8555, 7.4" }, key_of_request, ALWAYS },
	{ { "key_not_issuers", "RFC 5280, 4.2.1.9" }, key_not_issuers,
	    ALWAYS },
	{ { "key_of_profile", "RFC 5280, 4.1.2.7" }, key_of_profile, ALWAYS },
	{ { "key_parameters", "RFC 3279, 2.3.1; RFC 5480, 2.1.1; RFC 8410, 3"
	    }, key_parameters, ALWAYS },
	{ { "subject_profile", "RFC 5280, 4.1.2.6" }, lint_subject_profile,
	    ALWAYS },
	{ { "subject_once", "CA/B BR, 7.1.4.2" }, lint_subject_once, ALWAYS },
	{ { "subject_text", "RFC 5280, 4.1.2.4" }, lint_subject_text,
	    ALWAYS },
	{ { "country_form", "RFC 5280, A.1" }, lint_country_form, ALWAYS },
	{ { "organization_short", "RFC 5280, A.1" }, lint_organization_short,
	    ALWAYS },
	{ { "common_name_short", "RFC 5280, A.1" }, lint_common_name_short,
	    ALWAYS },
	{ { "common_name_in_san", "CA/B BR, 7.1.4.3" },
	    lint_common_name_in_san, ALWAYS },
	{ { "extensions_known", "RFC 5280, 4.2" }, lint_ext_known, ALWAYS },
	{ { "extensions_once", "RFC 5280, 4.2" }, lint_ext_once, ALWAYS },
	{ { "extensions_booleans", "X.690, 11.1" }, lint_ext_booleans,
	    ALWAYS },
	{ { "extensions_critical", "RFC 5280, 4.2" }, lint_ext_critical,
	    ALWAYS },
	{ { "extensions_der", "RFC 5280, 4.1; X.690, 10" }, lint_ext_values,
	    ALWAYS },
	{ { "san_present", "RFC 5280, 4.2.1.6" }, lint_san_present, ALWAYS },
	{ { "san_is_order", "RFC 8555, 7.4" }, lint_san_is_order, ALWAYS },
	{ { "san_critical", "RFC 5280, 4.1.2.6" }, lint_san_critical,
	    ALWAYS },
	{ { "san_types", "RFC 5280, 4.2.1.6" }, lint_san_types, ALWAYS },
	{ { "san_once", "RFC 8555, 7.4" }, lint_san_once, ALWAYS },
	{ { "san_count", "draft-ietf-acme-profiles" }, lint_san_count,
	    ALWAYS },
	{ { "san_octets", "RFC 5280, 4.2.1.6; RFC 1034, 3.5" },
	    lint_san_octets, ALWAYS },
	{ { "san_labels", "RFC 1034, 3.1" }, lint_san_labels, ALWAYS },
	{ { "san_reserved_labels", "RFC 5890, 2.3.1" },
	    lint_san_reserved_labels, ALWAYS },
	{ { "san_wildcards", "RFC 9525, 6.3" }, lint_san_wildcards, ALWAYS },
	{ { "san_no_address_text", "RFC 8738, 3" }, lint_san_no_address_text,
	    ALWAYS },
	{ { "san_addresses", "RFC 5280, 4.2.1.6" }, lint_san_addresses,
	    ALWAYS },
	{ { "san_names", "RFC 8399, 2.2" }, lint_san_names, ALWAYS },
	{ { "not_a_ca", "RFC 5280, 4.2.1.9" }, lint_not_a_ca, ALWAYS },
	{ { "key_usage_profile", "RFC 5280, 4.2.1.3" },
	    lint_key_usage_profile, ALWAYS },
	{ { "key_usage_der", "X.690, 11.2.2" }, lint_key_usage_der, ALWAYS },
	{ { "key_usage_no_ca", "RFC 5280, 4.2.1.3" }, lint_key_usage_no_ca,
	    ALWAYS },
	{ { "key_usage_of_key", "RFC 8813, 3" }, lint_key_usage_of_key,
	    ALWAYS },
	{ { "eku_profile", "RFC 5280, 4.2.1.12" }, lint_eku_profile, ALWAYS },
	{ { "eku_once", "RFC 5280, 4.2.1.12" }, lint_eku_once, ALWAYS },
	{ { "eku_no_authority", "RFC 6960, 4.2.2.2" }, lint_eku_no_authority,
	    ALWAYS },
	{ { "policies_profile", "RFC 5280, 4.2.1.4" }, lint_policies_profile,
	    ALWAYS },
	{ { "policies_once", "RFC 5280, 4.2.1.4" }, lint_policies_once,
	    ALWAYS },
	{ { "policies_plain", "RFC 5280, 4.2.1.4" }, lint_policies_plain,
	    ALWAYS },
	{ { "aki_is_issuer", "RFC 5280, 4.2.1.1" }, lint_aki_is_issuer,
	    ALWAYS },
	{ { "ski_present", "RFC 5280, 4.2.1.2" }, lint_ski_present, ALWAYS },
	{ { "aia_profile", "RFC 5280, 4.2.2.1" }, lint_aia_profile, ALWAYS },
	{ { "br_validity", "CA/B BR, 6.3.2" }, lint_br_validity, BR },
	{ { "br_start", "CA/B BR, 7.1.2.7" }, lint_br_start, BR },
	{ { "br_policy", "CA/B BR, 7.1.2.7.9" }, lint_br_policy, BR },
	{ { "br_eku", "CA/B BR, 7.1.2.7.10" }, lint_br_eku, BR },
	{ { "br_key_usage", "CA/B BR, 7.1.2.7.11" }, lint_br_key_usage, BR },
	{ { "br_key_kind", "CA/B BR, 6.1.5" }, lint_br_key_kind, BR },
	{ { "br_rsa_size", "CA/B BR, 6.1.5" }, lint_br_rsa_size, BR },
	{ { "br_rsa_exponent", "CA/B BR, 6.1.6" }, lint_br_rsa_exponent, BR },
	{ { "br_addresses", "CA/B BR, 4.2.2" }, lint_br_addresses, BR },
	{ { "br_revocation", "CA/B BR, 7.1.2.11.2" }, lint_br_revocation,
	    BR },
	{ { "br_issuer_url", "CA/B BR, 7.1.2.7.7" }, lint_br_issuer_url, BR },
	{ { "br_subject", "CA/B BR, 7.1.2.7.2" }, lint_br_subject, BR },
	{ { "br_rdn_single", "CA/B BR, 7.1.4.2" }, lint_br_rdn_single, BR },
	{ { "br_subject_order", "CA/B BR, 7.1.4.2" }, lint_br_subject_order,
	    BR },
};

size_t
lint_rules(void)
{
	return nitems(rules);
}

/*
 * An empty certificate of a library context without algorithms.  The rules
 * look at structure only, the key was proven with the CSR: with algorithms
 * OpenSSL would decode it again, at the cost of all rules together.
 */
static X509 *
bare_certificate(void)
{
	static OSSL_LIB_CTX *bare;

	if (bare == NULL) {
		bare = OSSL_LIB_CTX_new();
		if (bare == NULL || OSSL_PROVIDER_load(bare, "null") == NULL)
			die(EXIT_FAILED, "OpenSSL has no library context");
	}
	return X509_new_ex(bare, NULL);
}

/* The octets of an RSA key: modulus and exponent. */
static void
rsa_read(struct lint_view *v)
{
	struct der in = { v->spki, v->spki_len }, body, bits, key;

	if (der_take(&in, DER_SEQUENCE, &body) == -1 ||
	    der_take(&body, DER_SEQUENCE, NULL) == -1 ||
	    der_take(&body, DER_BIT_STRING, &bits) == -1 || bits.len < 1)
		return;
	bits.data++;
	bits.len--;
	if (der_take(&bits, DER_SEQUENCE, &key) == -1 ||
	    der_take(&key, DER_INTEGER, &v->modulus) == -1 ||
	    der_take(&key, DER_INTEGER, &v->exponent) == -1)
		v->modulus = v->exponent = (struct der){ NULL, 0 };
}

/* PROFILE_RSA and the like, by the identifiers alone; 0: none of them. */
static unsigned
key_kind(const X509 *cert)
{
	static const struct {
		int		nid, curve;
		unsigned	kind;
	} kinds[] = {
		{ NID_rsaEncryption, NID_undef, PROFILE_RSA },
		{ NID_X9_62_id_ecPublicKey, NID_X9_62_prime256v1,
		    PROFILE_P256 },
		{ NID_X9_62_id_ecPublicKey, NID_secp384r1, PROFILE_P384 },
		{ NID_X9_62_id_ecPublicKey, NID_secp521r1, PROFILE_P521 },
		{ NID_ED25519, NID_undef, PROFILE_ED25519 },
	};
	const ASN1_OBJECT *oid = NULL;
	const void *curve = NULL;
	X509_ALGOR *alg = NULL;
	int type = V_ASN1_UNDEF, nid;
	size_t i;

	if (X509_PUBKEY_get0_param(NULL, NULL, NULL, &alg,
	    X509_get_X509_PUBKEY(cert)) != 1)
		return 0;
	X509_ALGOR_get0(&oid, &type, &curve, alg);
	nid = type == V_ASN1_OBJECT ? OBJ_obj2nid(curve) : NID_undef;
	for (i = 0; i < nitems(kinds); i++)
		if (kinds[i].nid == OBJ_obj2nid(oid) && kinds[i].curve == nid)
			return kinds[i].kind;
	return 0;
}

static void
view_key(struct arena *a, struct lint_view *v)
{
	unsigned char *spki = NULL;
	int n;

	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(v->cert), &spki);
	if (n > 0) {
		v->spki = arena_memdup(a, spki, (size_t)n);
		v->spki_len = (size_t)n;
	}
	OPENSSL_free(spki);
	v->kind = key_kind(v->cert);
	if (v->kind == PROFILE_RSA)
		rsa_read(v);
}

static const ASN1_STRING *
common_name_read(const X509 *cert)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	const ASN1_STRING *found = NULL;
	int at = -1;

	while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName,
	    at)) >= 0)
		found = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject,
		    at));
	return found;
}

/* What several rules need, decoded once; false: not a certificate at all. */
static bool
view_open(struct arena *a, const struct lint_input *in, struct lint_view *v)
{
	const unsigned char zeros[DUMMY_SIG_LEN] = { 0 }, *der, *at;
	size_t len;

	memset(v, 0, sizeof(*v));
	v->in = in;
	at = der = tbs_assemble(a, in->tbs, in->tbs_len, in->issuer_spki,
	    in->issuer_spki_len, zeros, sizeof(zeros), &len);
	if (der == NULL)
		return false;
	v->cert = bare_certificate();
	if (d2i_X509(&v->cert, &at, (long)len) == NULL || at != der + len)
		return false;
	v->timed = validity_read(v->cert, &v->not_before,
	    &v->not_after) == 0 && validity_read(in->issuer,
	    &v->issuer_from, &v->issuer_until) == 0;
	view_key(a, v);
	v->common_name = common_name_read(v->cert);
	lint_ext_open(v);
	return v->spki != NULL;
}

size_t
lint_check(struct arena *a, const struct lint_input *in,
    struct lint_rule *found)
{
	struct lint_view v;
	size_t i, n = 0;

	_Static_assert(nitems(rules) <= LINT_MAX, "room for all findings");
	if (view_open(a, in, &v)) {
		/* is_der last: it drops the encoding that was decoded. */
		for (i = nitems(rules); i-- > 0;)
			if ((in->profile->br || !rules[i].br) &&
			    !rules[i].holds(&v))
				found[n++] = rules[i].rule;
	} else {
		found[n++] = rules[0].rule;
	}
	lint_ext_close(&v);
	X509_free(v.cert);
	ERR_clear_error();
	return n;
}

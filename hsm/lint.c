/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last look before a signature: the rules about the fields of a leaf,
 * and the table of all of them.  Those about extensions are in lint_ext.c.
 * Pure.
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

static bool
algorithm_strong(const struct lint_view *v)
{
	switch (X509_get_signature_nid(v->cert)) {
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
	return v->timed && v->not_before <= v->in->now &&
	    v->not_before + v->in->profile->backdate + CLOCK_SLACK >=
	    v->in->now;
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

/* The profile puts nothing into a subject but a commonName. */
static bool
subject_plain(const struct lint_view *v)
{
	const X509_NAME *name = X509_get_subject_name(v->cert);
	int n = X509_NAME_entry_count(name);

	if (n == 0)
		return true;
	return n == 1 && X509_NAME_get_index_by_NID((X509_NAME *)name,
	    NID_commonName, -1) == 0;
}

/* RFC 5280, Appendix A.1: ub-common-name */
static bool
common_name_short(const struct lint_view *v)
{
	return v->common_name == NULL ||
	    ASN1_STRING_length(v->common_name) <= 64;
}

static const struct {
	struct lint_rule	  rule;
	bool			(*holds)(const struct lint_view *);
} rules[] = {
	{ { "der", "RFC 5280, 4.1" }, is_der },
	{ { "version_3", "RFC 5280, 4.1.2.1" }, version_3 },
	{ { "serial_positive", "RFC 5280, 4.1.2.2" }, serial_positive },
	{ { "serial_not_long", "RFC 5280, 4.1.2.2" }, serial_not_long },
	{ { "serial_not_short", "CA/B BR, 7.1" }, serial_not_short },
	{ { "algorithms_equal", "RFC 5280, 4.1.2.3" }, algorithms_equal },
	{ { "algorithm_strong", "CA/B BR, 7.1.3.2" }, algorithm_strong },
	{ { "issuer_equal", "RFC 5280, 4.1.2.4" }, issuer_equal },
	{ { "no_unique_ids", "RFC 5280, 4.1.2.8" }, no_unique_ids },
	{ { "times_encoded", "RFC 5280, 4.1.2.5" }, times_encoded },
	{ { "validity_ordered", "RFC 5280, 4.1.2.5" }, validity_ordered },
	{ { "validity_not_long", "RFC 5280, 4.1.2.5" }, validity_not_long },
	{ { "starts_within_issuer", "RFC 5280, 6.1.3" },
	    starts_within_issuer },
	{ { "ends_within_issuer", "RFC 5280, 6.1.3" }, ends_within_issuer },
	{ { "starts_now", "CA/B BR, 6.3.2" }, starts_now },
	{ { "ends_later", "RFC 5280, 4.1.2.5" }, ends_later },
	{ { "key_of_request", "RFC 8555, 7.4" }, key_of_request },
	{ { "key_not_issuers", "RFC 5280, 4.2.1.9" }, key_not_issuers },
	{ { "subject_plain", "CA/B BR, 7.1.2.7" }, subject_plain },
	{ { "common_name_short", "RFC 5280, A.1" }, common_name_short },
	{ { "common_name_in_san", "CA/B BR, 7.1.4.3" },
	    lint_common_name_in_san },
	{ { "extensions_known", "CA/B BR, 7.1.2.7" }, lint_ext_known },
	{ { "extensions_once", "RFC 5280, 4.2" }, lint_ext_once },
	{ { "extensions_booleans", "X.690, 11.1" }, lint_ext_booleans },
	{ { "extensions_critical", "RFC 5280, 4.2" }, lint_ext_critical },
	{ { "san_present", "RFC 5280, 4.2.1.6" }, lint_san_present },
	{ { "san_is_order", "RFC 8555, 7.4" }, lint_san_is_order },
	{ { "san_critical", "RFC 5280, 4.1.2.6" }, lint_san_critical },
	{ { "not_a_ca", "RFC 5280, 4.2.1.9" }, lint_not_a_ca },
	{ { "key_usage_profile", "RFC 5280, 4.2.1.3" },
	    lint_key_usage_profile },
	{ { "key_usage_der", "X.690, 11.2.2" }, lint_key_usage_der },
	{ { "key_usage_no_ca", "RFC 5280, 4.2.1.3" }, lint_key_usage_no_ca },
	{ { "key_usage_of_key", "RFC 8813, 3" }, lint_key_usage_of_key },
	{ { "eku_profile", "RFC 5280, 4.2.1.12" }, lint_eku_profile },
	{ { "aki_is_issuer", "RFC 5280, 4.2.1.1" }, lint_aki_is_issuer },
	{ { "ski_present", "RFC 5280, 4.2.1.2" }, lint_ski_present },
	{ { "aia_profile", "RFC 5280, 4.2.2.1" }, lint_aia_profile },
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

/* What several rules need, decoded once; false: not a certificate at all. */
static bool
view_open(struct arena *a, const struct lint_input *in, struct lint_view *v)
{
	const unsigned char zeros[DUMMY_SIG_LEN] = { 0 }, *der, *at;
	const X509_NAME *subject;
	unsigned char *spki = NULL;
	size_t len;
	int n;

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
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(v->cert), &spki);
	if (n > 0) {
		v->spki = arena_memdup(a, spki, (size_t)n);
		v->spki_len = (size_t)n;
	}
	OPENSSL_free(spki);
	subject = X509_get_subject_name(v->cert);
	n = X509_NAME_get_index_by_NID((X509_NAME *)subject, NID_commonName,
	    -1);
	if (n >= 0)
		v->common_name = X509_NAME_ENTRY_get_data(
		    X509_NAME_get_entry(subject, n));
	v->san = X509_get_ext_d2i(v->cert, NID_subject_alt_name, NULL, NULL);
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
			if (!rules[i].holds(&v))
				found[n++] = rules[i].rule;
	} else {
		found[n++] = rules[0].rule;
	}
	GENERAL_NAMES_free(v.san);
	X509_free(v.cert);
	ERR_clear_error();
	return n;
}

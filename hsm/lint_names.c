/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules about who a leaf is for: its subject, which says no more than the
 * profile, and its subjectAltName, which says what the order did.  Pure.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <openssl/objects.h>

#include "../server/mem.h"
#include "../server/problem.h"
#include "lint_rules.h"
#include "profile.h"

#define COMMON_NAME_MAX	64	/* RFC 5280, A.1: ub-common-name */
#define ORGANIZATION_MAX 64	/* ub-organization-name */
#define LABEL_MAX	63	/* RFC 1034, 3.1 */

/* --------------------------------------------------------------- subject */

static X509_NAME *
subject(const struct lint_view *v)
{
	return X509_get_subject_name(v->cert);
}

static const ASN1_STRING *
attribute(const struct lint_view *v, int nid)
{
	int at = X509_NAME_get_index_by_NID(subject(v), nid, -1);

	return at < 0 ? NULL :
	    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject(v), at));
}

static bool
text_is(const ASN1_STRING *text, const char *want)
{
	return (size_t)ASN1_STRING_length(text) == strlen(want) &&
	    memcmp(ASN1_STRING_get0_data(text), want, strlen(want)) == 0;
}

/* There as the profile has it, or not there when it has none. */
static bool
as_wanted(const ASN1_STRING *text, const char *want)
{
	return want == NULL ? text == NULL :
	    text != NULL && text_is(text, want);
}

bool
lint_subject_profile(const struct lint_view *v)
{
	const struct profile *f = v->in->profile;
	int expected = (f->country != NULL) + (f->organization != NULL) +
	    (v->common_name != NULL);

	return as_wanted(attribute(v, NID_countryName), f->country) &&
	    as_wanted(attribute(v, NID_organizationName), f->organization) &&
	    (v->common_name == NULL || f->common_name == CN_FIRST) &&
	    X509_NAME_entry_count(subject(v)) == expected;
}

bool
lint_subject_once(const struct lint_view *v)
{
	const ASN1_OBJECT *oid;
	int i;

	for (i = 0; i < X509_NAME_entry_count(subject(v)); i++) {
		oid = X509_NAME_ENTRY_get_object(X509_NAME_get_entry(
		    subject(v), i));
		if (X509_NAME_get_index_by_OBJ(subject(v), oid, i) != -1)
			return false;
	}
	return true;
}

/* RFC 5280, 4.1.2.4: PrintableString or UTF8String, not empty, in UTF-8. */
bool
lint_subject_text(const struct lint_view *v)
{
	const ASN1_STRING *text;
	unsigned char *utf8;
	int i, n;

	for (i = 0; i < X509_NAME_entry_count(subject(v)); i++) {
		text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(
		    subject(v), i));
		if (ASN1_STRING_type(text) != V_ASN1_UTF8STRING &&
		    ASN1_STRING_type(text) != V_ASN1_PRINTABLESTRING)
			return false;
		utf8 = NULL;
		n = ASN1_STRING_to_UTF8(&utf8, text);
		OPENSSL_free(utf8);
		if (n <= 0)
			return false;
	}
	return true;
}

/* RFC 5280, A.1: X520countryName */
bool
lint_country_form(const struct lint_view *v)
{
	const ASN1_STRING *text = attribute(v, NID_countryName);
	const unsigned char *s;

	if (text == NULL)
		return true;
	s = ASN1_STRING_get0_data(text);
	return ASN1_STRING_type(text) == V_ASN1_PRINTABLESTRING &&
	    ASN1_STRING_length(text) == 2 && isupper(s[0]) && isupper(s[1]);
}

bool
lint_organization_short(const struct lint_view *v)
{
	const ASN1_STRING *text = attribute(v, NID_organizationName);

	return text == NULL || ASN1_STRING_length(text) <= ORGANIZATION_MAX;
}

bool
lint_common_name_short(const struct lint_view *v)
{
	return v->common_name == NULL ||
	    ASN1_STRING_length(v->common_name) <= COMMON_NAME_MAX;
}

/* ---------------------------------------------------------- subjectAltName */

static int
count(const struct lint_view *v)
{
	return v->san == NULL ? 0 : sk_GENERAL_NAME_num(v->san);
}

/* The text of the i-th name when it is a dNSName; false: it is not, or no
 * text at all. */
static bool
dns_name(const struct lint_view *v, int i, char text[IDENT_MAX + 3])
{
	const GENERAL_NAME *name = sk_GENERAL_NAME_value(v->san, i);
	const unsigned char *s;
	size_t len;

	if (name->type != GEN_DNS)
		return false;
	s = ASN1_STRING_get0_data(name->d.dNSName);
	len = (size_t)ASN1_STRING_length(name->d.dNSName);
	if (len > IDENT_MAX + 2 || memchr(s, '\0', len) != NULL)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return true;
}

/* An address as people write it. */
static bool
address_text(const GENERAL_NAME *name, char text[INET6_ADDRSTRLEN])
{
	const unsigned char *octets;
	int len;

	if (name->type != GEN_IPADD)
		return false;
	octets = ASN1_STRING_get0_data(name->d.iPAddress);
	len = ASN1_STRING_length(name->d.iPAddress);
	return (len == 4 || len == 16) && inet_ntop(len == 4 ? AF_INET :
	    AF_INET6, octets, text, INET6_ADDRSTRLEN) != NULL;
}

bool
lint_san_present(const struct lint_view *v)
{
	return count(v) > 0;
}

static bool
is_address(const GENERAL_NAME *name, const struct ident *want)
{
	unsigned char octets[sizeof(struct in6_addr)];
	size_t len = 0;

	if (inet_pton(AF_INET, want->value, octets) == 1)
		len = sizeof(struct in_addr);
	else if (inet_pton(AF_INET6, want->value, octets) == 1)
		len = sizeof(struct in6_addr);
	return len > 0 && name->type == GEN_IPADD &&
	    (size_t)ASN1_STRING_length(name->d.iPAddress) == len &&
	    memcmp(ASN1_STRING_get0_data(name->d.iPAddress), octets,
	    len) == 0;
}

static bool
is_ident(const GENERAL_NAME *name, const struct ident *want)
{
	const unsigned char *text;
	size_t len, skip = want->wildcard ? 2 : 0;

	if (strcmp(want->type, "ip") == 0)
		return is_address(name, want);
	if (name->type != GEN_DNS)
		return false;
	text = ASN1_STRING_get0_data(name->d.dNSName);
	len = (size_t)ASN1_STRING_length(name->d.dNSName);
	return len == strlen(want->value) + skip &&
	    memcmp(text, "*.", skip) == 0 &&
	    memcmp(text + skip, want->value, len - skip) == 0;
}

bool
lint_san_is_order(const struct lint_view *v)
{
	size_t i;

	if ((size_t)count(v) != v->in->nnames)
		return false;
	for (i = 0; i < v->in->nnames; i++)
		if (!is_ident(sk_GENERAL_NAME_value(v->san, (int)i),
		    &v->in->names[i]))
			return false;
	return true;
}

bool
lint_san_critical(const struct lint_view *v)
{
	const X509_EXTENSION *ext = lint_extension(v, NID_subject_alt_name);
	bool empty = X509_NAME_entry_count(subject(v)) == 0;

	return ext != NULL &&
	    (X509_EXTENSION_get_critical(ext) != 0) == empty;
}

bool
lint_common_name_in_san(const struct lint_view *v)
{
	char address[INET6_ADDRSTRLEN], text[IDENT_MAX + 3];
	int i;

	if (v->common_name == NULL)
		return true;
	for (i = 0; i < count(v); i++)
		if ((dns_name(v, i, text) && text_is(v->common_name, text)) ||
		    (address_text(sk_GENERAL_NAME_value(v->san, i),
		    address) && text_is(v->common_name, address)))
			return true;
	return false;
}

bool
lint_san_types(const struct lint_view *v)
{
	const struct profile *f = v->in->profile;
	int i;

	for (i = 0; i < count(v); i++)
		switch (sk_GENERAL_NAME_value(v->san, i)->type) {
		case GEN_DNS:
			if (!f->dns)
				return false;
			break;
		case GEN_IPADD:
			if (!f->ip)
				return false;
			break;
		default:
			return false;
		}
	return true;
}

/* They are sorted, but then a repeat need not be looked for far away. */
bool
lint_san_once(const struct lint_view *v)
{
	int i;

	for (i = 1; i < count(v); i++)
		if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(v->san, i - 1),
		    sk_GENERAL_NAME_value(v->san, i)) == 0)
			return false;
	return true;
}

bool
lint_san_count(const struct lint_view *v)
{
	return (unsigned)count(v) <= v->in->profile->names_max;
}

/* All that are dNSNames; the rule of the types tells of the others. */
static bool
every_name(const struct lint_view *v, bool (*holds)(const struct lint_view *,
    const char *))
{
	char text[IDENT_MAX + 3];
	int i;

	for (i = 0; i < count(v); i++) {
		if (sk_GENERAL_NAME_value(v->san, i)->type != GEN_DNS)
			continue;
		if (!dns_name(v, i, text) || !holds(v, text))
			return false;
	}
	return true;
}

static bool
octets_plain(const struct lint_view *v, const char *text)
{
	(void)v;
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.*")]
	    == '\0';
}

/* RFC 5280, 4.2.1.6: the preferred syntax of RFC 1034, 3.5; no " ". */
bool
lint_san_octets(const struct lint_view *v)
{
	return every_name(v, octets_plain);
}

static bool
labels_fit(const struct lint_view *v, const char *text)
{
	size_t len;

	(void)v;
	for (;; text += len + 1) {
		len = strcspn(text, ".");
		if (len == 0 || len > LABEL_MAX || text[0] == '-' ||
		    text[len - 1] == '-')
			return false;
		if (text[len] == '\0')
			return true;
	}
}

bool
lint_san_labels(const struct lint_view *v)
{
	return every_name(v, labels_fit);
}

static bool
labels_not_reserved(const struct lint_view *v, const char *text)
{
	size_t len;

	(void)v;
	for (;; text += len + 1) {
		len = strcspn(text, ".");
		if (len >= 4 && memcmp(text + 2, "--", 2) == 0 &&
		    memcmp(text, "xn", 2) != 0)
			return false;
		if (text[len] == '\0')
			return true;
	}
}

/* RFC 5890, 2.3.1: "??--" is kept for prefixes that are still to come. */
bool
lint_san_reserved_labels(const struct lint_view *v)
{
	return every_name(v, labels_not_reserved);
}

static bool
star_leads(const struct lint_view *v, const char *text)
{
	const char *star = strrchr(text, '*');

	return star == NULL || (v->in->profile->wildcards && star == text &&
	    text[1] == '.' && strchr(text + 2, '.') != NULL);
}

bool
lint_san_wildcards(const struct lint_view *v)
{
	return every_name(v, star_leads);
}

static bool
no_address(const struct lint_view *v, const char *text)
{
	unsigned char octets[sizeof(struct in6_addr)];

	(void)v;
	return inet_pton(AF_INET, text, octets) != 1 &&
	    inet_pton(AF_INET6, text, octets) != 1;
}

/* RFC 8738, 3: an address is an iPAddress, never a name. */
bool
lint_san_no_address_text(const struct lint_view *v)
{
	return every_name(v, no_address);
}

bool
lint_san_addresses(const struct lint_view *v)
{
	char text[INET6_ADDRSTRLEN];
	int i;

	for (i = 0; i < count(v); i++)
		if (sk_GENERAL_NAME_value(v->san, i)->type == GEN_IPADD &&
		    !address_text(sk_GENERAL_NAME_value(v->san, i), text))
			return false;
	return true;
}

/* The name could be in an order, and be written there just so. */
static bool
name_canonical(const struct lint_view *v, const char *text)
{
	struct problem why = { 0 };
	struct ident name;

	(void)v;
	return ident_parse("dns", text, &name, &why) == 0 &&
	    strcmp(name.value, text + (name.wildcard ? 2 : 0)) == 0;
}

/* RFC 8399, 2.2 (A-labels that decode), and the public suffixes. */
bool
lint_san_names(const struct lint_view *v)
{
	return every_name(v, name_canonical);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of the CA/Browser Forum's Baseline Requirements (2.2.6) that go
 * beyond RFC 5280.  They bind public CAs only and are tried for profiles that
 * ask for them.  Pure.
 */
#include <string.h>
#include <openssl/objects.h>

#include "../server/mem.h"
#include "lint_rules.h"
#include "profile.h"

#define DAY		86400
#define SHORT_LIVED	(7 * DAY)	/* 1.6.1 */
#define DOMAIN_VALIDATED "2.23.140.1.2.1"

/* 7.1.6.1 */
static const char *const reserved_policies[] = {
	DOMAIN_VALIDATED, "2.23.140.1.2.2", "2.23.140.1.2.3",
	"2.23.140.1.1",
};

/* 6.3.2: days, by the day on which the certificate begins. */
static const struct {
	int64_t	from;
	int64_t	days;
} validities[] = {
	{ INT64_C(1868227200),	47 },	/* 2029-03-15 */
	{ INT64_C(1805068800),	100 },	/* 2027-03-15 */
	{ INT64_C(1773532800),	200 },	/* 2026-03-15 */
	{ 0,			398 },
};

static int64_t
lifetime(const struct lint_view *v)
{
	return v->not_after - v->not_before + 1;
}

bool
lint_br_validity(const struct lint_view *v)
{
	size_t i;

	if (!v->timed)
		return false;
	for (i = 0; validities[i].from > v->not_before; i++)
		;
	return lifetime(v) <= validities[i].days * DAY;
}

bool
lint_br_start(const struct lint_view *v)
{
	return v->timed && v->not_before <= v->in->now + 2 * DAY &&
	    v->not_before >= v->in->now - 2 * DAY;
}

/* The reserved policies that are there; the last of them in *which. */
static int
policies_reserved(const struct lint_view *v, const char **which)
{
	char oid[80];
	int i, found = 0;
	size_t k;

	for (i = 0; i < sk_POLICYINFO_num(v->policies); i++) {
		OBJ_obj2txt(oid, sizeof(oid),
		    sk_POLICYINFO_value(v->policies, i)->policyid, 1);
		for (k = 0; k < nitems(reserved_policies); k++)
			if (strcmp(oid, reserved_policies[k]) == 0) {
				*which = reserved_policies[k];
				found++;
			}
	}
	return found;
}

bool
lint_br_policy(const struct lint_view *v)
{
	const char *which = NULL;

	return policies_reserved(v, &which) == 1;
}

/* 7.1.2.7.2: a certificate of the kind DV tells no organization. */
bool
lint_br_subject(const struct lint_view *v)
{
	const char *which = NULL;

	return policies_reserved(v, &which) != 1 ||
	    strcmp(which, DOMAIN_VALIDATED) != 0 ||
	    X509_NAME_get_index_by_NID(X509_get_subject_name(v->cert),
	    NID_organizationName, -1) == -1;
}

bool
lint_br_eku(const struct lint_view *v)
{
	bool server = false;
	int i;

	for (i = 0; i < sk_ASN1_OBJECT_num(v->eku); i++)
		switch (OBJ_obj2nid(sk_ASN1_OBJECT_value(v->eku, i))) {
		case NID_server_auth:
			server = true;
			break;
		case NID_client_auth:
			break;
		default:
			return false;
		}
	return server;
}

bool
lint_br_key_usage(const struct lint_view *v)
{
	unsigned usage = lint_key_usage(v), may = KU_DIGITAL_SIGNATURE;

	if (v->kind == PROFILE_RSA)
		may |= KU_KEY_ENCIPHERMENT;
	return (usage & KU_DIGITAL_SIGNATURE) && (usage & ~may) == 0;
}

bool
lint_br_key_kind(const struct lint_view *v)
{
	return v->kind != 0 && v->kind != PROFILE_ED25519;
}

static size_t
bits(struct der n)
{
	size_t b;
	unsigned char first;

	while (n.len > 0 && n.data[0] == 0) {
		n.data++;
		n.len--;
	}
	if (n.len == 0)
		return 0;
	b = 8 * n.len;
	for (first = n.data[0]; (first & 0x80) == 0; first <<= 1)
		b--;
	return b;
}

bool
lint_br_rsa_size(const struct lint_view *v)
{
	size_t n = bits(v->modulus);

	return v->kind != PROFILE_RSA || (n >= 2048 && n % 8 == 0);
}

bool
lint_br_rsa_exponent(const struct lint_view *v)
{
	const struct der *e = &v->exponent;

	return v->kind != PROFILE_RSA || (e->len > 0 &&
	    (e->data[e->len - 1] & 1) && bits(*e) >= 17 && bits(*e) <= 256);
}

/* IANA's registries of special addresses: those that nobody can hold. */
static const struct {
	unsigned char	addr[16];
	unsigned	bits;
	size_t		len;
} special[] = {
	{ { 0 }, 8, 4 }, { { 10 }, 8, 4 }, { { 100, 64 }, 10, 4 },
	{ { 127 }, 8, 4 }, { { 169, 254 }, 16, 4 }, { { 172, 16 }, 12, 4 },
	{ { 192, 0, 0 }, 24, 4 }, { { 192, 0, 2 }, 24, 4 },
	{ { 192, 168 }, 16, 4 }, { { 198, 18 }, 15, 4 },
	{ { 198, 51, 100 }, 24, 4 }, { { 203, 0, 113 }, 24, 4 },
	{ { 224 }, 3, 4 }, { { 0x20, 0x01, 0x0d, 0xb8 }, 32, 16 },
	{ { 0x20, 0x01 }, 23, 16 }, { { 0x20, 0x02 }, 16, 16 },
	{ { 0x3f, 0xff }, 20, 16 },
};

static bool
in_prefix(const unsigned char *addr, size_t i)
{
	unsigned whole = special[i].bits / 8, rest = special[i].bits % 8;

	return memcmp(addr, special[i].addr, whole) == 0 && (rest == 0 ||
	    ((addr[whole] ^ special[i].addr[whole]) & (0xff00 >> rest) &
	    0xff) == 0);
}

static bool
holdable(const unsigned char *addr, size_t len)
{
	size_t i;

	/* RFC 4291, 2.4: of IPv6 only 2000::/3 is given away. */
	if (len == 16 && (addr[0] & 0xe0) != 0x20)
		return false;
	for (i = 0; i < nitems(special); i++)
		if (special[i].len == len && in_prefix(addr, i))
			return false;
	return true;
}

bool
lint_br_addresses(const struct lint_view *v)
{
	const GENERAL_NAME *name;
	int i;

	for (i = 0; v->san != NULL && i < sk_GENERAL_NAME_num(v->san); i++) {
		name = sk_GENERAL_NAME_value(v->san, i);
		if (name->type == GEN_IPADD && !holdable(
		    ASN1_STRING_get0_data(name->d.iPAddress),
		    (size_t)ASN1_STRING_length(name->d.iPAddress)))
			return false;
	}
	return true;
}

/* 7.1.2.11.2: where to ask, unless it ends before an answer would matter. */
bool
lint_br_revocation(const struct lint_view *v)
{
	return v->timed && (lifetime(v) <= SHORT_LIVED ||
	    lint_extension(v, NID_crl_distribution_points) != NULL);
}

bool
lint_br_issuer_url(const struct lint_view *v)
{
	const GENERAL_NAME *at;
	const ASN1_STRING *uri;
	int i;

	for (i = 0; i < sk_ACCESS_DESCRIPTION_num(v->aia); i++) {
		at = sk_ACCESS_DESCRIPTION_value(v->aia, i)->location;
		uri = at->d.uniformResourceIdentifier;
		if (at->type != GEN_URI || ASN1_STRING_length(uri) <= 7 ||
		    memcmp(ASN1_STRING_get0_data(uri), "http://", 7) != 0)
			return false;
	}
	return i > 0;
}

bool
lint_br_rdn_single(const struct lint_view *v)
{
	X509_NAME *name = X509_get_subject_name(v->cert);
	int i, n = X509_NAME_entry_count(name);

	for (i = 1; i < n; i++)
		if (X509_NAME_ENTRY_set(X509_NAME_get_entry(name, i)) ==
		    X509_NAME_ENTRY_set(X509_NAME_get_entry(name, i - 1)))
			return false;
	return true;
}

/* 7.1.4.2: those of them that a profile can have, in this order. */
bool
lint_br_subject_order(const struct lint_view *v)
{
	static const int order[] = { NID_countryName, NID_organizationName,
	    NID_commonName };
	X509_NAME *name = X509_get_subject_name(v->cert);
	int at, last = -1;
	size_t i;

	for (i = 0; i < nitems(order); i++) {
		at = X509_NAME_get_index_by_NID(name, order[i], -1);
		if (at != -1 && at < last)
			return false;
		if (at != -1)
			last = at;
	}
	return true;
}

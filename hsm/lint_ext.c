/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules about the extensions of a leaf (RFC 5280, 4.2).  Pure.
 */
#include <string.h>
#include <openssl/objects.h>

#include "../server/enc.h"
#include "../server/mem.h"
#include "der.h"
#include "lint_rules.h"
#include "profile.h"

#define SKI_LEN		20	/* RFC 7093, 2 (1): 160 bits */

#define VALUE(member, type)	offsetof(struct lint_view, member), \
				ASN1_ITEM_ref(type)

/* All that the profile may put into a leaf. */
static const struct {
	int		 nid;
	int		 critical;	/* -1: another rule says */
	size_t		 value;		/* its place in the view */
	ASN1_ITEM_EXP	*item;
} known[] = {
	{ NID_subject_alt_name, -1, VALUE(san, GENERAL_NAMES) },
	{ NID_basic_constraints, 1, VALUE(constraints, BASIC_CONSTRAINTS) },
	{ NID_key_usage, 1, VALUE(usage, ASN1_BIT_STRING) },
	{ NID_ext_key_usage, 0, VALUE(eku, EXTENDED_KEY_USAGE) },
	{ NID_authority_key_identifier, 0, VALUE(aki, AUTHORITY_KEYID) },
	{ NID_subject_key_identifier, 0, VALUE(ski, ASN1_OCTET_STRING) },
	{ NID_info_access, 0, VALUE(aia, AUTHORITY_INFO_ACCESS) },
	{ NID_certificate_policies, 0, VALUE(policies, CERTIFICATEPOLICIES) },
};

const X509_EXTENSION *
lint_extension(const struct lint_view *v, int nid)
{
	int at = X509_get_ext_by_NID(v->cert, nid, -1);

	return at == -1 ? NULL : X509_get_ext(v->cert, at);
}

static size_t
known_index(const X509_EXTENSION *ext)
{
	int nid = OBJ_obj2nid(X509_EXTENSION_get_object(
	    (X509_EXTENSION *)ext));
	size_t i;

	for (i = 0; i < nitems(known); i++)
		if (known[i].nid == nid)
			break;
	return i;
}

static void **
place(struct lint_view *v, size_t k)
{
	return (void **)((char *)v + known[k].value);
}

void
lint_ext_open(struct lint_view *v)
{
	const ASN1_OCTET_STRING *octets;
	const unsigned char *at;
	X509_EXTENSION *ext;
	size_t k;
	int i;

	for (i = 0; i < X509_get_ext_count(v->cert); i++) {
		ext = X509_get_ext(v->cert, i);
		k = known_index(ext);
		if (k == nitems(known) || *place(v, k) != NULL)
			continue;
		octets = X509_EXTENSION_get_data(ext);
		at = ASN1_STRING_get0_data(octets);
		*place(v, k) = ASN1_item_d2i(NULL, &at,
		    ASN1_STRING_length(octets), ASN1_ITEM_ptr(known[k].item));
	}
}

void
lint_ext_close(struct lint_view *v)
{
	size_t k;

	for (k = 0; k < nitems(known); k++)
		ASN1_item_free(*place(v, k), ASN1_ITEM_ptr(known[k].item));
}

bool
lint_ext_known(const struct lint_view *v)
{
	int i;

	for (i = 0; i < X509_get_ext_count(v->cert); i++)
		if (known_index(X509_get_ext(v->cert, i)) == nitems(known))
			return false;
	return true;
}

bool
lint_ext_once(const struct lint_view *v)
{
	const ASN1_OBJECT *oid;
	int i;

	for (i = 0; i < X509_get_ext_count(v->cert); i++) {
		oid = X509_EXTENSION_get_object(X509_get_ext(v->cert, i));
		if (X509_get_ext_by_OBJ(v->cert, oid, i) != -1)
			return false;
	}
	return true;
}

bool
lint_ext_critical(const struct lint_view *v)
{
	const X509_EXTENSION *ext;
	size_t k;
	int i;

	for (i = 0; i < X509_get_ext_count(v->cert); i++) {
		ext = X509_get_ext(v->cert, i);
		k = known_index(ext);
		if (k < nitems(known) && known[k].critical != -1 &&
		    known[k].critical != X509_EXTENSION_get_critical(ext))
			return false;
	}
	return true;
}

/* The list of extensions in the octets themselves. */
static int
octets_open(const struct lint_view *v, struct der *list)
{
	struct der in = { v->in->tbs, v->in->tbs_len }, body, wrap;
	unsigned tag;

	if (der_take(&in, DER_SEQUENCE, &body) == -1)
		return -1;
	while (body.len > 0 && !der_is(&body, DER_CONSTRUCTED(3)))
		if (der_next(&body, &tag, NULL, NULL) == -1)
			return -1;
	return der_take(&body, DER_CONSTRUCTED(3), &wrap) == -1 ? -1 :
	    der_take(&wrap, DER_SEQUENCE, list);
}

/* X.690, 11.1: TRUE is FF.  OpenSSL keeps whatever octet it finds. */
bool
lint_ext_booleans(const struct lint_view *v)
{
	struct der list, one, value;

	if (octets_open(v, &list) == -1)
		return false;
	while (list.len > 0) {
		if (der_take(&list, DER_SEQUENCE, &one) == -1 ||
		    der_take(&one, DER_OID, NULL) == -1)
			return false;
		if (der_take(&one, DER_BOOLEAN, &value) == 0 &&
		    !der_equal(&value, "\xff", 1))
			return false;
	}
	return true;
}

/* X.690, 10: what OpenSSL read from it, written again, is the same. */
static bool
value_is_der(const struct lint_view *v, const X509_EXTENSION *ext, size_t k)
{
	const ASN1_OCTET_STRING *octets = X509_EXTENSION_get_data(
	    (X509_EXTENSION *)ext);
	const ASN1_VALUE *value = *place((struct lint_view *)v, k);
	unsigned char *again = NULL;
	bool same = false;
	int n;

	if (value == NULL)
		return false;
	n = ASN1_item_i2d(value, &again, ASN1_ITEM_ptr(known[k].item));
	if (n == ASN1_STRING_length(octets))
		same = memcmp(again, ASN1_STRING_get0_data(octets),
		    (size_t)n) == 0;
	OPENSSL_free(again);
	return same;
}

/* Those that are there once and known; other rules tell of the others. */
bool
lint_ext_values(const struct lint_view *v)
{
	const X509_EXTENSION *ext;
	size_t k;

	for (k = 0; k < nitems(known); k++) {
		ext = lint_extension(v, known[k].nid);
		if (ext != NULL && !value_is_der(v, ext, k))
			return false;
	}
	return true;
}

bool
lint_not_a_ca(const struct lint_view *v)
{
	const BASIC_CONSTRAINTS *bc = v->constraints;

	if (lint_extension(v, NID_basic_constraints) == NULL)
		return true;
	return bc != NULL && bc->ca == 0 && bc->pathlen == NULL;
}

unsigned
lint_key_usage(const struct lint_view *v)
{
	unsigned usage = 0;
	int i;

	for (i = 0; v->usage != NULL && i < 9; i++)
		if (ASN1_BIT_STRING_get_bit(v->usage, i))
			usage |= 1u << i;
	return usage;
}

static bool
is_rsa(const struct lint_view *v)
{
	return v->kind == PROFILE_RSA;
}

bool
lint_key_usage_profile(const struct lint_view *v)
{
	return lint_key_usage(v) == profile_key_usage(v->in->profile, is_rsa(v));
}

/* X.690, 11.2.2: no zero bits at the end; OpenSSL keeps those it finds. */
bool
lint_key_usage_der(const struct lint_view *v)
{
	X509_EXTENSION *ext = (X509_EXTENSION *)lint_extension(v, NID_key_usage);
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	const ASN1_OCTET_STRING *value;
	unsigned char *octets = NULL;
	unsigned usage = lint_key_usage(v);
	bool same = false;
	int i, n;

	for (i = 0; i < 9; i++)
		if (usage & (1u << i))
			ASN1_BIT_STRING_set_bit(bits, i, 1);
	n = i2d_ASN1_BIT_STRING(bits, &octets);
	if (ext != NULL && n > 0) {
		value = X509_EXTENSION_get_data(ext);
		same = ASN1_STRING_length(value) == n &&
		    memcmp(ASN1_STRING_get0_data(value), octets,
		    (size_t)n) == 0;
	}
	OPENSSL_free(octets);
	ASN1_BIT_STRING_free(bits);
	return same;
}

bool
lint_key_usage_no_ca(const struct lint_view *v)
{
	return (lint_key_usage(v) & (KU_CERT_SIGN | KU_CRL_SIGN)) == 0;
}

bool
lint_key_usage_of_key(const struct lint_view *v)
{
	return is_rsa(v) || (lint_key_usage(v) & KU_KEY_ENCIPHERMENT) == 0;
}

static bool
oid_is(const ASN1_OBJECT *object, const char *want)
{
	char oid[80];

	OBJ_obj2txt(oid, sizeof(oid), object, 1);
	return strcmp(want, oid) == 0;
}

bool
lint_eku_profile(const struct lint_view *v)
{
	const char **want = v->in->profile->eku;
	int i;

	if (v->eku == NULL)
		return false;
	for (i = 0; i < sk_ASN1_OBJECT_num(v->eku); i++)
		if (want[i] == NULL ||
		    !oid_is(sk_ASN1_OBJECT_value(v->eku, i), want[i]))
			return false;
	return want[i] == NULL;
}

bool
lint_eku_once(const struct lint_view *v)
{
	int i, k;

	for (i = 0; i < sk_ASN1_OBJECT_num(v->eku); i++)
		for (k = 0; k < i; k++)
			if (OBJ_cmp(sk_ASN1_OBJECT_value(v->eku, i),
			    sk_ASN1_OBJECT_value(v->eku, k)) == 0)
				return false;
	return true;
}

/* RFC 6960, 4.2.2.2: who may sign OCSP answers speaks for the issuer. */
bool
lint_eku_no_authority(const struct lint_view *v)
{
	int i;

	for (i = 0; i < sk_ASN1_OBJECT_num(v->eku); i++)
		switch (OBJ_obj2nid(sk_ASN1_OBJECT_value(v->eku, i))) {
		case NID_anyExtendedKeyUsage:
		case NID_OCSP_sign:
			return false;
		}
	return true;
}

bool
lint_policies_profile(const struct lint_view *v)
{
	const char **want = v->in->profile->policies;
	int i;

	if (lint_extension(v, NID_certificate_policies) == NULL)
		return want == NULL;
	if (want == NULL || v->policies == NULL)
		return false;
	for (i = 0; i < sk_POLICYINFO_num(v->policies); i++)
		if (want[i] == NULL || !oid_is(sk_POLICYINFO_value(
		    v->policies, i)->policyid, want[i]))
			return false;
	return want[i] == NULL;
}

bool
lint_policies_once(const struct lint_view *v)
{
	int i, k;

	for (i = 0; i < sk_POLICYINFO_num(v->policies); i++)
		for (k = 0; k < i; k++)
			if (OBJ_cmp(
			    sk_POLICYINFO_value(v->policies, i)->policyid,
			    sk_POLICYINFO_value(v->policies, k)->policyid)
			    == 0)
				return false;
	return true;
}

bool
lint_policies_plain(const struct lint_view *v)
{
	int i;

	for (i = 0; i < sk_POLICYINFO_num(v->policies); i++)
		if (sk_POLICYINFO_value(v->policies, i)->qualifiers != NULL)
			return false;
	return true;
}

bool
lint_aki_is_issuer(const struct lint_view *v)
{
	const ASN1_OCTET_STRING *ski;

	ski = X509_get0_subject_key_id((X509 *)v->in->issuer);
	return ski != NULL && v->aki != NULL && v->aki->keyid != NULL &&
	    v->aki->issuer == NULL && v->aki->serial == NULL &&
	    ASN1_OCTET_STRING_cmp(ski, v->aki->keyid) == 0;
}

/* RFC 7093, 2 (1) */
bool
lint_ski_present(const struct lint_view *v)
{
	unsigned char digest[DIGEST_LEN];
	const ASN1_BIT_STRING *key;

	key = X509_get0_pubkey_bitstr(v->cert);
	if (v->ski == NULL || key == NULL)
		return false;
	sha256(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key),
	    digest);
	return ASN1_STRING_length(v->ski) == SKI_LEN &&
	    memcmp(ASN1_STRING_get0_data(v->ski), digest, SKI_LEN) == 0;
}

bool
lint_aia_profile(const struct lint_view *v)
{
	const char *want = v->in->profile->ca_issuers_url;
	const ACCESS_DESCRIPTION *one;
	const ASN1_STRING *uri;

	if (lint_extension(v, NID_info_access) == NULL)
		return want == NULL;
	if (want == NULL || v->aia == NULL ||
	    sk_ACCESS_DESCRIPTION_num(v->aia) != 1)
		return false;
	one = sk_ACCESS_DESCRIPTION_value(v->aia, 0);
	uri = one->location->d.uniformResourceIdentifier;
	return OBJ_obj2nid(one->method) == NID_ad_ca_issuers &&
	    one->location->type == GEN_URI &&
	    (size_t)ASN1_STRING_length(uri) == strlen(want) &&
	    memcmp(ASN1_STRING_get0_data(uri), want, strlen(want)) == 0;
}

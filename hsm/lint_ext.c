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

/* All that the profile may put into a leaf, and whether it is critical. */
static const struct {
	int	nid;
	int	critical;	/* -1: another rule says */
} known[] = {
	{ NID_subject_alt_name,		-1 },
	{ NID_basic_constraints,	1 },
	{ NID_key_usage,		1 },
	{ NID_ext_key_usage,		0 },
	{ NID_authority_key_identifier,	0 },
	{ NID_subject_key_identifier,	0 },
	{ NID_info_access,		0 },
};

static const X509_EXTENSION *
extension(const struct lint_view *v, int nid)
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

/* X.690, 11.1: TRUE is FF.  OpenSSL keeps whatever octet it finds. */
static bool
true_is_ff(X509_EXTENSION *ext)
{
	struct der in, body, value;
	unsigned char *octets = NULL;
	bool well = false;
	int n;

	n = i2d_X509_EXTENSION(ext, &octets);
	in = (struct der){ octets, n > 0 ? (size_t)n : 0 };
	if (der_take(&in, DER_SEQUENCE, &body) == 0 &&
	    der_take(&body, DER_OID, NULL) == 0)
		well = !der_is(&body, DER_BOOLEAN) ||
		    (der_take(&body, DER_BOOLEAN, &value) == 0 &&
		    der_equal(&value, "\xff", 1));
	OPENSSL_free(octets);
	return well;
}

bool
lint_ext_booleans(const struct lint_view *v)
{
	int i;

	for (i = 0; i < X509_get_ext_count(v->cert); i++)
		if (!true_is_ff(X509_get_ext(v->cert, i)))
			return false;
	return true;
}

bool
lint_san_present(const struct lint_view *v)
{
	return v->san != NULL && sk_GENERAL_NAME_num(v->san) > 0;
}

static bool
is_ident(const GENERAL_NAME *name, const struct ident *want)
{
	const unsigned char *text;
	size_t len, skip = want->wildcard ? 2 : 0;

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

	if (v->san == NULL ||
	    (size_t)sk_GENERAL_NAME_num(v->san) != v->in->nnames)
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
	const X509_EXTENSION *ext = extension(v, NID_subject_alt_name);
	bool empty;

	empty = X509_NAME_entry_count(X509_get_subject_name(v->cert)) == 0;
	return ext != NULL &&
	    (X509_EXTENSION_get_critical(ext) != 0) == empty;
}

bool
lint_common_name_in_san(const struct lint_view *v)
{
	const GENERAL_NAME *name;
	int i;

	if (v->common_name == NULL)
		return true;
	for (i = 0; v->san != NULL && i < sk_GENERAL_NAME_num(v->san); i++) {
		name = sk_GENERAL_NAME_value(v->san, i);
		if (name->type == GEN_DNS &&
		    ASN1_STRING_length(name->d.dNSName) ==
		    ASN1_STRING_length(v->common_name) &&
		    memcmp(ASN1_STRING_get0_data(name->d.dNSName),
		    ASN1_STRING_get0_data(v->common_name),
		    (size_t)ASN1_STRING_length(v->common_name)) == 0)
			return true;
	}
	return false;
}

bool
lint_not_a_ca(const struct lint_view *v)
{
	BASIC_CONSTRAINTS *bc;
	bool plain;

	if (extension(v, NID_basic_constraints) == NULL)
		return true;
	bc = X509_get_ext_d2i(v->cert, NID_basic_constraints, NULL, NULL);
	plain = bc != NULL && bc->ca == 0 && bc->pathlen == NULL;
	BASIC_CONSTRAINTS_free(bc);
	return plain;
}

/* All nine bits of a KeyUsage; 0 when absent or not decoded. */
static unsigned
key_usage(const struct lint_view *v)
{
	ASN1_BIT_STRING *bits;
	unsigned usage = 0;
	int i;

	bits = X509_get_ext_d2i(v->cert, NID_key_usage, NULL, NULL);
	for (i = 0; bits != NULL && i < 9; i++)
		if (ASN1_BIT_STRING_get_bit(bits, i))
			usage |= 1u << i;
	ASN1_BIT_STRING_free(bits);
	return usage;
}

static bool
is_rsa(const struct lint_view *v)
{
	ASN1_OBJECT *oid = NULL;

	return X509_PUBKEY_get0_param(&oid, NULL, NULL, NULL,
	    X509_get_X509_PUBKEY(v->cert)) == 1 &&
	    OBJ_obj2nid(oid) == NID_rsaEncryption;
}

bool
lint_key_usage_profile(const struct lint_view *v)
{
	return key_usage(v) == profile_key_usage(v->in->profile, is_rsa(v));
}

/* X.690, 11.2.2: no zero bits at the end; OpenSSL keeps those it finds. */
bool
lint_key_usage_der(const struct lint_view *v)
{
	X509_EXTENSION *ext = (X509_EXTENSION *)extension(v, NID_key_usage);
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	const ASN1_OCTET_STRING *value;
	unsigned char *octets = NULL;
	unsigned usage = key_usage(v);
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
	return (key_usage(v) & (KU_CERT_SIGN | KU_CRL_SIGN)) == 0;
}

bool
lint_key_usage_of_key(const struct lint_view *v)
{
	return is_rsa(v) || (key_usage(v) & KU_KEY_ENCIPHERMENT) == 0;
}

bool
lint_eku_profile(const struct lint_view *v)
{
	EXTENDED_KEY_USAGE *list;
	const char **want = v->in->profile->eku;
	char oid[80];
	bool same = true;
	int i;

	list = X509_get_ext_d2i(v->cert, NID_ext_key_usage, NULL, NULL);
	if (list == NULL)
		return false;
	for (i = 0; same && i < sk_ASN1_OBJECT_num(list); i++) {
		OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(list, i),
		    1);
		same = want[i] != NULL && strcmp(want[i], oid) == 0;
	}
	same = same && want[i] == NULL;
	EXTENDED_KEY_USAGE_free(list);
	return same;
}

bool
lint_aki_is_issuer(const struct lint_view *v)
{
	const ASN1_OCTET_STRING *ski;
	AUTHORITY_KEYID *aki;
	bool same;

	ski = X509_get0_subject_key_id((X509 *)v->in->issuer);
	aki = X509_get_ext_d2i(v->cert, NID_authority_key_identifier, NULL,
	    NULL);
	same = ski != NULL && aki != NULL && aki->keyid != NULL &&
	    aki->issuer == NULL && aki->serial == NULL &&
	    ASN1_OCTET_STRING_cmp(ski, aki->keyid) == 0;
	AUTHORITY_KEYID_free(aki);
	return same;
}

/* RFC 7093, 2 (1) */
bool
lint_ski_present(const struct lint_view *v)
{
	unsigned char digest[DIGEST_LEN];
	const ASN1_BIT_STRING *key;
	ASN1_OCTET_STRING *ski;
	bool same;

	key = X509_get0_pubkey_bitstr(v->cert);
	ski = X509_get_ext_d2i(v->cert, NID_subject_key_identifier, NULL,
	    NULL);
	if (ski == NULL || key == NULL) {
		ASN1_OCTET_STRING_free(ski);
		return false;
	}
	sha256(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key),
	    digest);
	same = ASN1_STRING_length(ski) == SKI_LEN &&
	    memcmp(ASN1_STRING_get0_data(ski), digest, SKI_LEN) == 0;
	ASN1_OCTET_STRING_free(ski);
	return same;
}

bool
lint_aia_profile(const struct lint_view *v)
{
	const char *want = v->in->profile->ca_issuers_url;
	AUTHORITY_INFO_ACCESS *aia;
	const ACCESS_DESCRIPTION *one;
	const ASN1_STRING *uri;
	bool same;

	if (extension(v, NID_info_access) == NULL)
		return want == NULL;
	aia = X509_get_ext_d2i(v->cert, NID_info_access, NULL, NULL);
	if (want == NULL || aia == NULL ||
	    sk_ACCESS_DESCRIPTION_num(aia) != 1) {
		AUTHORITY_INFO_ACCESS_free(aia);
		return false;
	}
	one = sk_ACCESS_DESCRIPTION_value(aia, 0);
	uri = one->location->d.uniformResourceIdentifier;
	same = OBJ_obj2nid(one->method) == NID_ad_ca_issuers &&
	    one->location->type == GEN_URI &&
	    (size_t)ASN1_STRING_length(uri) == strlen(want) &&
	    memcmp(ASN1_STRING_get0_data(uri), want, strlen(want)) == 0;
	AUTHORITY_INFO_ACCESS_free(aia);
	return same;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of the lint: what a rule looks at, and the rules that are
 * not in lint.c.  Each returns true when its rule holds.
 */
#ifndef CHANCERY_LINT_RULES_H
#define CHANCERY_LINT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* OpenSSL's names for the same bits in another order than tbs.h's. */
#undef KU_DIGITAL_SIGNATURE
#undef KU_KEY_ENCIPHERMENT
#undef KU_CRL_SIGN

#include "der.h"
#include "lint.h"
#include "tbs.h"

struct lint_view {
	const struct lint_input	*in;
	X509			*cert;		/* with a dummy signature */
	bool			 timed;		/* the four times are read */
	int64_t			 not_before, not_after;
	int64_t			 issuer_from, issuer_until;
	const unsigned char	*spki;
	size_t			 spki_len;
	unsigned		 kind;		/* of the key; 0: unknown */
	struct der		 modulus, exponent;	/* of an RSA key */
	const ASN1_STRING	*common_name;	/* the last; NULL: none */
	/* the first of each extension; NULL: none or bad */
	GENERAL_NAMES		*san;
	BASIC_CONSTRAINTS	*constraints;
	ASN1_BIT_STRING		*usage;
	EXTENDED_KEY_USAGE	*eku;
	AUTHORITY_KEYID		*aki;
	ASN1_OCTET_STRING	*ski;
	AUTHORITY_INFO_ACCESS	*aia;
	CERTIFICATEPOLICIES	*policies;
};

typedef bool lint_holds(const struct lint_view *);

/* lint_names.c: the subject, and who the certificate is for */
lint_holds lint_subject_profile, lint_subject_once, lint_subject_text,
	   lint_country_form, lint_organization_short, lint_common_name_short,
	   lint_common_name_in_san, lint_san_present, lint_san_is_order,
	   lint_san_critical, lint_san_types, lint_san_once, lint_san_count,
	   lint_san_octets, lint_san_labels, lint_san_reserved_labels,
	   lint_san_wildcards, lint_san_no_address_text, lint_san_addresses,
	   lint_san_names;

/* lint_ext.c: extensions */
lint_holds lint_ext_known, lint_ext_once, lint_ext_booleans,
	   lint_ext_critical, lint_ext_values, lint_not_a_ca,
	   lint_key_usage_profile, lint_key_usage_der, lint_key_usage_no_ca,
	   lint_key_usage_of_key, lint_eku_profile, lint_eku_once,
	   lint_eku_no_authority, lint_policies_profile, lint_policies_once,
	   lint_policies_plain, lint_aki_is_issuer, lint_ski_present,
	   lint_aia_profile;

/* lint_br.c: of the CA/Browser Forum, for profiles that want them */
lint_holds lint_br_validity, lint_br_start, lint_br_policy, lint_br_eku,
	   lint_br_key_usage, lint_br_key_kind, lint_br_rsa_size,
	   lint_br_rsa_exponent, lint_br_addresses, lint_br_revocation,
	   lint_br_issuer_url, lint_br_subject, lint_br_rdn_single,
	   lint_br_subject_order;

/* lint_ext.c: decode the extensions of the view, and let go of them. */
void	lint_ext_open(struct lint_view *);
void	lint_ext_close(struct lint_view *);
/* All nine bits of the KeyUsage; 0 when absent or not decoded. */
unsigned lint_key_usage(const struct lint_view *);
const X509_EXTENSION *lint_extension(const struct lint_view *, int nid);

#endif

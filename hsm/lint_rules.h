/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between lint.c and lint_ext.c: what a rule looks at, and the rules about
 * extensions.  Each returns true when its rule holds.
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
	const ASN1_STRING	*common_name;	/* NULL: none */
	GENERAL_NAMES		*san;		/* NULL: none or bad */
};

bool	lint_common_name_in_san(const struct lint_view *);
bool	lint_ext_known(const struct lint_view *);
bool	lint_ext_once(const struct lint_view *);
bool	lint_ext_booleans(const struct lint_view *);
bool	lint_ext_critical(const struct lint_view *);
bool	lint_san_present(const struct lint_view *);
bool	lint_san_is_order(const struct lint_view *);
bool	lint_san_critical(const struct lint_view *);
bool	lint_not_a_ca(const struct lint_view *);
bool	lint_key_usage_profile(const struct lint_view *);
bool	lint_key_usage_der(const struct lint_view *);
bool	lint_key_usage_no_ca(const struct lint_view *);
bool	lint_key_usage_of_key(const struct lint_view *);
bool	lint_eku_profile(const struct lint_view *);
bool	lint_aki_is_issuer(const struct lint_view *);
bool	lint_ski_present(const struct lint_view *);
bool	lint_aia_profile(const struct lint_view *);

#endif

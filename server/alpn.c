/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leaf of tls-alpn-01: counts of the two extensions that matter, the
 * first name, the octets of the acmeIdentifier.  What cannot be read counts
 * as nothing.  Pure.
 */
#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>

#include "alpn.h"

#define DER_OCTET_STRING	0x04
#define DER_SHORT		0x7f	/* longest length in one octet */

/* 1.3.6.1.5.5.7.1.31, id-pe-acmeIdentifier */
static const unsigned char acme_identifier[] = {
	0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1f
};
/* 2.5.29.17, id-ce-subjectAltName */
static const unsigned char alt_name[] = { 0x55, 0x1d, 0x11 };

static bool
extension_is(X509_EXTENSION *e, const unsigned char *oid, size_t len)
{
	const ASN1_OBJECT	*o = X509_EXTENSION_get_object(e);

	return OBJ_length(o) == len && memcmp(OBJ_get0_data(o), oid, len) == 0;
}

/* Of the kinds that count, which are all strings. */
static void
take_name(const GENERAL_NAME *name, struct alpn_facts *f)
{
	const ASN1_STRING	*s;
	size_t			 len;
	int			 type;

	s = GENERAL_NAME_get0_value(name, &type);
	f->name_type = (uint32_t)type;
	if (type != GEN_DNS && type != GEN_IPADD)
		return;
	len = (size_t)ASN1_STRING_length(s);
	f->name_len = len > UINT16_MAX ? UINT16_MAX : (uint32_t)len;
	memcpy(f->name, ASN1_STRING_get0_data(s),
	    len < sizeof(f->name) ? len : sizeof(f->name));
}

static void
take_names(const unsigned char *der, long len, struct alpn_facts *f)
{
	const unsigned char	*end = der + len;
	GENERAL_NAMES		*names = d2i_GENERAL_NAMES(NULL, &der, len);

	if (names != NULL && der == end && sk_GENERAL_NAME_num(names) > 0) {
		f->names = (uint32_t)sk_GENERAL_NAME_num(names);
		take_name(sk_GENERAL_NAME_value(names, 0), f);
	}
	GENERAL_NAMES_free(names);
}

/* DER, RFC 8737, 3: an OCTET STRING, and nothing after it. */
static void
take_id(const unsigned char *der, size_t len, struct alpn_facts *f)
{
	if (len < 2 || der[0] != DER_OCTET_STRING || der[1] > DER_SHORT ||
	    der[1] != len - 2)
		return;
	f->id_len = der[1];
	memcpy(f->id, der + 2, len - 2 < sizeof(f->id) ? len - 2 :
	    sizeof(f->id));
}

void
alpn_take_apart(const X509 *leaf, struct alpn_facts *f)
{
	for (int i = 0; i < X509_get_ext_count(leaf); i++) {
		X509_EXTENSION		*e = X509_get_ext(leaf, i);
		const ASN1_OCTET_STRING	*s = X509_EXTENSION_get_data(e);
		const unsigned char	*der = ASN1_STRING_get0_data(s);
		int			 len = ASN1_STRING_length(s);

		if (extension_is(e, alt_name, sizeof(alt_name))) {
			if (f->sans++ == 0)
				take_names(der, len, f);
		} else if (extension_is(e, acme_identifier,
		    sizeof(acme_identifier)) && f->ids++ == 0) {
			f->critical = X509_EXTENSION_get_critical(e) == 1;
			take_id(der, (size_t)len, f);
		}
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates as octets (RFC 5280): the to-be-signed part written as DER
 * from facts, never from a request's extensions, and put together with its
 * signature.  Pure.  Used by the signer and by the ceremony.
 */
#ifndef CHANCERY_TBS_H
#define CHANCERY_TBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../server/ident.h"

struct arena;

#define SERIAL_LEN	16	/* random octets; the first bit is 0, not all 0 */

struct tbs_spec {
	unsigned char		 serial[SERIAL_LEN];
	const unsigned char	*issuer;	/* DER Name, byte for byte */
	size_t			 issuer_len;
	const unsigned char	*subject;	/* DER Name; "30 00" is empty */
	size_t			 subject_len;
	int64_t			 not_before;	/* seconds since 1970 */
	int64_t			 not_after;	/* inclusive (RFC 5280, 4.1.2.5) */
	const unsigned char	*spki;		/* DER, copied */
	size_t			 spki_len;
	const unsigned char	*issuer_spki;	/* for AKI; own for a root */
	size_t			 issuer_spki_len;
	bool			 ca;
	int			 path_len;	/* -1: none */
	unsigned		 key_usage;	/* bit n of KeyUsage is 1 << n */
	const char *const	*eku;		/* dotted OIDs, NULL-terminated */
	const char *const	*policies;	/* the same, or NULL */
	const struct ident	*names;		/* SAN, sorted */
	size_t			 nnames;
	const char		*ca_issuers_url;	/* AIA or NULL */
};

#define KU_DIGITAL_SIGNATURE	(1u << 0)
#define KU_KEY_ENCIPHERMENT	(1u << 2)
#define KU_CERT_SIGN		(1u << 5)
#define KU_CRL_SIGN		(1u << 6)

#define EKU_SERVER_AUTH	"1.3.6.1.5.5.7.3.1"
#define EKU_CLIENT_AUTH	"1.3.6.1.5.5.7.3.2"

/*
 * The TBSCertificate, v3.  The signature algorithm follows the issuer's key
 * (ecdsa-with-SHA256 for P-256, -SHA384 for P-384, sha256WithRSAEncryption).
 * SAN is critical when the subject is empty.  SKI is RFC 7093, 2 (1): the
 * first 160 bits of the SHA-256 of the key.
 */
unsigned char *tbs_build(struct arena *, const struct tbs_spec *, size_t *len);

/* A Name with one CN (UTF8String), and O when not NULL. */
unsigned char *tbs_name(struct arena *, const char *common_name,
	    const char *organization, size_t *len);

/* The subject of a leaf: C, O, CN, each or NULL; nothing is "30 00". */
unsigned char *tbs_subject(struct arena *, const char *country,
	    const char *organization, const char *common_name, size_t *len);

/* Certificate ::= tbs, algorithm of `issuer_spki`, signature. */
unsigned char *tbs_assemble(struct arena *, const unsigned char *tbs,
	    size_t tbs_len, const unsigned char *issuer_spki,
	    size_t issuer_spki_len, const unsigned char *sig, size_t sig_len,
	    size_t *len);

/* The signature over the octets verifies with the issuer's key: 0 or -1. */
int	tbs_verify(const unsigned char *tbs, size_t tbs_len,
	    const unsigned char *issuer_spki, size_t issuer_spki_len,
	    const unsigned char *sig, size_t sig_len);

/*
 * What speaks against signing these octets as a certificate with this key:
 * they must be one TBSCertificate (v3, nothing after it) whose signature
 * algorithm is the key's and whose AKI names the key.  A CA certificate, or
 * a root (its own key, AKI not needed), only with `ceremony`.  NULL when all
 * is well.  The token worker asks this before each signature.
 */
const char *tbs_objection(const unsigned char *tbs, size_t tbs_len,
	    const unsigned char *issuer_spki, size_t issuer_spki_len,
	    bool ceremony);

/* RFC 7093, 2 (1) of an SPKI, as in SKI and AKI; 0, or -1: no SPKI. */
#define TBS_KEY_ID_LEN	20
int	tbs_key_id(const unsigned char *spki, size_t len,
	    unsigned char out[TBS_KEY_ID_LEN]);

/* Fresh serial: positive, exactly SERIAL_LEN octets in DER. */
void	serial_new(unsigned char serial[SERIAL_LEN]);

#endif

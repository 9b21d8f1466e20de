/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#10 requests (RFC 2986): decoded by OpenSSL, held to DER, judged.  The
 * key leaves here as the octets that were sent; the names leave as a set to
 * be compared with the order's; nothing else leaves.  Pure.
 */
#include <arpa/inet.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "../server/mem.h"
#include "../server/problem.h"
#include "csr.h"
#include "csr_key.h"

#define NAMES_MAX	1000
#define NAME_OCTETS	5	/* the shortest name, "a.b", in DER */

/* Extensions a request may mark critical: those that the profile answers. */
static const int understood[] = {
	NID_subject_alt_name, NID_basic_constraints, NID_key_usage,
	NID_ext_key_usage, NID_subject_key_identifier, NID_tlsfeature,
};

/* How a request may be signed: no SHA-1, no MD5. */
static const int signatures[] = {
	NID_sha256WithRSAEncryption, NID_sha384WithRSAEncryption,
	NID_sha512WithRSAEncryption, NID_rsassaPss, NID_ecdsa_with_SHA256,
	NID_ecdsa_with_SHA384, NID_ecdsa_with_SHA512, NID_ED25519,
};

static bool
listed(const int *list, size_t count, int nid)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i] == nid)
			return true;
	return false;
}

/* A DER element at *at: sets *body, *next; -1 unless its tag is `tag`. */
static int
der_element(const unsigned char *at, const unsigned char *end, int tag,
    const unsigned char **body, const unsigned char **next)
{
	long len;
	int form, got, class;

	*body = at;
	form = ASN1_get_object(body, &len, &got, &class, end - at);
	/* 0x80: error; the lowest bit: indefinite length, not DER */
	if ((form & 0x81) != 0 || class != V_ASN1_UNIVERSAL || got != tag)
		return -1;
	*next = *body + len;
	return 0;
}

/* Where the SubjectPublicKeyInfo lies in the octets that were sent. */
static int
spki_find(const unsigned char *der, size_t len, struct csr *csr)
{
	const unsigned char *at = der, *end = der + len, *body, *next;

	if (der_element(at, end, V_ASN1_SEQUENCE, &at, &next) == -1 ||
	    next != end ||
	    der_element(at, next, V_ASN1_SEQUENCE, &at, &end) == -1 ||
	    der_element(at, end, V_ASN1_INTEGER, &body, &at) == -1 ||
	    der_element(at, end, V_ASN1_SEQUENCE, &body, &at) == -1)
		return -1;
	csr->spki = at;
	if (der_element(at, end, V_ASN1_SEQUENCE, &body, &next) == -1)
		return -1;
	csr->spki_len = (size_t)(next - at);
	return 0;
}

/*
 * The key is copied as octets, so these must be what everybody else will
 * read from them: the one DER form.
 */
static int
spki_take(struct arena *a, const unsigned char *der, size_t len,
    X509_PUBKEY *pub, struct csr *csr, struct problem *p)
{
	unsigned char *again = NULL;
	int n, rc = -1;

	n = i2d_X509_PUBKEY(pub, &again);
	if (n <= 0 || spki_find(der, len, csr) == -1 ||
	    csr->spki_len != (size_t)n ||
	    memcmp(csr->spki, again, (size_t)n) != 0) {
		problem(p, PR_BAD_CSR, "RFC 2986, 3: the CSR is not in DER");
		goto out;
	}
	csr->spki = arena_memdup(a, csr->spki, csr->spki_len);
	sha256(csr->spki, csr->spki_len, csr->spki_hash);
	rc = 0;
out:
	OPENSSL_free(again);
	return rc;
}

/* The next name, or NULL with the problem. */
static struct ident *
name_next(struct csr *csr, struct problem *p)
{
	if (csr->nnames < NAMES_MAX)
		return &csr->names[csr->nnames++];
	problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the CSR has more than %d "
	    "names", NAMES_MAX);
	return NULL;
}

static int
name_add(struct csr *csr, const char *text, struct problem *p)
{
	struct problem why = { 0 };
	struct ident *name = name_next(csr, p);

	if (name == NULL)
		return -1;
	if (ident_parse("dns", text, name, &why) == -1)
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: a name of the "
		    "CSR cannot be in an order (%.160s)", why.detail);
	return 0;
}

/* RFC 8738, 3: 4 or 16 octets. */
static int
address_add(struct csr *csr, const unsigned char *octets, size_t len,
    struct problem *p)
{
	struct ident *name = name_next(csr, p);

	if (name == NULL)
		return -1;
	if (ident_from_octets(octets, len, name) == -1)
		return problem(p, PR_BAD_CSR, "RFC 8738, 3: an address of the "
		    "CSR cannot be in an order (%zu octets)", len);
	return 0;
}

static int
alt_name_add(struct csr *csr, const GENERAL_NAME *name, struct problem *p)
{
	const char *text;
	size_t len;

	if (name->type == GEN_IPADD)
		return address_add(csr,
		    ASN1_STRING_get0_data(name->d.iPAddress),
		    (size_t)ASN1_STRING_length(name->d.iPAddress), p);
	if (name->type != GEN_DNS)
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the CSR asks "
		    "for a subjectAltName of another type than dNSName and "
		    "iPAddress");
	text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
	len = (size_t)ASN1_STRING_length(name->d.dNSName);
	if (memchr(text, '\0', len) != NULL)
		return problem(p, PR_BAD_CSR, "RFC 5280, 4.2.1.6: a dNSName "
		    "of the CSR holds a NUL");
	return name_add(csr, text, p);
}

static int
alt_names_read(struct csr *csr, X509_EXTENSION *ext, struct problem *p)
{
	GENERAL_NAMES *list;
	int i, rc = 0;

	list = X509V3_EXT_d2i(ext);
	if (list == NULL || sk_GENERAL_NAME_num(list) == 0) {
		GENERAL_NAMES_free(list);
		return problem(p, PR_BAD_CSR, "RFC 5280, 4.2.1.6: the "
		    "subjectAltName of the CSR cannot be read");
	}
	for (i = 0; i < sk_GENERAL_NAME_num(list) && rc == 0; i++)
		rc = alt_name_add(csr, sk_GENERAL_NAME_value(list, i), p);
	GENERAL_NAMES_free(list);
	return rc;
}

static int
constraints_check(X509_EXTENSION *ext, struct problem *p)
{
	BASIC_CONSTRAINTS *bc;
	bool ca;

	bc = X509V3_EXT_d2i(ext);
	if (bc == NULL)
		return problem(p, PR_BAD_CSR, "RFC 5280, 4.2.1.9: the "
		    "basicConstraints of the CSR cannot be read");
	ca = bc->ca != 0;
	BASIC_CONSTRAINTS_free(bc);
	if (ca)
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the CSR asks to "
		    "become a CA (basicConstraints)");
	return 0;
}

static int
extension_check(struct csr *csr, X509_EXTENSION *ext, struct problem *p)
{
	int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

	if (nid == NID_subject_alt_name)
		return alt_names_read(csr, ext, p);
	if (nid == NID_basic_constraints)
		return constraints_check(ext, p);
	if (X509_EXTENSION_get_critical(ext) &&
	    !listed(understood, nitems(understood), nid))
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the CSR asks "
		    "for a critical extension that is not known here");
	return 0;
}

static bool
extension_repeats(const STACK_OF(X509_EXTENSION) *list, int i)
{
	const ASN1_OBJECT *oid;

	oid = X509_EXTENSION_get_object(sk_X509_EXTENSION_value(list, i));
	return X509v3_get_ext_by_OBJ(list, oid, i) != -1;
}

/* At most one extensionRequest, with one value (RFC 2985, 5.4.2). */
static int
attributes_check(const X509_REQ *req, struct problem *p)
{
	X509_ATTRIBUTE *attr;
	int i, nid, seen = 0;

	for (i = 0; i < X509_REQ_get_attr_count(req); i++) {
		attr = X509_REQ_get_attr(req, i);
		nid = OBJ_obj2nid(X509_ATTRIBUTE_get0_object(attr));
		if (nid != NID_ext_req && nid != NID_ms_ext_req)
			continue;
		if (seen++ > 0 || X509_ATTRIBUTE_count(attr) != 1)
			return problem(p, PR_BAD_CSR, "RFC 2985, 5.4.2: the "
			    "CSR holds more than one extensionRequest");
	}
	return seen;
}

static int
extensions_read(struct csr *csr, X509_REQ *req, struct problem *p)
{
	STACK_OF(X509_EXTENSION) *list = NULL;
	int i, seen, rc = -1;

	seen = attributes_check(req, p);
	if (seen <= 0)
		return seen;
	list = X509_REQ_get_extensions(req);
	if (list == NULL) {
		problem(p, PR_BAD_CSR, "RFC 2985, 5.4.2: the extensionRequest "
		    "of the CSR cannot be read");
		goto out;
	}
	for (i = 0; i < sk_X509_EXTENSION_num(list); i++) {
		if (extension_repeats(list, i)) {
			problem(p, PR_BAD_CSR, "RFC 5280, 4.2: the CSR asks "
			    "for an extension twice");
			goto out;
		}
		if (extension_check(csr, sk_X509_EXTENSION_value(list, i),
		    p) == -1)
			goto out;
	}
	rc = 0;
out:
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	return rc;
}

/*
 * A commonName counts as a name when it is written like one.  Other text,
 * such as a host's description, is not copied and not judged; nor is an
 * empty one, which some clients send.
 */
static bool
like_a_name(const char *text, size_t len)
{
	return len > 0 && strchr(text, '.') != NULL && strspn(text,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-.*_") == len;
}

static int
common_name_add(struct csr *csr, const char *text, size_t len,
    struct problem *p)
{
	unsigned char octets[sizeof(struct in6_addr)];

	if (strlen(text) == len && inet_pton(AF_INET, text, octets) == 1)
		return address_add(csr, octets, sizeof(struct in_addr), p);
	if (strlen(text) == len && inet_pton(AF_INET6, text, octets) == 1)
		return address_add(csr, octets, sizeof(struct in6_addr), p);
	return like_a_name(text, len) ? name_add(csr, text, p) : 0;
}

static int
common_names_read(struct csr *csr, const X509_REQ *req, struct problem *p)
{
	const X509_NAME *subject = X509_REQ_get_subject_name(req);
	unsigned char *text = NULL;
	int at = -1, len, rc = 0;

	while (rc == 0 && (at = X509_NAME_get_index_by_NID(
	    (X509_NAME *)subject, NID_commonName, at)) != -1) {
		len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
		    X509_NAME_get_entry(subject, at)));
		if (len < 0)
			return problem(p, PR_BAD_CSR, "RFC 5280, 4.1.2.6: a "
			    "commonName of the CSR cannot be read");
		rc = common_name_add(csr, (const char *)text, (size_t)len, p);
		OPENSSL_free(text);
		text = NULL;
	}
	return rc;
}

static int
possession_check(X509_REQ *req, struct problem *p)
{
	if (!listed(signatures, nitems(signatures),
	    X509_REQ_get_signature_nid(req)))
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the CSR must be "
		    "signed with SHA-256, SHA-384 or SHA-512, or Ed25519");
	if (X509_REQ_verify(req, X509_REQ_get0_pubkey(req)) != 1)
		return problem(p, PR_BAD_CSR, "RFC 2986, 3: the signature of "
		    "the CSR does not verify with its key");
	return 0;
}

static int
judge(struct arena *a, const unsigned char *der, size_t len, X509_REQ *req,
    struct csr *csr, struct problem *p)
{
	X509_PUBKEY *pub = X509_REQ_get_X509_PUBKEY(req);
	EVP_PKEY *pkey;

	/* RFC 2986, 4.1 knows 0 only; ruby-acme-client writes 2. */
	if (X509_REQ_get_version(req) < 0 || X509_REQ_get_version(req) > 2)
		return problem(p, PR_BAD_CSR, "RFC 2986, 4.1: the version of "
		    "the CSR is not 0");
	/* The size of the key is judged before work is done with it. */
	if (csr_key_check(pub, &csr->kind, p) == -1 ||
	    possession_check(req, p) == -1)
		return -1;
	pkey = X509_PUBKEY_get0(pub);
	if (csr_key_thumbprint(a, pkey, csr->thumbprint) == -1)
		return problem(p, PR_BAD_CSR, "RFC 8555, 11.1: the key of the "
		    "CSR cannot be compared with account keys");
	if (spki_take(a, der, len, pub, csr, p) == -1 ||
	    extensions_read(csr, req, p) == -1 ||
	    common_names_read(csr, req, p) == -1)
		return -1;
	if (csr->nnames == 0)
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the CSR holds "
		    "no name");
	csr->nnames = ident_sort(csr->names, csr->nnames);
	return 0;
}

/* More names than this do not fit so many octets, or are not accepted. */
static size_t
names_room(size_t len)
{
	size_t most = len / NAME_OCTETS + 1;

	return most < NAMES_MAX ? most : NAMES_MAX;
}

/* The lengths around and inside are the shortest there are. */
static bool
is_der(X509_REQ *req, const unsigned char *der, size_t len)
{
	unsigned char *again = NULL;
	int n;
	bool same;

	/* Not what was read but what ought to have been. */
	i2d_re_X509_REQ_tbs(req, &again);
	OPENSSL_free(again);
	again = NULL;
	n = i2d_X509_REQ(req, &again);
	same = n > 0 && (size_t)n == len && memcmp(again, der, len) == 0;
	OPENSSL_free(again);
	return same;
}

int
csr_parse(struct arena *a, const unsigned char *der, size_t len,
    struct csr *csr, struct problem *p)
{
	const unsigned char *at = der;
	X509_REQ *req = NULL;
	int rc = -1;

	memset(csr, 0, sizeof(*csr));
	req = d2i_X509_REQ(NULL, &at, (long)len);
	if (req == NULL) {
		problem(p, PR_BAD_CSR, "RFC 8555, 7.4: csr is not a PKCS#10 "
		    "request");
		goto out;
	}
	if (at != der + len) {
		problem(p, PR_BAD_CSR, "RFC 8555, 7.4: octets follow the "
		    "PKCS#10 request");
		goto out;
	}
	if (!is_der(req, der, len)) {
		problem(p, PR_BAD_CSR, "RFC 8555, 7.4: csr is not in DER");
		goto out;
	}
	csr->names = arena_alloc(a, names_room(len) * sizeof(*csr->names));
	rc = judge(a, der, len, req, csr, p);
out:
	X509_REQ_free(req);
	ERR_clear_error();
	return rc;
}

int
csr_names_check(const struct csr *csr, const struct ident *want, size_t count,
    struct problem *p)
{
	size_t i;

	if (csr->nnames != count)
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the CSR has %zu "
		    "names and the order %zu", csr->nnames, count);
	for (i = 0; i < count; i++)
		if (ident_compare(&csr->names[i], &want[i]) != 0)
			return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the "
			    "names of the CSR are not those of the order "
			    "(%s%.200s is not in the order)",
			    csr->names[i].wildcard ? "*." : "",
			    csr->names[i].value);
	return 0;
}

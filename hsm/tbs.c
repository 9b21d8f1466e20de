/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates as octets (RFC 5280, 4): the TBSCertificate from facts, the
 * Certificate around it, and what a token worker objects to.  Signature
 * algorithms follow the issuer's key and nothing else.  Pure but for the
 * serial.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "../server/enc.h"
#include "../server/mem.h"
#include "der.h"
#include "tbs.h"

#define OID_COMMON_NAME		"2.5.4.3"
#define OID_COUNTRY		"2.5.4.6"
#define OID_ORGANIZATION	"2.5.4.10"
#define OID_SKI			"2.5.29.14"
#define OID_KEY_USAGE		"2.5.29.15"
#define OID_SAN			"2.5.29.17"
#define OID_BASIC_CONSTRAINTS	"2.5.29.19"
#define OID_POLICIES		"2.5.29.32"
#define OID_AKI			"2.5.29.35"
#define OID_EKU			"2.5.29.37"
#define OID_AIA			"1.3.6.1.5.5.7.1.1"
#define OID_CA_ISSUERS		"1.3.6.1.5.5.7.48.2"

#define EMPTY_NAME_LEN		2	/* 30 00 */

/* A kind of key and the one signature algorithm that it is used with. */
struct scheme {
	const char	*key;
	const char	*curve;		/* NULL: none */
	const char	*signature;	/* NULL: no issuer has such a key */
	bool		 null_parameters;
	const char	*digest;
};

static const struct scheme schemes[] = {
	{ "1.2.840.10045.2.1", "1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2",
	    false, "SHA256" },
	{ "1.2.840.10045.2.1", "1.3.132.0.34", "1.2.840.10045.4.3.3",
	    false, "SHA384" },
	{ "1.2.840.113549.1.1.1", NULL, "1.2.840.113549.1.1.11",
	    true, "SHA256" },
	{ "1.2.840.10045.2.1", "1.3.132.0.35", NULL, false, NULL },
	{ "1.3.101.112", NULL, NULL, false, NULL },	/* RFC 8410, 3 */
};

/* SubjectPublicKeyInfo (RFC 5280, 4.1): its scheme and the key's octets. */
static const struct scheme *
spki_read(const unsigned char *spki, size_t len, struct der *key)
{
	struct der in = { spki, len }, body, alg, oid, curve = { NULL, 0 };
	const struct scheme *s;

	if (der_take(&in, DER_SEQUENCE, &body) == -1 || in.len != 0 ||
	    der_take(&body, DER_SEQUENCE, &alg) == -1 ||
	    der_take(&alg, DER_OID, &oid) == -1 ||
	    der_take(&body, DER_BIT_STRING, key) == -1 || body.len != 0 ||
	    key->len < 2 || key->data[0] != 0)
		return NULL;
	key->data++;
	key->len--;
	if (der_is(&alg, DER_OID))
		der_take(&alg, DER_OID, &curve);
	for (s = schemes; s < schemes + nitems(schemes); s++) {
		if (!der_oid_is(&oid, s->key))
			continue;
		if (s->curve == NULL ? curve.data == NULL :
		    curve.data != NULL && der_oid_is(&curve, s->curve))
			return s;
	}
	return NULL;
}

/* The same, of a key that signs certificates. */
static const struct scheme *
issuer_read(const unsigned char *spki, size_t len)
{
	const struct scheme *s;
	struct der key;

	s = spki_read(spki, len, &key);
	return s == NULL || s->signature == NULL ? NULL : s;
}

int
tbs_key_id(const unsigned char *spki, size_t len,
    unsigned char out[TBS_KEY_ID_LEN])
{
	unsigned char digest[DIGEST_LEN];
	struct der key;

	if (spki_read(spki, len, &key) == NULL)
		return -1;
	sha256(key.data, key.len, digest);
	memcpy(out, digest, TBS_KEY_ID_LEN);
	return 0;
}

static void
put_algorithm(struct der_writer *w, const struct scheme *scheme)
{
	size_t mark = der_mark(w);

	if (scheme->null_parameters)
		der_element(w, DER_NULL, NULL, 0);
	der_oid(w, scheme->signature);
	der_wrap(w, DER_SEQUENCE, mark);
}

/* Ends an extension whose value was written since the mark. */
static void
end_extension(struct der_writer *w, size_t mark, const char *oid,
    bool critical)
{
	der_wrap(w, DER_OCTET_STRING, mark);
	if (critical)
		der_boolean(w, true);
	der_oid(w, oid);
	der_wrap(w, DER_SEQUENCE, mark);
}

/* RFC 5280, 4.2.1.3: a BIT STRING without zero bits at its end. */
static void
put_key_usage(struct der_writer *w, unsigned usage)
{
	unsigned char bits[3] = { 7, 0, 0 };
	size_t mark = der_mark(w);
	unsigned n;

	if (usage == 0)
		return;
	for (n = 0; n < 9; n++) {
		if ((usage & (1u << n)) == 0)
			continue;
		bits[1 + n / 8] |= 0x80 >> n % 8;
		bits[0] = 7 - n % 8;
	}
	der_element(w, DER_BIT_STRING, bits, bits[2] != 0 ? 3 : 2);
	end_extension(w, mark, OID_KEY_USAGE, true);
}

/* RFC 5280, 4.2.1.9 */
static void
put_basic_constraints(struct der_writer *w, const struct tbs_spec *spec)
{
	size_t mark = der_mark(w);

	if (!spec->ca)
		return;
	if (spec->path_len >= 0)
		der_uint(w, (unsigned)spec->path_len);
	der_boolean(w, true);
	der_wrap(w, DER_SEQUENCE, mark);
	end_extension(w, mark, OID_BASIC_CONSTRAINTS, true);
}

/* RFC 5280, 4.2.1.12; -1 at something that is no OID. */
static int
put_eku(struct der_writer *w, const char *const *eku)
{
	size_t mark = der_mark(w), n = 0;

	if (eku == NULL || eku[0] == NULL)
		return 0;
	while (eku[n] != NULL)
		n++;
	while (n-- > 0)
		if (der_oid(w, eku[n]) == -1)
			return -1;
	der_wrap(w, DER_SEQUENCE, mark);
	end_extension(w, mark, OID_EKU, false);
	return 0;
}

/* RFC 5280, 4.2.1.4: policies without qualifiers; -1 as above. */
static int
put_policies(struct der_writer *w, const char *const *policies)
{
	size_t mark = der_mark(w), n = 0, one;

	if (policies == NULL || policies[0] == NULL)
		return 0;
	while (policies[n] != NULL)
		n++;
	while (n-- > 0) {
		one = der_mark(w);
		if (der_oid(w, policies[n]) == -1)
			return -1;
		der_wrap(w, DER_SEQUENCE, one);
	}
	der_wrap(w, DER_SEQUENCE, mark);
	end_extension(w, mark, OID_POLICIES, false);
	return 0;
}

/* iPAddress: 4 or 16 octets (RFC 5280, 4.2.1.6); -1: no address. */
static int
put_address(struct der_writer *w, const char *text)
{
	unsigned char octets[sizeof(struct in6_addr)];
	size_t len = 0;

	if (inet_pton(AF_INET, text, octets) == 1)
		len = sizeof(struct in_addr);
	else if (inet_pton(AF_INET6, text, octets) == 1)
		len = sizeof(struct in6_addr);
	if (len == 0)
		return -1;
	der_element(w, DER_CONTEXT(7), octets, len);
	return 0;
}

static int
put_name(struct der_writer *w, const struct ident *name)
{
	size_t mark = der_mark(w);

	if (strcmp(name->type, "ip") == 0)
		return put_address(w, name->value);
	der_raw(w, name->value, strlen(name->value));
	if (name->wildcard)
		der_raw(w, "*.", 2);
	der_wrap(w, DER_CONTEXT(2), mark);
	return 0;
}

/* RFC 5280, 4.2.1.6: critical when the subject is empty. */
static int
put_names(struct der_writer *w, const struct tbs_spec *spec)
{
	size_t mark = der_mark(w), n = spec->nnames;

	if (n == 0)
		return 0;
	while (n-- > 0)
		if (put_name(w, &spec->names[n]) == -1)
			return -1;
	der_wrap(w, DER_SEQUENCE, mark);
	end_extension(w, mark, OID_SAN, spec->subject_len == EMPTY_NAME_LEN);
	return 0;
}

/* RFC 5280, 4.2.2.1 */
static void
put_ca_issuers(struct der_writer *w, const char *url)
{
	size_t mark = der_mark(w);

	if (url == NULL)
		return;
	der_text(w, DER_CONTEXT(6), url);
	der_oid(w, OID_CA_ISSUERS);
	der_wrap(w, DER_SEQUENCE, mark);
	der_wrap(w, DER_SEQUENCE, mark);
	end_extension(w, mark, OID_AIA, false);
}

static void
put_key_ids(struct der_writer *w, const unsigned char *subject,
    const unsigned char *issuer)
{
	size_t mark = der_mark(w);

	der_element(w, DER_CONTEXT(0), issuer, TBS_KEY_ID_LEN);
	der_wrap(w, DER_SEQUENCE, mark);
	end_extension(w, mark, OID_AKI, false);
	mark = der_mark(w);
	der_element(w, DER_OCTET_STRING, subject, TBS_KEY_ID_LEN);
	end_extension(w, mark, OID_SKI, false);
}

static int
put_extensions(struct der_writer *w, const struct tbs_spec *spec)
{
	unsigned char subject[TBS_KEY_ID_LEN], issuer[TBS_KEY_ID_LEN];
	size_t mark = der_mark(w);

	if (tbs_key_id(spec->spki, spec->spki_len, subject) == -1 ||
	    tbs_key_id(spec->issuer_spki, spec->issuer_spki_len, issuer) == -1)
		return -1;
	put_ca_issuers(w, spec->ca_issuers_url);
	if (put_policies(w, spec->policies) == -1 ||
	    put_names(w, spec) == -1)
		return -1;
	put_key_ids(w, subject, issuer);
	if (put_eku(w, spec->eku) == -1)
		return -1;
	put_key_usage(w, spec->key_usage);
	put_basic_constraints(w, spec);
	der_wrap(w, DER_SEQUENCE, mark);
	der_wrap(w, DER_CONSTRUCTED(3), mark);
	return 0;
}

unsigned char *
tbs_build(struct arena *arena, const struct tbs_spec *spec, size_t *len)
{
	const struct scheme *scheme;
	struct der_writer w;
	size_t mark;

	scheme = issuer_read(spec->issuer_spki, spec->issuer_spki_len);
	if (scheme == NULL)
		return NULL;
	der_init(&w, arena);
	if (put_extensions(&w, spec) == -1)
		return NULL;
	der_raw(&w, spec->spki, spec->spki_len);
	der_raw(&w, spec->subject, spec->subject_len);
	mark = der_mark(&w);
	der_time(&w, spec->not_after);
	der_time(&w, spec->not_before);
	der_wrap(&w, DER_SEQUENCE, mark);
	der_raw(&w, spec->issuer, spec->issuer_len);
	put_algorithm(&w, scheme);
	der_integer(&w, spec->serial, SERIAL_LEN);
	mark = der_mark(&w);
	der_uint(&w, 2);				/* v3 */
	der_wrap(&w, DER_CONSTRUCTED(0), mark);
	der_wrap(&w, DER_SEQUENCE, 0);
	return der_finish(&w, len);
}

static void
put_attribute(struct der_writer *w, const char *oid, unsigned tag,
    const char *value)
{
	size_t mark = der_mark(w);

	if (value == NULL)
		return;
	der_text(w, tag, value);
	der_oid(w, oid);
	der_wrap(w, DER_SEQUENCE, mark);
	der_wrap(w, DER_SET, mark);
}

unsigned char *
tbs_name(struct arena *arena, const char *common_name,
    const char *organization, size_t *len)
{
	struct der_writer w;

	der_init(&w, arena);
	put_attribute(&w, OID_COMMON_NAME, DER_UTF8_STRING, common_name);
	put_attribute(&w, OID_ORGANIZATION, DER_UTF8_STRING, organization);
	der_wrap(&w, DER_SEQUENCE, 0);
	return der_finish(&w, len);
}

/* RFC 5280, A.1: a country is a PrintableString; the order is that of
 * CA/B BR, 7.1.4.2. */
unsigned char *
tbs_subject(struct arena *arena, const char *country,
    const char *organization, const char *common_name, size_t *len)
{
	struct der_writer w;

	der_init(&w, arena);
	put_attribute(&w, OID_COMMON_NAME, DER_UTF8_STRING, common_name);
	put_attribute(&w, OID_ORGANIZATION, DER_UTF8_STRING, organization);
	put_attribute(&w, OID_COUNTRY, DER_PRINTABLE_STRING, country);
	der_wrap(&w, DER_SEQUENCE, 0);
	return der_finish(&w, len);
}

unsigned char *
tbs_assemble(struct arena *arena, const unsigned char *tbs, size_t tbs_len,
    const unsigned char *issuer_spki, size_t issuer_spki_len,
    const unsigned char *sig, size_t sig_len, size_t *len)
{
	const struct scheme *scheme;
	struct der_writer w;

	scheme = issuer_read(issuer_spki, issuer_spki_len);
	if (scheme == NULL)
		return NULL;
	der_init(&w, arena);
	der_raw(&w, sig, sig_len);
	der_raw(&w, "", 1);				/* no unused bits */
	der_wrap(&w, DER_BIT_STRING, 0);
	put_algorithm(&w, scheme);
	der_raw(&w, tbs, tbs_len);
	der_wrap(&w, DER_SEQUENCE, 0);
	return der_finish(&w, len);
}

/*
 * The issuer's key as OpenSSL wants it.  Decoding costs more than verifying
 * and the issuer is nearly always the same, so each thread keeps the last.
 */
static EVP_PKEY *
verify_key(const unsigned char *spki, size_t len)
{
	static _Thread_local unsigned char last[1200];
	static _Thread_local size_t last_len;
	static _Thread_local EVP_PKEY *pkey;
	const unsigned char *p = spki;

	if (pkey != NULL && last_len == len && memcmp(last, spki, len) == 0)
		return pkey;
	EVP_PKEY_free(pkey);
	pkey = NULL;
	if (len > sizeof(last))
		return NULL;
	pkey = d2i_PUBKEY(NULL, &p, (long)len);
	memcpy(last, spki, len);
	last_len = len;
	return pkey;
}

int
tbs_verify(const unsigned char *tbs, size_t tbs_len,
    const unsigned char *issuer_spki, size_t issuer_spki_len,
    const unsigned char *sig, size_t sig_len)
{
	const struct scheme *scheme;
	EVP_MD_CTX *ctx = NULL;
	EVP_PKEY *pkey;
	int rv = -1;

	scheme = issuer_read(issuer_spki, issuer_spki_len);
	if (scheme == NULL ||
	    (pkey = verify_key(issuer_spki, issuer_spki_len)) == NULL)
		goto out;
	if ((ctx = EVP_MD_CTX_new()) != NULL &&
	    EVP_DigestVerifyInit_ex(ctx, NULL, scheme->digest, NULL, NULL,
	    pkey, NULL) == 1 &&
	    EVP_DigestVerify(ctx, sig, sig_len, tbs, tbs_len) == 1)
		rv = 0;
out:
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return rv;
}

/* The fields before the extensions; `rest` is what remains. */
static const char *
object_fields(struct der *rest, const unsigned char *issuer_spki,
    size_t issuer_spki_len, bool *own_key)
{
	const struct scheme *scheme;
	struct der element, alg, oid;

	scheme = issuer_read(issuer_spki, issuer_spki_len);
	if (scheme == NULL)
		return "the key is of no kind that signs certificates";
	if (der_take(rest, DER_CONSTRUCTED(0), &element) == -1 ||
	    !der_equal(&element, "\x02\x01\x02", 3) ||
	    der_take(rest, DER_INTEGER, NULL) == -1)
		return "not a TBSCertificate, version 3 (RFC 5280, 4.1)";
	if (der_take(rest, DER_SEQUENCE, &alg) == -1 ||
	    der_take(&alg, DER_OID, &oid) == -1 ||
	    !der_oid_is(&oid, scheme->signature) ||
	    !der_equal(&alg, "\x05\x00", scheme->null_parameters ? 2 : 0))
		return "the signature algorithm is not the key's";
	if (der_take(rest, DER_SEQUENCE, NULL) == -1 ||
	    der_take(rest, DER_SEQUENCE, NULL) == -1 ||
	    der_take(rest, DER_SEQUENCE, NULL) == -1 ||
	    der_take_whole(rest, DER_SEQUENCE, &element) == -1)
		return "names, validity or key are missing (RFC 5280, 4.1)";
	*own_key = der_equal(&element, issuer_spki, issuer_spki_len);
	return NULL;
}

/* How often an extension is there, and its value; -1: not well formed. */
static int
find_extension(struct der list, const char *oid, struct der *value)
{
	struct der one, id, found;
	int count = 0;

	while (list.len > 0) {
		if (der_take(&list, DER_SEQUENCE, &one) == -1 ||
		    der_take(&one, DER_OID, &id) == -1)
			return -1;
		if (der_is(&one, DER_BOOLEAN))
			der_take(&one, DER_BOOLEAN, NULL);
		if (der_take(&one, DER_OCTET_STRING, &found) == -1 ||
		    one.len != 0)
			return -1;
		if (der_oid_is(&id, oid)) {
			*value = found;
			count++;
		}
	}
	return count;
}

/* The certificate would be a CA's, or leaves that unclear. */
static bool
claims_ca(struct der list)
{
	struct der value;
	int count;

	count = find_extension(list, OID_BASIC_CONSTRAINTS, &value);
	return count != 0 &&
	    (count != 1 || !der_equal(&value, "\x30\x00", 2));
}

const char *
tbs_objection(const unsigned char *tbs, size_t tbs_len,
    const unsigned char *issuer_spki, size_t issuer_spki_len, bool ceremony)
{
	struct der in = { tbs, tbs_len }, rest, wrap, list, value, aki, id;
	unsigned char key_id[TBS_KEY_ID_LEN];
	const char *why;
	bool own_key;
	int count;

	if (der_take(&in, DER_SEQUENCE, &rest) == -1 || in.len != 0)
		return "not one DER SEQUENCE";
	why = object_fields(&rest, issuer_spki, issuer_spki_len, &own_key);
	if (why != NULL)
		return why;
	if (der_take(&rest, DER_CONSTRUCTED(3), &wrap) == -1 ||
	    rest.len != 0 ||
	    der_take(&wrap, DER_SEQUENCE, &list) == -1 || wrap.len != 0)
		return "no extensions (RFC 5280, 4.1.2.9)";
	if (!ceremony && own_key)
		return "the certificate would be for the signing key itself";
	if (!ceremony && claims_ca(list))
		return "CA certificates are signed at the ceremony only";
	count = find_extension(list, OID_AKI, &value);
	if (count == 0 && ceremony && own_key)
		return NULL;
	if (count != 1)
		return "not one authority key identifier (RFC 5280, 4.2.1.1)";
	if (tbs_key_id(issuer_spki, issuer_spki_len, key_id) == -1 ||
	    der_take(&value, DER_SEQUENCE, &aki) == -1 ||
	    der_take(&aki, DER_CONTEXT(0), &id) == -1 ||
	    !der_equal(&id, key_id, sizeof(key_id)))
		return "the authority key identifier names another key";
	return NULL;
}

void
serial_new(unsigned char serial[SERIAL_LEN])
{
	do {
		random_octets(serial, SERIAL_LEN);
	} while (serial[0] == 0 || (serial[0] & 0x80) != 0);
}

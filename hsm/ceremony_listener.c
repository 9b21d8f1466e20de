/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first certificate: of the ACME server itself, by the same way as all
 * others.  Its key is a file; intent in the log, signature, `issued` in the
 * log.  Where there is none for the key in the file, running the ceremony
 * again makes one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "../db/db.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/problem.h"
#include "ceremony.h"
#include "db/queries-owner.h"
#include "tbs.h"
#include "validity.h"

/* The public half of the listener's key. */
struct listener {
	unsigned char	*spki;
	size_t		 spki_len;
	unsigned char	 spki_hash[DIGEST_LEN];
	int64_t		 intent;		/* index in the log, or -1 */
	unsigned char	 serial[SERIAL_LEN];
};

static int
take_public(struct ceremony *c, EVP_PKEY *pkey, struct listener *l)
{
	unsigned char *der = NULL;
	int len;

	if (pkey == NULL || (len = i2d_PUBKEY(pkey, &der)) <= 0)
		return -1;
	l->spki = arena_memdup(c->arena, der, (size_t)len);
	l->spki_len = (size_t)len;
	OPENSSL_free(der);
	sha256(l->spki, l->spki_len, l->spki_hash);
	return 0;
}

/* The key in the file: 0, -1 when there is none that can be read. */
static int
read_key(struct ceremony *c, struct listener *l)
{
	EVP_PKEY *pkey;
	FILE *f;
	int rv;

	if ((f = fopen(c->conf->acme.tls_key, "re")) == NULL)
		return -1;
	pkey = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	rv = take_public(c, pkey, l);
	EVP_PKEY_free(pkey);
	return rv;
}

static int
make_key(struct ceremony *c, struct listener *l)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_secmem());
	char *pem;
	long len;
	int rv = -1;

	if (pkey == NULL || bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio,
	    pkey, NULL, NULL, 0, NULL, NULL) != 1) {
		log_error("OpenSSL cannot make the listener's key");
		goto out;
	}
	len = BIO_get_mem_data(bio, &pem);
	if (record_write(c->conf->acme.tls_key, 0640, c->conf->renew.user, pem,
	    (size_t)len) == -1)
		goto out;
	say(c, "  key in %s", c->conf->acme.tls_key);
	rv = take_public(c, pkey, l);
out:
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return rv;
}

/* The certificate is for this key and has not ended. */
static bool
fits(const struct listener *l, const X509 *x)
{
	unsigned char *spki = NULL;
	bool ok = false;
	int n;

	if (x == NULL)
		return false;
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
	if (n > 0 && (size_t)n == l->spki_len &&
	    memcmp(spki, l->spki, l->spki_len) == 0 &&
	    X509_cmp_current_time(X509_get0_notAfter(x)) > 0)
		ok = true;
	OPENSSL_free(spki);
	return ok;
}

/* As chancery-renew, or the operator, put it there: it is not ours to write. */
static bool
file_fits(struct ceremony *c, const struct listener *l)
{
	X509 *x = NULL;
	FILE *f;
	bool ok;

	if ((f = fopen(c->conf->acme.tls_certificate, "re")) != NULL) {
		x = PEM_read_X509(f, NULL, NULL, NULL);
		fclose(f);
	}
	ERR_clear_error();
	ok = fits(l, x);
	X509_free(x);
	return ok;
}

/* Issued by an earlier run that did not come to write the file. */
static bool
row_fits(struct ceremony *c, const struct listener *l)
{
	struct rows *rows = NULL;
	const unsigned char *der, *p;
	X509 *x = NULL;
	size_t len;
	bool ok = false;

	if (db_query(c->db, Q_CERTIFICATE_LISTENER, &rows, NO_ARGS) == -1)
		return false;
	if (rows_count(rows) == 1) {
		p = der = row_bytes(rows, 0, 0, &len);
		x = d2i_X509(NULL, &p, (long)len);
		if ((ok = fits(l, x))) {
			c->listener.der = arena_memdup(c->arena, der, len);
			c->listener.der_len = len;
		}
	}
	X509_free(x);
	rows_free(rows);
	return ok;
}

bool
listener_ready(struct ceremony *c)
{
	struct listener l = { .intent = -1 };

	return read_key(c, &l) == 0 && (file_fits(c, &l) || row_fits(c, &l));
}

/* ---------------------------------------------------------------- intent */

static int
abandon(struct ceremony *c, int64_t intent, const unsigned char *serial,
    size_t serial_len)
{
	int64_t index;

	if (db_begin(c->db) == -1)
		return -1;
	index = ca_log(c, "abandoned", json_pack("{s:o, s:s, s:s}", "intent",
	    json_string(arena_printf(c->arena, "%" PRId64, intent)), "serial",
	    hex_encode(c->arena, serial, serial_len), "reason",
	    "the listener's key file is gone"));
	if (index != -1 && db_query(c->db, Q_CLOSING_INSERT, NULL,
	    ARGS(arg_int(intent), arg_int(index))) == 0 &&
	    db_commit(c->db) == 0)
		return 0;
	db_rollback(c->db);
	return -1;
}

/* Of an earlier run: taken up when it is for this key, else ended. */
static int
open_intents(struct ceremony *c, struct listener *l)
{
	const unsigned char *hash, *serial, *tbs;
	size_t i, hash_len, serial_len;
	struct rows *rows = NULL;
	int rv = 0;

	if (db_query(c->db, Q_INTENT_OPEN, &rows, NO_ARGS) == -1)
		return -1;
	for (i = 0; rv == 0 && i < rows_count(rows); i++) {
		hash = row_bytes(rows, i, 3, &hash_len);
		serial = row_bytes(rows, i, 1, &serial_len);
		if (l->intent != -1 || serial_len != SERIAL_LEN ||
		    hash_len != DIGEST_LEN ||
		    memcmp(hash, l->spki_hash, DIGEST_LEN) != 0) {
			rv = abandon(c, row_int(rows, i, 0), serial,
			    serial_len);
			continue;
		}
		l->intent = row_int(rows, i, 0);
		memcpy(l->serial, serial, SERIAL_LEN);
		tbs = row_bytes(rows, i, 2, &c->listener.tbs_len);
		c->listener.tbs = arena_memdup(c->arena, tbs,
		    c->listener.tbs_len);
	}
	rows_free(rows);
	return rv;
}

/* An address, or a name: "localhost" is one here. */
static struct ident
name(const char *text)
{
	struct problem p = { 0 };
	struct ident ident;

	if (ident_parse("ip", text, &ident, &p) == 0)
		return ident;
	memset(&ident, 0, sizeof(ident));
	ident.type = "dns";
	snprintf(ident.value, sizeof(ident.value), "%s", text);
	return ident;
}

static struct ident *
names(struct ceremony *c, size_t *count)
{
	struct ident *list;
	size_t i;

	list = arena_alloc(c->arena, c->plan.listener.n * sizeof(*list));
	for (i = 0; i < c->plan.listener.n; i++)
		list[i] = name(c->plan.listener.v[i]);
	*count = ident_sort(list, c->plan.listener.n);
	return list;
}

/* Subject, validity and key of the issuer, from its certificate. */
static int
build(struct ceremony *c, struct listener *l, const X509 *issuer)
{
	static const char *const eku[] = { EKU_SERVER_AUTH, NULL };
	struct tbs_spec spec = { .path_len = -1, .eku = eku };
	int64_t from = time(NULL) - CA_BACKDATE;
	int64_t issuer_from, issuer_until;
	unsigned char *name = NULL;
	int len;

	if (validity_read(issuer, &issuer_from, &issuer_until) == -1 ||
	    (len = i2d_X509_NAME(X509_get_subject_name(issuer), &name)) <= 0)
		return -1;
	serial_new(l->serial);
	memcpy(spec.serial, l->serial, SERIAL_LEN);
	spec.issuer = arena_memdup(c->arena, name, (size_t)len);
	spec.issuer_len = (size_t)len;
	OPENSSL_free(name);
	spec.subject = (const unsigned char *)"\x30";
	spec.subject_len = 2;
	spec.not_before = from < issuer_from ? issuer_from : from;
	spec.not_after = spec.not_before + c->plan.listener_validity - 1;
	if (spec.not_after > issuer_until)
		spec.not_after = issuer_until;
	spec.spki = l->spki;
	spec.spki_len = l->spki_len;
	spec.issuer_spki = c->key[ROLE_ISSUING].spki;
	spec.issuer_spki_len = c->key[ROLE_ISSUING].spki_len;
	spec.key_usage = KU_DIGITAL_SIGNATURE;
	spec.names = names(c, &spec.nnames);
	spec.ca_issuers_url = ca_issuers_url(c);
	c->listener.tbs = tbs_build(c->arena, &spec, &c->listener.tbs_len);
	return c->listener.tbs == NULL ? -1 : 0;
}

/* What an auditor needs to judge the decision without the database. */
static json_t *
intent_json(struct ceremony *c, const struct listener *l)
{
	unsigned char digest[DIGEST_LEN];
	json_t *identifiers = json_array();
	const struct ident *list;
	size_t i, n;

	list = names(c, &n);
	for (i = 0; i < n; i++)
		json_array_append_new(identifiers, json_pack("{s:s, s:s}",
		    "type", list[i].type, "value", list[i].value));
	sha256(c->issuing.der, c->issuing.der_len, digest);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "purpose",
	    "listener", "serial", hex_encode(c->arena, l->serial, SERIAL_LEN),
	    "tbs", b64u_encode(c->arena, c->listener.tbs,
	    c->listener.tbs_len), "issuer", c->plan.issuing.name,
	    "issuer_sha256", b64u_encode(c->arena, digest, sizeof(digest)),
	    "identifiers", identifiers);
}

static int
announce(struct ceremony *c, struct listener *l)
{
	const unsigned char *p = c->issuing.der;
	X509 *issuer = d2i_X509(NULL, &p, (long)c->issuing.der_len);
	int rv = issuer == NULL ? -1 : build(c, l, issuer);

	X509_free(issuer);
	if (rv == -1) {
		log_error("the listener's certificate cannot be built");
		return -1;
	}
	if (db_begin(c->db) == -1)
		return -1;
	l->intent = ca_log(c, "intent", intent_json(c, l));
	if (l->intent != -1 && db_query(c->db, Q_INTENT_INSERT, NULL, ARGS(
	    arg_int(l->intent), arg_int(c->issuer_id),
	    arg_bytes(l->serial, SERIAL_LEN),
	    arg_bytes(c->listener.tbs, c->listener.tbs_len),
	    arg_bytes(l->spki_hash, DIGEST_LEN))) == 0 &&
	    db_commit(c->db) == 0)
		return 0;
	db_rollback(c->db);
	return -1;
}

static int
store(struct ceremony *c, const struct listener *l)
{
	const unsigned char *p = c->listener.der;
	X509 *x = d2i_X509(NULL, &p, (long)c->listener.der_len);
	unsigned char public[SECRET_LEN];
	int64_t index = -1, from, until;

	if (x == NULL || validity_read(x, &from, &until) == -1 ||
	    db_begin(c->db) == -1) {
		X509_free(x);
		return -1;
	}
	X509_free(x);
	random_octets(public, sizeof(public));
	index = ca_log(c, "issued", json_pack("{s:o, s:s, s:s}", "intent",
	    json_string(arena_printf(c->arena, "%" PRId64, l->intent)),
	    "serial", hex_encode(c->arena, l->serial, SERIAL_LEN),
	    "certificate", b64u_encode(c->arena, c->listener.der,
	    c->listener.der_len)));
	if (index != -1 && db_query(c->db, Q_CLOSING_INSERT, NULL,
	    ARGS(arg_int(l->intent), arg_int(index))) == 0 &&
	    db_query(c->db, Q_CERTIFICATE_INSERT, NULL, ARGS(
	    arg_bytes(public, sizeof(public)),
	    arg_bytes(l->serial, SERIAL_LEN), arg_int(l->intent),
	    arg_int(c->issuer_id),
	    arg_bytes(c->listener.der, c->listener.der_len),
	    arg_int(from), arg_int(until))) == 0 &&
	    db_commit(c->db) == 0)
		return 0;
	db_rollback(c->db);
	return -1;
}

int
listener_issue(struct ceremony *c)
{
	struct listener l = { .intent = -1 };

	if (read_key(c, &l) == -1 && make_key(c, &l) == -1)
		return -1;
	if (open_intents(c, &l) == 0 &&
	    (l.intent != -1 || announce(c, &l) == 0) &&
	    key_sign(c, c->issuing_token, ROLE_ISSUING, &c->listener) == 0 &&
	    store(c, &l) == 0)
		return 0;
	log_error("the listener has no certificate yet: run the same command "
	    "again");
	return -1;
}

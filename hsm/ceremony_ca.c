/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root and issuing certificate, and their place in the database: the entry
 * that says what will be signed is committed before the tokens are asked, the
 * entry with the result and the sealed rows after.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/x509.h>

#include "../db/db.h"
#include "../db/log.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "ceremony.h"
#include "db/queries-owner.h"
#include "tbs.h"
#include "validity.h"

#define FORM "the log's entry of the ceremony cannot be read: the database " \
	"is damaged, restore it"

int64_t
ca_log(struct ceremony *c, const char *kind, json_t *members)
{
	struct log_entry entry;

	if (members == NULL || log_entry_make(c->arena, kind, time(NULL),
	    members, &entry) == -1) {
		log_error("the log entry of kind %s is too long", kind);
		return -1;
	}
	return log_append(c->db, Q_LOG_LOCK, Q_LOG_APPEND, &entry);
}

/* ------------------------------------------------------ an earlier run */

static int
read_issuer(struct ceremony *c)
{
	struct rows *rows = NULL;
	const unsigned char *p;
	int rv = -1;
	size_t len;

	if (db_query(c->db, Q_ISSUER_LIST, &rows, NO_ARGS) == -1)
		return -1;
	if (rows_count(rows) == 0) {
		if ((rv = c->done == -1 ? 0 : -1) == -1)
			log_error("the log tells of a ceremony, but there is "
			    "no issuer: the database is damaged, restore it");
		goto out;
	}
	if (c->done == -1 ||
	    strcmp(row_text(rows, 0, 1), c->plan.issuing.name) != 0) {
		log_error("this database has the issuer \"%s\" already: take "
		    "its ceremony's file, or a new database",
		    row_text(rows, 0, 1));
		goto out;
	}
	c->issuer_id = row_int(rows, 0, 0);
	p = row_bytes(rows, 0, 2, &c->issuing.der_len);
	c->issuing.der = arena_memdup(c->arena, p, c->issuing.der_len);
	p = row_bytes(rows, 0, 3, &c->root.der_len);
	c->root.der = arena_memdup(c->arena, p, c->root.der_len);
	p = row_bytes(rows, 0, 4, &len);
	if (len == KEY_ID_LEN)
		memcpy(c->key[ROLE_ISSUING].id, p, KEY_ID_LEN);
	rv = 0;
out:
	rows_free(rows);
	return rv;
}

/* The same names, or the same file where names are not all. */
static int
compare_plan(const struct ceremony *c, const json_t *entry)
{
	const char *root, *issuing, *digest;

	digest = json_member_string(entry, "file_sha256");
	if (digest != NULL && strcmp(digest, c->plan.digest) == 0)
		return 0;
	if (c->done == -1) {
		log_error("a ceremony was begun with another file (SHA-256 "
		    "%s): end it with that one, or take a new database and "
		    "new tokens", digest == NULL ? "unknown" : digest);
		return -1;
	}
	root = json_member_string(json_object_get(entry, "root"),
	    "common_name");
	issuing = json_member_string(json_object_get(entry, "issuing"),
	    "common_name");
	if (root != NULL && strcmp(root, c->plan.root.common_name) == 0 &&
	    issuing != NULL &&
	    strcmp(issuing, c->plan.issuing.common_name) == 0)
		return 0;
	log_error("this database holds the CA \"%s\" under \"%s\": take its "
	    "ceremony's file, or a new database", issuing == NULL ? "?" :
	    issuing, root == NULL ? "?" : root);
	return -1;
}

static int
read_entry(struct ceremony *c, const struct rows *rows, size_t row)
{
	const char *why, *phase;
	const unsigned char *text;
	json_t *entry;
	size_t len;

	text = row_bytes(rows, row, 1, &len);
	entry = json_read_object(text, len, &why);
	phase = json_member_string(entry, "phase");
	if (phase == NULL) {
		log_error(FORM);
		json_decref(entry);
		return -1;
	}
	*(strcmp(phase, "done") == 0 ? &c->done : &c->begun) =
	    row_int(rows, row, 0);
	c->record_text = arena_memdup(c->arena, text, len);
	c->record_len = len;
	json_decref(c->record);
	c->record = entry;
	return 0;
}

int
ca_load(struct ceremony *c)
{
	struct rows *rows = NULL;
	size_t i;
	int rv = 0;

	c->begun = c->done = -1;
	if (db_query(c->db, Q_CEREMONY_ENTRIES, &rows, NO_ARGS) == -1)
		return -1;
	for (i = 0; rv == 0 && i < rows_count(rows); i++)
		rv = read_entry(c, rows, i);
	rows_free(rows);
	if (rv == 0 && c->record != NULL)
		rv = compare_plan(c, c->record);
	return rv == 0 ? read_issuer(c) : -1;
}

/* ------------------------------------------------------------- decision */

static int
build(struct ceremony *c, struct cert *cert, const struct plan_ca *subject,
    enum role subject_key, int path_len, int64_t from)
{
	struct tbs_spec spec = { 0 };

	serial_new(spec.serial);
	spec.issuer = tbs_name(c->arena, c->plan.root.common_name,
	    c->plan.root.organization, &spec.issuer_len);
	spec.subject = tbs_name(c->arena, subject->common_name,
	    subject->organization, &spec.subject_len);
	spec.not_before = from;
	spec.not_after = from + subject->validity - 1;
	spec.spki = c->key[subject_key].spki;
	spec.spki_len = c->key[subject_key].spki_len;
	spec.issuer_spki = c->key[ROLE_ROOT].spki;
	spec.issuer_spki_len = c->key[ROLE_ROOT].spki_len;
	spec.ca = true;
	spec.path_len = path_len;
	spec.key_usage = KU_CERT_SIGN | KU_CRL_SIGN;
	if (subject_key != ROLE_ROOT)
		spec.ca_issuers_url = arena_printf(c->arena, "%s/root.crt",
		    c->conf->publisher.url);
	cert->tbs = tbs_build(c->arena, &spec, &cert->tbs_len);
	if (cert->tbs == NULL)
		log_error("the certificate \"%s\" cannot be built from its "
		    "key", subject->common_name);
	return cert->tbs == NULL ? -1 : 0;
}

static json_t *
decision(struct ceremony *c, const struct cert *cert, enum role subject_key)
{
	return json_pack("{s:s, s:s}", "key_id",
	    hex_encode(c->arena, c->key[subject_key].id, KEY_ID_LEN), "tbs",
	    b64u_encode(c->arena, cert->tbs, cert->tbs_len));
}

/* Take up the logged octets; they must be for the keys that we found. */
static int
resume(struct ceremony *c, const char *name, struct cert *cert,
    enum role subject_key)
{
	const json_t *o = json_object_get(c->record, name);
	const char *id = json_member_string(o, "key_id");
	const char *tbs = json_member_string(o, "tbs");

	if (id == NULL || tbs == NULL || b64u_decode(c->arena, tbs,
	    strlen(tbs), &cert->tbs, &cert->tbs_len) == -1) {
		log_error(FORM);
		return -1;
	}
	if (strcmp(id, hex_encode(c->arena, c->key[subject_key].id,
	    KEY_ID_LEN)) == 0)
		return 0;
	log_error("the %s key in the token is not the one that the log names "
	    "(id %s): put the right token in", key_role(subject_key), id);
	return -1;
}

int
ca_begin(struct ceremony *c)
{
	int64_t from = time(NULL) - CA_BACKDATE;
	enum role r;

	if (c->begun != -1)
		return resume(c, "root", &c->root, ROLE_ROOT) == -1 ||
		    resume(c, "issuing", &c->issuing, ROLE_ISSUING) == -1 ?
		    -1 : 0;
	if (build(c, &c->root, &c->plan.root, ROLE_ROOT, -1, from) == -1 ||
	    build(c, &c->issuing, &c->plan.issuing, ROLE_ISSUING, 0,
	    from) == -1 || db_begin(c->db) == -1)
		return -1;
	for (r = 0; r < ROLES; r++)
		if (ca_log(c, "key", key_json(c, r)) == -1)
			goto fail;
	c->begun = ca_log(c, "ceremony", json_pack("{s:s, s:s, s:s, s:o, s:o}",
	    "phase", "begun", "file_sha256", c->plan.digest, "base_url",
	    c->conf->base_url, "root", decision(c, &c->root, ROLE_ROOT),
	    "issuing", decision(c, &c->issuing, ROLE_ISSUING)));
	if (c->begun != -1 && db_commit(c->db) == 0)
		return 0;
fail:
	db_rollback(c->db);
	log_error("nothing was signed: run the same command again");
	return -1;
}

int
ca_sign(struct ceremony *c)
{
	const unsigned char *p, *q;
	X509 *root = NULL, *issuing = NULL;
	int rv = -1;

	if (key_sign(c, c->root_token, ROLE_ROOT, &c->root) == -1 ||
	    key_sign(c, c->root_token, ROLE_ROOT, &c->issuing) == -1)
		return -1;
	p = c->root.der;
	q = c->issuing.der;
	root = d2i_X509(NULL, &p, (long)c->root.der_len);
	issuing = d2i_X509(NULL, &q, (long)c->issuing.der_len);
	if (root != NULL && issuing != NULL &&
	    X509_verify(root, X509_get0_pubkey(root)) == 1 &&
	    X509_verify(issuing, X509_get0_pubkey(root)) == 1 &&
	    X509_NAME_cmp(X509_get_issuer_name(issuing),
	    X509_get_subject_name(root)) == 0)
		rv = 0;
	else
		log_error("OpenSSL does not take the certificates for a chain:"
		    " nothing was stored");
	X509_free(root);
	X509_free(issuing);
	return rv;
}

/* --------------------------------------------------------------- result */

static json_t *
decimal(struct ceremony *c, int64_t n)
{
	return json_string(arena_printf(c->arena, "%" PRId64, n));
}

/* Everything of a certificate that a witness would compare. */
static json_t *
cert_json(struct ceremony *c, const struct cert *cert,
    const struct plan_ca *ca)
{
	unsigned char digest[DIGEST_LEN];
	const unsigned char *p = cert->der;
	X509 *x = d2i_X509(NULL, &p, (long)cert->der_len);
	const ASN1_INTEGER *serial;
	int64_t from, until;
	json_t *o;

	if (x == NULL || validity_read(x, &from, &until) == -1) {
		X509_free(x);
		return NULL;
	}
	serial = X509_get0_serialNumber(x);
	sha256(cert->der, cert->der_len, digest);
	o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:s}",
	    "common_name", ca->common_name, "algorithm", ca->key,
	    "serial", hex_encode(c->arena, serial->data,
	    (size_t)serial->length),
	    "not_before", decimal(c, from), "not_after", decimal(c, until),
	    "sha256", hex_encode(c->arena, digest, sizeof(digest)),
	    "certificate", b64u_encode(c->arena, cert->der, cert->der_len));
	if (o != NULL && ca->organization != NULL)
		json_object_set_new(o, "organization",
		    json_string(ca->organization));
	if (o != NULL && ca->name != NULL)
		json_object_set_new(o, "name", json_string(ca->name));
	X509_free(x);
	return o;
}

const char *
ca_issuers_url(struct ceremony *c)
{
	return arena_printf(c->arena, "%s/issuers/%s.crt",
	    c->conf->publisher.url, c->plan.issuing.name);
}

static json_t *
done_json(struct ceremony *c)
{
	json_t *keys = json_array(), *o;
	enum role r;

	for (r = 0; r < ROLES; r++)
		json_array_append_new(keys, key_json(c, r));
	o = json_pack("{s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:o}",
	    "phase", "done", "begun", decimal(c, c->begun), "file_sha256",
	    c->plan.digest, "base_url", c->conf->base_url, "program",
	    "chanceryctl " VERSION, "root", cert_json(c, &c->root,
	    &c->plan.root), "issuing", cert_json(c, &c->issuing,
	    &c->plan.issuing), "keys", keys);
	if (o != NULL && rows_json(c, o) == 0)
		return o;
	json_decref(o);
	return NULL;
}

static int
insert_rows(struct ceremony *c)
{
	unsigned char seal[DIGEST_LEN];
	const unsigned char *key_id = c->key[ROLE_ISSUING].id;

	if ((c->issuer_id = rows_id(c)) == -1)
		return -1;
	seal_make(&c->seal, "issuer", seal_issuer(c->issuer_id,
	    c->plan.issuing.name, c->issuing.der, c->issuing.der_len,
	    c->root.der, c->root.der_len, key_id, KEY_ID_LEN), seal);
	if (db_query(c->db, Q_ISSUER_INSERT, NULL, ARGS(
	    arg_int(c->issuer_id), arg_text(c->plan.issuing.name),
	    arg_bytes(c->issuing.der, c->issuing.der_len),
	    arg_bytes(c->root.der, c->root.der_len),
	    arg_bytes(key_id, KEY_ID_LEN),
	    arg_bytes(seal, sizeof(seal)))) == -1)
		return -1;
	return rows_insert(c);
}

int
ca_store(struct ceremony *c)
{
	json_t *entry;
	char why[256];

	if (tokens_derive(c->issuing_token, SEAL_LABEL, c->seal.key, why,
	    sizeof(why)) == -1) {
		log_error("token \"%s\", seal key: %s",
		    c->conf->token.on.label, why);
		return -1;
	}
	if ((entry = done_json(c)) == NULL)
		return -1;
	if (db_begin(c->db) == -1) {
		json_decref(entry);
		return -1;
	}
	c->done = ca_log(c, "ceremony", entry);
	if (c->done != -1 && insert_rows(c) == 0 && db_commit(c->db) == 0)
		return ca_load(c);	/* the record as it was stored */
	db_rollback(c->db);
	log_error("the certificates are signed but not stored: run the same "
	    "command again");
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the signer writes into the log besides intents and their ends: one
 * `validation` entry for each row of evidence, before it may count.  Foreign
 * texts (transcripts, problems) enter as strings, never as JSON of ours.
 */
#include <stdlib.h>
#include <string.h>

#include "../db/db.h"
#include "db/queries-signer.h"
#include "../db/log.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "signer.h"

/* Of one foreign text in an entry, as it is printed there: two of them fit. */
#define TEXT_MAX	24576

/* Columns of the statement `evidence_waiting`. */
enum {
	E_ID, E_AUTHZ, E_AUTHZ_PUBLIC, E_ACCOUNT, E_ACCOUNT_PUBLIC,
	E_THUMBPRINT, E_TYPE, E_VALUE, E_WILDCARD, E_METHOD, E_RESULT,
	E_PROBLEM, E_TRANSCRIPT, E_AT, E_UNTIL, E_PROVEN_BY, E_CAA_SECONDS,
	E_REQUEST
};

json_t *
log_b64u(struct arena *a, const void *data, size_t len)
{
	return json_string(b64u_encode(a, data, len));
}

json_t *
log_decimal(struct arena *a, int64_t n)
{
	return json_string(arena_printf(a, "%lld", (long long)n));
}

/* The octets of a text in an entry, at most (RFC 8785, 3.2.2.2). */
static size_t
printed(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += (unsigned char)*text < 0x20 ? 6 :
		    *text == '"' || *text == '\\' ? 2 : 1;
	return n;
}

/* Text from outside: what is too long or no UTF-8 is named by its digest. */
json_t *
log_text(struct arena *a, const char *text)
{
	unsigned char digest[DIGEST_LEN];
	json_t *value = NULL;

	if (printed(text) <= TEXT_MAX)
		value = json_string(text);
	if (value != NULL)
		return value;
	sha256(text, strlen(text), digest);
	return json_string(arena_printf(a, "%zu octets, SHA-256 %s",
	    strlen(text), hex_encode(a, digest, sizeof(digest))));
}

int64_t
log_write(struct signer *s, const char *kind, json_t *members)
{
	struct log_entry *entry = arena_alloc(s->arena, sizeof(*entry));

	if (log_entry_make(s->arena, kind, s->now, members, entry) == -1) {
		log_error("an entry of kind %s does not fit the log", kind);
		return -1;
	}
	return write_entry(s, entry);
}

/* The public form of an id, or null when its row is gone. */
static json_t *
public_form(struct arena *a, const struct rows *rows, size_t row, int id,
    int public)
{
	const unsigned char *secret;
	size_t len;

	secret = row_bytes(rows, row, public, &len);
	if (row_null(rows, row, public) || len != SECRET_LEN)
		return json_null();
	return json_string(public_id_print(a, row_int(rows, row, id),
	    secret));
}

static json_t *
validation_members(struct arena *a, const struct rows *rows, size_t r)
{
	json_t *o = json_object(), *ident = json_object();
	const unsigned char *thumbprint;
	size_t len;

	thumbprint = row_bytes(rows, r, E_THUMBPRINT, &len);
	json_object_set_new(ident, "type",
	    log_text(a, row_text(rows, r, E_TYPE)));
	json_object_set_new(ident, "value",
	    log_text(a, row_text(rows, r, E_VALUE)));
	json_object_set_new(o, "identifier", ident);
	json_object_set_new(o, "wildcard",
	    json_boolean(row_bool(rows, r, E_WILDCARD)));
	json_object_set_new(o, "authorization",
	    public_form(a, rows, r, E_AUTHZ, E_AUTHZ_PUBLIC));
	json_object_set_new(o, "account",
	    public_form(a, rows, r, E_ACCOUNT, E_ACCOUNT_PUBLIC));
	json_object_set_new(o, "thumbprint", log_b64u(a, thumbprint, len));
	json_object_set_new(o, "method",
	    log_text(a, row_text(rows, r, E_METHOD)));
	if (!row_null(rows, r, E_PROVEN_BY))
		json_object_set_new(o, "proven_by",
		    log_text(a, row_text(rows, r, E_PROVEN_BY)));
	json_object_set_new(o, "result",
	    log_text(a, row_text(rows, r, E_RESULT)));
	if (!row_null(rows, r, E_PROBLEM))
		json_object_set_new(o, "problem",
		    log_text(a, row_text(rows, r, E_PROBLEM)));
	json_object_set_new(o, "transcript",
	    log_text(a, row_text(rows, r, E_TRANSCRIPT)));
	json_object_set_new(o, "validated",
	    log_decimal(a, row_int(rows, r, E_AT)));
	json_object_set_new(o, "valid_until",
	    log_decimal(a, row_int(rows, r, E_UNTIL)));
	if (!row_null(rows, r, E_CAA_SECONDS))
		json_object_set_new(o, "caa_seconds",
		    log_decimal(a, row_int(rows, r, E_CAA_SECONDS)));
	return o;
}

int
log_evidence(struct signer *s, const struct rows *rows)
{
	int64_t id, index;
	size_t i;

	for (i = 0; i < rows_count(rows); i++) {
		id = row_int(rows, i, E_ID);
		index = log_write(s, "validation",
		    validation_members(s->arena, rows, i));
		if (index == -1)
			return -1;
		write_row(s, WRITE_EVIDENCE, ARGS(arg_int(id),
		    arg_int(index)));
		horizon_saw(&s->evidence, id);
		if (!row_null(rows, i, E_REQUEST))
			kept_wake(&s->kept, row_int(rows, i, E_REQUEST));
	}
	return 0;
}

int64_t
log_evidence_index(const struct signer *s, int64_t id)
{
	const struct writing *w = &s->writing[WRITE_EVIDENCE];
	size_t i;

	for (i = 0; i < w->nrows; i++)
		if (w->cells[2 * i].i == id)
			return w->cells[2 * i + 1].i;
	return -1;
}

int
log_last_time(struct signer *s)
{
	const char *why, *text;
	struct rows *rows = NULL;
	json_t *entry = NULL;
	size_t len;

	if (db_query(s->db, Q_LOG_LAST, &rows, NO_ARGS) == -1)
		return -1;
	if (rows_count(rows) == 1) {
		text = (const char *)row_bytes(rows, 0, 0, &len);
		entry = json_read_object(text, len, &why);
		text = json_member_string(entry, "time");
		if (text != NULL)
			s->last_logged = strtoll(text, NULL, 10);
	}
	json_decref(entry);
	rows_free(rows);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders (RFC 8555, 7.4): read with a status that is derived, and finalized
 * by handing the client's own JWS to the signer.
 */
#include <string.h>

#include "acme.h"
#include "acme_order.h"
#include "conf.h"
#include "hold.h"
#include "json.h"
#include "state.h"
#include "db/queries-acme.h"

/* ----------------------------------------------------------------- reading */

static void
secret_take(const struct rows *rows, int column,
    unsigned char out[SECRET_LEN])
{
	const unsigned char *octets;
	size_t len;

	octets = row_bytes(rows, 0, column, &len);
	if (len == SECRET_LEN)
		memcpy(out, octets, SECRET_LEN);
}

static void
order_take(struct acme_req *req, const struct rows *rows, struct order *o)
{
	o->account_id = row_int(rows, 0, 0);
	secret_take(rows, 1, o->public);
	o->status = acme_text(req, rows, 2);
	o->expires = row_int(rows, 0, 3);
	o->names = acme_text(req, rows, 4);
	if (!row_null(rows, 0, 5)) {
		o->certificate_id = row_int(rows, 0, 5);
		secret_take(rows, 6, o->certificate_public);
	}
	o->problem = acme_text(req, rows, 7);
	o->profile = acme_text(req, rows, 8);
	o->not_before = row_null(rows, 0, 9) ? 0 : row_int(rows, 0, 9);
	o->not_after = row_null(rows, 0, 10) ? 0 : row_int(rows, 0, 10);
	o->replaces = acme_text(req, rows, 11);
}

int
order_load(struct acme_req *req, int64_t id, struct order *o)
{
	struct rows *rows = NULL;

	memset(o, 0, sizeof(*o));
	if (acme_query(req, Q_ORDER_GET, &rows, ARGS(arg_int(id))) == -1)
		return -1;
	if (rows_count(rows) != 1) {
		rows_free(rows);
		return acme_not_found(req);
	}
	o->id = id;
	order_take(req, rows, o);
	rows_free(rows);
	return 0;
}

/* The order that the URL names, if it is the account's. */
static int
order_mine(struct acme_req *req, struct order *o)
{
	if (order_load(req, req->id, o) == -1)
		return -1;
	return acme_access(req, o->public, SECRET_LEN, o->account_id);
}

/* One name of the order, and the URL of its authorization. */
static void
name_add(struct acme_req *req, const json_t *name, json_t *identifiers,
    json_t *authorizations)
{
	bool wildcard = json_is_true(json_object_get(name, "wildcard"));

	json_array_append_new(identifiers, json_pack("{s:s, s:o}", "type",
	    json_member_string(name, "type"), "value",
	    json_sprintf("%s%s", wildcard ? "*." : "",
	    json_member_string(name, "value"))));
	json_array_append_new(authorizations,
	    json_sprintf("%s/acme/authz/%s", req->conf->base_url,
	    json_member_string(name, "public")));
}

/* What the order was asked to be, and is (RFC 9773, 5 wants the last). */
static void
wishes_add(const struct order *o, json_t *doc)
{
	json_object_set_new(doc, "profile", json_string(o->profile));
	if (o->not_before != 0)
		json_object_set_new(doc, "notBefore",
		    acme_time(o->not_before));
	if (o->not_after != 0)
		json_object_set_new(doc, "notAfter", acme_time(o->not_after));
	if (o->replaces != NULL)
		json_object_set_new(doc, "replaces",
		    json_string(o->replaces));
}

static json_t *
order_print(struct acme_req *req, const struct order *o)
{
	json_t *doc = json_object(), *identifiers, *authorizations, *names;
	size_t i;

	identifiers = json_array();
	authorizations = json_array();
	names = acme_stored_json(o->names);
	for (i = 0; i < json_array_size(names); i++)
		name_add(req, json_array_get(names, i), identifiers,
		    authorizations);
	json_decref(names);
	json_object_set_new(doc, "status", json_string(o->status));
	json_object_set_new(doc, "expires", acme_time(o->expires));
	json_object_set_new(doc, "identifiers", identifiers);
	json_object_set_new(doc, "authorizations", authorizations);
	wishes_add(o, doc);
	json_object_set_new(doc, "finalize", json_sprintf("%s/finalize",
	    acme_url(req, "order", o->id, o->public)));
	if (o->certificate_id != 0 && strcmp(o->status, "valid") == 0)
		json_object_set_new(doc, "certificate", json_string(
		    acme_url(req, "certificate", o->certificate_id,
		    o->certificate_public)));
	if (o->problem != NULL && strcmp(o->status, "invalid") == 0)
		json_object_set_new(doc, "error",
		    acme_stored_json(o->problem));
	return doc;
}

static bool
order_waits(const struct order *o)
{
	return strcmp(o->status, "processing") == 0 ||
	    strcmp(o->status, "pending") == 0;
}

int
order_reply(struct acme_req *req, int status, const struct order *o)
{
	http_header(req->reply, "Location", "%s",
	    acme_url(req, "order", o->id, o->public));
	if (status == 200 && order_waits(o))
		acme_retry_after(req, 1);
	return acme_reply_json(req, status, order_print(req, o));
}

int
order_post(struct acme_req *req)
{
	struct order o;

	if (order_mine(req, &o) == -1)
		return -1;
	return order_reply(req, 200, &o);
}

/* ---------------------------------------------------------------- finalize */

/* The csr member; only its encoding is judged here (RFC 8555, 6.1). */
static int
csr_get(struct acme_req *req, const char **csr)
{
	unsigned char *der;
	size_t len;

	*csr = json_member_string(req->payload, "csr");
	if (*csr == NULL || b64u_decode(req->arena, *csr, strlen(*csr), &der,
	    &len) == -1)
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 7.4: csr is not a string of base64url without "
		    "padding");
	return 0;
}

/* Does a JWS that was accepted before ask for the same certificate? */
static bool
same_csr(struct acme_req *req, const void *body, size_t len, const char *csr)
{
	struct problem ignored = { 0 };
	const char *earlier, *why;
	json_t *payload = NULL;
	struct jws jws = { 0 };
	bool same = false;

	if (jws_parse(req->arena, body, len, &jws, &ignored) == 0) {
		payload = json_read_object(jws.payload, jws.payload_len, &why);
		earlier = json_member_string(payload, "csr");
		same = earlier != NULL && strcmp(earlier, csr) == 0;
	}
	json_decref(payload);
	jws_clear(&jws);
	return same;
}

/*
 * A finalize repeated (a client that lost our reply): the order as it is,
 * after a moment if it is still being processed.  1, 0 when it is not the
 * same, or -1.
 */
static int
finalize_again(struct acme_req *req, const struct order *o, const char *csr)
{
	struct rows *rows = NULL;
	const unsigned char *body;
	struct arrival ignored;
	int64_t earlier = 0;
	bool same = false;
	size_t len;

	if (acme_query(req, Q_FINALIZE_EARLIER, &rows, ARGS(arg_int(o->id)))
	    == -1)
		return -1;
	if (rows_count(rows) == 1) {
		earlier = row_int(rows, 0, 0);
		body = row_bytes(rows, 0, 1, &len);
		same = same_csr(req, body, len, csr);
	}
	rows_free(rows);
	if (same && strcmp(o->status, "processing") == 0)
		hold_wait(req->conf, HOLD_OUTCOME, earlier,
		    req->conf->acme.hold_finalize_ms, req->arena, &ignored);
	return same ? 1 : 0;
}

static int
not_ready(struct acme_req *req, const struct order *o)
{
	return problem(&req->problem, PR_ORDER_NOT_READY,
	    "RFC 8555, 7.4: the order is %s, not ready", o->status);
}

/* The order after the signer's word; read again only if that is not known. */
static int
finalized(struct acme_req *req, const struct outcome *outcome,
    struct order *o)
{
	if (outcome->certificate_id == 0)
		return order_load(req, o->id, o);
	o->status = order_status_text(ORDER_VALID);
	o->certificate_id = outcome->certificate_id;
	memcpy(o->certificate_public, outcome->certificate_public,
	    SECRET_LEN);
	return 0;
}

int
order_finalize(struct acme_req *req)
{
	struct outcome outcome = { 0 };
	const char *csr;
	struct order o;
	int again;

	if (csr_get(req, &csr) == -1 || order_mine(req, &o) == -1)
		return -1;
	if (strcmp(o.status, "processing") == 0 ||
	    strcmp(o.status, "valid") == 0) {
		again = finalize_again(req, &o, csr);
		if (again != 1)
			return again == -1 ? -1 : not_ready(req, &o);
	} else if (strcmp(o.status, "ready") == 0) {
		if (acme_submit(req, "finalize", o.id,
		    req->conf->acme.hold_finalize_ms, &outcome) == -1)
			return -1;
		if (outcome.state == OUTCOME_REFUSED)
			return 0;
	} else
		return not_ready(req, &o);
	if (finalized(req, &outcome, &o) == -1)
		return -1;
	return order_reply(req, 200, &o);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders (RFC 8555, 7.4): made in one statement with their authorizations,
 * read with a status that is derived, and finalized by handing the client's
 * own JWS to the signer.
 */
#include <string.h>

#include "acme.h"
#include "conf.h"
#include "hold.h"
#include "ident.h"
#include "json.h"
#include "state.h"
#include "db/queries-acme.h"

#define IDENTIFIERS_MAX	100
#define TOKEN_LEN	32	/* random octets; RFC 8555, 8.3 asks for 16 */

struct order {
	int64_t			 id;
	int64_t			 account_id;
	unsigned char		 public[SECRET_LEN];
	const char		*status;
	int64_t			 expires;
	const char		*names;		/* JSON: see order_get */
	int64_t			 certificate_id;	/* 0: none */
	unsigned char		 certificate_public[SECRET_LEN];
	const char		*problem;	/* JSON or NULL */
};

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

/* 0, or -1; `id` is known from the database or judged by acme_access(). */
static int
order_load(struct acme_req *req, int64_t id, struct order *o)
{
	struct rows *rows = NULL;

	memset(o, 0, sizeof(*o));
	if (acme_query(req, Q_ORDER_GET, &rows, ARGS(arg_int(id))) == -1)
		return -1;
	if (rows_count(rows) != 1) {
		rows_free(rows);
		return problem_status(&req->problem, 404, PR_MALFORMED,
		    "there is no such resource");
	}
	o->id = id;
	o->account_id = row_int(rows, 0, 0);
	secret_take(rows, 1, o->public);
	o->status = arena_strdup(req->arena, row_text(rows, 0, 2));
	o->expires = row_int(rows, 0, 3);
	o->names = arena_strdup(req->arena, row_text(rows, 0, 4));
	if (!row_null(rows, 0, 5)) {
		o->certificate_id = row_int(rows, 0, 5);
		secret_take(rows, 6, o->certificate_public);
	}
	if (!row_null(rows, 0, 7))
		o->problem = arena_strdup(req->arena, row_text(rows, 0, 7));
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

/* The order object (RFC 8555, 7.1.3). */
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

static int
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

/* ---------------------------------------------------------------- newOrder */

static void
subproblem_add(struct problem *all, const struct problem *one,
    struct arena *arena, const char *type, const char *value)
{
	struct subproblem *sub = &all->sub[all->nsub++];

	sub->type = one->type;
	sub->detail = arena_strdup(arena, one->detail);
	sub->ident_type = type;
	sub->ident_value = value;
}

/* A name proven by http-01 says nothing of the names below it, and no other
 * challenge is offered. */
static int
name_check(const char *type, const char *value, struct ident *out,
    struct problem *p)
{
	if (ident_parse(type, value, out, p) == -1)
		return -1;
	if (out->wildcard)
		return problem(p, PR_REJECTED_IDENTIFIER,
		    "no challenge offered here can prove control of a "
		    "wildcard name");
	return 0;
}

/* RFC 8555, 6.7.1: all that is wrong in one answer; one type if all share
 * it, else compound. */
static int
names_refuse(struct problem *all)
{
	enum problem_type type = all->sub[0].type;
	struct subproblem *sub = all->sub;
	size_t i, n = all->nsub;

	for (i = 1; i < n; i++)
		if (sub[i].type != type)
			type = PR_COMPOUND;
	problem(all, type, "%zu of the identifiers cannot be in an order; "
	    "first: %.160s", n, sub[0].detail);
	all->sub = sub;
	all->nsub = n;
	return -1;
}

/* The identifiers of the payload, sorted and without repeats. */
static int
names_parse(struct acme_req *req, struct ident **out, size_t *count)
{
	const json_t *list = json_object_get(req->payload, "identifiers");
	size_t i, n = json_array_size(list);
	const char *type, *value;
	struct problem one, all = { 0 };

	if (n == 0 || n > IDENTIFIERS_MAX)
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 7.4: identifiers is an array of 1 to %d",
		    IDENTIFIERS_MAX);
	*out = arena_alloc(req->arena, n * sizeof(**out));
	all.sub = arena_alloc(req->arena, n * sizeof(*all.sub));
	for (i = 0; i < n; i++) {
		type = json_member_string(json_array_get(list, i), "type");
		value = json_member_string(json_array_get(list, i), "value");
		if (type == NULL || value == NULL)
			return problem(&req->problem, PR_MALFORMED,
			    "RFC 8555, 7.1.3: an identifier has a type and a "
			    "value, both strings");
		memset(&one, 0, sizeof(one));
		if (name_check(type, value, &(*out)[i], &one) == -1)
			subproblem_add(&all, &one, req->arena, type, value);
	}
	if (all.nsub > 0) {
		req->problem = all;
		return names_refuse(&req->problem);
	}
	*count = ident_sort(*out, n);
	return 0;
}

/* The parameter of order_insert: names with fresh secrets and tokens. */
static const char *
names_print(struct acme_req *req, const struct ident *names, size_t count)
{
	unsigned char public[SECRET_LEN], token[TOKEN_LEN];
	json_t *list = json_array();
	char *text;
	size_t i;

	for (i = 0; i < count; i++) {
		random_octets(public, sizeof(public));
		random_octets(token, sizeof(token));
		json_array_append_new(list, json_pack(
		    "{s:i, s:s, s:s, s:s, s:s}", "position", (int)i, "type",
		    names[i].type, "value", names[i].value, "public",
		    hex_encode(req->arena, public, sizeof(public)), "token",
		    b64u_encode(req->arena, token, sizeof(token))));
	}
	text = json_canonical(req->arena, list, NULL);
	json_decref(list);
	return text;
}

/* Of a statement that was repeated: it is there already. */
static int
order_find(struct acme_req *req, const struct arg *digest, struct order *o)
{
	struct rows *rows = NULL;
	int64_t id = 0;

	if (acme_query(req, Q_ORDER_BY_DIGEST, &rows, digest, 1) == -1)
		return -1;
	if (rows_count(rows) == 1)
		id = row_int(rows, 0, 0);
	rows_free(rows);
	if (id == 0)
		return problem(&req->problem, PR_SERVER_INTERNAL,
		    "the order could not be recorded");
	return order_load(req, id, o);
}

static int
order_insert(struct acme_req *req, const char *names, struct order *o)
{
	const struct arg digest = arg_bytes(req->jws.digest, DIGEST_LEN);
	struct rows *rows = NULL;
	int rv = 0;

	memset(o, 0, sizeof(*o));

	if (acme_query(req, Q_ORDER_INSERT, &rows,
	    ARGS(arg_int(req->account.id), arg_bytes(req->http->body,
	    req->http->body_len), digest, arg_text(names))) == -1)
		return -1;
	if (rows_count(rows) == 0) {
		rv = order_find(req, &digest, o);
	} else {
		o->id = row_int(rows, 0, 0);
		o->account_id = req->account.id;
		memcpy(o->public, req->jws.digest, SECRET_LEN);
		o->status = order_status_text(ORDER_PENDING);
		o->expires = row_int(rows, 0, 1);
		o->names = arena_strdup(req->arena, row_text(rows, 0, 2));
	}
	rows_free(rows);
	return rv;
}

/* Never silently another certificate than was asked for (RFC 8555, 7.4). */
static int
wishes_check(struct acme_req *req)
{
	static const char *const refused[] = { "notBefore", "notAfter",
	    "profile", "replaces" };
	size_t i;

	for (i = 0; i < nitems(refused); i++)
		if (json_object_get(req->payload, refused[i]) != NULL)
			return problem(&req->problem, PR_MALFORMED,
			    "RFC 8555, 7.4: %s is not offered; leave it out",
			    refused[i]);
	return 0;
}

int
order_new(struct acme_req *req)
{
	struct ident *names = NULL;
	struct order o;
	size_t count = 0;

	if (wishes_check(req) == -1 ||
	    names_parse(req, &names, &count) == -1 ||
	    order_insert(req, names_print(req, names, count), &o) == -1)
		return -1;
	return order_reply(req, 201, &o);
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
		    req->conf->acme.hold_finalize_ms);
	return same ? 1 : 0;
}

static int
not_ready(struct acme_req *req, const struct order *o)
{
	return problem(&req->problem, PR_ORDER_NOT_READY,
	    "RFC 8555, 7.4: the order is %s, not ready", o->status);
}

int
order_finalize(struct acme_req *req)
{
	struct outcome outcome;
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
	if (order_load(req, o.id, &o) == -1)
		return -1;
	return order_reply(req, 200, &o);
}

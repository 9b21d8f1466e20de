/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts (RFC 8555, 7.3): made, found, read, updated and deactivated.  The
 * signer makes and changes the rows; what is answered here is read from them.
 */
#include <string.h>

#include "account_cache.h"
#include "acme.h"
#include "acme_rules.h"
#include "conf.h"
#include "contact.h"
#include "json.h"
#include "db/queries-acme.h"

/* Take a row of account_by_id or account_by_key. */
static int
account_take(struct acme_req *req, struct rows *rows, struct account *a)
{
	const unsigned char *public;
	size_t len;

	if (rows_count(rows) != 1)
		return 0;
	public = row_bytes(rows, 0, 1, &len);
	if (len != SECRET_LEN)
		return problem(&req->problem, PR_SERVER_INTERNAL,
		    "the account's record cannot be read");
	a->id = row_int(rows, 0, 0);
	memcpy(a->public, public, SECRET_LEN);
	a->jwk = acme_text(req, rows, 2);
	a->status = acme_text(req, rows, 3);
	a->contact = acme_text(req, rows, 4);
	a->terms = acme_text(req, rows, 5);
	a->eab = acme_text(req, rows, 6);
	a->external = acme_text(req, rows, 7);
	a->request_id = row_null(rows, 0, 8) ? 0 : row_int(rows, 0, 8);
	a->valid = strcmp(a->status, "valid") == 0;
	account_cache_put(a);
	return 1;
}

static int
account_find(struct acme_req *req, int q, struct arg by, struct account *a)
{
	struct rows *rows = NULL;
	int found;

	if (acme_query(req, q, &rows, &by, 1) == -1)
		return -1;
	found = account_take(req, rows, a);
	rows_free(rows);
	return found;
}

int
account_by_id(struct acme_req *req, int64_t id, struct account *a)
{
	return account_find(req, Q_ACCOUNT_BY_ID, arg_int(id), a);
}

int
account_by_key(struct acme_req *req,
    const unsigned char thumbprint[DIGEST_LEN], struct account *a)
{
	return account_find(req, Q_ACCOUNT_BY_KEY,
	    arg_bytes(thumbprint, DIGEST_LEN), a);
}

int
account_mine(struct acme_req *req)
{
	if (req->id != req->account.id)
		return problem(&req->problem, PR_UNAUTHORIZED,
		    "this account has no access to the resource");
	return acme_access(req, req->account.public, SECRET_LEN,
	    req->account.id);
}

/* The account object (RFC 8555, 7.1.2); the binding exactly as it came
 * (7.3.4), nothing else of what a client once sent. */
static int
account_reply(struct acme_req *req, int status, const struct account *a)
{
	json_t *doc = json_object(), *contact;

	contact = acme_stored_json(a->contact);
	json_object_set_new(doc, "status", json_string(a->status));
	json_object_set_new(doc, "contact",
	    contact == NULL ? json_array() : contact);
	if (a->external != NULL)
		json_object_set_new(doc, "externalAccountBinding",
		    acme_stored_json(a->external));
	json_object_set_new(doc, "orders", json_string(
	    acme_url(req, "orders", a->id, a->public)));
	return acme_reply_json(req, status, doc);
}

int
account_again(struct acme_req *req)
{
	account_cache_forget(req->account.id);
	if (account_by_id(req, req->account.id, &req->account) == -1)
		return -1;
	return account_reply(req, 200, &req->account);
}

/* The same with the account's URL (RFC 8555, 7.3 and 7.3.1). */
static int
account_located(struct acme_req *req, int status, const struct account *a)
{
	if (!a->valid)
		return problem_status(&req->problem, 401, PR_UNAUTHORIZED,
		    "RFC 8555, 7.3.6: the account of this key is %s",
		    a->status);
	http_header(req->reply, "Location", "%s",
	    acme_url(req, "account", a->id, a->public));
	return account_reply(req, status, a);
}

static int
flag_get(struct acme_req *req, const char *name, bool *flag)
{
	const json_t *value = json_object_get(req->payload, name);

	*flag = json_is_true(value);
	if (value != NULL && !json_is_boolean(value))
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 7.1.2: %s is true or false", name);
	return 0;
}

/*
 * RFC 8555, 7.3.4: all of a binding but its MAC, whose key only the token
 * knows, and whether one is demanded.
 */
static int
binding_check(struct acme_req *req)
{
	const json_t *binding = json_object_get(req->payload,
	    "externalAccountBinding");
	struct jws jws = { 0 };
	int rv = -1;

	if (binding == NULL) {
		if (!req->conf->acme.external_account_required)
			return 0;
		return problem(&req->problem, PR_EXTERNAL_ACCOUNT_REQUIRED,
		    "RFC 8555, 7.3.4: an account needs an "
		    "externalAccountBinding here; ask the operator for a key");
	}
	if (jws_binding(req->arena, binding, req->jws.url, &req->key, &jws,
	    &req->problem) == 0) {
		rv = acme_rules_eab(jws.kid) ? 0 : problem(&req->problem,
		    PR_UNAUTHORIZED, "RFC 8555, 7.3.4: the key identifier of "
		    "the binding is not one in force");
	}
	jws_clear(&jws);
	return rv;
}

/* What a key that no account ever had must come with. */
static int
newcomer_check(struct acme_req *req, bool agreed)
{
	if (req->conf->acme.terms_of_service != NULL && !agreed)
		return terms_refuse(req);
	if (contact_check(json_object_get(req->payload, "contact"),
	    &req->problem) == -1 || binding_check(req) == -1)
		return -1;
	return limit_account(req);
}

static int
account_make(struct acme_req *req)
{
	struct outcome outcome;
	struct account a = { 0 };
	int found;

	if (acme_submit_now(req, "new-account", 0, &outcome) == -1)
		return -1;
	if (outcome.state == OUTCOME_REFUSED)
		return 0;
	found = account_by_id(req, outcome.account_id, &a);
	if (found == -1)
		return -1;
	if (found == 0)
		return problem(&req->problem, PR_SERVER_INTERNAL,
		    "the account was made but cannot be read");
	/* Somebody else's request may have won the race for this key. */
	return account_located(req, a.request_id == outcome.request_id ? 201 :
	    200, &a);
}

int
account_new(struct acme_req *req)
{
	bool agreed, only_existing;
	struct account a = { 0 };
	int found;

	if (flag_get(req, "termsOfServiceAgreed", &agreed) == -1 ||
	    flag_get(req, "onlyReturnExisting", &only_existing) == -1)
		return -1;
	found = account_by_key(req, req->key.thumbprint, &a);
	if (found == -1)
		return -1;
	if (found == 1 && strcmp(a.jwk, req->key.canonical) == 0)
		return account_located(req, 200, &a);
	if (only_existing)
		return problem(&req->problem, PR_ACCOUNT_DOES_NOT_EXIST,
		    "RFC 8555, 7.3.1: no account has this key");
	if (found == 1)
		return problem(&req->problem, PR_BAD_PUBLIC_KEY,
		    "RFC 8555, 11.1: the key was an account's before; make a "
		    "new one");
	if (newcomer_check(req, agreed) == -1)
		return -1;
	return account_make(req);
}

/* Agreeing to terms that changed is the one thing besides contacts that an
 * update can do (RFC 8555, 7.3.3). */
static bool
agrees_anew(const struct acme_req *req)
{
	const char *terms = req->conf->acme.terms_of_service;

	return terms != NULL && json_is_true(json_object_get(req->payload,
	    "termsOfServiceAgreed")) && (req->account.terms == NULL ||
	    strcmp(req->account.terms, terms) != 0);
}

/* What an update asks for: a request kind, or NULL for nothing that counts
 * (RFC 8555, 7.3.2: everything else is ignored). */
static const char *
update_kind(const struct acme_req *req)
{
	const char *status = json_member_string(req->payload, "status");

	if (status != NULL && strcmp(status, "deactivated") == 0)
		return "account-deactivate";
	if (json_object_get(req->payload, "contact") != NULL ||
	    agrees_anew(req))
		return "account-update";
	return NULL;
}

int
account_post(struct acme_req *req)
{
	const char *kind = update_kind(req);
	struct outcome outcome;

	if (account_mine(req) == -1)
		return -1;
	if (kind == NULL)
		return account_reply(req, 200, &req->account);
	if (contact_check(json_object_get(req->payload, "contact"),
	    &req->problem) == -1 ||
	    acme_submit_now(req, kind, 0, &outcome) == -1)
		return -1;
	if (outcome.state == OUTCOME_REFUSED)
		return 0;
	return account_again(req);
}

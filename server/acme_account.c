/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts (RFC 8555, 7.3): made, found, read, updated and deactivated.  The
 * signer makes and changes the rows; what is answered here is read from them.
 */
#include <string.h>

#include "account_cache.h"
#include "acme.h"
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
	a->jwk = arena_strdup(req->arena, row_text(rows, 0, 2));
	a->status = arena_strdup(req->arena, row_text(rows, 0, 3));
	a->contact = arena_strdup(req->arena, row_text(rows, 0, 4));
	a->request_id = row_int(rows, 0, 5);
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

/* The account object (RFC 8555, 7.1.2), without what a client once sent and
 * without `orders`, which is not served. */
static int
account_reply(struct acme_req *req, int status, const struct account *a)
{
	json_t *doc = json_object(), *contact;

	contact = acme_stored_json(a->contact);
	json_object_set_new(doc, "status", json_string(a->status));
	json_object_set_new(doc, "contact",
	    contact == NULL ? json_array() : contact);
	return acme_reply_json(req, status, doc);
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

/* RFC 8555, 7.3; type and link as for terms that changed (7.3.3). */
static int
terms_check(struct acme_req *req, bool agreed)
{
	const char *terms = req->conf->acme.terms_of_service;

	if (terms == NULL || agreed)
		return 0;
	http_header(req->reply, "Link", "<%s>;rel=\"terms-of-service\"",
	    terms);
	return problem(&req->problem, PR_USER_ACTION_REQUIRED,
	    "RFC 8555, 7.3: termsOfServiceAgreed must be true; the terms are "
	    "at %s", terms);
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
	found = account_find(req, Q_ACCOUNT_BY_KEY,
	    arg_bytes(req->key.thumbprint, DIGEST_LEN), &a);
	if (found == -1)
		return -1;
	if (found == 1)
		return account_located(req, 200, &a);
	if (only_existing)
		return problem(&req->problem, PR_ACCOUNT_DOES_NOT_EXIST,
		    "RFC 8555, 7.3.1: no account has this key");
	if (terms_check(req, agreed) == -1 ||
	    contact_check(json_object_get(req->payload, "contact"),
	    &req->problem) == -1)
		return -1;
	return account_make(req);
}

/* What an update asks for: a request kind, or NULL for nothing that counts
 * (RFC 8555, 7.3.2: everything else is ignored). */
static const char *
update_kind(const struct acme_req *req)
{
	const char *status = json_member_string(req->payload, "status");

	if (status != NULL && strcmp(status, "deactivated") == 0)
		return "account-deactivate";
	if (json_object_get(req->payload, "contact") != NULL)
		return "account-update";
	return NULL;
}

int
account_post(struct acme_req *req)
{
	const char *kind = update_kind(req);
	struct outcome outcome;

	if (req->id != req->account.id)
		return problem(&req->problem, PR_UNAUTHORIZED,
		    "this account has no access to the resource");
	if (acme_access(req, req->account.public, SECRET_LEN,
	    req->account.id) == -1)
		return -1;
	if (kind != NULL) {
		if (contact_check(json_object_get(req->payload, "contact"),
		    &req->problem) == -1 ||
		    acme_submit_now(req, kind, 0, &outcome) == -1)
			return -1;
		if (outcome.state == OUTCOME_REFUSED)
			return 0;
		account_cache_forget(req->account.id);
		if (account_by_id(req, req->account.id, &req->account) == -1)
			return -1;
	}
	return account_reply(req, 200, &req->account);
}

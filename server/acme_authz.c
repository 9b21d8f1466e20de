/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorizations and their challenges (RFC 8555, 7.5): read, deactivated,
 * and "the client is ready", after which the validator is waited for.
 */
#include <string.h>

#include "acme.h"
#include "conf.h"
#include "hold.h"
#include "json.h"
#include "state.h"
#include "db/queries-acme.h"

struct authz {
	int64_t		 id;
	int64_t		 account_id;
	unsigned char	 public[SECRET_LEN];
	const char	*type;
	const char	*value;
	bool		 wildcard;
	const char	*status;
	int64_t		 expires;
	/* evidence, when there is */
	const char	*method;	/* that was tried, or NULL */
	bool		 proven;
	const char	*problem;
	int64_t		 validated;
	const char	*challenges;	/* JSON: see authz_get */
};

/* ----------------------------------------------------------------- reading */

static void
authz_take(struct acme_req *req, const struct rows *rows, struct authz *z)
{
	const unsigned char *public;
	size_t len;

	z->account_id = row_int(rows, 0, 0);
	public = row_bytes(rows, 0, 1, &len);
	if (len == SECRET_LEN)
		memcpy(z->public, public, SECRET_LEN);
	z->type = arena_strdup(req->arena, row_text(rows, 0, 2));
	z->value = arena_strdup(req->arena, row_text(rows, 0, 3));
	z->wildcard = row_bool(rows, 0, 4);
	z->status = arena_strdup(req->arena, row_text(rows, 0, 5));
	z->expires = row_int(rows, 0, 6);
	if (!row_null(rows, 0, 7)) {
		z->method = arena_strdup(req->arena, row_text(rows, 0, 7));
		z->proven = row_bool(rows, 0, 8);
		z->problem = arena_strdup(req->arena, row_text(rows, 0, 9));
		z->validated = row_int(rows, 0, 10);
	}
	z->challenges = arena_strdup(req->arena, row_text(rows, 0, 11));
}

/* The authorization that the URL names, if it is the account's. */
static int
authz_mine(struct acme_req *req, struct authz *z)
{
	struct rows *rows = NULL;

	memset(z, 0, sizeof(*z));
	if (acme_query(req, Q_AUTHZ_GET, &rows, ARGS(arg_int(req->id))) == -1)
		return -1;
	if (rows_count(rows) != 1) {
		rows_free(rows);
		return problem_status(&req->problem, 404, PR_MALFORMED,
		    "there is no such resource");
	}
	z->id = req->id;
	authz_take(req, rows, z);
	rows_free(rows);
	return acme_access(req, z->public, SECRET_LEN, z->account_id);
}

static enum challenge_status
challenge_state(const struct authz *z, const json_t *row)
{
	const char *method = json_member_string(row, "method");
	bool tried = z->method != NULL && method != NULL &&
	    strcmp(z->method, method) == 0;

	return challenge_status(json_is_true(json_object_get(row, "ready")),
	    tried && z->proven, tried && !z->proven);
}

/* The challenge object (RFC 8555, 7.1.5 and 8). */
static json_t *
challenge_print(struct acme_req *req, const struct authz *z, const json_t *row)
{
	enum challenge_status status = challenge_state(z, row);
	const char *method = json_member_string(row, "method");
	json_t *doc = json_object();

	json_object_set_new(doc, "type", json_string(method));
	json_object_set_new(doc, "url", json_sprintf("%s/%s",
	    acme_url(req, "challenge", z->id, z->public), method));
	json_object_set_new(doc, "status",
	    json_string(challenge_status_text(status)));
	json_object_set_new(doc, "token",
	    json_string(json_member_string(row, "token")));
	if (status == CHALLENGE_VALID)
		json_object_set_new(doc, "validated",
		    acme_time(z->validated));
	/* RFC 8555, 8: an error says that the challenge is invalid. */
	if (status == CHALLENGE_INVALID)
		json_object_set_new(doc, "error",
		    acme_stored_json(z->problem));
	return doc;
}

/* RFC 8555, 7.5.1: who polls is told when to come again. */
static void
retry_hint(struct acme_req *req, const struct authz *z, const json_t *row)
{
	if (strcmp(z->status, "pending") == 0 &&
	    challenge_state(z, row) == CHALLENGE_PROCESSING)
		acme_retry_after(req, 1);
}

/* The authorization object (RFC 8555, 7.1.4). */
static int
authz_reply(struct acme_req *req, const struct authz *z)
{
	json_t *doc = json_object(), *rows, *challenges = json_array();
	size_t i;

	rows = acme_stored_json(z->challenges);
	for (i = 0; i < json_array_size(rows); i++) {
		json_array_append_new(challenges,
		    challenge_print(req, z, json_array_get(rows, i)));
		retry_hint(req, z, json_array_get(rows, i));
	}
	json_decref(rows);
	json_object_set_new(doc, "status", json_string(z->status));
	json_object_set_new(doc, "expires", acme_time(z->expires));
	json_object_set_new(doc, "identifier", json_pack("{s:s, s:s}", "type",
	    z->type, "value", z->value));
	json_object_set_new(doc, "challenges", challenges);
	if (z->wildcard)
		json_object_set_new(doc, "wildcard", json_true());
	return acme_reply_json(req, 200, doc);
}

/* ------------------------------------------------------------ deactivation */

static int
authz_deactivate(struct acme_req *req, struct authz *z)
{
	const char *status = json_member_string(req->payload, "status");
	struct outcome outcome;

	if (status == NULL || strcmp(status, "deactivated") != 0)
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 7.5.2: an authorization takes only "
		    "{\"status\": \"deactivated\"}");
	if (strcmp(z->status, "deactivated") == 0)
		return authz_reply(req, z);
	if (strcmp(z->status, "pending") != 0 &&
	    strcmp(z->status, "valid") != 0)
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 7.1.6: the authorization is %s and stays so",
		    z->status);
	if (acme_submit_now(req, "authz-deactivate", z->id, &outcome) == -1)
		return -1;
	if (outcome.state == OUTCOME_REFUSED)
		return 0;
	if (authz_mine(req, z) == -1)
		return -1;
	return authz_reply(req, z);
}

int
authz_post(struct acme_req *req)
{
	struct authz z;

	if (authz_mine(req, &z) == -1)
		return -1;
	if (req->payload != NULL)
		return authz_deactivate(req, &z);
	return authz_reply(req, &z);
}

/* -------------------------------------------------------------- challenges */

/* The row of the challenge that the URL names, or NULL with a problem. */
static const json_t *
challenge_find(struct acme_req *req, const json_t *rows)
{
	const char *method;
	size_t i;

	for (i = 0; i < json_array_size(rows); i++) {
		method = json_member_string(json_array_get(rows, i), "method");
		if (method != NULL && strcmp(method, req->method) == 0)
			return json_array_get(rows, i);
	}
	problem_status(&req->problem, 404, PR_MALFORMED,
	    "there is no such resource");
	return NULL;
}

/* RFC 8555, 7.5.1: the client is ready.  Said again it changes nothing. */
static int
challenge_start(struct acme_req *req, struct authz *z, const json_t *row)
{
	if (challenge_state(z, row) == CHALLENGE_VALID ||
	    challenge_state(z, row) == CHALLENGE_INVALID)
		return 0;
	if (strcmp(z->status, "pending") != 0)
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 7.1.6: the authorization is %s, its challenges "
		    "cannot be answered any more", z->status);
	if (acme_query(req, Q_CHALLENGE_READY, NULL, ARGS(arg_int(z->id),
	    arg_text(req->method))) == -1)
		return -1;
	hold_wait(req->conf, HOLD_EVIDENCE, z->id,
	    req->conf->acme.hold_challenge_ms);
	return authz_mine(req, z);
}

static int
challenge_reply(struct acme_req *req, const struct authz *z)
{
	json_t *rows = acme_stored_json(z->challenges);
	const json_t *row = challenge_find(req, rows);
	int rv = -1;

	if (row != NULL) {
		http_header(req->reply, "Link", "<%s>;rel=\"up\"",
		    acme_url(req, "authz", z->id, z->public));
		retry_hint(req, z, row);
		rv = acme_reply_json(req, 200, challenge_print(req, z, row));
	}
	json_decref(rows);
	return rv;
}

int
challenge_post(struct acme_req *req)
{
	const json_t *row;
	struct authz z;
	json_t *rows;
	int rv = -1;

	if (authz_mine(req, &z) == -1)
		return -1;
	rows = acme_stored_json(z.challenges);
	row = challenge_find(req, rows);
	if (row != NULL)
		rv = req->payload == NULL ? 0 : challenge_start(req, &z, row);
	json_decref(rows);
	return rv == -1 ? -1 : challenge_reply(req, &z);
}

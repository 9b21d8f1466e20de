/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorizations and their challenges (RFC 8555, 7.5): read, deactivated,
 * and "the client is ready", after which the validator is waited for.
 */
#include <string.h>

#include "acme.h"
#include "acme_authz.h"
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
	const char	*token;		/* of all its challenges */
	const char	*methods;	/* its challenges, spaces between */
	const char	*ready;		/* of them, those that were answered */
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
	z->token = arena_strdup(req->arena, row_text(rows, 0, 11));
	z->methods = arena_strdup(req->arena, row_text(rows, 0, 12));
	z->ready = arena_strdup(req->arena, row_text(rows, 0, 13));
}

/* 0, or -1; `id` is known from the database or judged by acme_access(). */
static int
authz_load(struct acme_req *req, int64_t id, struct authz *z)
{
	struct rows *rows = NULL;

	memset(z, 0, sizeof(*z));
	if (acme_query(req, Q_AUTHZ_GET, &rows, ARGS(arg_int(id))) == -1)
		return -1;
	if (rows_count(rows) != 1) {
		rows_free(rows);
		return acme_not_found(req);
	}
	z->id = id;
	authz_take(req, rows, z);
	rows_free(rows);
	return 0;
}

/* The authorization that the URL names, if it is the account's. */
static int
authz_mine(struct acme_req *req, struct authz *z)
{
	if (authz_load(req, req->id, z) == -1)
		return -1;
	return acme_access(req, z->public, SECRET_LEN, z->account_id);
}

/* ---------------------------------------------------------------- printing */

/* The first of several words, and the others in `rest`; NULL: no more. */
static const char *
word_next(struct acme_req *req, const char **rest)
{
	const char *word = *rest + strspn(*rest, " ");
	size_t len = strcspn(word, " ");

	*rest = word + len;
	return len == 0 ? NULL : arena_strndup(req->arena, word, len);
}

static bool
word_among(struct acme_req *req, const char *words, const char *sought)
{
	const char *word;

	while ((word = word_next(req, &words)) != NULL)
		if (strcmp(word, sought) == 0)
			return true;
	return false;
}

/* Was it this challenge that decided the authorization? */
static bool
challenge_decided(const struct authz *z, const char *method)
{
	return z->method != NULL && strcmp(z->method, method) == 0;
}

/* Nobody works any more on one beside the one that decided. */
static enum challenge_status
challenge_state(struct acme_req *req, const struct authz *z,
    const char *method)
{
	bool decided = challenge_decided(z, method);
	bool ready = z->method == NULL && word_among(req, z->ready, method);

	return challenge_status(ready, decided && z->proven,
	    decided && !z->proven);
}

/* The challenge object (RFC 8555, 7.1.5 and 8). */
static json_t *
challenge_print(struct acme_req *req, const struct authz *z,
    const char *method)
{
	enum challenge_status status = challenge_state(req, z, method);
	json_t *doc = json_object();

	json_object_set_new(doc, "type", json_string(method));
	json_object_set_new(doc, "url", json_sprintf("%s/%s",
	    acme_url(req, "challenge", z->id, z->public), method));
	json_object_set_new(doc, "status",
	    json_string(challenge_status_text(status)));
	json_object_set_new(doc, "token", json_string(z->token));
	if (status == CHALLENGE_VALID)
		json_object_set_new(doc, "validated",
		    acme_time(z->validated));
	/* RFC 8555, 8: an error says that the challenge is invalid. */
	if (status == CHALLENGE_INVALID)
		json_object_set_new(doc, "error",
		    acme_stored_json(z->problem));
	return doc;
}

/* RFC 8555, 7.5.1 and 8.2: who polls is told when to come again, which is
 * at the next try where there are several. */
static void
retry_hint(struct acme_req *req, const struct authz *z)
{
	unsigned ms = req->conf->validator.retry_for_ms == 0 ? 0 :
	    req->conf->validator.retry_interval_ms;

	if (strcmp(z->status, "pending") == 0 && z->ready[0] != '\0')
		acme_retry_after(req, ms <= 1000 ? 1 : (ms + 999) / 1000);
}

/* RFC 8555, 7.1.4: all that may be answered, or the one that decided. */
static json_t *
challenges_print(struct acme_req *req, const struct authz *z)
{
	const char *method, *rest = z->methods;
	json_t *list = json_array();

	while ((method = word_next(req, &rest)) != NULL)
		if (z->method == NULL || challenge_decided(z, method))
			json_array_append_new(list,
			    challenge_print(req, z, method));
	return list;
}

/* The authorization object (RFC 8555, 7.1.4). */
static int
authz_reply(struct acme_req *req, int status, const struct authz *z)
{
	json_t *doc = json_object();

	json_object_set_new(doc, "status", json_string(z->status));
	json_object_set_new(doc, "expires", acme_time(z->expires));
	json_object_set_new(doc, "identifier", json_pack("{s:s, s:s}", "type",
	    z->type, "value", z->value));
	json_object_set_new(doc, "challenges", challenges_print(req, z));
	if (z->wildcard)
		json_object_set_new(doc, "wildcard", json_true());
	retry_hint(req, z);
	return acme_reply_json(req, status, doc);
}

int
authz_show(struct acme_req *req, int64_t id, int status)
{
	struct authz z;

	if (authz_load(req, id, &z) == -1)
		return -1;
	http_header(req->reply, "Location", "%s",
	    acme_url(req, "authz", z.id, z.public));
	return authz_reply(req, status, &z);
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
		return authz_reply(req, 200, z);
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
	return authz_reply(req, 200, z);
}

int
authz_post(struct acme_req *req)
{
	struct authz z;

	if (authz_mine(req, &z) == -1)
		return -1;
	if (req->payload != NULL)
		return authz_deactivate(req, &z);
	return authz_reply(req, 200, &z);
}

/* -------------------------------------------------------------- challenges */

/* RFC 8555, 7.5.1: the client is ready, under the key that it has now (8.1).
 * Said again while it is tried, it asks for another try at once (8.2). */
static int
challenge_start(struct acme_req *req, struct authz *z)
{
	struct arrival arrival;

	switch (challenge_state(req, z, req->name)) {
	case CHALLENGE_VALID:
	case CHALLENGE_INVALID:
		return 0;
	default:
		break;
	}
	if (strcmp(z->status, "pending") != 0)
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 7.1.6: the authorization is %s, its challenges "
		    "cannot be answered any more", z->status);
	if (limit_challenge(req) == -1 ||
	    acme_query(req, Q_CHALLENGE_READY, NULL, ARGS(arg_int(z->id),
	    arg_text(req->name), arg_bytes(req->key.thumbprint, DIGEST_LEN)))
	    == -1)
		return -1;
	if (!hold_wait(req->conf, HOLD_EVIDENCE, z->id,
	    req->conf->acme.hold_challenge_ms, req->arena, &arrival))
		return authz_mine(req, z);
	z->method = arrival.method;
	z->proven = arrival.good;
	z->problem = arrival.problem;
	z->validated = arrival.at;
	return 0;
}

int
challenge_post(struct acme_req *req)
{
	struct authz z;

	if (authz_mine(req, &z) == -1)
		return -1;
	if (!word_among(req, z.methods, req->name))
		return acme_not_found(req);
	if (req->payload != NULL && challenge_start(req, &z) == -1)
		return -1;
	http_header(req->reply, "Link", "<%s>;rel=\"up\"",
	    acme_url(req, "authz", z.id, z.public));
	if (challenge_state(req, &z, req->name) == CHALLENGE_PROCESSING)
		retry_hint(req, &z);
	return acme_reply_json(req, 200, challenge_print(req, &z, req->name));
}

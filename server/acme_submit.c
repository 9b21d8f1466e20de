/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the face to the signer: the JWS as it came becomes a request row, the
 * signer's outcome row becomes the reply.
 */
#include <string.h>

#include "acme.h"
#include "conf.h"
#include "hold.h"
#include "json.h"
#include "db/queries-acme.h"

#define HOLD_ACCOUNT_MS	5000

/* The row of this JWS, new or, after a lost connection, there already. */
static int
request_record(struct acme_req *req, const char *kind, int64_t object_id,
    int64_t *id)
{
	const struct arg by_account = req->resource->auth == AUTH_KEY ?
	    arg_null() : arg_int(req->account.id);
	const struct arg on = object_id == 0 ? arg_null() : arg_int(object_id);
	struct rows *rows = NULL;
	int rv = -1;

	if (acme_query(req, Q_REQUEST_INSERT, &rows, ARGS(arg_text(kind),
	    by_account, on, arg_bytes(req->http->body, req->http->body_len),
	    arg_bytes(req->jws.digest, DIGEST_LEN))) == -1)
		goto out;
	if (rows_count(rows) == 0) {
		rows_free(rows);
		rows = NULL;
		if (acme_query(req, Q_REQUEST_BY_DIGEST, &rows,
		    ARGS(arg_bytes(req->jws.digest, DIGEST_LEN))) == -1)
			goto out;
	}
	if (rows_count(rows) == 0) {
		problem(&req->problem, PR_SERVER_INTERNAL,
		    "the request could not be recorded");
		goto out;
	}
	*id = row_int(rows, 0, 0);
	rv = 0;
out:
	rows_free(rows);
	return rv;
}

/* The signer's own words, with the status that they name. */
static void
refusal_reply(struct acme_req *req, const char *text)
{
	json_t *doc = acme_stored_json(text);
	json_int_t status;

	if (!json_is_object(doc)) {
		json_decref(doc);
		problem(&req->problem, PR_SERVER_INTERNAL,
		    "the request was refused");
		http_problem(req->reply, &req->problem);
		return;
	}
	status = json_integer_value(json_object_get(doc, "status"));
	acme_reply_json(req, status >= 400 && status <= 599 ? (int)status :
	    400, doc);
	req->reply->type = "application/problem+json";
}

/* What the signer said; a refusal is the reply. */
static void
outcome_take(struct acme_req *req, const struct arrival *a,
    struct outcome *out)
{
	out->state = a->good ? OUTCOME_DONE : OUTCOME_REFUSED;
	out->account_id = a->account_id;
	out->certificate_id = a->certificate_id;
	memcpy(out->certificate_public, a->certificate_public, SECRET_LEN);
	if (!a->good)
		refusal_reply(req, a->problem);
}

/* It may have come without its ring. */
static int
outcome_find(struct acme_req *req, struct outcome *out)
{
	struct arrival late = { 0 };
	struct rows *rows = NULL;

	if (acme_query(req, Q_OUTCOME, &rows,
	    ARGS(arg_int(out->request_id))) == -1)
		return -1;
	if (rows_count(rows) == 1) {
		late.good = row_bool(rows, 0, 0);
		late.problem = row_null(rows, 0, 1) ? "" :
		    row_text(rows, 0, 1);
		late.account_id = row_null(rows, 0, 2) ? 0 :
		    row_int(rows, 0, 2);
		outcome_take(req, &late, out);
	}
	rows_free(rows);
	return 0;
}

int
acme_submit(struct acme_req *req, const char *kind, int64_t object_id,
    unsigned hold_ms, struct outcome *out)
{
	struct arrival arrival;

	*out = (struct outcome){ .state = OUTCOME_PENDING };
	if (request_record(req, kind, object_id, &out->request_id) == -1)
		return -1;
	if (!hold_wait(req->conf, HOLD_OUTCOME, out->request_id, hold_ms,
	    req->arena, &arrival))
		return outcome_find(req, out);
	outcome_take(req, &arrival, out);
	return 0;
}

int
acme_submit_now(struct acme_req *req, const char *kind, int64_t object_id,
    struct outcome *out)
{
	if (acme_submit(req, kind, object_id, HOLD_ACCOUNT_MS, out) == -1)
		return -1;
	if (out->state == OUTCOME_PENDING)
		return problem_status(&req->problem, 503, PR_SERVER_INTERNAL,
		    "the request is recorded but was not processed yet; "
		    "ask again in a moment");
	return 0;
}

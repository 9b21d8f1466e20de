/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What handlers share: URLs, times, JSON replies, database errors as the
 * client sees them, and who may see an object.
 */
#include <assert.h>
#include <time.h>

#include "acme.h"
#include "conf.h"
#include "json.h"
#include "pool.h"

char *
acme_url(struct acme_req *req, const char *resource, int64_t id,
    const unsigned char public[SECRET_LEN])
{
	return arena_printf(req->arena, "%s/acme/%s/%s", req->conf->base_url,
	    resource, public_id_print(req->arena, id, public));
}

json_t *
acme_time(int64_t seconds)
{
	time_t t = (time_t)seconds;
	char text[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

json_t *
acme_stored_json(const char *text)
{
	return json_loads(text, JSON_REJECT_DUPLICATES, NULL);
}

int
acme_reply_json(struct acme_req *req, int status, json_t *value)
{
	assert(value != NULL);
	req->reply->status = status;
	req->reply->type = "application/json";
	req->reply->body = json_pretty(req->arena, value,
	    &req->reply->body_len);
	json_decref(value);
	return 0;
}

void
acme_retry_after(struct acme_req *req, unsigned seconds)
{
	http_header(req->reply, "Retry-After", "%u", seconds);
}

int
acme_query(struct acme_req *req, int q, struct rows **out,
    const struct arg *args, size_t nargs)
{
	switch (pool_query(q, out, args, nargs)) {
	case DB_OK:
		return 0;
	case DB_LOST:
		return problem_status(&req->problem, 503, PR_SERVER_INTERNAL,
		    "the database does not answer; try again in a moment");
	default:
		return problem(&req->problem, PR_SERVER_INTERNAL,
		    "the request could not be recorded");
	}
}

int
acme_not_found(struct acme_req *req)
{
	return problem_status(&req->problem, 404, PR_MALFORMED,
	    "there is no such resource");
}

const char *
acme_text(struct acme_req *req, const struct rows *rows, int column)
{
	return row_null(rows, 0, column) ? NULL :
	    arena_strdup(req->arena, row_text(rows, 0, column));
}

int
acme_access(struct acme_req *req, const unsigned char *secret, size_t len,
    int64_t owner)
{
	if (len != SECRET_LEN || !octets_equal(secret, req->public, len))
		return acme_not_found(req);
	if (owner != req->account.id)
		return problem(&req->problem, PR_UNAUTHORIZED,
		    "this account has no access to the resource");
	return 0;
}

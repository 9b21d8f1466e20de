/* SPDX-License-Identifier: Apache-2.0 */
/*
 * newOrder (RFC 8555, 7.4): what is asked for is had as asked or refused,
 * and made in one statement with its authorizations.
 */
#include <string.h>
#include <time.h>

#include "acme.h"
#include "acme_names.h"
#include "acme_order.h"
#include "acme_renewal.h"
#include "acme_rules.h"
#include "conf.h"
#include "json.h"
#include "state.h"
#include "db/queries-acme.h"

#define WHY_LEN		160
#define RENEWALS_FREE	5	/* orders for one certificate */
#define CENTURY		(100LL * 366 * 86400)

struct wishes {
	struct ident			*names;
	size_t				 count;
	const struct acme_profile	*profile;
	struct profile_dates		 dates;
	const char			*replaces;	/* or NULL */
	struct replaced			 replaced;
};

/* A member that is a string when it is there: 0 with NULL, or -1. */
static int
text_wish(struct acme_req *req, const char *name, const char **out)
{
	const json_t *value = json_object_get(req->payload, name);

	*out = json_member_string(req->payload, name);
	if (value == NULL || *out != NULL)
		return 0;
	return problem(&req->problem, PR_MALFORMED, "RFC 8555, 7.4: %s is "
	    "not a string", name);
}

/* ----------------------------------------------------------------- profile */

/* draft-ietf-acme-profiles, 4: the server picks one for who names none. */
static int
profile_wish(struct acme_req *req, struct wishes *w)
{
	const char *name;

	if (text_wish(req, "profile", &name) == -1)
		return -1;
	if (name == NULL)
		name = req->conf->acme.default_profile;
	w->profile = acme_profile(name);
	if (w->profile == NULL)
		return problem(&req->problem, PR_INVALID_PROFILE,
		    "draft-ietf-acme-profiles, 4: there is no profile "
		    "\"%.64s\"; the directory lists those that are", name);
	if (!acme_profile_allowed(req, w->profile))
		return problem(&req->problem, PR_INVALID_PROFILE,
		    "the profile \"%.64s\" is not open to this account", name);
	return 0;
}

static int
profile_check(struct acme_req *req, const struct wishes *w)
{
	char why[WHY_LEN] = "";

	if (profile_fits(&w->profile->body, w->names, w->count, why,
	    sizeof(why)) == -1)
		return problem(&req->problem, PR_INVALID_PROFILE,
		    "draft-ietf-acme-profiles, 4: \"%.64s\": %s",
		    w->profile->name, why);
	return 0;
}

/* RFC 8555, 7.4: as asked or an error.  How long its own certificate lets
 * the issuer say yes, the signer looks at. */
static int
dates_wish(struct acme_req *req, struct wishes *w)
{
	int64_t from, until, now = (int64_t)time(NULL);
	char why[WHY_LEN] = "";

	if (profile_dates_read(req->payload, &w->dates, why, sizeof(why)) ==
	    -1)
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 7.4: %s", why);
	if (w->dates.not_before == 0 && w->dates.not_after == 0)
		return 0;
	if (profile_times(&w->profile->body, now, 0, now + CENTURY, &w->dates,
	    &from, &until, why, sizeof(why)) == -1)
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 7.4: the dates cannot be had: %s", why);
	return 0;
}

/* ---------------------------------------------------------------- replaces */

static int
replaces_wish(struct acme_req *req, struct wishes *w)
{
	if (text_wish(req, "replaces", &w->replaces) == -1)
		return -1;
	if (w->replaces == NULL)
		return 0;
	return renewal_replaces(req, w->replaces, w->names, w->count,
	    &w->replaced);
}

static int
wishes_take(struct acme_req *req, struct wishes *w)
{
	memset(w, 0, sizeof(*w));
	if (profile_wish(req, w) == -1 ||
	    names_parse(req, json_object_get(req->payload, "identifiers"),
	    &w->names, &w->count) == -1 ||
	    profile_check(req, w) == -1 ||
	    dates_wish(req, w) == -1)
		return -1;
	return replaces_wish(req, w);
}

/* ------------------------------------------------------------------ limits */

/* How many authorizations the order will add that wait for a proof; asked
 * for only where it is limited. */
static int
pending_count(struct acme_req *req, const char *names, size_t *pending)
{
	struct rows *rows = NULL;

	*pending = 0;
	if (req->conf->limits.pending_per_account == 0)
		return 0;
	if (acme_query(req, Q_NAMES_PENDING, &rows,
	    ARGS(arg_int(req->account.id), arg_text(names),
	    arg_bool(req->conf->acme.authorization_reuse))) == -1)
		return -1;
	*pending = (size_t)row_int(rows, 0, 0);
	rows_free(rows);
	return 0;
}

/* RFC 9773, 5: who renews as was suggested is not held up, unless it came to
 * nothing again and again. */
static int
limits_check(struct acme_req *req, const struct wishes *w, const char *names)
{
	size_t pending;

	if (w->replaces != NULL && w->replaced.attempt < RENEWALS_FREE)
		return 0;
	if (pending_count(req, names, &pending) == -1)
		return -1;
	return limit_names(req, w->names, w->count, pending);
}

/* --------------------------------------------------------------- the order */

/* No row: of a statement that was repeated it is there already; else the
 * order lost a race for the certificate. */
static int
order_find(struct acme_req *req, const struct wishes *w,
    const struct arg *digest, struct order *o)
{
	struct rows *rows = NULL;
	int64_t id = 0;

	if (acme_query(req, Q_ORDER_BY_DIGEST, &rows, digest, 1) == -1)
		return -1;
	if (rows_count(rows) == 1)
		id = row_int(rows, 0, 0);
	rows_free(rows);
	if (id != 0)
		return order_load(req, id, o);
	if (w->replaces != NULL)
		return problem(&req->problem, PR_ALREADY_REPLACED,
		    "RFC 9773, 5: another order replaces this certificate");
	return problem(&req->problem, PR_SERVER_INTERNAL,
	    "the order could not be recorded");
}

static struct arg
arg_unless_zero(int64_t value)
{
	return value == 0 ? arg_null() : arg_int(value);
}

/* What the row says of the order, and what is known of it. */
static void
order_made(struct acme_req *req, const struct wishes *w,
    const struct rows *rows, struct order *o)
{
	const struct order_facts facts = {
		.account_valid = true,
		.all_valid = row_bool(rows, 0, 3),
	};

	o->id = row_int(rows, 0, 0);
	o->account_id = req->account.id;
	memcpy(o->public, req->jws.digest, SECRET_LEN);
	o->status = order_status_text(order_status(&facts));
	o->expires = row_int(rows, 0, 1);
	o->names = arena_strdup(req->arena, row_text(rows, 0, 2));
	o->profile = w->profile->name;
	o->not_before = w->dates.not_before;
	o->not_after = w->dates.not_after;
	o->replaces = w->replaces;
}

static int
order_insert(struct acme_req *req, const struct wishes *w, const char *names,
    struct order *o)
{
	const struct arg digest = arg_bytes(req->jws.digest, DIGEST_LEN);
	struct rows *rows = NULL;
	int rv = 0;

	memset(o, 0, sizeof(*o));
	if (acme_query(req, Q_ORDER_INSERT, &rows,
	    ARGS(arg_int(req->account.id), arg_bytes(req->http->body,
	    req->http->body_len), digest, arg_text(names),
	    arg_bool(req->conf->acme.authorization_reuse),
	    arg_text(w->profile->name),
	    arg_bytes(w->profile->hash, DIGEST_LEN),
	    arg_unless_zero(w->dates.not_before),
	    arg_unless_zero(w->dates.not_after), arg_text(w->replaces),
	    arg_unless_zero(w->replaced.certificate_id),
	    w->replaces == NULL ? arg_null() : arg_int(w->replaced.attempt)))
	    == -1)
		return -1;
	if (rows_count(rows) == 0)
		rv = order_find(req, w, &digest, o);
	else
		order_made(req, w, rows, o);
	rows_free(rows);
	return rv;
}

int
order_new(struct acme_req *req)
{
	struct wishes w;
	const char *names;
	struct order o;

	if (wishes_take(req, &w) == -1)
		return -1;
	names = names_print(req, w.names, w.count);
	if (limits_check(req, &w, names) == -1 ||
	    order_insert(req, &w, names, &o) == -1)
		return -1;
	return order_reply(req, 201, &o);
}

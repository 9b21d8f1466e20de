/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits (RFC 8555, 6.6): all that concern a request are looked at in
 * one statement, which also counts the request when none is in force.  The
 * counts are rows, so they survive a restart and bind every node; requests of
 * the same moment do not see each other and may pass together.
 */
#include "acme.h"
#include "conf.h"
#include "ident.h"
#include "limit.h"
#include "db/queries-acme.h"

/* RFC 8555, 6.6: where a client learns more. */
static void
help_link(struct acme_req *req)
{
	const char *page = req->conf->acme.website != NULL ?
	    req->conf->acme.website : req->conf->publisher.url;

	http_header(req->reply, "Link", "<%s>;rel=\"help\"", page);
}

/* The statement's rows, each one limit in force. */
static int
refuse(struct acme_req *req, const struct limit_list *list,
    const struct rows *rows)
{
	size_t i, n = rows_count(rows);
	struct limit_hit *hits = arena_alloc(req->arena, n * sizeof(*hits));

	for (i = 0; i < n; i++)
		hits[i] = (struct limit_hit){
		    .item = (size_t)row_int(rows, i, 0),
		    .seconds = row_int(rows, i, 1) };
	help_link(req);
	acme_retry_after(req, (unsigned)limit_retry(hits, n));
	return limit_refuse(list, hits, n, &req->problem);
}

static int
take(struct acme_req *req, const struct limit_list *list)
{
	const char *asked = limit_print(list);
	struct rows *rows = NULL;
	int rv = 0;

	if (asked == NULL)
		return 0;
	if (acme_query(req, Q_LIMITS_TAKE, &rows, ARGS(arg_text(asked),
	    arg_int(req->account.id))) == -1)
		return -1;
	if (rows_count(rows) > 0)
		rv = refuse(req, list, rows);
	rows_free(rows);
	return rv;
}

int
limit_account(struct acme_req *req)
{
	struct limit_list list;

	limit_list_init(&list, req->arena);
	limit_add_event(&list, &req->conf->limits.accounts_per_address,
	    limit_address_key(req->arena, req->http->address), NULL,
	    "new accounts from one address");
	return take(req, &list);
}

int
limit_challenge(struct acme_req *req)
{
	struct limit_list list;

	limit_list_init(&list, req->arena);
	limit_add_event(&list, &req->conf->limits.challenges_per_account,
	    arena_printf(req->arena, "challenge:%lld",
	    (long long)req->account.id), NULL,
	    "challenges answered by the account");
	return take(req, &list);
}

static void
name_limits(struct acme_req *req, struct limit_list *list,
    const struct ident *name)
{
	limit_add_event(list, &req->conf->limits.orders_per_name,
	    arena_printf(req->arena, "name:%s", name->value), name,
	    "orders that have this name");
	limit_add_event(list, &req->conf->limits.orders_per_domain,
	    arena_printf(req->arena, "domain:%s", ident_registered(name)),
	    name, "orders that have names of this registered domain");
	limit_add_failure(list, &req->conf->limits.failures_per_name, name);
}

/* An order that would not fit into an empty account never will, so no time
 * can be told. */
static int
pending_refuse(struct acme_req *req, unsigned allowed, size_t pending)
{
	help_link(req);
	return problem(&req->problem, PR_RATE_LIMITED, "RFC 8555, 6.6: the "
	    "request needs %zu authorizations, an account has at most %u "
	    "pending ones", pending, allowed);
}

int
limit_names(struct acme_req *req, const struct ident *names, size_t count,
    size_t pending)
{
	const unsigned allowed = req->conf->limits.pending_per_account;
	struct limit_list list;
	size_t i;

	if (allowed != 0 && pending > allowed)
		return pending_refuse(req, allowed, pending);
	limit_list_init(&list, req->arena);
	limit_add_event(&list, &req->conf->limits.orders_per_account,
	    arena_printf(req->arena, "order:%lld",
	    (long long)req->account.id), NULL, "orders of the account");
	limit_add_pending(&list, allowed, pending);
	for (i = 0; i < count; i++)
		name_limits(req, &list, &names[i]);
	return take(req, &list);
}

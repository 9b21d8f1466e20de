/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terms of service (RFC 8555, 7.3 and 7.3.3): who has not agreed to those of
 * today is told where they are and how to agree, by a page that needs no
 * browser and no login.
 */
#include <string.h>

#include "acme.h"
#include "conf.h"

int
terms_refuse(struct acme_req *req)
{
	const char *terms = req->conf->acme.terms_of_service;

	http_header(req->reply, "Link", "<%s>;rel=\"terms-of-service\"",
	    terms);
	problem(&req->problem, PR_USER_ACTION_REQUIRED, "RFC 8555, 7.3.3: "
	    "the terms of service must be agreed to first; they are at "
	    "%.120s", terms);
	req->problem.instance = arena_printf(req->arena, "%s/acme/terms",
	    req->conf->base_url);
	return -1;
}

static bool
agreed(const struct acme_req *req)
{
	return req->account.terms != NULL && strcmp(req->account.terms,
	    req->conf->acme.terms_of_service) == 0;
}

/* An account that we remember may have agreed at another node meanwhile. */
int
terms_check(struct acme_req *req)
{
	if (req->conf->acme.terms_of_service == NULL || agreed(req))
		return 0;
	if (req->remembered &&
	    account_by_id(req, req->account.id, &req->account) == -1)
		return -1;
	return agreed(req) ? 0 : terms_refuse(req);
}

bool
terms_offered(const struct conf *conf)
{
	return conf->acme.terms_of_service != NULL;
}

/* What `instance` of the problem names. */
int
terms_get(struct acme_req *req)
{
	static const char text[] =
	    "The terms of service of this certification authority are at\n"
	    "\n"
	    "    %s\n"
	    "\n"
	    "To agree to them, send an account update (RFC 8555, 7.3.2) to "
	    "the URL of your\n"
	    "account, signed with the account's key, with this payload:\n"
	    "\n"
	    "    {\"termsOfServiceAgreed\": true}\n"
	    "\n"
	    "A new account agrees by the same member of its newAccount "
	    "request.\n";
	char *page = arena_printf(req->arena, text,
	    req->conf->acme.terms_of_service);

	req->reply->type = "text/plain; charset=utf-8";
	req->reply->body = page;
	req->reply->body_len = strlen(page);
	return 0;
}

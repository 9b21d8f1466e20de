/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Account key rollover (RFC 8555, 7.3.5).  The signer changes the row; what
 * is wrong is told here first, and whose key the new one is already.
 */
#include "acme.h"

/* A key is of one account for ever (RFC 8555, 11.1): also one that an
 * account gave up. */
static int
key_taken(struct acme_req *req, const struct jwk *key)
{
	struct account other = { 0 };
	int found = account_by_key(req, key->thumbprint, &other);

	if (found != 1)
		return found;
	http_header(req->reply, "Location", "%s",
	    acme_url(req, "account", other.id, other.public));
	return problem_status(&req->problem, 409, PR_MALFORMED,
	    "RFC 8555, 7.3.5: the new key is or was the key of an account");
}

int
key_change(struct acme_req *req)
{
	struct jwk key = { 0 };
	struct outcome outcome;
	int rv = -1;

	if (jws_key_change(req->arena, req->payload, req->jws.url,
	    acme_url(req, "account", req->account.id, req->account.public),
	    req->key.thumbprint, &key, &req->problem) == -1 ||
	    key_taken(req, &key) == -1 ||
	    acme_submit_now(req, "key-change", 0, &outcome) == -1)
		goto out;
	rv = outcome.state == OUTCOME_REFUSED ? 0 : account_again(req);
out:
	jwk_clear(&key);
	return rv;
}

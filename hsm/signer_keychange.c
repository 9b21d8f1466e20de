/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key-change (RFC 8555, 7.3.5): the old key signs for the new one, the new
 * one signs that it is meant.  A key that any account ever had is no new one.
 */
#include <string.h>

#include "../server/conf.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "signer.h"

static int
key_change_open(struct signer *s, struct request *r)
{
	json_t *payload;
	const char *url;
	int rc;

	if (request_open(r) == -1 || account_prove(s, r) == -1)
		return -1;
	url = arena_printf(r->arena, "%s/acme/key-change",
	    s->conf->base_url);
	if (strcmp(r->jws.url, url) != 0)
		return problem(&r->problem, PR_UNAUTHORIZED, "RFC 8555, 6.4: "
		    "url is not that of a request of kind %s", r->kind);
	payload = payload_read(&r->jws, &r->problem);
	if (payload == NULL)
		return -1;
	rc = jws_key_change(r->arena, payload, url, account_url(s, r),
	    r->account_thumbprint, &r->new_key, &r->problem);
	json_decref(payload);
	return rc;
}

int
key_change_prove(struct signer *s, struct request *r)
{
	if (key_change_open(s, r) == -1 ||
	    account_key_permit(s, &r->new_key, &r->problem) == -1)
		return request_refuse(r, true);
	r->asked_key = r->new_key.thumbprint;
	return 1;
}

void
key_change_judge(struct signer *s, struct request *r)
{
	(void)s;
	if (r->key_owner != 0 && !r->key_past) {
		/* Whose it is belongs into Location. */
		r->account_result = r->key_owner;
		problem_status(&r->problem, 409, PR_MALFORMED, "RFC 8555, "
		    "7.3.5: the new key is already that of an account");
		request_refuse(r, true);
	} else if (r->key_owner != 0) {
		problem(&r->problem, PR_BAD_PUBLIC_KEY, "RFC 8555, 7.3.5: the "
		    "new key was once that of an account, and is not used "
		    "again");
		request_refuse(r, true);
	} else {
		r->verdict = CHANGE_ACCOUNT;
		r->new_status = r->account_status;
		r->new_contact = r->account_contact;
		r->new_terms = r->account_terms;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CAA at validation (RFC 8659, 3): climb from the name towards the root and
 * judge the first RRset that is there.  A lookup that fails forbids: what
 * cannot be seen cannot be said to permit (RFC 8659, 5.5).
 */
#include <string.h>

#include "caa.h"
#include "conf.h"
#include "mem.h"
#include "validate_run.h"

/* RFC 8555, 7.3: what accounturi is compared with (RFC 8657, 3). */
static const char *
account_uri(struct run *r)
{
	const struct challenge	*c = r->challenge;

	return arena_printf(r->arena, "%s/acme/account/%s",
	    r->conf->base_url,
	    public_id_print(r->arena, c->account_id, c->account_public));
}

static int
judge(struct run *r, const char *name, const struct resolve_answer *a)
{
	struct caa_rr		rr[RESOLVE_RECORDS];
	struct caa_request	q = {
		.name = name,
		.wildcard = r->challenge->wildcard,
		.method = r->challenge->method,
		.account_uri = account_uri(r),
		.issuers = r->conf->validator.caa_identities.v,
		.nissuers = r->conf->validator.caa_identities.n,
	};

	for (size_t i = 0; i < a->count; i++)
		rr[i].rdata = ask_record(a, i, &rr[i].len);
	return caa_check(rr, a->count, &q, r->problem);
}

int
validate_caa(struct run *r)
{
	struct resolve_answer	 a;
	json_t			*note;
	const char		*name = r->challenge->value;

	if (r->conf->validator.caa_identities.n == 0) {
		json_object_set_new(r->transcript, "caa",
		    json_string("not configured"));
		return 0;
	}
	note = json_object();
	json_object_set_new(r->transcript, "caa", note);
	while (name != NULL && *name != '\0') {
		if (run_resolve(r, RESOLVE_CAA, name, note, name, &a) == -1)
			return -1;
		if (a.count > 0)
			return judge(r, name, &a);
		name = strchr(name, '.');
		if (name != NULL)
			name++;
	}
	return 0;
}

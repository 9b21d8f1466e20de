/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CAA at validation and again before issuance (RFC 8659, 3): climb from the
 * name towards the root and judge the first RRset that is there.  A lookup
 * that fails forbids: what cannot be seen cannot be said to permit
 * (RFC 8659, 5.5), unless the operator tolerates that for the zone.
 */
#include <string.h>

#include "caa.h"
#include "conf.h"
#include "validate_run.h"

/* The longest zone of the configuration that the name is in. */
static enum caa_policy
policy_of(const struct conf *conf, const char *name)
{
	enum caa_policy	policy = CAA_ENFORCE;
	size_t		len = strlen(name), best = 0;

	for (size_t i = 0; i < conf->validator.ncaa_zones; i++) {
		const struct caa_zone	*z = &conf->validator.caa_zones[i];
		size_t			 n = strlen(z->name);

		if (n > len || n <= best ||
		    strcmp(name + len - n, z->name) != 0 ||
		    (n < len && name[len - n - 1] != '.'))
			continue;
		best = n;
		policy = z->policy;
	}
	return policy;
}

static int
judge(struct run *r, const char *name, const struct resolve_answer *a)
{
	struct caa_rr		rr[RESOLVE_RECORDS];
	struct caa_request	q = {
		.name = name,
		.wildcard = r->challenge->wildcard,
		.method = r->challenge->method,
		.account_uri = run_account_uri(r),
		.issuers = r->conf->validator.caa_identities.v,
		.nissuers = r->conf->validator.caa_identities.n,
	};

	if (a->ttl > r->caa_seconds)
		r->caa_seconds = a->ttl;
	for (size_t i = 0; i < a->count; i++)
		rr[i].rdata = ask_record(a, i, &rr[i].len);
	return caa_check(rr, a->count, &q, r->problem);
}

/* A forged answer is not a failure of somebody's server. */
static int
lookup_failed(struct run *r, json_t *note, enum caa_policy policy,
    const struct resolve_answer *a)
{
	if (policy != CAA_TOLERATE || a->status == RESOLVE_BOGUS)
		return -1;
	memset(r->problem, 0, sizeof(*r->problem));
	json_object_set_new(note, "tolerated", json_true());
	return 0;
}

static int
climb(struct run *r, json_t *notes, enum caa_policy policy)
{
	struct resolve_answer	 a;
	const char		*name = r->challenge->value;
	json_t			*note;

	while (name != NULL && *name != '\0') {
		note = json_object();
		json_object_set_new(notes, name, note);
		if (run_resolve(r, RESOLVE_CAA, name, name, note, &a) == -1)
			return lookup_failed(r, note, policy, &a);
		if (a.count > 0)
			return judge(r, name, &a);
		name = strchr(name, '.');
		if (name != NULL)
			name++;
	}
	return 0;
}

int
validate_caa(struct run *r)
{
	const struct challenge	*c = r->challenge;
	enum caa_policy		 policy = policy_of(r->conf, c->value);
	const char		*none = NULL;
	json_t			*note;

	if (r->conf->validator.caa_identities.n == 0)
		none = "not configured";
	else if (strcmp(c->type, "dns") != 0)
		none = "not of this type";	/* RFC 8659, 1: domain names */
	else if (policy == CAA_OFF)
		none = "off for this zone";
	if (none != NULL) {
		json_object_set_new(r->transcript, "caa", json_string(none));
		return 0;
	}
	note = json_object();
	json_object_set_new(r->transcript, "caa", note);
	return climb(r, note, policy);
}

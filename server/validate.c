/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of one validation: the method's proof, then CAA, then the
 * transcript and the problem document that become evidence.
 */
#include <string.h>

#include "conf.h"
#include "json.h"
#include "mem.h"
#include "proc.h"
#include "validate_run.h"

/* Methods we have; each also says whether it may prove a wildcard. */
static const struct {
	const char	*name;
	int		(*prove)(struct run *);
	bool		 wildcard;
} methods[] = {
	{ "http-01", validate_http01, false },
};

static const struct {
	uint32_t	 status;
	const char	*text;
} dns_failures[] = {
	{ RESOLVE_SERVFAIL, "DNS servers do not answer properly" },
	{ RESOLVE_BOGUS, "DNSSEC validation failed" },
	{ RESOLVE_TOO_LONG, "too many DNS records" },
	{ RESOLVE_FAILED, "internal: the resolver failed" },
};

static const char *
type_text(enum resolve_type type)
{
	return type == RESOLVE_A ? "A" : type == RESOLVE_AAAA ? "AAAA" : "CAA";
}

int
run_resolve(struct run *r, enum resolve_type type, const char *name,
    json_t *where, const char *key, struct resolve_answer *a)
{
	memset(a, 0, sizeof(*a));
	if (ask_resolver(r->conf, &r->resolver, type, name, r->deadline,
	    a) != ASK_DONE) {
		memset(a, 0, sizeof(*a));
		json_object_set_new(where, key, json_string("no answer"));
		return problem(r->problem, PR_DNS,
		    "%s: no answer from DNS in time (%s record)", name,
		    type_text(type));
	}
	json_object_set_new(where, key, note_answer(r, a));
	for (size_t i = 0; i < nitems(dns_failures); i++)
		if (dns_failures[i].status == a->status)
			return problem(r->problem, PR_DNS, "%s: %s (%s "
			    "record)", name, dns_failures[i].text,
			    type_text(type));
	return 0;
}

/* As text for the row; one that would not fit is known by its digest. */
static const char *
transcript_text(struct run *r)
{
	unsigned char	 digest[DIGEST_LEN];
	char		*text;
	size_t		 len;

	text = json_canonical(r->arena, r->transcript, &len);
	if (len <= TRANSCRIPT_MAX)
		return text;
	sha256(text, len, digest);
	return arena_printf(r->arena,
	    "{\"length\":%zu,\"sha256\":\"%s\",\"version\":1}", len,
	    hex_encode(r->arena, digest, sizeof(digest)));
}

static const char *
problem_text(struct arena *arena, const struct problem *p)
{
	json_t	*document = problem_json(p);
	size_t	 len;
	char	*text = json_canonical(arena, document, &len);

	json_decref(document);
	return text;
}

static int
prove(struct run *r)
{
	const struct challenge	*c = r->challenge;

	for (size_t i = 0; i < nitems(methods); i++)
		if (strcmp(methods[i].name, c->method) == 0 &&
		    (methods[i].wildcard || !c->wildcard))
			return methods[i].prove(r);
	return problem(r->problem, PR_UNAUTHORIZED,
	    "%s cannot prove control of this identifier", c->method);
}

static bool
decide(struct run *r)
{
	if (prove(r) == -1)
		return false;
	/* A proof that took all its time leaves CAA a time of its own. */
	r->deadline = proc_monotonic_ms() + r->conf->validator.timeout_ms;
	return validate_caa(r) == 0;
}

void
validate(const struct conf *conf, const struct address_policy *policy,
    struct arena *arena, const struct challenge *c, struct verdict *v)
{
	struct run	r = {
		.conf = conf,
		.policy = policy,
		.arena = arena,
		.challenge = c,
		.problem = &v->problem,
		.started = proc_monotonic_ms(),
		.resolver = -1,
		.child = -1,
	};
	long long	took;

	memset(v, 0, sizeof(*v));
	r.deadline = r.started + conf->validator.timeout_ms;
	r.transcript = json_object();
	json_object_set_new(r.transcript, "version", json_integer(1));
	json_object_set_new(r.transcript, "method", json_string(c->method));
	v->valid = decide(&r);
	ask_close(&r.resolver);
	ask_close(&r.child);
	took = proc_monotonic_ms() - r.started;
	json_object_set_new(r.transcript, "milliseconds",
	    json_integer(took));
	v->transcript = transcript_text(&r);
	json_decref(r.transcript);
	if (!v->valid)
		v->problem_text = problem_text(arena, &v->problem);
}

void
verdict_internal(struct arena *arena, const char *detail, struct verdict *v)
{
	memset(v, 0, sizeof(*v));
	problem(&v->problem, PR_SERVER_INTERNAL, "%s", detail);
	v->problem_text = problem_text(arena, &v->problem);
	v->transcript = "{\"attempted\":false,\"version\":1}";
}

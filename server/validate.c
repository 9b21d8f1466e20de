/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of one validation: the method's proof, then CAA, then the
 * transcript and the problem document that become evidence.
 */
#include <string.h>

#include "conf.h"
#include "ident.h"
#include "json.h"
#include "mem.h"
#include "proc.h"
#include "validate_run.h"

/* Methods we have, and what they may prove (RFC 8555, 8.4; RFC 8738, 7). */
static const struct {
	const char	*name;
	int		(*prove)(struct run *);
	bool		 wildcard;
	bool		 address;
} methods[] = {
	{ "http-01", validate_http01, false, true },
	{ "dns-01", validate_dns01, true, false },
	{ "dns-account-01", validate_dns_account01, true, false },
	{ "tls-alpn-01", validate_tls_alpn01, false, true },
};

/* What another attempt may find changed (RFC 8555, 8.2). */
static const enum problem_type passing[] = {
	PR_CONNECTION, PR_DNS, PR_TLS, PR_UNAUTHORIZED
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

static const struct {
	enum resolve_type	 type;
	const char		*name;
	const char		*key;		/* in the transcript */
} records[] = {
	{ RESOLVE_A, "A", "a" }, { RESOLVE_AAAA, "AAAA", "aaaa" },
	{ RESOLVE_TXT, "TXT", "txt" }, { RESOLVE_CAA, "CAA", "caa" },
};

const char *
run_key_authorization(struct run *r)
{
	const struct challenge	*c = r->challenge;

	return arena_printf(r->arena, "%s.%s", c->token,
	    b64u_encode(r->arena, c->thumbprint, sizeof(c->thumbprint)));
}

const char *
run_account_uri(struct run *r)
{
	const struct challenge	*c = r->challenge;

	return arena_printf(r->arena, "%s/acme/account/%s",
	    r->conf->base_url,
	    public_id_print(r->arena, c->account_id, c->account_public));
}

int
run_address(struct run *r, unsigned char addr[ADDRESS_LEN])
{
	struct ident	ident = { .type = "ip" };
	unsigned char	octets[ADDRESS_LEN];

	if (strcmp(r->challenge->type, "ip") != 0)
		return -1;
	strcpy(ident.value, r->challenge->value);
	return address_from_octets(octets, ident_octets(&ident, octets),
	    addr);
}

int
run_resolve(struct run *r, enum resolve_type type, const char *name,
    const char *shown, json_t *where, struct resolve_answer *a)
{
	size_t	k;

	for (k = 0; records[k].type != type; k++)
		;
	memset(a, 0, sizeof(*a));
	if (ask_resolver(r->conf, &r->resolver, type, name, r->deadline,
	    a) != ASK_DONE) {
		memset(a, 0, sizeof(*a));
		json_object_set_new(where, records[k].key,
		    json_string("no answer"));
		return problem(r->problem, PR_DNS,
		    "%s: no answer from DNS in time (%s record)", shown,
		    records[k].name);
	}
	json_object_set_new(where, records[k].key, note_answer(r, a));
	for (size_t i = 0; i < nitems(dns_failures); i++)
		if (dns_failures[i].status == a->status)
			return problem(r->problem, PR_DNS, "%s: %s (%s "
			    "record)", shown, dns_failures[i].text,
			    records[k].name);
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
	bool			 address = strcmp(c->type, "ip") == 0;

	for (size_t i = 0; i < nitems(methods); i++)
		if (strcmp(methods[i].name, c->method) == 0 &&
		    (methods[i].wildcard || !c->wildcard) &&
		    (methods[i].address || !address))
			return methods[i].prove(r);
	return problem(r->problem, PR_UNAUTHORIZED,
	    "%s cannot prove control of this identifier", c->method);
}

static bool
decide(struct run *r)
{
	if (!r->challenge->caa_only && prove(r) == -1)
		return false;
	/* A proof that took all its time leaves CAA a time of its own. */
	r->deadline = proc_monotonic_ms() + r->conf->validator.timeout_ms;
	return validate_caa(r) == 0;
}

static bool
may_pass(const struct challenge *c, enum problem_type type)
{
	for (size_t i = 0; i < nitems(passing); i++)
		if (passing[i] == type)
			return !c->caa_only;
	return false;
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
		.caa_seconds = CAA_SECONDS,
		.resolver = -1,
		.child = -1,
	};
	long long	took;

	memset(v, 0, sizeof(*v));
	r.deadline = r.started + conf->validator.timeout_ms;
	r.transcript = json_object();
	json_object_set_new(r.transcript, "version", json_integer(1));
	json_object_set_new(r.transcript, "method",
	    json_string(c->caa_only ? "caa" : c->method));
	v->valid = decide(&r);
	ask_close(&r.resolver);
	ask_close(&r.child);
	took = proc_monotonic_ms() - r.started;
	json_object_set_new(r.transcript, "milliseconds",
	    json_integer(took));
	v->transcript = transcript_text(&r);
	json_decref(r.transcript);
	v->caa_seconds = r.caa_seconds;
	if (v->valid)
		return;
	v->again = may_pass(c, v->problem.type);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May the account have these names, and by which challenges can it prove
 * them?  Early answers for the client's sake: the signer asks all of it again
 * when it issues.
 */
#include <string.h>

#include "acme.h"
#include "acme_names.h"
#include "acme_rules.h"
#include "conf.h"
#include "json.h"

#define TOKEN_LEN	32	/* random octets; RFC 8555, 8.3 asks for 16 */

/* What each challenge can prove (RFC 8555, 8.3 and 8.4; RFC 8737, 3; RFC
 * 8738, 7; BR 3.2.2.4.19 and .20: names below only by DNS). */
static const struct {
	const char	*method;
	bool		 dns, wildcard, ip;
} proves[] = {
	{ "http-01", true, false, true },
	{ "dns-01", true, true, false },
	{ "dns-account-01", true, true, false },
	{ "tls-alpn-01", true, false, true },
};

static bool
method_proves(const char *method, const struct ident *name)
{
	size_t i;

	for (i = 0; i < nitems(proves); i++) {
		if (strcmp(proves[i].method, method) != 0)
			continue;
		if (strcmp(name->type, "ip") == 0)
			return proves[i].ip;
		return name->wildcard ? proves[i].wildcard : proves[i].dns;
	}
	return false;
}

/* As an array of PostgreSQL, in the order of the configuration. */
static const char *
methods_print(struct acme_req *req, const struct ident *name)
{
	const struct strings *offered = &req->conf->acme.challenges;
	struct buf text;
	size_t i;

	buf_init(&text, req->arena);
	for (i = 0; i < offered->n; i++) {
		if (method_proves(offered->v[i], name) &&
		    acme_rules_method(req, offered->v[i]))
			buf_printf(&text, "%s%s", text.len == 0 ? "" : ",",
			    offered->v[i]);
	}
	return arena_printf(req->arena, "{%s}", text.len == 0 ? "" :
	    (const char *)text.data);
}

void
names_authz(struct acme_req *req, const struct ident *name,
    struct authz_spec *spec)
{
	unsigned char public[SECRET_LEN], token[TOKEN_LEN];

	random_octets(public, sizeof(public));
	random_octets(token, sizeof(token));
	spec->granted = acme_rules_prevalidated(req, name);
	spec->methods = spec->granted ? "{}" : methods_print(req, name);
	spec->public = hex_encode(req->arena, public, sizeof(public));
	spec->token = b64u_encode(req->arena, token, sizeof(token));
}

const char *
names_print(struct acme_req *req, const struct ident *names, size_t count)
{
	struct authz_spec spec;
	json_t *list = json_array();
	const char *text;
	size_t i;

	for (i = 0; i < count; i++) {
		names_authz(req, &names[i], &spec);
		json_array_append_new(list, json_pack(
		    "{s:s, s:s, s:b, s:b, s:s, s:s, s:s}",
		    "type", names[i].type, "value", names[i].value,
		    "wildcard", names[i].wildcard, "granted", spec.granted,
		    "methods", spec.methods, "public", spec.public, "token",
		    spec.token));
	}
	text = json_canonical(req->arena, list, NULL);
	json_decref(list);
	return text;
}

/* ----------------------------------------------------------------- judging */

static int
name_check(struct acme_req *req, const char *type, const char *value,
    struct ident *out, struct problem *p)
{
	if (ident_parse(type, value, out, p) == -1)
		return -1;
	if (strcmp(out->type, "ip") == 0 &&
	    !ident_within(out, req->conf->policy.ip_identifiers,
	    req->conf->policy.nip_identifiers))
		return problem(p, PR_REJECTED_IDENTIFIER, "addresses of this "
		    "network are not certified here");
	if (acme_rules_name(req, out, p) == -1)
		return -1;
	if (!acme_rules_prevalidated(req, out) &&
	    strcmp(methods_print(req, out), "{}") == 0)
		return problem(p, PR_REJECTED_IDENTIFIER, "no challenge that "
		    "is open to this account can prove control of %s",
		    out->wildcard ? "a wildcard name" : "it");
	return 0;
}

static void
subproblem_add(struct problem *all, const struct problem *one,
    struct arena *arena, const char *type, const char *value)
{
	struct subproblem *sub = &all->sub[all->nsub++];

	sub->type = one->type;
	sub->detail = arena_strdup(arena, one->detail);
	sub->ident_type = type;
	sub->ident_value = value;
}

/* RFC 8555, 6.7.1: all that is wrong in one answer; one type if all share
 * it, else compound. */
static int
names_refuse(struct problem *all)
{
	enum problem_type type = all->sub[0].type;
	struct subproblem *sub = all->sub;
	size_t i, n = all->nsub;

	for (i = 1; i < n; i++)
		if (sub[i].type != type)
			type = PR_COMPOUND;
	problem(all, type, "%zu of the identifiers cannot be had; first: "
	    "%.160s", n, sub[0].detail);
	all->sub = sub;
	all->nsub = n;
	return -1;
}

int
names_parse(struct acme_req *req, const json_t *list, struct ident **out,
    size_t *count)
{
	size_t i, n = json_array_size(list);
	const char *type, *value;
	struct problem one, all = { 0 };

	if (n == 0 || n > IDENTIFIERS_MAX)
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 7.4: identifiers is an array of 1 to %d",
		    IDENTIFIERS_MAX);
	*out = arena_alloc(req->arena, n * sizeof(**out));
	all.sub = arena_alloc(req->arena, n * sizeof(*all.sub));
	for (i = 0; i < n; i++) {
		type = json_member_string(json_array_get(list, i), "type");
		value = json_member_string(json_array_get(list, i), "value");
		if (type == NULL || value == NULL)
			return problem(&req->problem, PR_MALFORMED,
			    "RFC 8555, 7.1.3: an identifier has a type and a "
			    "value, both strings");
		memset(&one, 0, sizeof(one));
		if (name_check(req, type, value, &(*out)[i], &one) == -1)
			subproblem_add(&all, &one, req->arena, type, value);
	}
	if (all.nsub > 0) {
		req->problem = all;
		return names_refuse(&req->problem);
	}
	*count = ident_sort(*out, n);
	return 0;
}

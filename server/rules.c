/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the set of directives: names, keys, methods, profiles, chains.
 */
#include <string.h>

#include "json.h"
#include "mem.h"
#include "problem.h"
#include "rules_set.h"

/* One that is not ended. */
static const struct entry *
in_force(const struct rules *r, const char *kind, const char *name)
{
	const struct entry *e;

	if (name == NULL)
		return NULL;
	e = set_find(r, SPACE_DIRECTIVE, kind, name, 0);
	return e == NULL || e->body == NULL ? NULL : e;
}

const struct rule_eab *
rules_eab(const struct rules *r, const char *kid)
{
	const struct entry *e = in_force(r, "eab", kid);

	return e == NULL ? NULL : &e->eab;
}

const char *
rules_officer(const struct rules *r, const char *name)
{
	const struct entry *e = in_force(r, "officer", name);

	return e == NULL ? NULL : e->officer;
}

size_t
rules_officers(const struct rules *r)
{
	return set_officers(r);
}

static bool
key_known(const struct rules *r, enum space space,
    const unsigned char hash[DIGEST_LEN])
{
	struct arena *a = arena_new(65536);
	bool known;

	known = set_find(r, space, "", hex_encode(a, hash, DIGEST_LEN),
	    0) != NULL;
	arena_free(a);
	return known;
}

bool
rules_officer_key(const struct rules *r,
    const unsigned char thumbprint[DIGEST_LEN])
{
	return key_known(r, SPACE_OFFICER_KEY, thumbprint);
}

bool
rules_key_blocked(const struct rules *r,
    const unsigned char spki_hash[DIGEST_LEN])
{
	return key_known(r, SPACE_BLOCKED_KEY, spki_hash);
}

/* The subject's EAB key while it counts. */
static const struct entry *
eab_of(const struct rules *r, const struct rule_subject *s)
{
	const struct entry *e = in_force(r, "eab", s->eab);

	if (e == NULL || (e->expires != 0 && e->expires <= s->now))
		return NULL;
	return e;
}

static bool
list_holds(const json_t *list, const char *text)
{
	const json_t *value;
	size_t i;

	json_array_foreach(list, i, value)
		if (strcmp(json_string_value(value), text) == 0)
			return true;
	return false;
}

static int
eab_name(const struct rules *r, const struct rule_subject *s,
    const struct ident *ident, struct problem *p)
{
	const struct entry *e = eab_of(r, s);

	if (s->eab == NULL)
		return 0;
	if (e == NULL)
		return problem(p, PR_UNAUTHORIZED, "RFC 8555, 7.3.4: the "
		    "external key that this account is bound to has expired "
		    "or was withdrawn");
	if (ident->wildcard &&
	    json_is_false(json_object_get(e->body, "wildcards")))
		return problem(p, PR_REJECTED_IDENTIFIER, "RFC 8555, 7.3.4: "
		    "the external key of this account allows no wildcards");
	if (json_object_get(e->body, "names") != NULL &&
	    set_match(r, SPACE_EAB_NAMES, e->name, ident, 0) == NULL)
		return problem(p, PR_REJECTED_IDENTIFIER, "RFC 8555, 7.3.4: "
		    "the external key of this account does not allow "
		    "%s%.200s", ident->wildcard ? "*." : "", ident->value);
	return 0;
}

static bool
granted(const struct rules *r, const struct rule_subject *s,
    const struct ident *ident)
{
	if (s->account != NULL && set_match(r, SPACE_GRANT_ACCOUNT, s->account,
	    ident, s->now) != NULL)
		return true;
	return eab_of(r, s) != NULL && set_match(r, SPACE_GRANT_EAB, s->eab,
	    ident, s->now) != NULL;
}

int
rules_name(const struct rules *r, const struct rule_subject *s,
    const struct ident *ident, struct problem *p)
{
	const char *star = ident->wildcard ? "*." : "";

	if (set_match_any(r, SPACE_BLOCK, ident) != NULL)
		return problem(p, PR_REJECTED_IDENTIFIER, "RFC 8555, 7.4: "
		    "this CA issues nothing for %s%.200s", star,
		    ident->value);
	if (ident->own && !rules_prevalidated(r, s, ident))
		return problem(p, PR_REJECTED_IDENTIFIER, "RFC 8555, 7.4: "
		    "%s%.160s is this CA's own name", star, ident->value);
	if (eab_name(r, s, ident, p) == -1)
		return -1;
	if (set_match_any(r, SPACE_RESTRICT, ident) != NULL &&
	    !granted(r, s, ident))
		return problem(p, PR_REJECTED_IDENTIFIER, "RFC 8555, 7.4: "
		    "%s%.160s needs a grant of an officer of this CA, which "
		    "this account has not", star, ident->value);
	return 0;
}

bool
rules_prevalidated(const struct rules *r, const struct rule_subject *s,
    const struct ident *ident)
{
	return eab_of(r, s) != NULL && set_match(r, SPACE_EAB_PREVALIDATED,
	    s->eab, ident, 0) != NULL;
}

bool
rules_method(const struct rules *r, const struct rule_subject *s,
    const char *method)
{
	const struct entry *e = eab_of(r, s);
	const json_t *list;

	if (e == NULL)
		return s->eab == NULL;
	list = json_object_get(e->body, "challenges");
	return list == NULL || list_holds(list, method);
}

bool
rules_profile(const struct rules *r, const struct rule_subject *s,
    const char *profile, bool open)
{
	const struct entry *e = eab_of(r, s);
	const json_t *list;

	/* Without a key in force rules_name() says what is wrong. */
	if (e == NULL)
		return open;
	list = json_object_get(e->body, "profiles");
	return list == NULL ? open : list_holds(list, profile);
}

const json_t *
rules_chain(const struct rules *r, const char *issuer, size_t i)
{
	const struct entry *e;

	for (e = set_chains(r); e != NULL; e = e->chain)
		if (strcmp(json_member_string(e->body, "issuer"),
		    issuer) == 0 && i-- == 0)
			return json_object_get(e->body, "certificates");
	return NULL;
}

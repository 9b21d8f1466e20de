/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an act: who signed it, that it is whole, that it is of today.  A
 * table says which members each kind of act has; one that has others, or
 * whose text is not canonical, is no act, so that what is shown to an officer
 * before he signs is all that there is.
 */
#include <string.h>

#include "../server/conf.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "signer_act.h"

#define REASON_MAX	1024

static const struct form {
	const char	*act;
	enum act_kind	 what;
	const char	*needed[8];	/* after act, id, expires */
	const char	*optional;
} forms[] = {
	{ "set", ACT_SET, { "kind", "name", "body", "replaces" },
	    "deliver_to" },
	{ "profile", ACT_PROFILE, { "name", "body", "replaces" }, NULL },
	{ "account-revoke", ACT_ACCOUNT_REVOKE, { "account", "reason" },
	    NULL },
};

static bool
form_has(const struct form *form, const char *member)
{
	static const char *const common[] = { "act", "id", "expires" };
	size_t i;

	for (i = 0; i < nitems(common); i++)
		if (strcmp(common[i], member) == 0)
			return true;
	for (i = 0; form->needed[i] != NULL; i++)
		if (strcmp(form->needed[i], member) == 0)
			return true;
	return form->optional != NULL && strcmp(form->optional, member) == 0;
}

/* The name of the officer is what follows the URL of all of them. */
static int
officer_prove(struct signer *s, struct request *r)
{
	const char *base = arena_printf(r->arena, "%s/officer/",
	    s->conf->base_url);
	struct act *act = r->act;
	struct problem *p = &r->problem;

	if (request_open(r) == -1)
		return -1;
	if (strcmp(r->jws.url, arena_printf(r->arena, "%sact", base)) != 0)
		return problem(p, PR_UNAUTHORIZED, "RFC 8555, 6.4: url is not "
		    "that of a request of kind %s", r->kind);
	if (r->jws.kid == NULL ||
	    strncmp(r->jws.kid, base, strlen(base)) != 0)
		return problem(p, PR_UNAUTHORIZED, "RFC 8555, 6.2: kid is not "
		    "that of an officer");
	act->officer = r->jws.kid + strlen(base);
	act->officer_jwk = rules_officer(signer_rules(s), act->officer);
	if (act->officer_jwk == NULL)
		return problem(p, PR_UNAUTHORIZED, "\"%.64s\" is not an "
		    "officer", act->officer);
	act->officer_jwk = arena_strdup(r->arena, act->officer_jwk);
	if (jwk_parse_text(r->arena, act->officer_jwk, &act->officer_key,
	    p) == -1)
		return -1;
	return jws_verify(&r->jws, &act->officer_key, p);
}

static const struct form *
form_find(const json_t *payload)
{
	const char *name = json_member_string(payload, "act");
	size_t i;

	for (i = 0; name != NULL && i < nitems(forms); i++)
		if (strcmp(forms[i].act, name) == 0)
			return &forms[i];
	return NULL;
}

static int
form_check(struct request *r, const struct form *form)
{
	struct problem *p = &r->problem;
	const char *name, *text;
	json_t *value;
	size_t i, len;

	if (form == NULL)
		return problem(p, PR_MALFORMED, "act: not one that is known");
	json_object_foreach(r->act->payload, name, value)
		if (!form_has(form, name))
			return problem(p, PR_MALFORMED, "%.64s: no member of "
			    "the act %s", name, form->act);
	for (i = 0; form->needed[i] != NULL; i++)
		if (json_object_get(r->act->payload, form->needed[i]) == NULL)
			return problem(p, PR_MALFORMED, "%s: missing in the "
			    "act %s", form->needed[i], form->act);
	if (!json_exact(r->act->payload))
		return problem(p, PR_MALFORMED, "RFC 8785, 3.2.2.3: a number "
		    "of the act is not an integer of 53 bits");
	text = json_canonical(r->arena, r->act->payload, &len);
	if (len != r->jws.payload_len ||
	    memcmp(text, r->jws.payload, len) != 0)
		return problem(p, PR_MALFORMED, "RFC 8785: the act is not "
		    "canonical JSON");
	return 0;
}

/* Exactly `want` octets in base64url, or NULL. */
static const unsigned char *
octets(struct request *r, const char *member, size_t want)
{
	const char *text = json_member_string(r->act->payload, member);
	unsigned char *data;
	size_t len;

	if (text == NULL || b64u_decode(r->arena, text, strlen(text), &data,
	    &len) == -1 || len != want)
		return NULL;
	return data;
}

static int
common_read(struct signer *s, struct request *r)
{
	const json_t *expires = json_object_get(r->act->payload, "expires");
	int64_t until = json_integer_value(expires);

	r->act->id = octets(r, "id", ACT_ID_LEN);
	if (r->act->id == NULL)
		return problem(&r->problem, PR_MALFORMED, "id: not %d octets "
		    "in base64url", ACT_ID_LEN);
	if (!json_is_integer(expires))
		return problem(&r->problem, PR_MALFORMED, "expires: not a "
		    "time in seconds");
	if (until <= s->now)
		return problem(&r->problem, PR_UNAUTHORIZED, "expires: the "
		    "act has expired");
	if (until > s->now + ACT_LIFE_MAX)
		return problem(&r->problem, PR_MALFORMED, "expires: later "
		    "than %d seconds from now", ACT_LIFE_MAX);
	return 0;
}

/* What a directive and a profile have in common. */
static int
version_read(struct request *r)
{
	struct act *act = r->act;
	const json_t *body = json_object_get(act->payload, "body");
	size_t len;

	act->name = json_member_string(act->payload, "name");
	if (act->name == NULL)
		return problem(&r->problem, PR_MALFORMED, "name: not a "
		    "string");
	if (!json_is_object(body) && !json_is_null(body))
		return problem(&r->problem, PR_MALFORMED, "body: neither an "
		    "object nor null");
	act->body = json_is_null(body) ? "null" :
	    json_canonical(r->arena, body, &len);
	if (json_is_null(json_object_get(act->payload, "replaces")))
		return 0;
	act->replaces = octets(r, "replaces", DIGEST_LEN);
	if (act->replaces == NULL)
		return problem(&r->problem, PR_MALFORMED, "replaces: neither "
		    "null nor a SHA-256 in base64url");
	return 0;
}

/* An EAB key that is handed out goes to a P-256 key, and nothing else does. */
static int
deliver_read(struct request *r)
{
	struct act *act = r->act;
	struct jwk key = { 0 };
	int rc;

	act->deliver_to = json_object_get(act->payload, "deliver_to");
	if (act->deliver_to == NULL)
		return 0;
	if (strcmp(act->kind, "eab") != 0 || strcmp(act->body, "null") == 0)
		return problem(&r->problem, PR_MALFORMED, "deliver_to: "
		    "belongs to an EAB key that is set");
	if (!json_is_object(act->deliver_to))
		return problem(&r->problem, PR_MALFORMED, "deliver_to: not a "
		    "key");
	rc = jwk_parse(r->arena, act->deliver_to, &key, &r->problem);
	if (rc == 0 && strcmp(key.alg, "ES256") != 0)
		rc = problem(&r->problem, PR_MALFORMED, "deliver_to: not a "
		    "key on P-256");
	jwk_clear(&key);
	return rc;
}

static int
set_read(struct signer *s, struct request *r)
{
	struct act *act = r->act;
	char why[160];

	(void)s;
	act->kind = json_member_string(act->payload, "kind");
	if (act->kind == NULL)
		return problem(&r->problem, PR_MALFORMED, "kind: not a "
		    "string");
	if (version_read(r) == -1 || deliver_read(r) == -1)
		return -1;
	if (rules_check(act->kind, act->name, act->body, why,
	    sizeof(why)) == -1)
		return problem(&r->problem, PR_MALFORMED, "body: %s", why);
	if (strcmp(act->kind, "officer") != 0 ||
	    strcmp(act->body, "null") == 0)
		return 0;
	return jwk_parse(r->arena, json_object_get(json_object_get(
	    act->payload, "body"), "jwk"), &act->subject, &r->problem);
}

static int
profile_read(struct signer *s, struct request *r)
{
	struct act *act = r->act;
	struct profile profile;
	char why[160];
	size_t len;

	(void)s;
	if (version_read(r) == -1)
		return -1;
	len = strlen(act->name);
	if (len == 0 || len > PROFILE_NAME_MAX || strspn(act->name,
	    "abcdefghijklmnopqrstuvwxyz0123456789-") != len)
		return problem(&r->problem, PR_MALFORMED, "name: not that of "
		    "a profile");
	if (strcmp(act->body, "null") == 0)
		return 0;
	if (strlen(act->body) > PROFILE_BODY_MAX ||
	    profile_parse(r->arena, act->body, &profile, why,
	    sizeof(why)) == -1)
		return problem(&r->problem, PR_MALFORMED, "body: %s",
		    strlen(act->body) > PROFILE_BODY_MAX ? "too long" : why);
	if (strcmp(profile.name, act->name) != 0)
		return problem(&r->problem, PR_MALFORMED, "body: it has "
		    "another name");
	return 0;
}

static int
revoke_read(struct signer *s, struct request *r)
{
	const char *base = arena_printf(r->arena, "%s/acme/account/",
	    s->conf->base_url);
	const char *url, *reason;
	struct act *act = r->act;

	url = json_member_string(act->payload, "account");
	reason = json_member_string(act->payload, "reason");
	if (reason == NULL || strlen(reason) > REASON_MAX)
		return problem(&r->problem, PR_MALFORMED, "reason: not a text "
		    "of at most %d octets", REASON_MAX);
	if (url == NULL || strncmp(url, base, strlen(base)) != 0 ||
	    public_id_parse(url + strlen(base), strlen(url) - strlen(base),
	    &act->account, act->account_public) == -1)
		return problem(&r->problem, PR_MALFORMED, "account: not the "
		    "URL of an account");
	return 0;
}

int
act_read(struct signer *s, struct request *r)
{
	static int (*const read[])(struct signer *, struct request *) = {
		[ACT_SET] = set_read,
		[ACT_PROFILE] = profile_read,
		[ACT_ACCOUNT_REVOKE] = revoke_read,
	};
	const struct form *form;

	if (officer_prove(s, r) == -1)
		return -1;
	r->act->payload = payload_read(&r->jws, &r->problem);
	if (r->act->payload == NULL)
		return -1;
	form = form_find(r->act->payload);
	if (form_check(r, form) == -1 || common_read(s, r) == -1)
		return -1;
	r->act->what = form->what;
	return read[form->what](s, r);
}

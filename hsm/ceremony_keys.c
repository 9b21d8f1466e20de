/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceremony's keys: found by their labels or made in the token, judged by
 * the attributes that the token reports, and used.  No key leaves a token and
 * no key is used before it is judged.
 */
#include <stdio.h>
#include <string.h>

#include "../server/log.h"
#include "../server/mem.h"
#include "attributes.h"
#include "ceremony.h"
#include "tbs.h"
#include "tokenwire.h"

static const struct {
	const char *role, *label;
} roles[ROLES] = {
	[ROLE_ROOT] = { "root", KEY_LABEL_ROOT },
	[ROLE_ISSUING] = { "issuing", KEY_LABEL_ISSUING },
	[ROLE_LOG] = { "log", KEY_LABEL_LOG },
	[ROLE_SEAL] = { "seal", KEY_LABEL_SEAL },
	[ROLE_EAB] = { "eab", KEY_LABEL_EAB },
	[ROLE_ACCOUNT] = { "account", KEY_LABEL_ACCOUNT },
};

const char *
key_role(enum role role)
{
	return roles[role].role;
}

static const char *
wanted_kind(const struct ceremony *c, enum role role)
{
	const char *const kinds[ROLES] = {
		[ROLE_ROOT] = c->plan.root.key,
		[ROLE_ISSUING] = c->plan.issuing.key,
		[ROLE_LOG] = c->plan.log_key,
		[ROLE_SEAL] = "HMAC",
		[ROLE_EAB] = "HMAC",
		[ROLE_ACCOUNT] = "P-256",
	};

	return kinds[role];
}

static const struct conf_token *
token_conf(const struct ceremony *c, enum role role)
{
	return role == ROLE_ROOT ? &c->plan.token : &c->conf->token.on;
}

int
keys_open_tokens(struct ceremony *c, bool root)
{
	char why[512];

	if (root && strcmp(c->plan.token.label, c->conf->token.on.label) == 0 &&
	    strcmp(c->plan.token.pin_file, c->conf->token.on.pin_file) == 0) {
		log_error("the root's token is the one that chancery.conf "
		    "gives to the running CA: take another for the root");
		return -1;
	}
	if (root) {
		c->root_token = tokens_start(c->conf, &c->plan.token, why,
		    sizeof(why));
		if (c->root_token == NULL) {
			log_error("token \"%s\": %s", c->plan.token.label,
			    why);
			return -1;
		}
	}
	c->issuing_token = tokens_start(c->conf, &c->conf->token.on, why,
	    sizeof(why));
	if (c->issuing_token == NULL) {
		log_error("token \"%s\": %s", c->conf->token.on.label, why);
		return -1;
	}
	return 0;
}

/* The key that an earlier run made: must be what this plan wants. */
static int
judge(struct ceremony *c, enum role role, const struct token_key *key)
{
	const char *why, *kind = wanted_kind(c, role);

	if (c->found[role]) {
		log_error("token \"%s\" holds two keys \"%s\": remove the one "
		    "that is not this CA's (pkcs11-tool --delete-object)",
		    token_conf(c, role)->label, roles[role].label);
		return -1;
	}
	if (strcmp(key->kind, kind) != 0) {
		log_error("key \"%s\" in token \"%s\" is a %s key, the file "
		    "wants %s: remove it, or take another token",
		    roles[role].label, token_conf(c, role)->label, key->kind,
		    kind);
		return -1;
	}
	if ((why = key_objection(key)) != NULL) {
		log_error("key \"%s\" in token \"%s\" is refused: %s; remove "
		    "it, or take another token", roles[role].label,
		    token_conf(c, role)->label, why);
		return -1;
	}
	if (role == ROLE_ISSUING && c->done != -1 &&
	    memcmp(c->key[role].id, key->id, KEY_ID_LEN) != 0) {
		log_error("key \"%s\" in token \"%s\" is not the issuer's: "
		    "put the right token in", roles[role].label,
		    token_conf(c, role)->label);
		return -1;
	}
	c->key[role] = *key;
	c->found[role] = true;
	return 0;
}

/* Keys that are there already. */
static int
find_keys(struct ceremony *c, struct tokens *token, enum role from,
    enum role to)
{
	struct token_key *keys;
	size_t i, count;
	enum role r;
	char why[256];

	keys = tokens_keys(token, c->arena, &count, why, sizeof(why));
	if (keys == NULL) {
		log_error("token \"%s\": %s", token_conf(c, from)->label, why);
		return -1;
	}
	for (i = 0; i < count; i++)
		for (r = from; r <= to; r++)
			if (strcmp(keys[i].label, roles[r].label) == 0 &&
			    judge(c, r, &keys[i]) == -1)
				return -1;
	return 0;
}

static int
make_key(struct ceremony *c, struct tokens *token, enum role role)
{
	const char *objection, *kind = wanted_kind(c, role);
	struct token_key *key = &c->key[role];
	char why[256];

	if (c->found[role]) {
		say(c, "  %-8s %-8s in token \"%s\", made by an earlier run "
		    "that did not end", key_role(role), kind,
		    token_conf(c, role)->label);
		return 0;
	}
	if (c->dry_run) {
		say(c, "  %-8s %-8s would be made in token \"%s\"",
		    key_role(role), kind, token_conf(c, role)->label);
		return 0;
	}
	if (tokens_generate(token, kind, roles[role].label, key, why,
	    sizeof(why)) == -1) {
		log_error("token \"%s\", %s key: %s",
		    token_conf(c, role)->label, key_role(role), why);
		return -1;
	}
	if ((objection = key_objection(key)) != NULL ||
	    strcmp(key->kind, kind) != 0) {
		log_error("token \"%s\", new %s key: %s",
		    token_conf(c, role)->label, key_role(role),
		    objection != NULL ? objection : "not of the kind wanted");
		return -1;
	}
	say(c, "  %-8s %-8s made in token \"%s\", id %s", key_role(role),
	    kind, token_conf(c, role)->label,
	    hex_encode(c->arena, key->id, KEY_ID_LEN));
	return 0;
}

/* Before a begun ceremony, keys may be made; after it they must be there. */
int
keys_make(struct ceremony *c)
{
	enum role r;

	if ((c->root_token != NULL && find_keys(c, c->root_token, ROLE_ROOT,
	    ROLE_ROOT) == -1) ||
	    find_keys(c, c->issuing_token, ROLE_ISSUING, ROLES - 1) == -1)
		return -1;
	for (r = c->root_token != NULL ? ROLE_ROOT : ROLE_ISSUING; r < ROLES;
	    r++) {
		if ((c->begun != -1 || c->done != -1) && !c->found[r]) {
			log_error("token \"%s\" has no key \"%s\", but the "
			    "log says that it was made: put the right token "
			    "in, or restore it", token_conf(c, r)->label,
			    roles[r].label);
			return -1;
		}
		if (c->done == -1 && make_key(c, r == ROLE_ROOT ?
		    c->root_token : c->issuing_token, r) == -1)
			return -1;
	}
	return 0;
}

static json_t *
flag(signed char value)
{
	return value == -1 ? json_null() : json_boolean(value);
}

json_t *
key_json(struct ceremony *c, enum role role)
{
	const struct token_key *key = &c->key[role];
	json_t *o, *a = json_object();

	json_object_set_new(a, "sensitive", flag(key->sensitive));
	json_object_set_new(a, "extractable", flag(key->extractable));
	json_object_set_new(a, "always_sensitive",
	    flag(key->always_sensitive));
	json_object_set_new(a, "never_extractable",
	    flag(key->never_extractable));
	json_object_set_new(a, "local", flag(key->local));
	o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}",
	    "role", key_role(role), "token", token_conf(c, role)->label,
	    "module", token_conf(c, role)->module, "label", key->label,
	    "algorithm", key->kind, "key_id",
	    hex_encode(c->arena, key->id, KEY_ID_LEN), "attributes", a);
	if (o != NULL && key->spki_len > 0)
		json_object_set_new(o, "spki", json_string(
		    b64u_encode(c->arena, key->spki, key->spki_len)));
	return o;
}

int
key_sign(struct ceremony *c, struct tokens *token, enum role role,
    struct cert *cert)
{
	const struct token_key *key = &c->key[role];
	struct token_job job = {
		.purpose = TOKEN_CERTIFICATE,
		.tbs = cert->tbs,
		.tbs_len = cert->tbs_len,
	};

	memcpy(job.key_id, key->id, KEY_ID_LEN);
	if (tokens_sign(token, &job, 1) != 1) {
		log_error("token \"%s\", signing with the %s key: %s (run the "
		    "same command again)", token_conf(c, role)->label,
		    key_role(role), job.why);
		return -1;
	}
	if (tbs_verify(cert->tbs, cert->tbs_len, key->spki, key->spki_len,
	    job.sig, job.sig_len) == -1) {
		log_error("token \"%s\": the signature of the %s key is "
		    "wrong; do not use this token", token_conf(c, role)->label,
		    key_role(role));
		return -1;
	}
	cert->der = tbs_assemble(c->arena, cert->tbs, cert->tbs_len,
	    key->spki, key->spki_len, job.sig, job.sig_len, &cert->der_len);
	return cert->der == NULL ? -1 : 0;
}

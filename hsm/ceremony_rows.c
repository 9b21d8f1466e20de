/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ceremony leaves in sealed rows beside the issuer: the profiles,
 * the first officer, and the appliance's own account with the EAB key id that
 * lets it have the listener's names without a challenge.  All of it stands in
 * the log's entry too.
 */
#include <stdio.h>
#include <string.h>

#include "../db/db.h"
#include "../server/json.h"
#include "../server/jws_key.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/rules.h"
#include "ceremony.h"
#include "db/queries-owner.h"

#define OWN_KID		"own"		/* EAB key id of the own account */
#define OWN_LABEL	"chancery own account"
#define DIRECTIVES	2

struct directive {
	const char	*kind, *name, *body;
};

/* The own account; nobody can choose its public form. */
struct own {
	const char	*jwk;
	unsigned char	 thumbprint[DIGEST_LEN];
	unsigned char	 public[DIGEST_LEN];	/* SECRET_LEN of them */
};

static const char *
canonical(struct ceremony *c, json_t *o)
{
	const char *text = NULL;
	size_t len;

	if (o != NULL)
		text = json_canonical(c->arena, o, &len);
	json_decref(o);
	return text;
}

/* The listener's hosts, each of them a pattern of rules.h. */
static json_t *
patterns(const struct ceremony *c)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < c->plan.listener.n; i++)
		json_array_append_new(list,
		    json_string(c->plan.listener.v[i]));
	return list;
}

static int
directives(struct ceremony *c, struct directive out[DIRECTIVES])
{
	char why[256];
	size_t i;

	out[0].kind = "officer";
	out[0].name = c->plan.officer.name;
	out[0].body = arena_printf(c->arena, "{\"jwk\":%s}", c->officer_jwk);
	out[1].kind = "eab";
	out[1].name = OWN_KID;
	out[1].body = canonical(c, json_pack("{s:i, s:i, s:s, s:o, s:o}",
	    "accounts", 1, "expires", 0, "note", "this CA's own account",
	    "names", patterns(c), "prevalidated", patterns(c)));
	for (i = 0; i < DIRECTIVES; i++)
		if (out[i].body == NULL || rules_check(out[i].kind,
		    out[i].name, out[i].body, why, sizeof(why)) == -1) {
			log_error("%s \"%s\": %s: correct the ceremony's file",
			    out[i].kind, out[i].name, why);
			return -1;
		}
	return 0;
}

static int
own_account(struct ceremony *c, struct own *own)
{
	const struct token_key *key = &c->key[ROLE_ACCOUNT];
	struct buf b;

	own->jwk = jwk_print_spki(c->arena, key->spki, key->spki_len);
	if (own->jwk == NULL) {
		log_error("the own account's key cannot be read");
		return -1;
	}
	sha256(own->jwk, strlen(own->jwk), own->thumbprint);
	buf_init(&b, c->arena);
	buf_puts(&b, OWN_LABEL);
	buf_add(&b, own->thumbprint, DIGEST_LEN);
	sha256(b.data, b.len, own->public);
	return 0;
}

int
rows_json(struct ceremony *c, json_t *entry)
{
	struct directive d[DIRECTIVES];
	json_t *profiles = json_array(), *acts = json_array();
	struct own own;
	char *body;
	size_t i;

	json_object_set_new(entry, "profiles", profiles);
	json_object_set_new(entry, "directives", acts);
	if (directives(c, d) == -1 || own_account(c, &own) == -1)
		return -1;
	for (i = 0; i < c->plan.nprofiles; i++) {
		body = plan_profile_body(c, &c->plan.profile[i]);
		if (body == NULL)
			return -1;
		json_array_append_new(profiles, json_string(body));
	}
	for (i = 0; i < DIRECTIVES; i++)
		json_array_append_new(acts, json_pack("{s:s, s:s, s:s}",
		    "kind", d[i].kind, "name", d[i].name, "body", d[i].body));
	json_object_set_new(entry, "account", json_pack("{s:s, s:s, s:s}",
	    "jwk", own.jwk, "public", b64u_encode(c->arena, own.public,
	    SECRET_LEN), "eab", OWN_KID));
	return 0;
}

int64_t
rows_id(struct ceremony *c)
{
	struct rows *rows = NULL;
	int64_t id;

	if (db_query(c->db, Q_ID_NEW, &rows, NO_ARGS) == -1)
		return -1;
	id = row_int(rows, 0, 0);
	rows_free(rows);
	return id;
}

static int
insert_profile(struct ceremony *c, const struct plan_profile *plan)
{
	unsigned char seal[DIGEST_LEN];
	const char *name = plan->fixed.name;
	const char *body = plan_profile_body(c, plan);
	int64_t id = rows_id(c);

	if (body == NULL || id == -1)
		return -1;
	seal_make(&c->seal, "profile", seal_profile(id, name, 1,
	    c->issuer_id, body), seal);
	return db_query(c->db, Q_PROFILE_INSERT, NULL, ARGS(arg_int(id),
	    arg_text(name), arg_int(c->issuer_id), arg_text(body),
	    arg_bytes(seal, sizeof(seal))));
}

static int
insert_directive(struct ceremony *c, const struct directive *d)
{
	unsigned char seal[DIGEST_LEN];
	int64_t id = rows_id(c);

	if (id == -1)
		return -1;
	seal_make(&c->seal, "directive", seal_directive(id, d->kind, d->name,
	    1, d->body), seal);
	return db_query(c->db, Q_DIRECTIVE_INSERT, NULL, ARGS(arg_int(id),
	    arg_text(d->kind), arg_text(d->name), arg_text(d->body),
	    arg_bytes(seal, sizeof(seal))));
}

static int
insert_account(struct ceremony *c)
{
	unsigned char seal[DIGEST_LEN];
	struct own own;
	int64_t id = rows_id(c);

	if (id == -1 || own_account(c, &own) == -1)
		return -1;
	seal_make(&c->seal, "account", seal_account(id, own.public,
	    own.thumbprint, own.jwk, "valid", "[]", OWN_KID), seal);
	if (db_query(c->db, Q_ACCOUNT_INSERT, NULL, ARGS(arg_int(id),
	    arg_bytes(own.public, SECRET_LEN),
	    arg_bytes(own.thumbprint, DIGEST_LEN), arg_text(own.jwk),
	    arg_text(OWN_KID), arg_bytes(seal, sizeof(seal)))) == -1)
		return -1;
	return db_query(c->db, Q_ACCOUNT_KEY_INSERT, NULL, ARGS(
	    arg_bytes(own.thumbprint, DIGEST_LEN), arg_int(id)));
}

int
rows_insert(struct ceremony *c)
{
	struct directive d[DIRECTIVES];
	size_t i;

	if (directives(c, d) == -1)
		return -1;
	for (i = 0; i < c->plan.nprofiles; i++)
		if (insert_profile(c, &c->plan.profile[i]) == -1)
			return -1;
	for (i = 0; i < DIRECTIVES; i++)
		if (insert_directive(c, &d[i]) == -1)
			return -1;
	return insert_account(c);
}

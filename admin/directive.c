/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `chanceryctl KIND add` and `KIND remove`: a table of kinds, each with the
 * options that make its body (server/rules.h) and a step for what options
 * cannot say.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "../hsm/deliver.h"
#include "../server/json.h"
#include "../server/jws_key.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/rules.h"
#include "act.h"
#include "ctl.h"
#include "words.h"

#define KID_LEN		12	/* random octets of a key id of ours */
#define SHA256_HEX	64

/* Fill in the body from the arguments; its name. */
typedef const char *make_body(struct act *, const struct words *,
	    json_t *body);

static make_body officer_body, eab_body, block_body, restrict_body,
    grant_body, chain_body;

#define END	{ NULL, NULL, WORD_TEXT }

static const struct word_option eab_options[] = {
	{ "--accounts", "accounts", WORD_COUNT },
	{ "--expires", "expires", WORD_UNTIL },
	{ "--names", "names", WORD_LIST },
	{ "--wildcards", "wildcards", WORD_YES_NO },
	{ "--profiles", "profiles", WORD_LIST },
	{ "--challenges", "challenges", WORD_LIST },
	{ "--prevalidated", "prevalidated", WORD_LIST },
	{ "--note", "note", WORD_TEXT },
	END
}, block_options[] = {
	{ "--reason", "reason", WORD_TEXT },
	END
}, restrict_options[] = {
	{ "--note", "note", WORD_TEXT },
	END
}, grant_options[] = {
	{ "--account", "account", WORD_TEXT },
	{ "--eab", "eab", WORD_TEXT },
	{ "--names", "names", WORD_LIST },
	{ "--expires", "expires", WORD_UNTIL },
	{ "--note", "note", WORD_TEXT },
	END
}, chain_options[] = {
	{ "--issuer", "issuer", WORD_TEXT },
	END
};

static const struct kind {
	const char			*name;
	const struct word_option	*options;
	size_t				 least, most;	/* arguments of add */
	make_body			*make;
} kinds[] = {
	{ "officer", NULL, 2, 2, officer_body },
	{ "eab", eab_options, 0, 1, eab_body },
	{ "block", block_options, 1, 1, block_body },
	{ "restrict", restrict_options, 1, 1, restrict_body },
	{ "grant", grant_options, 1, 1, grant_body },
	{ "chain", chain_options, 2, 2, chain_body },
};

/* The kind is the first word of the verb. */
static const struct kind *
kind_of(const char *verb)
{
	size_t i, len = strcspn(verb, " ");

	for (i = 0; i < nitems(kinds); i++)
		if (strncmp(kinds[i].name, verb, len) == 0 &&
		    kinds[i].name[len] == '\0')
			return &kinds[i];
	die(EXIT_FAILED, "no directives of kind \"%s\"", verb);
}

/* ----------------------------------------------------------------- bodies */

static FILE *
open_file(const char *path)
{
	FILE *f = fopen(path, "re");

	if (f == NULL)
		die(EXIT_FAILED, "%s: %s", path, strerror(errno));
	return f;
}

/* A public key in PEM, as `officer key` prints it. */
static const char *
officer_body(struct act *a, const struct words *w, json_t *body)
{
	FILE *f = open_file(w->arg[1]);
	EVP_PKEY *pkey = PEM_read_PUBKEY(f, NULL, NULL, NULL);
	const char *jwk, *why;

	fclose(f);
	if (pkey == NULL)
		die(EXIT_FAILED, "%s holds no public key in PEM (chanceryctl "
		    "officer key prints one)", w->arg[1]);
	if ((jwk = jwk_print(a->arena, pkey)) == NULL)
		die(EXIT_FAILED, "%s: JWS has no algorithm for a key of this "
		    "kind", w->arg[1]);
	EVP_PKEY_free(pkey);
	json_object_set_new(body, "jwk", json_read_object(jwk, strlen(jwk),
	    &why));
	return w->arg[0];
}

/* A member that the command line left out. */
static void
presume(json_t *body, const char *member, json_t *value)
{
	if (json_object_get(body, member) == NULL)
		json_object_set(body, member, value);
	json_decref(value);
}

static const char *
eab_body(struct act *a, const struct words *w, json_t *body)
{
	unsigned char octets[KID_LEN];

	presume(body, "accounts", json_integer(1));
	presume(body, "expires", json_integer(0));
	if (w->nargs == 1)
		return w->arg[0];
	random_octets(octets, sizeof(octets));
	return hex_encode(a->arena, octets, sizeof(octets));
}

/* 64 hexadecimal digits are a key, all else names or addresses. */
static const char *
block_name(struct act *a, const char *value, const char **type)
{
	*type = strlen(value) == SHA256_HEX && value[strspn(value,
	    "0123456789abcdef")] == '\0' ? "key" : "name";
	return arena_printf(a->arena, "%s:%s", *type, value);
}

static const char *
block_body(struct act *a, const struct words *w, json_t *body)
{
	const char *type, *name = block_name(a, w->arg[0], &type);

	presume(body, "reason", json_string(""));
	json_object_set_new(body, "type", json_string(type));
	json_object_set_new(body, "value", json_string(w->arg[0]));
	return name;
}

static const char *
restrict_body(struct act *a, const struct words *w, json_t *body)
{
	(void)a;
	json_object_set_new(body, "value", json_string(w->arg[0]));
	return w->arg[0];
}

static const char *
grant_body(struct act *a, const struct words *w, json_t *body)
{
	(void)a;
	(void)body;
	return w->arg[0];
}

/* Certificates in PEM, from the one above the issuer's key upwards. */
static const char *
chain_body(struct act *a, const struct words *w, json_t *body)
{
	FILE *f = open_file(w->arg[1]);
	json_t *list = json_array();
	unsigned char *der;
	X509 *cert;
	int len;

	while ((cert = PEM_read_X509(f, NULL, NULL, NULL)) != NULL) {
		der = NULL;
		if ((len = i2d_X509(cert, &der)) > 0)
			json_array_append_new(list, json_string(b64u_encode(
			    a->arena, der, (size_t)len)));
		OPENSSL_free(der);
		X509_free(cert);
	}
	fclose(f);
	if (json_array_size(list) == 0)
		die(EXIT_FAILED, "%s holds no certificate in PEM", w->arg[1]);
	json_object_set_new(body, "certificates", list);
	return w->arg[0];
}

/* ------------------------------------------------------------------- acts */

static json_t *
payload(struct act *a, const char *kind, const char *name, json_t *body,
    const struct version *v)
{
	json_object_set_new(a->out, "kind", json_string(kind));
	json_object_set_new(a->out, "name", json_string(name));
	json_object_set_new(a->out, "version", json_integer(v->number + 1));
	return json_pack("{s:s, s:s, s:s, s:O, s:o}", "act", "set",
	    "kind", kind, "name", name, "body", body, "replaces",
	    act_replaces(a, v));
}

/* As the signer will judge it. */
static void
check_body(struct act *a, const char *kind, const char *name,
    const json_t *body)
{
	char why[512];
	size_t len;

	if (rules_check(kind, name, json_canonical(a->arena, body, &len), why,
	    sizeof(why)) == -1)
		die(EXIT_MISUSE, "%s: %s", a->words->verb, why);
}

static const char *
done_text(struct act *a, const char *kind, const char *name,
    const struct version *v)
{
	return arena_printf(a->arena, "%s \"%s\": %s", kind, name,
	    v->number == 0 ? "made" : arena_printf(a->arena, "version %"
	    PRId64, v->number + 1));
}

/*
 * The MAC key of a new key id comes back encrypted to a key of ours; it is
 * printed here and never again.
 */
static const char *
add_eab(struct act *a, const char *kid, json_t *act, const char *text)
{
	EVP_PKEY *own = EVP_EC_gen("P-256");
	unsigned char key[DIGEST_LEN];
	const char *jwk, *mac, *why;
	json_t *detail;

	if (own == NULL || (jwk = jwk_print(a->arena, own)) == NULL)
		die(EXIT_FAILED, "OpenSSL cannot make a key");
	json_object_set_new(act, "deliver_to", json_read_object(jwk,
	    strlen(jwk), &why));
	act_run(a, act, &detail);
	if (a->done && deliver_open(own, detail, kid, key) == -1)
		die(EXIT_FAILED, "the key id is stored, but its MAC key did "
		    "not arrive whole: remove it and add another");
	EVP_PKEY_free(own);
	json_decref(detail);
	if (!a->done)
		return text;
	mac = b64u_encode(a->arena, key, sizeof(key));
	OPENSSL_cleanse(key, sizeof(key));
	json_object_set_new(a->out, "kid", json_string(kid));
	json_object_set_new(a->out, "mac_key", json_string(mac));
	return arena_printf(a->arena, "%s\nkey id   %s\nMAC key  %s\n"
	    "(HMAC, base64url: clients take it as it stands; it is not shown "
	    "again)", text, kid, mac);
}

int
cmd_directive_add(const struct conf *conf, int argc, char **argv)
{
	const struct kind *kind = kind_of(argv[0]);
	const char *name, *text;
	struct words words;
	struct version v;
	json_t *act, *detail, *body;
	struct act a;

	words_read(&words, argc, argv, kind->options, kind->least,
	    kind->most);
	act_open(&a, conf, &words);
	body = json_deep_copy(words.members);
	name = kind->make(&a, &words, body);
	check_body(&a, kind->name, name, body);
	act_version(&a, kind->name, name, &v);
	if (strcmp(kind->name, "eab") == 0 && v.ended)
		die(EXIT_FAILED, "EAB key id \"%s\" was removed, and its MAC "
		    "key would be the same again: take another id", name);
	act = payload(&a, kind->name, name, body, &v);
	json_decref(body);
	text = done_text(&a, kind->name, name, &v);
	if (strcmp(kind->name, "eab") == 0 && v.number == 0)
		text = add_eab(&a, name, act, text);
	else {
		act_run(&a, act, &detail);
		json_decref(detail);
	}
	return act_close(&a, text);
}

int
cmd_directive_remove(const struct conf *conf, int argc, char **argv)
{
	const struct kind *kind = kind_of(argv[0]);
	const char *name, *type;
	struct words words;
	struct version v;
	json_t *body, *detail;
	struct act a;

	words_read(&words, argc, argv, NULL, 1, 1);
	act_open(&a, conf, &words);
	name = words.arg[0];
	if (strcmp(kind->name, "block") == 0 &&
	    strncmp(name, "name:", 5) != 0 && strncmp(name, "key:", 4) != 0)
		name = block_name(&a, name, &type);
	act_version(&a, kind->name, name, &v);
	if (v.number == 0 || v.ended)
		die(EXIT_FAILED, "there is no %s \"%s\" (see chanceryctl %s "
		    "list)", kind->name, name, kind->name);
	body = json_null();
	act_run(&a, payload(&a, kind->name, name, body, &v), &detail);
	json_decref(detail);
	return act_close(&a, arena_printf(a.arena, "%s \"%s\": removed",
	    kind->name, name));
}

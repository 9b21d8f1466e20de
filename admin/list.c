/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists and single things, as the database holds them; nobody looks at seals
 * here, which only the signer can.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../db/db.h"
#include "../server/conf.h"
#include "../server/enc.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "account.h"
#include "act.h"
#include "ctl.h"
#include "db/queries-operator.h"
#include "words.h"

/* Print what the verb found, and end it. */
static int
finish(struct act *a, json_t *list, void (*print)(struct act *, const json_t *))
{
	json_t *one;
	size_t i, len;

	if (a->words->json)
		fputs(json_pretty(a->arena, list, &len), stdout);
	else if (json_is_array(list))
		json_array_foreach(list, i, one)
			print(a, one);
	else
		print(a, list);
	json_decref(list);
	a->done = true;
	json_decref(a->out);
	json_decref(a->words->members);
	db_close(a->db);
	arena_free(a->arena);
	return 0;
}

/* ------------------------------------------------- directives, profiles */

/* A key by its thumbprint (RFC 7638), to be compared by people. */
static void
add_thumbprint(struct act *a, json_t *one)
{
	const json_t *jwk = json_object_get(json_object_get(one, "body"),
	    "jwk");
	unsigned char digest[DIGEST_LEN];
	char *text;
	size_t len;

	if (jwk == NULL || !json_exact(jwk))
		return;
	text = json_canonical(a->arena, jwk, &len);
	sha256(text, len, digest);
	json_object_set_new(one, "thumbprint",
	    json_string(hex_encode(a->arena, digest, sizeof(digest))));
}

static json_t *
named(struct act *a, struct rows *rows)
{
	json_t *list = json_array(), *one;
	const char *body, *why;
	size_t i;

	for (i = 0; i < rows_count(rows); i++) {
		body = row_text(rows, i, 2);
		one = json_pack("{s:s, s:I, s:s}", "name",
		    row_text(rows, i, 0), "version",
		    (json_int_t)row_int(rows, i, 1), "since",
		    act_utc(a, row_int(rows, i, 3)));
		json_object_set_new(one, "body", json_read_object(body,
		    strlen(body), &why));
		add_thumbprint(a, one);
		json_array_append_new(list, one);
	}
	rows_free(rows);
	return list;
}

/* Text of the database for a terminal: no control character gets there, of
 * ASCII or of Unicode's C1 (as UTF-8: C2 80 - C2 9F). */
static void
put_text(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f) {
			putchar('?');
		} else if ((unsigned char)text[0] == 0xc2 &&
		    (unsigned char)text[1] >= 0x80 &&
		    (unsigned char)text[1] <= 0x9f) {
			putchar('?');
			text++;
		} else {
			putchar(*text);
		}
	}
}

/* A member of a body in words: times as such, lists with commas. */
static void
print_member(struct act *a, const char *name, const json_t *value)
{
	const json_t *one;
	char *text;
	size_t i;

	if (strcmp(name, "jwk") == 0 || strcmp(name, "certificates") == 0)
		return;
	printf("  ");
	put_text(name);
	if (strcmp(name, "expires") == 0)
		printf(" %s", json_integer_value(value) == 0 ? "never" :
		    act_utc(a, json_integer_value(value)));
	else if (json_is_array(value))
		json_array_foreach(value, i, one) {
			putchar(i == 0 ? ' ' : ',');
			if (json_is_string(one))
				put_text(json_string_value(one));
		}
	else if (json_is_string(value)) {
		putchar(' ');
		put_text(json_string_value(value));
	} else if ((text = json_dumps(value, JSON_ENCODE_ANY)) != NULL) {
		printf(" %s", text);
		free(text);
	}
	putchar('\n');
}

static void
print_named(struct act *a, const json_t *one)
{
	const char *name;
	json_t *value;

	put_text(json_member_string(one, "name"));
	printf(" (version %" JSON_INTEGER_FORMAT ", since %s)\n",
	    json_integer_value(json_object_get(one, "version")),
	    json_member_string(one, "since"));
	json_object_foreach(json_object_get(one, "body"), name, value)
		if (strcmp(name, "name") != 0)
			print_member(a, name, value);
	name = json_member_string(one, "thumbprint");
	if (name != NULL)
		printf("  key thumbprint %s\n", name);
	value = json_object_get(one, "used");
	if (value != NULL)
		printf("  used %" JSON_INTEGER_FORMAT "\n",
		    json_integer_value(value));
}

/* How many accounts each EAB key was used for. */
static void
add_used(struct act *a, json_t *list)
{
	struct rows *rows = act_ask(a, Q_OPERATOR_BOUND, NO_ARGS);
	json_int_t used;
	json_t *one;
	size_t i, j;

	json_array_foreach(list, i, one) {
		used = 0;
		for (j = 0; j < rows_count(rows); j++)
			if (strcmp(row_text(rows, j, 0),
			    json_member_string(one, "name")) == 0)
				used = row_int(rows, j, 1);
		json_object_set_new(one, "used", json_integer(used));
	}
	rows_free(rows);
}

int
cmd_directive_list(const struct conf *conf, int argc, char **argv)
{
	struct words words;
	const char *kind;
	struct act a;
	json_t *list;

	words_read(&words, argc, argv, NULL, 0, 0);
	act_open(&a, conf, &words);
	kind = arena_strndup(a.arena, words.verb, strcspn(words.verb, " "));
	list = named(&a, act_ask(&a, Q_OPERATOR_DIRECTIVES,
	    ARGS(arg_text(kind))));
	if (strcmp(kind, "eab") == 0)
		add_used(&a, list);
	return finish(&a, list, print_named);
}

int
cmd_profile_list(const struct conf *conf, int argc, char **argv)
{
	struct words words;
	struct act a;

	words_read(&words, argc, argv, NULL, 0, 0);
	act_open(&a, conf, &words);
	return finish(&a, named(&a, act_ask(&a, Q_OPERATOR_PROFILES, NO_ARGS)),
	    print_named);
}

/* The body, to be edited and given to `profile set`. */
static void
print_body(struct act *a, const json_t *one)
{
	char *text = json_dumps(one, JSON_INDENT(2) | JSON_SORT_KEYS);

	(void)a;
	if (text != NULL)
		puts(text);
	free(text);
}

int
cmd_profile_show(const struct conf *conf, int argc, char **argv)
{
	struct words words;
	struct version v;
	const char *why;
	struct act a;

	words_read(&words, argc, argv, NULL, 1, 1);
	act_open(&a, conf, &words);
	act_version(&a, "profile", words.arg[0], &v);
	if (v.number == 0 || v.ended)
		die(EXIT_FAILED, "there is no profile \"%s\" (see chanceryctl "
		    "profile list)", words.arg[0]);
	return finish(&a, json_read_object(v.body, strlen(v.body), &why),
	    print_body);
}

/* --------------------------------------------------------------- accounts */

static json_t *
account_json(struct act *a, const struct rows *rows, size_t row)
{
	const unsigned char *public;
	size_t len;

	public = row_bytes(rows, row, 1, &len);
	return json_pack("{s:s, s:o, s:s, s:s?, s:s}",
	    "url", len != SECRET_LEN ? "" : arena_printf(a->arena,
	    "%s%s%s", a->conf->base_url, ACCOUNT_PATH, public_id_print(
	    a->arena, row_int(rows, row, 0), public)),
	    "id", json_sprintf("%" PRId64, row_int(rows, row, 0)),
	    "status", row_text(rows, row, 2),
	    "eab", row_null(rows, row, 3) ? NULL : row_text(rows, row, 3),
	    "created", act_utc(a, row_int(rows, row, 4)));
}

static void
print_account(struct act *a, const json_t *one)
{
	const char *eab = json_member_string(one, "eab");

	(void)a;
	printf("%s %s since %s%s", json_member_string(one, "url"),
	    json_member_string(one, "status"),
	    json_member_string(one, "created"), eab == NULL ? "" : " eab ");
	put_text(eab == NULL ? "" : eab);
	putchar('\n');
}

int
cmd_account_list(const struct conf *conf, int argc, char **argv)
{
	static const struct word_option options[] = {
		{ "--eab", "eab", WORD_TEXT },
		{ NULL, NULL, WORD_TEXT }
	};
	json_t *list = json_array();
	struct words words;
	struct rows *rows;
	struct act a;
	size_t i;

	words_read(&words, argc, argv, options, 0, 0);
	act_open(&a, conf, &words);
	rows = act_ask(&a, Q_OPERATOR_ACCOUNTS, ARGS(arg_text(
	    json_member_string(words.members, "eab"))));
	for (i = 0; i < rows_count(rows); i++)
		json_array_append_new(list, account_json(&a, rows, i));
	rows_free(rows);
	return finish(&a, list, print_account);
}

int
cmd_account_show(const struct conf *conf, int argc, char **argv)
{
	struct words words;
	struct rows *rows;
	struct act a;
	json_t *one;

	words_read(&words, argc, argv, NULL, 1, 1);
	act_open(&a, conf, &words);
	rows = act_ask(&a, Q_OPERATOR_ACCOUNT, ARGS(arg_int(
	    account_id(conf, a.arena, words.arg[0], NULL))));
	if (rows_count(rows) == 0)
		die(EXIT_FAILED, "there is no account %s", words.arg[0]);
	one = account_json(&a, rows, 0);
	rows_free(rows);
	return finish(&a, one, print_account);
}

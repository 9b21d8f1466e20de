/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts: payload, signature, request, outcome.  An act that the signer does
 * not take up in time ends by itself: it names the moment after which it
 * counts no more.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../db/db.h"
#include "../server/conf.h"
#include "../server/doorbell.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "act.h"
#include "db/queries-operator.h"
#include "officer.h"
#include "words.h"

#define MEMORY		(16u << 20)
#define ACT_ID_LEN	32
#define LIFE_SECONDS	600	/* of an act that nobody takes up */
#define WAIT_MS		20000	/* for its outcome */
#define HURRY_MS	2000	/* then say that we wait */
#define LOOK_MS		20

void
act_open(struct act *a, const struct conf *conf, const struct words *words)
{
	char why[1024];

	memset(a, 0, sizeof(*a));
	a->conf = conf;
	a->words = words;
	a->arena = arena_new(MEMORY);
	a->db = db_open(conf, "chancery_operator", queries_operator,
	    Q_OPERATOR_COUNT, why, sizeof(why));
	if (a->db == NULL)
		die(EXIT_FAILED, "%s", why);
	a->out = json_object();
}

int
act_close(struct act *a, const char *text)
{
	bool well = a->done || a->words->dry_run;
	size_t len;

	if (a->words->json)
		fputs(json_pretty(a->arena, a->out, &len), stdout);
	else if (well && !a->words->dry_run)
		printf("%s\n", text);
	json_decref(a->out);
	json_decref(a->words->members);
	db_close(a->db);
	arena_free(a->arena);
	return well ? 0 : EXIT_FAILED;
}

struct rows *
act_ask(struct act *a, int query, const struct arg *args, size_t nargs)
{
	struct rows *rows;

	if (db_query(a->db, query, &rows, args, nargs) == -1)
		die(EXIT_FAILED, "the database cannot be asked (its words "
		    "are above)");
	return rows;
}

const char *
act_utc(struct act *a, int64_t when)
{
	time_t t = (time_t)when;
	struct tm tm;
	char text[32];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return arena_strdup(a->arena, text);
}

void
act_version(struct act *a, const char *kind, const char *name,
    struct version *v)
{
	const unsigned char *hash;
	struct rows *rows;
	size_t len;

	memset(v, 0, sizeof(*v));
	rows = strcmp(kind, "profile") == 0 ?
	    act_ask(a, Q_OPERATOR_PROFILE, ARGS(arg_text(name))) :
	    act_ask(a, Q_OPERATOR_DIRECTIVE, ARGS(arg_text(kind),
	    arg_text(name)));
	if (rows_count(rows) == 1) {
		v->number = row_int(rows, 0, 1);
		v->body = arena_strdup(a->arena, row_text(rows, 0, 2));
		v->ended = strcmp(v->body, "null") == 0;
		hash = row_bytes(rows, 0, 3, &len);
		if (len == DIGEST_LEN)
			memcpy(v->hash, hash, DIGEST_LEN);
	}
	rows_free(rows);
}

json_t *
act_replaces(struct act *a, const struct version *v)
{
	return v->number == 0 ? json_null() :
	    json_string(b64u_encode(a->arena, v->hash, DIGEST_LEN));
}

/* ---------------------------------------------------------------- outcome */

static bool
signer_connected(struct act *a)
{
	struct rows *rows = act_ask(a, Q_OPERATOR_CONNECTIONS, NO_ARGS);
	bool there = false;
	size_t i;

	for (i = 0; i < rows_count(rows); i++)
		if (strcmp(row_text(rows, i, 0), "chancery_signer") == 0)
			there = true;
	rows_free(rows);
	return there;
}

/* The outcome's row; ends the program when none comes. */
static struct rows *
wait_outcome(struct act *a, int64_t request, int64_t expires)
{
	long long began = proc_monotonic_ms(), waited;
	bool told = false;
	struct rows *rows;

	for (;;) {
		rows = act_ask(a, Q_ACT_OUTCOME, ARGS(arg_int(request)));
		if (rows_count(rows) == 1)
			return rows;
		rows_free(rows);
		waited = proc_monotonic_ms() - began;
		if (waited > WAIT_MS)
			break;
		if (waited > HURRY_MS && !told) {
			told = true;
			log_warn("%s: waiting", signer_connected(a) ?
			    "chancery-signer has not answered yet" :
			    "chancery-signer is not there (does chanceryd "
			    "run? see chanceryctl status)");
		}
		doorbell_ring(a->conf, "signer");
		poll(NULL, 0, told ? 10 * LOOK_MS : LOOK_MS);
	}
	die(EXIT_FAILED, "no answer of chancery-signer, which %s: the act is "
	    "stored as request %" PRId64 " and will be done when it is taken "
	    "up before %s, else never", signer_connected(a) ? "is busy or "
	    "waits for its token" : "does not run", request,
	    act_utc(a, expires));
}

/* What the signer wrote; the reason goes to standard error at once. */
static void
take_outcome(struct act *a, const struct rows *rows, json_t **detail)
{
	const char *text = row_text(rows, 0, 1), *why;
	json_t *problem;

	a->done = strcmp(row_text(rows, 0, 0), "done") == 0;
	json_object_set_new(a->out, "result", json_string(a->done ? "done" :
	    "refused"));
	if (a->done) {
		text = row_text(rows, 0, 2);
		*detail = *text == '\0' ? NULL :
		    json_read_object(text, strlen(text), &why);
		return;
	}
	problem = json_read_object(text, strlen(text), &why);
	why = json_member_string(problem, "detail");
	log_error("refused: %s", why == NULL ? text : why);
	json_object_set_new(a->out, "problem", problem);
}

/* ---------------------------------------------------------------- the act */

static int64_t
store(struct act *a, const char *jws, const unsigned char *digest)
{
	struct rows *rows;
	int64_t id;

	rows = act_ask(a, Q_ACT_INSERT, ARGS(arg_bytes(jws, strlen(jws)),
	    arg_bytes(digest, DIGEST_LEN)));
	id = row_int(rows, 0, 0);
	rows_free(rows);
	doorbell_ringer();
	doorbell_ring(a->conf, "signer");
	return id;
}

static void
complete(struct act *a, json_t *payload, int64_t expires)
{
	unsigned char id[ACT_ID_LEN];

	random_octets(id, sizeof(id));
	json_object_set_new(payload, "id",
	    json_string(b64u_encode(a->arena, id, sizeof(id))));
	json_object_set_new(payload, "expires", json_integer(expires));
	json_object_set_new(a->out, "act", payload);
}

void
act_run(struct act *a, json_t *payload, json_t **detail)
{
	unsigned char digest[DIGEST_LEN];
	int64_t expires = time(NULL) + LIFE_SECONDS, request;
	struct officer officer;
	struct rows *rows;
	const char *jws;
	size_t len;

	*detail = NULL;
	officer_read(a->conf, a->words->officer, &officer);
	complete(a, payload, expires);
	json_object_set_new(a->out, "officer", json_string(officer.name));
	if (a->words->dry_run) {
		json_object_set_new(a->out, "result",
		    json_string("dry run"));
		if (!a->words->json)
			printf("%sNothing was signed: officer \"%s\" would "
			    "sign this.\n", json_pretty(a->arena, payload,
			    &len), officer.name);
		return;
	}
	jws = officer_sign(a->conf, &officer, a->arena,
	    json_canonical(a->arena, payload, &len), digest);
	request = store(a, jws, digest);
	json_object_set_new(a->out, "request",
	    json_sprintf("%" PRId64, request));
	rows = wait_outcome(a, request, expires);
	take_outcome(a, rows, detail);
	rows_free(rows);
}

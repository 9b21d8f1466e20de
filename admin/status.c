/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `chanceryctl status`: what the operator's role can see, as text or JSON.
 * Both are printed from one JSON object.  Exit status 0 says that all is
 * there, 1 that something is missing.
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/x509.h>

#include "../db/db.h"
#include "../server/conf.h"
#include "../server/enc.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "ctl.h"
#define QUERIES_TABLE
#include "db/queries-operator.h"

/* Those that hold a connection to PostgreSQL while they live. */
static const char *const connected[] = {
	"acme", "validator", "signer", "publisher"
};

static struct rows *
ask(struct db *db, int query)
{
	struct rows	*rows;

	if (db_query(db, query, &rows, NO_ARGS) == -1)
		die(EXIT_FAILED, "the database cannot be asked (its words "
		    "are above)");
	return rows;
}

static char *
utc(struct arena *arena, time_t t)
{
	struct tm	tm;
	char		text[32];

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return arena_strdup(arena, text);
}

/* The number of the chanceryd that holds run_dir, or 0. */
static long
supervisor(const struct conf *conf)
{
	char	path[4096], number[32] = "";
	long	pid = 0;
	int	fd;

	snprintf(path, sizeof(path), "%s/chanceryd.pid", conf->run_dir);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK &&
	    read(fd, number, sizeof(number) - 1) > 0)
		pid = strtol(number, NULL, 10);
	close(fd);
	return pid;
}

/* Name and end of validity of a certificate, into `out` with a prefix. */
static void
add_certificate(struct arena *arena, json_t *out, const char *prefix,
    const unsigned char *der, size_t len)
{
	const unsigned char	*p = der;
	unsigned char		 digest[DIGEST_LEN];
	struct tm		 tm;
	char			 name[256] = "";
	X509			*x;

	if ((x = d2i_X509(NULL, &p, (long)len)) == NULL)
		return;
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName,
	    name, sizeof(name));
	sha256(der, len, digest);
	json_object_set_new(out, arena_printf(arena, "%ssubject", prefix),
	    json_string(name));
	json_object_set_new(out, arena_printf(arena, "%ssha256", prefix),
	    json_string(hex_encode(arena, digest, sizeof(digest))));
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1)
		json_object_set_new(out, arena_printf(arena, "%sexpires",
		    prefix), json_string(utc(arena, timegm(&tm))));
	json_object_set_new(out, arena_printf(arena, "%sexpired", prefix),
	    json_boolean(X509_cmp_current_time(X509_get0_notAfter(x)) <= 0));
	X509_free(x);
}

static json_t *
issuers(struct arena *arena, struct db *db)
{
	struct rows		*rows = ask(db, Q_OPERATOR_ISSUERS);
	const unsigned char	*der;
	json_t			*list = json_array(), *issuer;
	size_t			 i, len;

	for (i = 0; i < rows_count(rows); i++) {
		issuer = json_object();
		json_object_set_new(issuer, "name",
		    json_string(row_text(rows, i, 0)));
		der = row_bytes(rows, i, 1, &len);
		add_certificate(arena, issuer, "", der, len);
		der = row_bytes(rows, i, 2, &len);
		add_certificate(arena, issuer, "root_", der, len);
		json_array_append_new(list, issuer);
	}
	rows_free(rows);
	return list;
}

static json_t *
processes(struct db *db)
{
	struct rows	*rows = ask(db, Q_OPERATOR_CONNECTIONS);
	json_t		*object = json_object();
	const char	*role;
	size_t		 i, j;

	for (i = 0; i < nitems(connected); i++)
		json_object_set_new(object, connected[i], json_integer(0));
	for (i = 0; i < rows_count(rows); i++) {
		role = row_text(rows, i, 0) + strlen("chancery_");
		for (j = 0; j < nitems(connected); j++)
			if (strcmp(role, connected[j]) == 0)
				json_object_set_new(object, role,
				    json_integer(row_int(rows, i, 1)));
	}
	rows_free(rows);
	return object;
}

static void
add_counts(struct arena *arena, struct db *db, json_t *out)
{
	static const char *const names[] = {
		"log_entries", "certificates", "certificates_valid",
		"requests_waiting", "intents_open", "oldest_wait_seconds",
		"refused_last_day", "last_certificate"
	};
	struct rows	*rows = ask(db, Q_OPERATOR_COUNTS);
	json_t		*value;
	size_t		 i;

	for (i = 0; i < nitems(names); i++) {
		if (row_null(rows, 0, (int)i))
			value = json_null();
		else if (i == nitems(names) - 1)
			value = json_string(utc(arena,
			    (time_t)row_int(rows, 0, (int)i)));
		else
			value = json_integer(row_int(rows, 0, (int)i));
		json_object_set_new(out, names[i], value);
	}
	rows_free(rows);
}

/* What is missing, one sentence each. */
static json_t *
judge(const json_t *out)
{
	json_t		*list = json_array(), *issuer;
	const char	*name;
	json_t		*value;
	char		 text[256];
	size_t		 i;

	if (!json_is_integer(json_object_get(out, "chanceryd")))
		json_array_append_new(list, json_string("chanceryd does not "
		    "run: start it"));
	json_object_foreach(json_object_get(out, "connections"), name, value) {
		if (json_integer_value(value) > 0)
			continue;
		snprintf(text, sizeof(text), "chancery-%s has no connection "
		    "to PostgreSQL: see its messages", name);
		json_array_append_new(list, json_string(text));
	}
	if (json_array_size(json_object_get(out, "issuers")) == 0)
		json_array_append_new(list, json_string("there is no issuer: "
		    "hold the ceremony (chanceryctl init)"));
	json_array_foreach(json_object_get(out, "issuers"), i, issuer) {
		if (!json_is_true(json_object_get(issuer, "expired")) &&
		    !json_is_true(json_object_get(issuer, "root_expired")))
			continue;
		snprintf(text, sizeof(text), "issuer %s or its root has "
		    "expired: nothing can be issued",
		    json_member_string(issuer, "name"));
		json_array_append_new(list, json_string(text));
	}
	if (json_integer_value(json_object_get(out,
	    "oldest_wait_seconds")) > 30)
		json_array_append_new(list, json_string("requests wait for "
		    "more than 30 s: does the token answer? see the messages "
		    "of chancery-signer and chancery-token"));
	return list;
}

static long long
number(const json_t *out, const char *name)
{
	return (long long)json_integer_value(json_object_get(out, name));
}

static void
print_text(const json_t *out)
{
	const json_t	*issuer, *missing;
	const char	*name;
	json_t		*value;
	size_t		 i;

	printf("directory     %s/directory\n", json_member_string(out,
	    "base_url"));
	if (json_is_integer(json_object_get(out, "chanceryd")))
		printf("chanceryd     runs as process %lld\n",
		    number(out, "chanceryd"));
	else
		printf("chanceryd     does not run\n");
	json_object_foreach(json_object_get(out, "connections"), name, value)
		printf("%-13s %lld connections to PostgreSQL\n", name,
		    (long long)json_integer_value(value));
	json_array_foreach(json_object_get(out, "issuers"), i, issuer) {
		printf("issuer        %s: %s, until %s\n",
		    json_member_string(issuer, "name"),
		    json_member_string(issuer, "subject"),
		    json_member_string(issuer, "expires"));
		printf("root          %s, until %s\n              SHA-256 "
		    "%s\n", json_member_string(issuer, "root_subject"),
		    json_member_string(issuer, "root_expires"),
		    json_member_string(issuer, "root_sha256"));
	}
	printf("log           %lld entries\n", number(out, "log_entries"));
	name = json_member_string(out, "last_certificate");
	printf("certificates  %lld, %lld of them valid, the last at %s\n",
	    number(out, "certificates"), number(out, "certificates_valid"),
	    name == NULL ? "-" : name);
	printf("waiting       %lld requests, %lld open intents\n",
	    number(out, "requests_waiting"), number(out, "intents_open"));
	printf("refused       %lld in the last 24 hours\n",
	    number(out, "refused_last_day"));
	json_array_foreach(json_object_get(out, "missing"), i, missing)
		printf("MISSING       %s\n", json_string_value(missing));
}

static json_t *
collect(const struct conf *conf, struct arena *arena)
{
	struct db	*db;
	json_t		*out = json_object();
	char		 why[1024];
	long		 pid = supervisor(conf);

	db = db_open(conf, "chancery_operator", queries_operator,
	    Q_OPERATOR_COUNT, why, sizeof(why));
	if (db == NULL)
		die(EXIT_FAILED, "%s", why);
	json_object_set_new(out, "base_url", json_string(conf->base_url));
	json_object_set_new(out, "chanceryd",
	    pid == 0 ? json_null() : json_integer(pid));
	json_object_set_new(out, "connections", processes(db));
	json_object_set_new(out, "issuers", issuers(arena, db));
	add_counts(arena, db, out);
	json_object_set_new(out, "missing", judge(out));
	db_close(db);
	return out;
}

int
cmd_status(const struct conf *conf, int argc, char **argv)
{
	struct arena	*arena;
	json_t		*out;
	size_t		 len;
	bool		 json = false;
	int		 rc;

	if (argc == 2 && strcmp(argv[1], "--json") == 0)
		json = true;
	else if (argc > 1)
		die(EXIT_MISUSE, "\"%s\" is not understood (usage: "
		    "chanceryctl status [--json])", argv[1]);
	arena = arena_new(4 * 1024 * 1024);
	out = collect(conf, arena);
	if (json)
		fputs(json_pretty(arena, out, &len), stdout);
	else
		print_text(out);
	rc = json_array_size(json_object_get(out, "missing")) == 0 ? 0 :
	    EXIT_FAILED;
	json_decref(out);
	arena_free(arena);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `chanceryctl db migrate`: as the owner role, and in one transaction, the
 * schema when there is none and then, always, who may do what.  Running it
 * again changes nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../db/db.h"
#include "../server/conf.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "ctl.h"
#define QUERIES_TABLE
#include "db/queries-migrate.h"

#define SCRIPT_MAX	(1024 * 1024)

/* A script of ours from data_dir/sql; ends the program when it is not there. */
static char *
script(const struct conf *conf, const char *name)
{
	char	 path[4096], *text;
	FILE	*f;
	size_t	 len;

	snprintf(path, sizeof(path), "%s/sql/%s", conf->data_dir, name);
	if ((f = fopen(path, "re")) == NULL)
		die(EXIT_FAILED, "%s: %s (install it, or correct data_dir in "
		    "%s)", path, strerror(errno), conf->file);
	text = xcalloc(1, SCRIPT_MAX + 1);
	len = fread(text, 1, SCRIPT_MAX, f);
	if (ferror(f) || len == 0 || len == SCRIPT_MAX)
		die(EXIT_FAILED, "%s cannot be read (install it again)", path);
	fclose(f);
	return text;
}

/* Is there a schema?  Ends the program when roles are missing. */
static bool
schema_exists(const struct conf *conf, struct db *db)
{
	struct rows	*rows;
	char		 why[1024];
	bool		 there;

	if (db_prepare(db, queries_migrate, 1, why, sizeof(why)) == -1)
		die(EXIT_FAILED, "%s", why);
	if (db_query(db, Q_MIGRATE_FACTS, &rows, NO_ARGS) == -1)
		die(EXIT_FAILED, "the database cannot be asked (its words "
		    "are above)");
	if (*row_text(rows, 0, 0) != '\0')
		die(EXIT_FAILED, "roles are missing in PostgreSQL: %s (run, "
		    "as its superuser: psql -X -h %s -p %s -d %s -f "
		    "%s/sql/cluster.sql)", row_text(rows, 0, 0),
		    conf->database.host, conf->database.port,
		    conf->database.name, conf->data_dir);
	there = row_bool(rows, 0, 1);
	rows_free(rows);
	return there;
}

/* Ends the program when the schema is not of this version. */
static void
check_version(struct db *db)
{
	struct rows	*rows;
	char		 why[1024];
	long long	 have, want = atoll(SCHEMA_VERSION);

	if (db_prepare(db, queries_migrate, Q_MIGRATE_COUNT, why,
	    sizeof(why)) == -1)
		die(EXIT_FAILED, "%s", why);
	if (db_query(db, Q_MIGRATE_VERSION, &rows, NO_ARGS) == -1)
		die(EXIT_FAILED, "the database cannot be asked (its words "
		    "are above)");
	have = row_int(rows, 0, 0);
	if (have > want)
		die(EXIT_FAILED, "the schema has version %lld, this program "
		    "knows %lld (use the newer program)", have, want);
	if (have < want)
		die(EXIT_FAILED, "the schema has version %lld, which this "
		    "program (%lld) cannot bring up to date (it was never "
		    "released)", have, want);
	printf("schema: version %lld since %s\n", have, row_text(rows, 0, 1));
	rows_free(rows);
}

static void
run(struct db *db, const struct conf *conf, const char *name)
{
	char	why[1024], *text = script(conf, name);

	if (db_script(db, text, why, sizeof(why)) == -1) {
		db_rollback(db);
		die(EXIT_FAILED, "%s/sql/%s: %s (nothing was changed)",
		    conf->data_dir, name, why);
	}
	free(text);
}

int
cmd_db_migrate(const struct conf *conf, int argc, char **argv)
{
	struct db	*db;
	char		 why[1024];
	bool		 dry = false, there;

	if (argc == 2 && strcmp(argv[1], "--dry-run") == 0)
		dry = true;
	else if (argc > 1)
		die(EXIT_MISUSE, "\"%s\" is not understood (usage: "
		    "chanceryctl db migrate [--dry-run])", argv[1]);
	db = db_open_plain(conf, conf->database.owner, why, sizeof(why));
	if (db == NULL)
		die(EXIT_FAILED, "%s", why);
	there = schema_exists(conf, db);
	if (there)
		check_version(db);
	if (db_begin(db) == -1)
		die(EXIT_FAILED, "no transaction could be opened");
	if (!there)
		run(db, conf, "schema.sql");
	run(db, conf, "roles.sql");
	if (dry)
		db_rollback(db);
	else if (db_commit(db) == -1)
		die(EXIT_FAILED, "COMMIT failed (run it again)");
	if (!there)
		printf("schema: version %s %s\n", SCHEMA_VERSION,
		    dry ? "would be made" : "made");
	printf("rights: %s\n", dry ? "would be set" : "set");
	db_close(db);
	return 0;
}

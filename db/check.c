/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judgement on a server before it is used: its version, the settings
 * without which a COMMIT promises nothing, the version of our schema.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../server/mem.h"
#include "check.h"
#include "db.h"

#define SERVER_MIN	150000

/* Settings without which a COMMIT promises nothing, or our text is not. */
static const struct setting {
	const char	*name;
	const char	*value;
	bool		 required;	/* false: it may be anything else */
} settings[] = {
	{ "fsync", "on", true },
	{ "full_page_writes", "on", true },
	{ "synchronous_commit", "off", false },
	{ "in_hot_standby", "off", true },
	{ "default_transaction_read_only", "off", true },
	{ "server_encoding", "UTF8", true },
};

static int
check_setting(struct db *db, const struct setting *setting, char *why,
    size_t whylen)
{
	char sql[64], value[300], state[SQLSTATE_LEN + 1];

	snprintf(sql, sizeof(sql), "SHOW %s", setting->name);
	if (db_plain(db, sql, value, sizeof(value), state) == -1)
		snprintf(value, sizeof(value), "unknown");
	else if ((strcmp(value, setting->value) == 0) == setting->required)
		return 0;
	snprintf(why, whylen, "PostgreSQL has %s = %s: what is written could "
	    "be lost or refused; it must%s be %s", setting->name, value,
	    setting->required ? "" : " not", setting->value);
	return -1;
}

int
db_check_server(struct db *db, char *why, size_t whylen)
{
	char value[300], state[SQLSTATE_LEN + 1];
	long version;
	size_t i;

	if (db_plain(db, "SHOW server_version_num", value, sizeof(value),
	    state) == -1) {
		snprintf(why, whylen, "PostgreSQL does not tell its version: "
		    "%s", value);
		return -1;
	}
	version = strtol(value, NULL, 10);
	if (version < SERVER_MIN) {
		snprintf(why, whylen, "PostgreSQL is version %ld.%ld: "
		    "Chancery needs 15 or later; upgrade it", version / 10000,
		    version % 10000);
		return -1;
	}
	for (i = 0; i < nitems(settings); i++)
		if (check_setting(db, &settings[i], why, whylen) == -1)
			return -1;
	return 0;
}

int
db_check_schema(struct db *db, const char *role, char *why, size_t whylen)
{
	char value[300], state[SQLSTATE_LEN + 1];

	if (db_plain(db, "SELECT coalesce(max(version)::text, 'none')"
	    " FROM chancery.schema_version", value, sizeof(value),
	    state) == 0) {
		if (strcmp(value, SCHEMA_VERSION) == 0)
			return 0;
		snprintf(why, whylen, "the database has schema version %s, "
		    "this program needs %s: " DB_MIGRATE " of the newer one",
		    value, SCHEMA_VERSION);
	} else if (strcmp(state, "42P01") == 0 ||	/* undefined_table */
	    strcmp(state, "3F000") == 0) {	/* invalid_schema_name */
		snprintf(why, whylen, "the database has no schema yet: "
		    DB_MIGRATE);
	} else if (strcmp(state, "42501") == 0) {
		snprintf(why, whylen, "the role %s has no rights in the "
		    "schema: " DB_MIGRATE, role);
	} else {
		snprintf(why, whylen, "cannot read the schema's version: %s",
		    value);
	}
	return -1;
}

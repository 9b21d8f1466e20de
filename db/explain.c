/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What PostgreSQL says, told to an operator: one line without control
 * characters, and for a connection that failed also what to do about it.
 * Pure.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../server/conf.h"
#include "../server/mem.h"
#include "explain.h"

/* Copy the server's words without line ends and control characters. */
void
db_one_line(char *out, size_t size, const char *in)
{
	size_t n = 0;
	unsigned char c;
	bool space = false;

	while ((c = (unsigned char)*in++) != '\0' && n + 2 < size) {
		if (c < 0x20 || c == 0x7f || c == ' ') {
			space = n > 0;
			continue;
		}
		if (space)
			out[n++] = ' ';
		space = false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
}

/* The line of a script in which the server found the error. */
unsigned
db_line_of(const char *sql, const char *position)
{
	long at = strtol(position, NULL, 10);
	unsigned line = 1;

	for (; at > 1 && *sql != '\0'; at--, sql++)
		line += *sql == '\n';
	return line;
}

/* Why connecting failed.  The texts are the server's, in English; where it
 * speaks another language the SQLSTATE alone decides. */
static const struct refusal {
	const char	*state;		/* SQLSTATE, "" when none came */
	const char	*text;		/* part of the message, NULL: any */
	const char	*advice;
} refusals[] = {
	{ "28000", "eer authentication", "the operating system's user may not "
	    "be this role: map it in pg_ident.conf (map \"chancery\") and "
	    "reload PostgreSQL" },
	{ "28000", "does not exist", "the role is missing: run cluster.sql "
	    "as PostgreSQL's superuser" },
	{ "28000", "not permitted to log in", "the role may not log in: run "
	    "cluster.sql as PostgreSQL's superuser" },
	{ "28000", NULL, "PostgreSQL does not let this role in: correct "
	    "pg_hba.conf (peer, map=chancery) and reload PostgreSQL" },
	{ "28P01", NULL, "PostgreSQL asks for a password: Chancery has none; "
	    "use peer or cert in pg_hba.conf" },
	{ "3D000", NULL, "the database is missing: create it, or correct "
	    "database.name" },
	{ "42501", NULL, "the role may not connect to the database: run "
	    "cluster.sql as PostgreSQL's superuser" },
	{ "53300", NULL, "PostgreSQL has too many connections: raise "
	    "max_connections or the role's CONNECTION LIMIT" },
	{ "57P03", NULL, "PostgreSQL is starting or stopping: try again" },
	{ "", "password", "PostgreSQL asks for a password: Chancery has none; "
	    "use peer or cert in pg_hba.conf" },
	{ "", NULL, "PostgreSQL is not running there: start it, or correct "
	    "database.host and database.port" },
};

/* The SQLSTATE in a verbose message ("FATAL:  28000: role ..."), or "". */
static void
state_of(const char *message, char state[6])
{
	const char *p = strstr(message, ":  ");
	size_t i;

	state[0] = '\0';
	if (p == NULL)
		return;
	p += 3;
	for (i = 0; i < 5; i++)
		if (!isdigit((unsigned char)p[i]) &&
		    !isupper((unsigned char)p[i]))
			return;
	if (p[5] != ':')
		return;
	memcpy(state, p, 5);
	state[5] = '\0';
}

/* The human part of a verbose message: first line, without the prefix. */
static void
words_of(const char *message, const char *state, char *out, size_t size)
{
	const char *p = *state == '\0' ? NULL : strstr(message, state);
	char *end;

	db_one_line(out, size, p == NULL ? message : p + 7);
	if (p != NULL && (end = strstr(out, " LOCATION:")) != NULL)
		*end = '\0';
}

void
db_explain(const struct conf *conf, const char *role, const char *message,
    char *why, size_t whylen)
{
	const char *advice = "check PostgreSQL and the section `database`";
	char state[6], line[300];
	size_t i;

	state_of(message, state);
	words_of(message, state, line, sizeof(line));
	if (*line == '\0')
		snprintf(line, sizeof(line), "no answer in time");
	for (i = 0; i < nitems(refusals); i++) {
		if (strcmp(refusals[i].state, state) != 0)
			continue;
		if (refusals[i].text != NULL &&
		    strstr(line, refusals[i].text) == NULL)
			continue;
		advice = refusals[i].advice;
		break;
	}
	snprintf(why, whylen, "cannot connect to PostgreSQL at %s port %s, "
	    "database %s, as %s: %s (%s)", conf->database.host,
	    conf->database.port, conf->database.name, role, advice, line);
}

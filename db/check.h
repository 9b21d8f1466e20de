/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a server may be used at all; used by db.c only.
 */
#ifndef CHANCERY_DB_CHECK_H
#define CHANCERY_DB_CHECK_H

#include <stddef.h>

struct db;

#define DB_MIGRATE	"run `chanceryctl db migrate`"
#define SQLSTATE_LEN	5

/* 0 when the server is fit to hold the log, or -1 with `why`. */
int	db_check_server(struct db *, char *why, size_t whylen);
/* 0 when it has the schema of this program, or -1 with `why`. */
int	db_check_schema(struct db *, const char *role, char *why,
	    size_t whylen);

/*
 * In db.c: the one value of a statement without parameters, as text.  0, or
 * -1 with the server's words in `value` and the SQLSTATE.
 */
int	db_plain(struct db *, const char *sql, char *value, size_t size,
	    char state[SQLSTATE_LEN + 1]);

#endif

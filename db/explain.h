/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL's words for people; used by db.c only.
 */
#ifndef CHANCERY_DB_EXPLAIN_H
#define CHANCERY_DB_EXPLAIN_H

#include <stddef.h>

struct conf;

/* Copy without line ends, control characters and runs of spaces. */
void	db_one_line(char *out, size_t size, const char *in);

/* The line of a script that holds the character number `position`. */
unsigned db_line_of(const char *sql, const char *position);

/*
 * Why a connection failed and what to do, from libpq's verbose message
 * ("" when the deadline passed).
 */
void	db_explain(const struct conf *, const char *role, const char *message,
	    char *why, size_t whylen);

#endif

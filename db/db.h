/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database layer: the only module that sees libpq.
 *
 * All SQL is in db/queries-<role>.sql, named blocks that the build turns
 * into an enum and a table (db/queries.awk).  Every statement of a role is
 * prepared at connect, so that a missing column stops the start-up; after
 * that only parameters are bound.  Parameters and results are binary:
 * write casts in the SQL ($1::bigint, $2::text, $3::bytea, $4::boolean), and
 * turn times into `extract(epoch FROM t)::bigint`.
 */
#ifndef CHANCERY_DB_H
#define CHANCERY_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEMA_VERSION	"2"		/* of schema.sql */

struct conf;
struct db;
struct rows;

/* One prepared statement; the generated tables are arrays of these. */
struct query {
	const char	*name;
	const char	*sql;
};

/* What the last call did, beyond success. */
enum db_error {
	DB_OK,
	DB_LOST,	/* connection gone; the outcome may be unknown */
	DB_UNIQUE,	/* a UNIQUE or PRIMARY KEY constraint */
	DB_REFUSED,	/* privilege, CHECK, trigger: our or a thief's error */
	DB_FAILED	/* anything else */
};

struct arg {
	enum {
		ARG_NULL, ARG_INT, ARG_TEXT, ARG_BYTES, ARG_BOOL, ARG_LIST
	} type;
	int64_t		 i;
	const void	*p;
	size_t		 len;
};

static inline struct arg
arg_int(int64_t i)
{
	return (struct arg){ ARG_INT, i, NULL, 0 };
}

static inline struct arg
arg_bool(bool b)
{
	return (struct arg){ ARG_BOOL, b, NULL, 0 };
}

/* NULL text is SQL NULL. */
static inline struct arg
arg_text(const char *s)
{
	return (struct arg){ s == NULL ? ARG_NULL : ARG_TEXT, 0, s, 0 };
}

static inline struct arg
arg_bytes(const void *p, size_t len)
{
	return (struct arg){ p == NULL ? ARG_NULL : ARG_BYTES, 0, p, len };
}

static inline struct arg
arg_null(void)
{
	return (struct arg){ ARG_NULL, 0, NULL, 0 };
}

/* An array, `$1::bigint[]`, of so many values. */
static inline struct arg
arg_list(const struct arg *values, size_t n)
{
	return (struct arg){ ARG_LIST, 0, values, n };
}

/* db_query(db, Q_X, &rows, ARGS(arg_int(id), arg_text(name))) */
#define ARGS(...)	(const struct arg[]){ __VA_ARGS__ }, \
	sizeof((const struct arg[]){ __VA_ARGS__ }) / sizeof(struct arg)
#define NO_ARGS		NULL, 0

/*
 * Connect as `role` and prepare all its queries.  Checked as well: server
 * version 15 or later, schema version, fsync and synchronous_commit on, not
 * in recovery.  NULL with one line in `why` that says what and what to do.
 */
struct db *db_open(const struct conf *, const char *role,
	    const struct query *, size_t nqueries, char *why, size_t whylen);
void	db_close(struct db *);

/* False once the connection was lost: close it and open anew. */
bool	db_alive(const struct db *);

/*
 * Run query number `q`.  0, with the rows in *out (db_rows_free() them; out
 * may be NULL), or -1: db_error() says which kind; all but DB_UNIQUE are
 * logged here, with SQLSTATE and the query's name.
 */
int	db_query(struct db *, int q, struct rows **out, const struct arg *,
	    size_t nargs);
/*
 * The same for many statements in one round trip: db_send() queues, and
 * db_settle() runs all that is queued, in order, up to the first that fails.
 * 0, or -1: then every `out` is NULL and db_error() is that of the failed one.
 * The arguments are copied; `out` is filled by db_settle().
 */
void	db_send(struct db *, int q, struct rows **out, const struct arg *,
	    size_t nargs);
/*
 * A statement whose parameters are all arrays, `unnest($1::bigint[], ...)`:
 * `cells` has `nrows` rows of `ncolumns` each.  Without rows nothing is sent.
 */
void	db_send_rows(struct db *, int q, struct rows **out,
	    const struct arg *cells, size_t ncolumns, size_t nrows);
void	db_send_begin(struct db *);
/* Last; not run when a statement before it failed. */
void	db_send_commit(struct db *);
int	db_settle(struct db *);

enum db_error db_error(const struct db *);

/* Transactions; rollback is harmless without one.  0 or -1. */
int	db_begin(struct db *);
int	db_commit(struct db *);
void	db_rollback(struct db *);

size_t	rows_count(const struct rows *);
bool	row_null(const struct rows *, size_t row, int column);
int64_t	row_int(const struct rows *, size_t row, int column);
bool	row_bool(const struct rows *, size_t row, int column);
/* Borrowed, NUL-terminated, until rows_free(); "" for NULL. */
const char *row_text(const struct rows *, size_t row, int column);
const unsigned char *row_bytes(const struct rows *, size_t row, int column,
	    size_t *len);
void	rows_free(struct rows *);

/*
 * For chanceryctl only: run a whole SQL script (no parameters) as given.
 * 0, or -1 with the server's words in `why`.
 */
int	db_script(struct db *, const char *sql, char *why, size_t whylen);
/* The same connection without prepared queries nor the schema check. */
struct db *db_open_plain(const struct conf *, const char *role, char *why,
	    size_t whylen);
/* Prepare the first `nqueries` of a table on it; those of an earlier, shorter
 * call stay prepared.  0 or -1. */
int	db_prepare(struct db *, const struct query *, size_t nqueries,
	    char *why, size_t whylen);

#endif

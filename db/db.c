/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database layer: the only file that sees libpq.  A connection is opened
 * with a deadline, judged (version, durability, schema), and has all its
 * statements prepared and their types checked before the first is used.
 * Parameters and results travel in binary.
 */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#include "../server/conf.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "db.h"
#include "explain.h"

#define SERVER_MIN	150000
#define CONNECT_MS	5000
#define ARGS_MAX	24

/* pg_type.dat of PostgreSQL; these numbers never change. */
#define OID_BOOL	16
#define OID_BYTEA	17
#define OID_INT8	20
#define OID_INT4	23
#define OID_TEXT	25

#define MIGRATE		"run `chanceryctl db migrate`"

struct prepared {
	size_t	nparams;
	Oid	types[ARGS_MAX];
};

struct db {
	PGconn			*conn;
	const struct query	*queries;
	size_t			 nqueries;
	struct prepared		*prepared;	/* one for each query */
	enum db_error		 error;
	char			 constraint[64];
	bool			 lost;
};

struct rows {
	PGresult	*result;
};

/* One parameter as it goes over the wire. */
struct wire {
	const char	*values[ARGS_MAX];
	int		 lengths[ARGS_MAX];
	int		 formats[ARGS_MAX];
	unsigned char	 ints[ARGS_MAX][8];
};

static void
notice(void *arg, const char *message)
{
	char line[512];

	(void)arg;
	db_one_line(line, sizeof(line), message);
	log_info("database says: %s", line);
}

static const char *
field(const PGresult *r, int which)
{
	const char *s = r == NULL ? NULL : PQresultErrorField(r, which);

	return s == NULL ? "" : s;
}

/* The connection is of no use any more: SQLSTATE class 08,
 * 57P0x (shutdown), and every error that the server calls fatal. */
static bool
is_lost(const PGconn *conn, const PGresult *r)
{
	const char *state = field(r, PG_DIAG_SQLSTATE);
	const char *severity = field(r, PG_DIAG_SEVERITY_NONLOCALIZED);

	/* libpq's own errors have no SQLSTATE: nobody answers any more. */
	return PQstatus(conn) == CONNECTION_BAD || *state == '\0' ||
	    strncmp(state, "08", 2) == 0 ||
	    strncmp(state, "57P0", 4) == 0 ||
	    strcmp(severity, "FATAL") == 0 ||
	    strcmp(severity, "PANIC") == 0;
}

static enum db_error
classify(const PGconn *conn, const PGresult *r)
{
	const char *state = field(r, PG_DIAG_SQLSTATE);

	if (is_lost(conn, r))
		return DB_LOST;
	if (strcmp(state, "23505") == 0)	/* unique_violation */
		return DB_UNIQUE;
	if (strncmp(state, "23", 2) == 0 ||	/* CHECK, NOT NULL, FK */
	    strcmp(state, "42501") == 0)	/* insufficient_privilege */
		return DB_REFUSED;
	return DB_FAILED;
}

/* Remember and log what went wrong; `what` is the query's name. */
static int
failed(struct db *db, const char *what, const PGresult *r)
{
	const char *text = field(r, PG_DIAG_MESSAGE_PRIMARY);
	char line[512];

	db->error = classify(db->conn, r);
	snprintf(db->constraint, sizeof(db->constraint), "%s",
	    field(r, PG_DIAG_CONSTRAINT_NAME));
	if (db->error == DB_LOST)
		db->lost = true;
	if (db->error == DB_UNIQUE)
		return -1;
	/* Never the DETAIL: it repeats whole rows. */
	db_one_line(line, sizeof(line),
	    *text != '\0' ? text : PQerrorMessage(db->conn));
	log_error("database: query=%s sqlstate=%s%s: %s", what,
	    field(r, PG_DIAG_SQLSTATE),
	    db->error == DB_LOST ? " connection lost" : "", line);
	return -1;
}

/* -------------------------------------------------------------- connecting */

static long long
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Drive an asynchronous connect to its end or to the deadline: 0, or -1. */
static int
finish_connect(PGconn *conn)
{
	PostgresPollingStatusType want = PGRES_POLLING_WRITING;
	long long end = now_ms() + CONNECT_MS, left;
	struct pollfd p;

	while (want != PGRES_POLLING_OK && want != PGRES_POLLING_FAILED) {
		left = end - now_ms();
		p = (struct pollfd){ .fd = PQsocket(conn), .events =
		    want == PGRES_POLLING_READING ? POLLIN : POLLOUT };
		if (left <= 0 || p.fd == -1)
			return -1;
		if (poll(&p, 1, (int)left) == -1 && errno != EINTR)
			return -1;
		if (p.revents != 0)
			want = PQconnectPoll(conn);
	}
	return want == PGRES_POLLING_OK ? 0 : -1;
}

static PGconn *
connect_as(const struct conf *conf, const char *role, char *why,
    size_t whylen)
{
	/* pg_temp last, so that no temporary table ever hides one of ours.
	 * No password file is looked for: there are no passwords. */
	const char *const params[][2] = {
		{ "host", conf->database.host },
		{ "port", conf->database.port },
		{ "dbname", conf->database.name },
		{ "user", role },
		{ "application_name", role },
		{ "client_encoding", "UTF8" },
		{ "passfile", "/nonexistent" },
		{ "gssencmode", "disable" },
		{ "tcp_user_timeout", "10000" },
		{ "options", "-c search_path=chancery,pg_catalog,pg_temp"
		    " -c default_transaction_isolation=read\\ committed"
		    " -c jit=off" },
	};
	const char *keys[nitems(params) + 1] = { NULL };
	const char *values[nitems(params) + 1] = { NULL };
	PGconn *conn;
	size_t i;

	for (i = 0; i < nitems(params); i++) {
		keys[i] = params[i][0];
		values[i] = params[i][1];
	}
	conn = PQconnectStartParams(keys, values, 0);
	if (conn != NULL && PQstatus(conn) != CONNECTION_BAD) {
		PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
		PQsetNoticeProcessor(conn, notice, NULL);
		if (finish_connect(conn) == 0) {
			PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
			return conn;
		}
	}
	db_explain(conf, role, conn == NULL ? "" : PQerrorMessage(conn),
	    why, whylen);
	PQfinish(conn);
	return NULL;
}

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
check_setting(PGconn *conn, const struct setting *setting, char *why,
    size_t whylen)
{
	const char *value = "unknown";
	char sql[64];
	PGresult *r;
	bool fits = false;

	snprintf(sql, sizeof(sql), "SHOW %s", setting->name);
	r = PQexec(conn, sql);
	if (PQresultStatus(r) == PGRES_TUPLES_OK) {
		value = PQgetvalue(r, 0, 0);
		fits = (strcmp(value, setting->value) == 0) ==
		    setting->required;
	}
	if (!fits)
		snprintf(why, whylen, "PostgreSQL has %s = %s: what is "
		    "written could be lost or refused; it must%s be %s",
		    setting->name, value, setting->required ? "" : " not",
		    setting->value);
	PQclear(r);
	return fits ? 0 : -1;
}

/* 0 when the server is fit to hold the log, or -1 with `why`. */
static int
check_server(PGconn *conn, char *why, size_t whylen)
{
	int version = PQserverVersion(conn);
	size_t i;

	if (version < SERVER_MIN) {
		snprintf(why, whylen, "PostgreSQL is version %d.%d: Chancery "
		    "needs 15 or later; upgrade it", version / 10000,
		    version % 10000);
		return -1;
	}
	for (i = 0; i < nitems(settings); i++)
		if (check_setting(conn, &settings[i], why, whylen) == -1)
			return -1;
	return 0;
}

static int
check_schema(PGconn *conn, const char *role, char *why, size_t whylen)
{
	const char *state, *have;
	char line[300];
	PGresult *r;
	int rv = -1;

	r = PQexec(conn, "SELECT max(version) FROM chancery.schema_version");
	state = field(r, PG_DIAG_SQLSTATE);
	if (PQresultStatus(r) == PGRES_TUPLES_OK) {
		have = PQgetvalue(r, 0, 0);
		if (strcmp(have, SCHEMA_VERSION) == 0)
			rv = 0;
		else
			snprintf(why, whylen, "the database has schema "
			    "version %s, this program needs %s: %s of the "
			    "newer one", *have == '\0' ? "none" : have,
			    SCHEMA_VERSION, MIGRATE);
	} else if (strcmp(state, "42P01") == 0 ||	/* undefined_table */
	    strcmp(state, "3F000") == 0) {	/* invalid_schema_name */
		snprintf(why, whylen, "the database has no schema yet: %s",
		    MIGRATE);
	} else if (strcmp(state, "42501") == 0) {
		snprintf(why, whylen, "the role %s has no rights in the "
		    "schema: %s", role, MIGRATE);
	} else {
		db_one_line(line, sizeof(line), PQerrorMessage(conn));
		snprintf(why, whylen, "cannot read the schema's version: %s",
		    line);
	}
	PQclear(r);
	return rv;
}

/* --------------------------------------------------------------- preparing */

static bool
known_type(Oid type)
{
	static const Oid known[] = {
		OID_BOOL, OID_BYTEA, OID_INT8, OID_INT4, OID_TEXT
	};
	size_t i;

	for (i = 0; i < nitems(known); i++)
		if (known[i] == type)
			return true;
	return false;
}

/* Keep the parameters' types; all must be of a kind that we can encode, and
 * the result's of one that we can decode.  NULL, or what is wrong. */
static const char *
check_types(struct prepared *p, const PGresult *r)
{
	int i, n = PQnparams(r);

	if (n > ARGS_MAX)
		return "has too many parameters";
	p->nparams = (size_t)n;
	for (i = 0; i < n; i++) {
		p->types[i] = PQparamtype(r, i);
		if (!known_type(p->types[i]))
			return "has a parameter without a cast";
	}
	for (i = 0; i < PQnfields(r); i++)
		if (!known_type(PQftype(r, i)))
			return "has a result column without a cast";
	return NULL;
}

static int
prepare_one(struct db *db, size_t q, char *why, size_t whylen)
{
	const struct query *query = &db->queries[q];
	const char *wrong = NULL;
	char line[300];
	PGresult *r;

	r = PQprepare(db->conn, query->name, query->sql, 0, NULL);
	if (PQresultStatus(r) == PGRES_COMMAND_OK) {
		PQclear(r);
		r = PQdescribePrepared(db->conn, query->name);
	}
	if (PQresultStatus(r) == PGRES_COMMAND_OK)
		wrong = check_types(&db->prepared[q], r);
	else {
		db_one_line(line, sizeof(line), PQerrorMessage(db->conn));
		wrong = line;
	}
	if (wrong != NULL)
		snprintf(why, whylen, "query %s as %s: %s (SQLSTATE %s): "
		    "program and schema do not fit; %s", query->name,
		    PQuser(db->conn), wrong, field(r, PG_DIAG_SQLSTATE),
		    MIGRATE);
	PQclear(r);
	return wrong == NULL ? 0 : -1;
}

struct db *
db_open_plain(const struct conf *conf, const char *role, char *why,
    size_t whylen)
{
	struct db *db;
	PGconn *conn;

	conn = connect_as(conf, role, why, whylen);
	if (conn == NULL)
		return NULL;
	if (check_server(conn, why, whylen) == -1) {
		PQfinish(conn);
		return NULL;
	}
	db = xcalloc(1, sizeof(*db));
	db->conn = conn;
	return db;
}

int
db_prepare(struct db *db, const struct query *queries, size_t nqueries,
    char *why, size_t whylen)
{
	struct prepared *prepared;

	prepared = xcalloc(nqueries + 1, sizeof(*prepared));
	if (db->nqueries > 0)
		memcpy(prepared, db->prepared,
		    db->nqueries * sizeof(*prepared));
	free(db->prepared);
	db->prepared = prepared;
	db->queries = queries;
	for (; db->nqueries < nqueries; db->nqueries++)
		if (prepare_one(db, db->nqueries, why, whylen) == -1)
			return -1;
	return 0;
}

struct db *
db_open(const struct conf *conf, const char *role,
    const struct query *queries, size_t nqueries, char *why, size_t whylen)
{
	struct db *db;

	db = db_open_plain(conf, role, why, whylen);
	if (db == NULL)
		return NULL;
	if (check_schema(db->conn, role, why, whylen) == -1 ||
	    db_prepare(db, queries, nqueries, why, whylen) == -1) {
		db_close(db);
		return NULL;
	}
	return db;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	PQfinish(db->conn);
	free(db->prepared);
	free(db);
}

bool
db_alive(const struct db *db)
{
	return !db->lost;
}

/* ----------------------------------------------------------------- queries */

/* Octets of an integer parameter: int4 or int8, big-endian. */
static int
encode_int(unsigned char out[8], int64_t i, Oid type)
{
	uint32_t i4;
	uint64_t i8;

	if (type == OID_INT4) {
		assert(i >= INT32_MIN && i <= INT32_MAX);
		i4 = htobe32((uint32_t)(int32_t)i);
		memcpy(out, &i4, sizeof(i4));
		return sizeof(i4);
	}
	assert(type == OID_INT8);
	i8 = htobe64((uint64_t)i);
	memcpy(out, &i8, sizeof(i8));
	return sizeof(i8);
}

static void
encode(struct wire *w, size_t n, const struct arg *arg, Oid type)
{
	w->formats[n] = 1;
	w->values[n] = (const char *)w->ints[n];
	switch (arg->type) {
	case ARG_NULL:
		w->values[n] = NULL;
		break;
	case ARG_INT:
		w->lengths[n] = encode_int(w->ints[n], arg->i, type);
		break;
	case ARG_BOOL:
		assert(type == OID_BOOL);
		w->ints[n][0] = arg->i != 0;
		w->lengths[n] = 1;
		break;
	case ARG_TEXT:
		assert(type == OID_TEXT);
		w->values[n] = arg->p;
		w->lengths[n] = (int)strlen(arg->p);
		break;
	case ARG_BYTES:
		assert(type == OID_BYTEA && arg->len <= INT32_MAX);
		w->values[n] = arg->p;
		w->lengths[n] = (int)arg->len;
		break;
	}
}

int
db_query(struct db *db, int q, struct rows **out, const struct arg *args,
    size_t nargs)
{
	const struct prepared *p;
	struct wire w = { 0 };
	PGresult *r;
	int rv = 0;
	size_t i;

	if (out != NULL)
		*out = NULL;
	assert(q >= 0 && (size_t)q < db->nqueries);
	p = &db->prepared[q];
	assert(nargs == p->nparams);
	for (i = 0; i < nargs; i++)
		encode(&w, i, &args[i], p->types[i]);
	db->error = DB_OK;
	db->constraint[0] = '\0';
	r = PQexecPrepared(db->conn, db->queries[q].name, (int)nargs,
	    w.values, w.lengths, w.formats, 1);
	if (PQresultStatus(r) != PGRES_TUPLES_OK &&
	    PQresultStatus(r) != PGRES_COMMAND_OK)
		rv = failed(db, db->queries[q].name, r);
	else if (out != NULL) {
		*out = xcalloc(1, sizeof(**out));
		(*out)->result = r;
		r = NULL;
	}
	PQclear(r);
	return rv;
}

enum db_error
db_error(const struct db *db)
{
	return db->error;
}

const char *
db_constraint(const struct db *db)
{
	return db->constraint;
}

/* Run a command that ends with the tag `tag`. */
static int
command(struct db *db, const char *sql, const char *tag)
{
	PGresult *r;
	int rv = 0;

	db->error = DB_OK;
	db->constraint[0] = '\0';
	r = PQexec(db->conn, sql);
	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		rv = failed(db, sql, r);
	else if (strcmp(PQcmdStatus(r), tag) != 0) {
		/* COMMIT of a failed transaction "succeeds" as ROLLBACK. */
		log_error("database: query=%s answered %s", sql,
		    PQcmdStatus(r));
		db->error = DB_FAILED;
		rv = -1;
	}
	PQclear(r);
	return rv;
}

int
db_begin(struct db *db)
{
	return command(db, "BEGIN", "BEGIN");
}

int
db_commit(struct db *db)
{
	return command(db, "COMMIT", "COMMIT");
}

void
db_rollback(struct db *db)
{
	enum db_error error = db->error;
	char constraint[sizeof(db->constraint)];

	if (db->lost || PQtransactionStatus(db->conn) == PQTRANS_IDLE)
		return;
	/* The caller may still ask what made it roll back. */
	memcpy(constraint, db->constraint, sizeof(constraint));
	if (command(db, "ROLLBACK", "ROLLBACK") == -1)
		return;
	db->error = error;
	memcpy(db->constraint, constraint, sizeof(constraint));
}

int
db_script(struct db *db, const char *sql, char *why, size_t whylen)
{
	const char *position;
	char line[300];
	PGresult *r;
	int rv = 0;

	r = PQexec(db->conn, sql);
	if (PQresultStatus(r) != PGRES_TUPLES_OK &&
	    PQresultStatus(r) != PGRES_COMMAND_OK) {
		rv = -1;
		db->lost = db->lost || is_lost(db->conn, r);
		db_one_line(line, sizeof(line), PQerrorMessage(db->conn));
		position = field(r, PG_DIAG_STATEMENT_POSITION);
		if (*position != '\0')
			snprintf(why, whylen, "line %u: %s",
			    db_line_of(sql, position), line);
		else
			snprintf(why, whylen, "%s", line);
	}
	PQclear(r);
	return rv;
}

/* -------------------------------------------------------------------- rows */

size_t
rows_count(const struct rows *rows)
{
	return (size_t)PQntuples(rows->result);
}

bool
row_null(const struct rows *rows, size_t row, int column)
{
	return PQgetisnull(rows->result, (int)row, column) == 1;
}

int64_t
row_int(const struct rows *rows, size_t row, int column)
{
	const char *value = PQgetvalue(rows->result, (int)row, column);
	uint32_t i4;
	uint64_t i8;

	if (row_null(rows, row, column))
		return 0;
	if (PQftype(rows->result, column) == OID_INT4) {
		memcpy(&i4, value, sizeof(i4));
		return (int32_t)be32toh(i4);
	}
	assert(PQftype(rows->result, column) == OID_INT8);
	memcpy(&i8, value, sizeof(i8));
	return (int64_t)be64toh(i8);
}

bool
row_bool(const struct rows *rows, size_t row, int column)
{
	assert(PQftype(rows->result, column) == OID_BOOL);
	return !row_null(rows, row, column) &&
	    *PQgetvalue(rows->result, (int)row, column) != 0;
}

const char *
row_text(const struct rows *rows, size_t row, int column)
{
	assert(PQftype(rows->result, column) == OID_TEXT);
	return PQgetvalue(rows->result, (int)row, column);
}

const unsigned char *
row_bytes(const struct rows *rows, size_t row, int column, size_t *len)
{
	assert(PQftype(rows->result, column) == OID_BYTEA);
	*len = (size_t)PQgetlength(rows->result, (int)row, column);
	return (const unsigned char *)PQgetvalue(rows->result, (int)row,
	    column);
}

void
rows_free(struct rows *rows)
{
	if (rows == NULL)
		return;
	PQclear(rows->result);
	free(rows);
}

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
#include "check.h"
#include "db.h"
#include "explain.h"
#include "wire.h"

#define CONNECT_MS	5000
#define SENT_MAX	24	/* statements in one round trip */

struct prepared {
	size_t	nparams;
	Oid	types[ARGS_MAX];
};

/* A statement on its way; it has a place for its rows, or NULL. */
struct sent {
	const char	*name;
	struct rows	**out;
};

struct db {
	PGconn			*conn;
	const struct query	*queries;
	size_t			 nqueries;
	struct prepared		*prepared;	/* one for each query */
	enum db_error		 error;
	bool			 lost;
	struct sent		 sent[SENT_MAX];	/* not settled yet */
	size_t			 nsent;
};

struct rows {
	PGresult	*result;
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
	 * No password file is looked for: there are no passwords.  Statements
	 * are planned once, when the tables may still be empty, and each looks
	 * up few rows of long tables: always by index, from row to row. */
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
		    " -c jit=off"
		    " -c plan_cache_mode=force_generic_plan"
		    " -c enable_seqscan=off -c enable_hashjoin=off"
		    " -c enable_mergejoin=off"
		    " -c max_parallel_workers_per_gather=0" },
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

int
db_plain(struct db *db, const char *sql, char *value, size_t size,
    char state[SQLSTATE_LEN + 1])
{
	PGresult *r;
	int rv = -1;

	r = PQexec(db->conn, sql);
	snprintf(state, SQLSTATE_LEN + 1, "%s", field(r, PG_DIAG_SQLSTATE));
	if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1) {
		snprintf(value, size, "%s", PQgetvalue(r, 0, 0));
		rv = 0;
	} else {
		db_one_line(value, size, PQerrorMessage(db->conn));
	}
	PQclear(r);
	return rv;
}

/* --------------------------------------------------------------- preparing */

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
		if (!wire_known(p->types[i]) &&
		    wire_element(p->types[i]) == 0)
			return "has a parameter without a cast";
	}
	for (i = 0; i < PQnfields(r); i++)
		if (!wire_known(PQftype(r, i)))
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
		    "program and schema do not fit; " DB_MIGRATE, query->name,
		    PQuser(db->conn), wrong, field(r, PG_DIAG_SQLSTATE));
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
	db = xcalloc(1, sizeof(*db));
	db->conn = conn;
	if (db_check_server(db, why, whylen) == -1) {
		db_close(db);
		return NULL;
	}
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
	if (db_check_schema(db, role, why, whylen) == -1 ||
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

static void
begin_call(struct db *db)
{
	db->error = DB_OK;
}

static struct rows *
rows_new(PGresult *r)
{
	struct rows *rows = xcalloc(1, sizeof(*rows));

	rows->result = r;
	return rows;
}

static bool
succeeded(const PGresult *r)
{
	return PQresultStatus(r) == PGRES_TUPLES_OK ||
	    PQresultStatus(r) == PGRES_COMMAND_OK;
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
	assert(q >= 0 && (size_t)q < db->nqueries && db->nsent == 0);
	p = &db->prepared[q];
	assert(nargs == p->nparams);
	for (i = 0; i < nargs; i++)
		wire_value(&w, i, &args[i], p->types[i]);
	begin_call(db);
	r = PQexecPrepared(db->conn, db->queries[q].name, (int)nargs,
	    w.values, w.lengths, w.formats, 1);
	if (!succeeded(r))
		rv = failed(db, db->queries[q].name, r);
	else if (out != NULL) {
		*out = rows_new(r);
		r = NULL;
	}
	PQclear(r);
	wire_free(&w);
	return rv;
}

/* ------------------------------------------------- many in one round trip */

/*
 * What cannot even be queued is a lost connection; db_settle() finds that
 * out, for nothing comes back.
 */
static void
queue(struct db *db, const char *name, struct rows **out)
{
	assert(db->nsent < SENT_MAX);
	if (out != NULL)
		*out = NULL;
	if (db->nsent == 0 && PQenterPipelineMode(db->conn) != 1)
		db->lost = true;
	db->sent[db->nsent++] = (struct sent){ name, out };
}

static void
send_prepared(struct db *db, int q, struct rows **out, struct wire *w)
{
	queue(db, db->queries[q].name, out);
	if (PQsendQueryPrepared(db->conn, db->queries[q].name,
	    (int)db->prepared[q].nparams, w->values, w->lengths, w->formats,
	    1) != 1)
		db->lost = true;
	wire_free(w);
}

static void
send_command(struct db *db, const char *sql)
{
	queue(db, sql, NULL);
	if (PQsendQueryParams(db->conn, sql, 0, NULL, NULL, NULL, NULL,
	    1) != 1)
		db->lost = true;
}

void
db_send(struct db *db, int q, struct rows **out, const struct arg *args,
    size_t nargs)
{
	struct wire w = { 0 };
	size_t i;

	assert(q >= 0 && (size_t)q < db->nqueries);
	assert(nargs == db->prepared[q].nparams);
	for (i = 0; i < nargs; i++)
		wire_value(&w, i, &args[i], db->prepared[q].types[i]);
	send_prepared(db, q, out, &w);
}

void
db_send_rows(struct db *db, int q, struct rows **out, const struct arg *cells,
    size_t ncolumns, size_t nrows)
{
	struct wire w = { 0 };
	size_t i;

	if (out != NULL)
		*out = NULL;
	if (nrows == 0)
		return;
	assert(q >= 0 && (size_t)q < db->nqueries);
	assert(ncolumns == db->prepared[q].nparams);
	for (i = 0; i < ncolumns; i++)
		wire_column(&w, i, &cells[i], ncolumns, nrows,
		    db->prepared[q].types[i]);
	send_prepared(db, q, out, &w);
}

void
db_send_begin(struct db *db)
{
	send_command(db, "BEGIN");
}

void
db_send_commit(struct db *db)
{
	send_command(db, "COMMIT");
}

/* The answer to one; what came after a failure was not run at all. */
static int
receive(struct db *db, const struct sent *sent)
{
	PGresult *r = PQgetResult(db->conn), *more;
	int rv = -1;

	if (succeeded(r)) {
		rv = 0;
		if (sent->out != NULL) {
			*sent->out = rows_new(r);
			r = NULL;
		}
	} else if (db->error == DB_OK) {
		failed(db, sent->name, r);
	}
	PQclear(r);
	while (!db->lost && (more = PQgetResult(db->conn)) != NULL)
		PQclear(more);
	return rv;
}

int
db_settle(struct db *db)
{
	size_t i, n = db->nsent;
	int rv = 0;

	begin_call(db);
	db->nsent = 0;
	if (n == 0)
		return 0;
	if (db->lost || PQpipelineSync(db->conn) != 1)
		rv = failed(db, db->sent[0].name, NULL);
	for (i = 0; i < n && !db->lost; i++)
		if (receive(db, &db->sent[i]) == -1)
			rv = -1;
	if (!db->lost) {
		PQclear(PQgetResult(db->conn));		/* of the sync */
		if (PQexitPipelineMode(db->conn) != 1)
			rv = failed(db, db->sent[0].name, NULL);
	}
	for (i = 0; i < n && rv == -1; i++) {
		if (db->sent[i].out == NULL)
			continue;
		rows_free(*db->sent[i].out);
		*db->sent[i].out = NULL;
	}
	return rv;
}

enum db_error
db_error(const struct db *db)
{
	return db->error;
}

/* Run a command that ends with the tag `tag`. */
static int
command(struct db *db, const char *sql, const char *tag)
{
	PGresult *r;
	int rv = 0;

	begin_call(db);
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

	if (db->lost || PQtransactionStatus(db->conn) == PQTRANS_IDLE)
		return;
	/* The caller may still ask what made it roll back. */
	if (command(db, "ROLLBACK", "ROLLBACK") == -1)
		return;
	db->error = error;
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable commits: N connections insert single rows into a table of their
 * own, each in a transaction, by a prepared statement.  Where the database
 * is comes from libpq's environment.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#include "server/log.h"
#include "server/mem.h"
#include "floor.h"
#include "load_proc.h"

#define TABLE		"bench_floor"
#define ROW_LEN		1000	/* about what a request's row holds */

struct inserter {
	PGconn			*db;
	pthread_t		 thread;
	pthread_barrier_t	*start;
	double			 seconds;
	unsigned long		 done;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static PGconn *
open_database(void)
{
	PGconn *db = PQconnectdb("options='-c search_path=chancery,public'");

	if (PQstatus(db) != CONNECTION_OK)
		die(EXIT_OPERATOR, "%s", PQerrorMessage(db));
	return db;
}

static void
run_sql(PGconn *db, const char *sql)
{
	PGresult *res = PQexec(db, sql);

	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		die(EXIT_OPERATOR, "%s: %s", sql, PQerrorMessage(db));
	PQclear(res);
}

/* A commit that is not durable would be a price of something else. */
static void
want_durable(PGconn *db)
{
	static const char *const settings[] = { "synchronous_commit", "fsync" };
	PGresult *res;
	char sql[64];
	size_t i;

	for (i = 0; i < nitems(settings); i++) {
		snprintf(sql, sizeof(sql), "SHOW %s", settings[i]);
		res = PQexec(db, sql);
		if (PQresultStatus(res) != PGRES_TUPLES_OK ||
		    strcmp(PQgetvalue(res, 0, 0), "on") != 0)
			die(EXIT_OPERATOR, "%s of PostgreSQL is not on",
			    settings[i]);
		PQclear(res);
	}
}

static void
insert(struct inserter *in)
{
	static char row[ROW_LEN + 1];
	const char *const values[1] = { row };
	PGresult *res;

	if (row[0] == '\0')
		memset(row, 'x', ROW_LEN);
	res = PQexecPrepared(in->db, "insert", 1, values, NULL, NULL, 0);
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		die(EXIT_OPERATOR, "%s", PQerrorMessage(in->db));
	PQclear(res);
}

static void *
work(void *arg)
{
	struct inserter *in = arg;
	double end;

	insert(in);
	in->done = 0;
	pthread_barrier_wait(in->start);
	for (end = now() + in->seconds; now() < end; in->done++)
		insert(in);
	pthread_barrier_wait(in->start);	/* the processes are read */
	pthread_barrier_wait(in->start);
	PQfinish(in->db);
	return NULL;
}

static void
begin(struct inserter *in)
{
	PGresult *res;

	in->db = open_database();
	res = PQprepare(in->db, "insert", "INSERT INTO " TABLE
	    " (body) VALUES ($1)", 1, NULL);
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		die(EXIT_OPERATOR, "%s", PQerrorMessage(in->db));
	PQclear(res);
	if (pthread_create(&in->thread, NULL, work, in) != 0)
		die(EXIT_FAILED, "a thread does not start");
}

/* CPU time of PostgreSQL and of this process, in milliseconds. */
static double
cpu_of(pid_t postmaster)
{
	struct proc_list list = { 0 };
	char text[64];

	snprintf(text, sizeof(text), "postgresql=%d", (int)postmaster);
	proc_add(&list, text);
	proc_read(&list, 0);
	return list.at[0].cpu_ms + proc_own_cpu();
}

static void
measure(double seconds, struct commits *c, pid_t postmaster)
{
	pthread_barrier_t start;
	struct inserter *in;
	unsigned long done = 0;
	double began, ended, cpu;
	unsigned i;

	pthread_barrier_init(&start, NULL, c->workers + 1);
	in = xcalloc(c->workers, sizeof(*in));
	for (i = 0; i < c->workers; i++) {
		in[i].start = &start;
		in[i].seconds = seconds;
		begin(&in[i]);
	}
	cpu = cpu_of(postmaster);
	pthread_barrier_wait(&start);
	began = now();
	pthread_barrier_wait(&start);
	ended = now();
	cpu = cpu_of(postmaster) - cpu;
	pthread_barrier_wait(&start);
	for (i = 0; i < c->workers; i++) {
		pthread_join(in[i].thread, NULL);
		done += in[i].done;
	}
	c->per_second = (double)done / (ended - began);
	c->cpu_us = cpu * 1e3 / (double)done;
	free(in);
	pthread_barrier_destroy(&start);
}

void
measure_commits(double seconds, struct commits *c)
{
	PGconn *db = open_database();
	pid_t postmaster;

	want_durable(db);
	run_sql(db, "SET client_min_messages = warning");
	run_sql(db, "DROP TABLE IF EXISTS " TABLE);
	run_sql(db, "CREATE TABLE " TABLE " (id bigint GENERATED ALWAYS AS "
	    "IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), "
	    "body text NOT NULL)");
	postmaster = proc_parent(PQbackendPID(db));
	measure(seconds, c, postmaster);
	run_sql(db, "DROP TABLE " TABLE);
	PQfinish(db);
}

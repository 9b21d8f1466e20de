/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer's two connections.  One works; the other does nothing but hold
 * the lock on this run's row of `instance`, in a transaction that is renewed
 * every few seconds, as PostgreSQL keeps for it every version of log_head:
 * while it is held, nobody takes over our intents.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../db/db.h"
#define QUERIES_TABLE
#include "db/queries-signer.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "signer.h"

#define ROLE		"chancery_signer"
#define RENEW_MS	5000	/* as long, no dead row is removed */

/* The statements of the connection that holds the row. */
enum { L_PATIENT, L_INSERT, L_LOCK, L_END, L_BEFORE, L_COUNT };

static const int life_queries[L_COUNT] = {
	[L_PATIENT] = Q_SESSION_PATIENT,
	[L_INSERT] = Q_INSTANCE_INSERT,
	[L_LOCK] = Q_INSTANCE_LOCK,
	[L_END] = Q_INSTANCE_END,
	[L_BEFORE] = Q_INSTANCE_BEFORE,
};

static int
life_open(struct signer *s, char *why, size_t whylen)
{
	static struct query table[L_COUNT];
	size_t i;

	for (i = 0; i < L_COUNT; i++)
		table[i] = queries_signer[life_queries[i]];
	s->life = db_open(s->conf, ROLE, table, L_COUNT, why, whylen);
	if (s->life == NULL)
		return -1;
	return db_query(s->life, L_PATIENT, NULL, NO_ARGS);
}

/* Take the lock on our row, in a new transaction. */
static int
life_renew(struct signer *s)
{
	db_rollback(s->life);
	if (db_begin(s->life) == -1 || db_query(s->life, L_LOCK, NULL,
	    ARGS(arg_int(s->instance))) == -1)
		return -1;
	s->life_renewed = proc_monotonic_ms();
	return 0;
}

/* How the run before us ended decides how carefully we begin. */
static int
instance_begin(struct signer *s)
{
	struct rows *rows = NULL;
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	if (db_query(s->life, L_INSERT, &rows, ARGS(arg_text(host))) == -1)
		return -1;
	s->instance = row_int(rows, 0, 0);
	horizon_saw(&s->requests, s->instance);
	horizon_saw(&s->evidence, s->instance);
	rows_free(rows);
	rows = NULL;
	if (db_query(s->life, L_BEFORE, &rows,
	    ARGS(arg_int(s->instance))) == -1)
		return -1;
	s->poison = rows_count(rows) > 0;
	rows_free(rows);
	if (s->poison)
		log_warn("the run before this one did not end cleanly: waiting "
		    "requests are taken one by one");
	return life_renew(s);
}

void
life_start(struct signer *s)
{
	char why[512] = "the database failed";

	s->db = db_open(s->conf, ROLE, queries_signer, Q_SIGNER_COUNT, why,
	    sizeof(why));
	if (s->db == NULL || life_open(s, why, sizeof(why)) == -1)
		die(EXIT_FAILED, "%s", why);
}

void
life_begin(struct signer *s)
{
	if (instance_begin(s) == -1)
		die(EXIT_FAILED, "the row of this run cannot be made in table "
		    "instance; see the line above");
}

/* What was under way is read again: a COMMIT may have reached the server. */
static int
work_reopen(struct signer *s)
{
	char why[512] = "";

	db_close(s->db);
	s->db = db_open(s->conf, ROLE, queries_signer, Q_SIGNER_COUNT, why,
	    sizeof(why));
	if (s->db == NULL) {
		log_warn("no database: %s", why);
		return -1;
	}
	log_info("database=connected again");
	/* The other connection knows only when it is used. */
	s->life_renewed = proc_monotonic_ms() - RENEW_MS;
	s->recover_now = true;
	horizon_reset(&s->requests);
	horizon_reset(&s->evidence);
	return 0;
}

static int
life_reopen(struct signer *s)
{
	char why[512] = "the database failed";

	db_close(s->life);
	s->life = NULL;
	if (life_open(s, why, sizeof(why)) == -1) {
		log_warn("no database: %s", why);
		return -1;
	}
	return life_renew(s);
}

int
life_tend(struct signer *s)
{
	if ((s->db == NULL || !db_alive(s->db)) && work_reopen(s) == -1)
		return -1;
	if (s->life == NULL || !db_alive(s->life))
		return life_reopen(s);
	if (proc_monotonic_ms() - s->life_renewed < RENEW_MS)
		return 0;
	if (life_renew(s) == 0)
		return 0;
	if (!db_alive(s->life))
		return life_reopen(s);
	/* Somebody looks whether we are dead: we are not, try again soon. */
	s->life_renewed = proc_monotonic_ms() - RENEW_MS + 1000;
	return 0;
}

static int
instance_end(struct signer *s)
{
	if (s->life == NULL || !db_alive(s->life))
		return -1;
	db_rollback(s->life);
	return db_query(s->life, L_END, NULL, ARGS(arg_int(s->instance)));
}

/* A clean end is worth a second connection: without it the next run begins
 * with care. */
void
life_end(struct signer *s)
{
	char why[512] = "the database failed";

	if (instance_end(s) == -1) {
		db_close(s->life);
		s->life = NULL;
		if (life_open(s, why, sizeof(why)) == -1 ||
		    instance_end(s) == -1)
			log_warn("the end of this run is not recorded: %s",
			    why);
	}
	db_close(s->life);
	db_close(s->db);
	s->life = s->db = NULL;
}

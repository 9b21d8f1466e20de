/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: slots that are idle, busy or without a connection yet.  While
 * PostgreSQL is away one thread at a time tries again, and the others are
 * told at once, so that no worker hangs on a database that is not there.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "conf.h"
#include "log.h"
#include "mem.h"
#include "pool.h"
#include "proc.h"

#define WAIT_S		5	/* for a connection to become idle */
#define RETRY_MS	500	/* between attempts to connect */

static struct {
	const struct conf	 *conf;
	const char		 *role;
	const struct query	 *queries;
	size_t			  nqueries;
	unsigned		  limit;
	pthread_mutex_t		  lock;		/* of all below */
	pthread_cond_t		  idle_again;
	struct db		**idle;		/* a stack */
	unsigned		  nidle;
	unsigned		  nbusy;	/* borrowed or being opened */
	long long		  retry_at;	/* not before, when away */
} pool = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.idle_again = PTHREAD_COND_INITIALIZER,
};

static struct db *
dial(char *why, size_t whylen)
{
	return db_open(pool.conf, pool.role, pool.queries, pool.nqueries,
	    why, whylen);
}

void
pool_start(const struct conf *conf, const char *role,
    const struct query *queries, size_t nqueries, unsigned connections)
{
	struct db *db;
	char why[512];

	pool.conf = conf;
	pool.role = role;
	pool.queries = queries;
	pool.nqueries = nqueries;
	pool.limit = connections;
	pool.idle = xcalloc(connections, sizeof(struct db *));
	db = dial(why, sizeof(why));
	if (db == NULL)
		die(EXIT_FAILED, "%s", why);
	pool.idle[pool.nidle++] = db;
}

void
pool_stop(void)
{
	while (pool.nidle > 0)
		db_close(pool.idle[--pool.nidle]);
	free(pool.idle);
	pool.idle = NULL;
}

/* Count one as busy: an idle one in *db, or NULL there to open a new one.
 * False when there is none to be had. */
static bool
reserve(struct db **db)
{
	struct timespec end;
	bool got = false;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += WAIT_S;
	*db = NULL;
	pthread_mutex_lock(&pool.lock);
	while (pool.nidle == 0 && pool.nbusy >= pool.limit)
		if (pthread_cond_clockwait(&pool.idle_again, &pool.lock,
		    CLOCK_MONOTONIC, &end) != 0)
			break;
	if (pool.nidle > 0) {
		*db = pool.idle[--pool.nidle];
		got = true;
	} else if (pool.nbusy < pool.limit)
		got = proc_monotonic_ms() >= pool.retry_at;
	if (got)
		pool.nbusy++;
	pthread_mutex_unlock(&pool.lock);
	return got;
}

static void
give_back(struct db *db)
{
	pthread_mutex_lock(&pool.lock);
	pool.nbusy--;
	if (db != NULL)
		pool.idle[pool.nidle++] = db;
	pthread_cond_signal(&pool.idle_again);
	pthread_mutex_unlock(&pool.lock);
}

static void
away(const char *why)
{
	pthread_mutex_lock(&pool.lock);
	pool.retry_at = proc_monotonic_ms() + RETRY_MS;
	pthread_mutex_unlock(&pool.lock);
	log_error("%s", why);
}

static struct db *
borrow(void)
{
	struct db *db;
	char why[512];

	if (!reserve(&db))
		return NULL;
	if (db != NULL)
		return db;
	db = dial(why, sizeof(why));
	if (db == NULL) {
		away(why);
		give_back(NULL);
	}
	return db;
}

/* `had` tells whether there was a connection at all. */
static enum db_error
query_once(int q, struct rows **out, const struct arg *args, size_t nargs,
    bool *had)
{
	enum db_error error = DB_OK;
	struct db *db;

	db = borrow();
	*had = db != NULL;
	if (db == NULL)
		return DB_LOST;
	if (db_query(db, q, out, args, nargs) == -1)
		error = db_error(db);
	if (!db_alive(db)) {
		db_close(db);
		db = NULL;
	}
	give_back(db);
	return error;
}

enum db_error
pool_query(int q, struct rows **out, const struct arg *args, size_t nargs)
{
	enum db_error error = DB_LOST;
	unsigned attempt;
	bool had = true;

	/* After a restart of PostgreSQL every idle connection is dead. */
	for (attempt = 0; attempt <= pool.limit && had && error == DB_LOST;
	    attempt++)
		error = query_once(q, out, args, nargs, &had);
	return error;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second connection that does nothing but hold the lock on our row.  The
 * transaction is renewed every few seconds, so that it never holds back vacuum.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../db/db.h"
#include "conf.h"
#include "log.h"
#include "mem.h"
#include "proc.h"
#include "validator_instance.h"

#include "db/queries-validator.h"

#define RENEW_MS	5000
#define RETRY_MS	1000

struct instance {
	const struct conf	*conf;
	struct db		*db;
	int64_t			 id;
	long long		 due;		/* when to tend again */
	bool			 held;
};

static int
lock(struct instance *in)
{
	struct rows	*rows = NULL;
	int		 rc = -1;

	if (db_begin(in->db) == -1 ||
	    db_query(in->db, Q_INSTANCE_LOCK, &rows,
	    ARGS(arg_int(in->id))) == -1)
		goto out;
	if (rows_count(rows) == 1)
		rc = 0;
out:
	rows_free(rows);
	if (rc == -1)
		db_rollback(in->db);
	in->held = rc == 0;
	in->due = proc_monotonic_ms() + (in->held ? RENEW_MS : RETRY_MS);
	return rc;
}

static int
patience(struct instance *in)
{
	struct rows	*rows = NULL;
	int		 rc;

	rc = db_query(in->db, Q_INSTANCE_PATIENCE, &rows, NO_ARGS);
	rows_free(rows);
	return rc;
}

static struct db *
open_db(const struct conf *conf, char *why, size_t len)
{
	return db_open(conf, "chancery_validator", queries_validator,
	    Q_VALIDATOR_COUNT, why, len);
}

/* Our new row, and then: was there an unclean end?  A crash in between is one
 * that the next start finds. */
static int
enrol(struct instance *in, bool *unclean)
{
	struct rows	*rows = NULL;
	char		 host[256] = "";
	int		 rc = -1;

	gethostname(host, sizeof(host) - 1);
	if (patience(in) == -1 ||
	    db_query(in->db, Q_INSTANCE_INSERT, &rows,
	    ARGS(arg_text(host))) == -1 || rows_count(rows) != 1)
		goto out;
	in->id = row_int(rows, 0, 0);
	rows_free(rows);
	rows = NULL;
	if (db_query(in->db, Q_INSTANCE_UNCLEAN, &rows,
	    ARGS(arg_text(host), arg_int(in->id))) == -1)
		goto out;
	*unclean = rows_count(rows) > 0;
	rc = lock(in);
out:
	rows_free(rows);
	return rc;
}

struct instance *
instance_start(const struct conf *conf, bool *unclean)
{
	struct instance	*in = xcalloc(1, sizeof(*in));
	char		 why[512];

	in->conf = conf;
	in->db = open_db(conf, why, sizeof(why));
	if (in->db == NULL)
		die(EXIT_FAILED, "%s", why);
	if (enrol(in, unclean) == -1)
		die(EXIT_FAILED, "cannot enter this run into table instance "
		    "(see the message before this one)");
	return in;
}

int64_t
instance_id(const struct instance *in)
{
	return in->id;
}

static void
reopen(struct instance *in)
{
	char	why[512];

	db_close(in->db);
	in->held = false;
	in->db = open_db(in->conf, why, sizeof(why));
	if (in->db == NULL)
		log_warn("%s", why);
	else if (patience(in) == 0 && lock(in) == 0)
		log_info("instance row locked again");
	in->due = proc_monotonic_ms() + (in->held ? RENEW_MS : RETRY_MS);
}

void
instance_tend(struct instance *in)
{
	if (proc_monotonic_ms() < in->due)
		return;
	if (in->db == NULL || !db_alive(in->db)) {
		reopen(in);
		return;
	}
	if (in->held && db_commit(in->db) == -1) {
		in->held = false;
		in->due = proc_monotonic_ms() + RETRY_MS;
		return;
	}
	lock(in);
}

void
instance_doubt(struct instance *in)
{
	in->due = 0;
}

static int
end(struct instance *in)
{
	if (in->db == NULL || !db_alive(in->db) ||
	    db_query(in->db, Q_INSTANCE_END, NULL,
	    ARGS(arg_int(in->id))) == -1)
		return -1;
	return in->held ? db_commit(in->db) : 0;
}

void
instance_stop(struct instance *in)
{
	if (end(in) == -1) {
		reopen(in);
		if (end(in) == -1)
			log_warn("this clean stop could not be noted");
	}
	db_close(in->db);
	free(in);
}

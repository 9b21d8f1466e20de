/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-validator: takes up the challenges whose clients are ready, and
 * the names whose CAA the signer wants looked at again, has each validated by
 * a thread, and inserts evidence, the word on which the signer issues.  It
 * reads nothing but PostgreSQL and the bounded answers of its two helpers.
 *
 * After an unclean end the challenges that waited are taken one by one, each
 * attempt committed before it begins, so that one that kills us is found.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../db/db.h"
#include "conf.h"
#include "doorbell.h"
#include "horizon.h"
#include "log.h"
#include "mem.h"
#include "proc.h"
#include "sandbox.h"
#include "validator_instance.h"
#include "validator_later.h"
#include "validator_policy.h"
#include "validator_pool.h"
#include "validator_row.h"

#define QUERIES_TABLE
#include "db/queries-validator.h"

#define ATTEMPTS_MAX	3
#define SWEEP_MIN_MS	250
#define SWEEP_MAX_MS	1000
#define LOOK_PAUSE	50
#define RECONNECT_MAX	5000

static struct {
	const struct conf	*conf;
	struct db		*db;
	struct pool		*pool;
	struct instance		*instance;
	struct address_policy	 policy;
	unsigned		 nflying;
	struct job		**hands;	/* given to the pool, or done */
	struct job		*done;		/* not yet stored */
	bool			 careful;	/* one by one */
	struct horizon		 horizon;	/* of the rows that wait */
	struct later		 later;		/* between two attempts */
	int64_t			 back;		/* the next look begins here */
	bool			 look;		/* do not wait for the sweep */
	long long		 sweep_due;
	long long		 looked;	/* when we last did */
	int			 sweep_ms;
	int			 reconnect_ms;
	int			 bell;
} self;

/* What is in our hands, as PostgreSQL's text of a bigint[]. */
static char *
flying_authorizations(struct arena *arena)
{
	struct buf	b;

	buf_init(&b, arena);
	buf_puts(&b, "{0");
	for (unsigned i = 0; i < self.nflying; i++)
		buf_printf(&b, ",%lld", (long long)
		    self.hands[i]->challenge.authorization_id);
	buf_puts(&b, "}");
	return (char *)b.data;
}

/* Done carefully, nothing is tried a second time before all had their first. */
static char *
flying_rows(struct arena *arena, long long now)
{
	const struct later	*l = &self.later;
	struct buf		 b;

	buf_init(&b, arena);
	buf_puts(&b, "{0");
	for (unsigned i = 0; i < self.nflying; i++)
		buf_printf(&b, ",%lld",
		    (long long)self.hands[i]->challenge.id);
	for (size_t i = 0; i < l->n; i++)
		if (self.careful || l->rows[i].due > now)
			buf_printf(&b, ",%lld", (long long)l->rows[i].id);
	buf_puts(&b, "}");
	return (char *)b.data;
}

static void
hold(struct job *j)
{
	self.hands[self.nflying++] = j;
}

static void
let_go(struct job *j)
{
	for (unsigned i = 0; i < self.nflying; i++)
		if (self.hands[i] == j) {
			self.hands[i] = self.hands[--self.nflying];
			break;
		}
	job_free(j);
}

static void
finish_without_validation(struct job *j, const char *detail)
{
	verdict_internal(j->arena, detail, &j->verdict);
	j->next = self.done;
	self.done = j;
}

/*
 * Begin with a row.  Done carefully, the attempt is committed already; when
 * it was one of too many, the challenge itself is taken for the cause.
 */
static void
begin(const struct rows *rows, size_t i)
{
	struct job	*j = job_new();
	int64_t		 attempts = row_int(rows, i, 3);

	hold(j);
	later_drop(&self.later, row_int(rows, i, 0));
	if (row_to_challenge(self.conf, rows, i, &j->challenge) == -1) {
		log_error("challenge id=%lld: row is not of our form",
		    (long long)j->challenge.id);
		finish_without_validation(j,
		    "internal: the challenge cannot be read");
	} else if (self.careful && attempts >= ATTEMPTS_MAX) {
		log_error("challenge id=%lld: given up after %lld attempts "
		    "that ended this process", (long long)j->challenge.id,
		    (long long)attempts);
		finish_without_validation(j,
		    "internal: validation was attempted and broke off");
	} else
		pool_give(self.pool, j);
}

static int
find_waiting(struct arena *arena, int64_t room, int64_t from, int64_t below,
    struct rows **rows)
{
	long long	now = proc_monotonic_ms();

	return db_query(self.db, Q_CHALLENGE_WAITING, rows,
	    ARGS(arg_int(room), arg_text(flying_authorizations(arena)),
	    arg_text(flying_rows(arena, now)), arg_int(from),
	    arg_int(below)));
}

static int
mark_attempt(const struct rows *rows)
{
	if (rows_count(rows) > 0 &&
	    db_query(self.db, row_is_caa(rows, 0) ? Q_CAA_ATTEMPT :
	    Q_CHALLENGE_ATTEMPT, NULL,
	    ARGS(arg_int(row_int(rows, 0, 0)))) == -1)
		return -1;
	return db_commit(self.db);
}

/* Find, mark when careful, begin.  The number begun, or -1. */
static int
claim(int64_t room, int64_t from, int64_t below)
{
	struct arena	*arena = arena_new(1 << 20);
	struct rows	*rows = NULL;
	size_t		 n = 0;
	int		 rc = -1;

	if ((self.careful && db_begin(self.db) == -1) ||
	    find_waiting(arena, room, from, below, &rows) == -1 ||
	    (self.careful && mark_attempt(rows) == -1))
		goto out;
	n = rows_count(rows);
	for (size_t i = 0; i < n; i++)
		begin(rows, i);
	if (n > 0)
		horizon_saw(&self.horizon, row_int(rows, n - 1, 0));
	rc = (int)n;
out:
	if (rc == -1)
		db_rollback(self.db);
	rows_free(rows);
	arena_free(arena);
	return rc;
}

/* One that waited at our start, alone; false when none is left. */
static bool
claim_carefully(void)
{
	if (self.nflying > 0)
		return true;
	if (claim(1, 0, instance_id(self.instance)) != 0)
		return true;
	log_info("challenges from before the unclean end are done");
	self.careful = false;
	return false;
}

static bool
under_way(int64_t authorization_id)
{
	for (unsigned i = 0; i < self.nflying; i++)
		if (self.hands[i]->challenge.authorization_id ==
		    authorization_id)
			return true;
	return false;
}

/* Rows that wait for us may be older than those that others left. */
static int64_t
look_from(long long now)
{
	int64_t	from = horizon_from(&self.horizon, now);

	from = later_from(&self.later, now, from);
	return self.back < from ? self.back : from;
}

static size_t
take_up(void)
{
	unsigned	room = self.conf->validator.concurrency - self.nflying;
	long long	now = proc_monotonic_ms();
	int		n;

	/* Until all was seen, what is finished makes us look again. */
	self.look = true;
	if (room == 0 || (self.careful && claim_carefully()))
		return 0;
	n = claim(room, look_from(now), INT64_MAX);
	self.look = n == (int)room;
	if (n == -1)
		return 0;
	if (!self.look) {
		later_drop_due(&self.later, now, under_way);
		self.back = INT64_MAX;
	}
	horizon_looked(&self.horizon, now, !self.look);
	return (size_t)n;
}

static void
report(const struct job *j, const char *result)
{
	const struct verdict	*v = &j->verdict;

	log_info("%s=%lld name=%s method=%s result=%s%s%s",
	    j->challenge.caa_only ? "caa wanted" : "validation challenge",
	    (long long)j->challenge.id, j->challenge.value,
	    j->challenge.method, result, v->valid ? "" : " problem=",
	    v->valid ? "" : problem_urn(v->problem.type));
}

/* Store the first `n` of the list in one transaction; one alone is one. */
static int
store(struct job *list, size_t n)
{
	struct job	*j = list;

	if (n == 1)
		return row_of_evidence(self.db, j);
	if (db_begin(self.db) == -1)
		return -1;
	for (size_t i = 0; i < n; i++, j = j->next)
		if (row_of_evidence(self.db, j) == -1)
			goto fail;
	if (db_commit(self.db) == 0)
		return 0;
fail:
	db_rollback(self.db);
	return -1;
}

static struct job *
drop_stored(struct job *list, size_t n)
{
	while (n-- > 0) {
		struct job *next = list->next;

		report(list, list->verdict.valid ? "valid" : "invalid");
		let_go(list);
		list = next;
	}
	return list;
}

/*
 * One commit for all; when PostgreSQL refuses that, one for each, so that a
 * single bad row (which is our error) hurts no other.  A lost connection
 * keeps them for the next one.
 */
static void
store_done(void)
{
	size_t	n = 0;
	bool	wanted = false;

	for (struct job *j = self.done; j != NULL; j = j->next, n++)
		wanted |= j->challenge.caa_only;
	if (n == 0)
		return;
	if (store(self.done, n) == 0)
		self.done = drop_stored(self.done, n);
	else
		while (self.done != NULL && db_alive(self.db)) {
			if (store(self.done, 1) == -1 && db_alive(self.db))
				log_error("no evidence for challenge=%lld",
				    (long long)self.done->challenge.id);
			if (db_alive(self.db))
				self.done = drop_stored(self.done, 1);
		}
	if (wanted)
		doorbell_ring(self.conf, "signer");
	doorbell_ring(self.conf, "acme");
}

/* True when the challenge is left as it is until its next attempt. */
static bool
postpone(struct job *j)
{
	long long	due = proc_monotonic_ms() +
	    self.conf->validator.retry_interval_ms;

	if (!j->verdict.again || due > j->challenge.until ||
	    later_add(&self.later, j->challenge.id,
	    j->challenge.authorization_id, due) == -1)
		return false;
	report(j, "again");
	/* Its client may have asked again meanwhile, by a later row. */
	if (j->challenge.id < self.back)
		self.back = j->challenge.id;
	self.look = true;
	let_go(j);
	return true;
}

static void
collect(void)
{
	struct job	*list = pool_take(self.pool), *next;

	for (; list != NULL; list = next) {
		next = list->next;
		if (postpone(list))
			continue;
		list->next = self.done;
		self.done = list;
	}
}

static struct db *
open_db(char *why, size_t len)
{
	return db_open(self.conf, "chancery_validator", queries_validator,
	    Q_VALIDATOR_COUNT, why, len);
}

/* True when there is a connection. */
static bool
connected(void)
{
	char	why[512];

	if (self.db != NULL && db_alive(self.db))
		return true;
	db_close(self.db);
	self.db = open_db(why, sizeof(why));
	if (self.db != NULL) {
		self.reconnect_ms = SWEEP_MIN_MS;
		self.look = true;
		horizon_reset(&self.horizon);
		if (self.instance != NULL)
			instance_doubt(self.instance);
		return true;
	}
	log_warn("%s", why);
	self.reconnect_ms *= 2;
	if (self.reconnect_ms > RECONNECT_MAX)
		self.reconnect_ms = RECONNECT_MAX;
	return false;
}

/* When to look without a ring; for another attempt there must be room. */
static long long
next_look(void)
{
	long long	again;

	if (self.careful ||
	    self.nflying == self.conf->validator.concurrency)
		return self.sweep_due;
	again = later_next(&self.later, self.sweep_due);
	return again > self.looked + LOOK_PAUSE ? again :
	    self.looked + LOOK_PAUSE;
}

/* Look for work: after a ring, when it is time, when there was more. */
static void
look_for_work(void)
{
	long long	now = proc_monotonic_ms();
	size_t		n;

	if (!self.look && now < next_look())
		return;
	self.looked = now;
	n = take_up();
	if (n > 0 || self.nflying > 0)
		self.sweep_ms = SWEEP_MIN_MS;
	else if (self.sweep_ms < SWEEP_MAX_MS)
		self.sweep_ms *= 2;
	self.sweep_due = proc_monotonic_ms() + self.sweep_ms;
}

/* One round of work; how long to wait for the next ring. */
static int
round_of_work(void)
{
	long long	left;

	collect();
	if (!connected())
		return self.reconnect_ms;
	instance_tend(self.instance);
	store_done();
	look_for_work();
	/* What was finished without a thread is stored at once. */
	if (self.done != NULL)
		return 0;
	left = next_look() - proc_monotonic_ms();
	return left > 0 ? (int)left : 0;
}

static void
wait_for_work(int ms)
{
	struct pollfd	p[] = {
		{ .fd = proc_stop_fd(), .events = POLLIN },
		{ .fd = self.bell, .events = POLLIN },
		{ .fd = pool_fd(self.pool), .events = POLLIN },
	};

	if (poll(p, 3, ms) == -1 && errno != EINTR)
		die(EXIT_FAILED, "poll: %s", strerror(errno));
	if (p[1].revents != 0) {
		doorbell_take(self.bell);
		self.sweep_ms = SWEEP_MIN_MS;
		self.look = true;
	}
}

static void
open_all(void)
{
	char	why[512];

	self.hands = xcalloc(self.conf->validator.concurrency,
	    sizeof(*self.hands));
	self.sweep_ms = SWEEP_MIN_MS;
	self.reconnect_ms = SWEEP_MIN_MS;
	self.back = INT64_MAX;
	/* jansson's hash seed must be there before threads are. */
	json_object_seed(0);
	self.policy = policy_of_host(self.conf);
	self.bell = doorbell_open(self.conf, "validator");
	if (self.bell == -1)
		exit(EXIT_FAILED);
	self.db = open_db(why, sizeof(why));
	if (self.db == NULL)
		die(EXIT_FAILED, "%s", why);
	self.instance = instance_start(self.conf, &self.careful);
	horizon_saw(&self.horizon, instance_id(self.instance));
	if (self.careful)
		log_warn("the last run ended uncleanly: waiting challenges "
		    "are taken one by one");
}

int
main(int argc, char **argv)
{
	self.conf = proc_start("chancery-validator", argc, argv);
	open_all();
	sandbox_enter(SANDBOX_VALIDATOR, NULL, NULL);
	self.pool = pool_start(self.conf, &self.policy,
	    self.conf->validator.concurrency);
	proc_ready();
	while (!proc_stopping())
		wait_for_work(round_of_work());
	/* What is under way has no evidence and is taken up again. */
	collect();
	if (self.db != NULL && db_alive(self.db))
		store_done();
	instance_stop(self.instance);
	db_close(self.db);
	_exit(0);
}

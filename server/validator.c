/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-validator: takes up the challenges whose clients are ready, has
 * each validated by a thread, and inserts evidence, the word on which the
 * signer issues.  It reads nothing but PostgreSQL and the bounded answers
 * of its two helpers.
 *
 * After an unclean end the challenges that waited are taken one by one, each
 * attempt committed before it begins, so that one that kills us is found.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
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
#include "validator_pool.h"

#define QUERIES_TABLE
#include "db/queries-validator.h"

#define ATTEMPTS_MAX	3
#define SWEEP_MIN_MS	250
#define SWEEP_MAX_MS	1000
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
	bool			 look;		/* do not wait for the sweep */
	long long		 sweep_due;
	int			 sweep_ms;
	int			 reconnect_ms;
	int			 bell;
} self;

/* Our own addresses are nobody's proof; loopback is judged by itself. */
static void
learn_own_addresses(void)
{
	struct ifaddrs	*list = NULL;
	struct prefix	*own;
	size_t		 n = 0;

	if (getifaddrs(&list) == -1)
		die(EXIT_FAILED, "own addresses: %s", strerror(errno));
	for (struct ifaddrs *i = list; i != NULL; i = i->ifa_next)
		n++;
	own = xcalloc(n + 1, sizeof(*own));
	n = 0;
	for (struct ifaddrs *i = list; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL && !(i->ifa_flags & IFF_LOOPBACK) &&
		    address_from_sockaddr(i->ifa_addr, own[n].addr) == 0)
			own[n++].bits = 128;
	freeifaddrs(list);
	self.policy.own = own;
	self.policy.nown = n;
}

static void
policy_from_conf(void)
{
	const struct conf	*c = self.conf;

	self.policy.allow = c->validator.allow;
	self.policy.nallow = c->validator.nallow;
	self.policy.deny = c->validator.deny;
	self.policy.ndeny = c->validator.ndeny;
	learn_own_addresses();
}

/* The ids in our hands, as PostgreSQL's text of a bigint[]. */
static char *
flying_text(struct arena *arena)
{
	struct buf	b;

	buf_init(&b, arena);
	buf_puts(&b, "{");
	for (unsigned i = 0; i < self.nflying; i++)
		buf_printf(&b, "%s%lld", i == 0 ? "" : ",",
		    (long long)self.hands[i]->challenge.id);
	buf_puts(&b, "}");
	return (char *)b.data;
}

static int
copy_text(const struct rows *rows, size_t row, int column, char *to,
    size_t len)
{
	const char	*from = row_text(rows, row, column);

	if (strlen(from) >= len)
		return -1;
	strcpy(to, from);
	return 0;
}

static int
copy_octets(const struct rows *rows, size_t row, int column, void *to,
    size_t len)
{
	const unsigned char	*from;
	size_t			 n;

	from = row_bytes(rows, row, column, &n);
	if (n != len)
		return -1;
	memcpy(to, from, len);
	return 0;
}

/* Columns as in challenge_waiting. */
static int
challenge_from_row(const struct rows *rows, size_t i, struct challenge *c)
{
	c->id = row_int(rows, i, 0);
	c->authorization_id = row_int(rows, i, 1);
	c->account_id = row_int(rows, i, 5);
	c->wildcard = row_bool(rows, i, 8);
	if (copy_text(rows, i, 2, c->method, sizeof(c->method)) == -1 ||
	    copy_text(rows, i, 4, c->token, sizeof(c->token)) == -1 ||
	    copy_text(rows, i, 6, c->type, sizeof(c->type)) == -1 ||
	    copy_text(rows, i, 7, c->value, sizeof(c->value)) == -1 ||
	    copy_octets(rows, i, 9, c->thumbprint,
	    sizeof(c->thumbprint)) == -1 ||
	    copy_octets(rows, i, 10, c->account_public,
	    sizeof(c->account_public)) == -1)
		return -1;
	return 0;
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
	if (challenge_from_row(rows, i, &j->challenge) == -1) {
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
	return db_query(self.db, Q_CHALLENGE_WAITING, rows,
	    ARGS(arg_int(room), arg_text(flying_text(arena)),
	    arg_int(from), arg_int(below)));
}

static int
mark_attempt(const struct rows *rows)
{
	if (rows_count(rows) > 0 &&
	    db_query(self.db, Q_CHALLENGE_ATTEMPT, NULL,
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
	n = claim(room, horizon_from(&self.horizon, now), INT64_MAX);
	self.look = n == (int)room;
	if (n == -1)
		return 0;
	horizon_looked(&self.horizon, now, !self.look);
	return (size_t)n;
}

static int
insert_evidence(const struct job *j)
{
	const struct challenge	*c = &j->challenge;
	const struct verdict	*v = &j->verdict;

	return db_query(self.db, Q_EVIDENCE_INSERT, NULL,
	    ARGS(arg_int(c->authorization_id), arg_int(c->account_id),
	    arg_bytes(c->thumbprint, sizeof(c->thumbprint)),
	    arg_text(c->type), arg_text(c->value), arg_bool(c->wildcard),
	    arg_text(c->method), arg_text(v->valid ? "valid" : "invalid"),
	    arg_text(v->valid ? NULL : v->problem_text),
	    arg_text(v->transcript)));
}

static void
report(const struct job *j)
{
	const struct verdict	*v = &j->verdict;

	log_info("validation challenge=%lld name=%s method=%s result=%s%s%s",
	    (long long)j->challenge.id, j->challenge.value,
	    j->challenge.method, v->valid ? "valid" : "invalid",
	    v->valid ? "" : " problem=",
	    v->valid ? "" : problem_urn(v->problem.type));
}

/* Store the first `n` of the list in one transaction; one alone is one. */
static int
store(struct job *list, size_t n)
{
	struct job	*j = list;

	if (n == 1)
		return insert_evidence(j);
	if (db_begin(self.db) == -1)
		return -1;
	for (size_t i = 0; i < n; i++, j = j->next)
		if (insert_evidence(j) == -1)
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

		report(list);
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

	for (struct job *j = self.done; j != NULL; j = j->next)
		n++;
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
	doorbell_ring(self.conf, "acme");
}

static void
collect(void)
{
	struct job	*list = pool_take(self.pool), *next;

	for (; list != NULL; list = next) {
		next = list->next;
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

/* Look for work: after a ring, when the sweep is due, when there was more. */
static void
look_for_work(void)
{
	size_t	n;

	if (!self.look && proc_monotonic_ms() < self.sweep_due)
		return;
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
	left = self.sweep_due - proc_monotonic_ms();
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
	/* jansson's hash seed must be there before threads are. */
	json_object_seed(0);
	policy_from_conf();
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
	const char *paths[] = { NULL, NULL, NULL };

	self.conf = proc_start("chancery-validator", argc, argv);
	open_all();
	paths[0] = self.conf->run_dir;
	paths[1] = self.conf->database.host;
	sandbox_enter(SANDBOX_VALIDATOR, NULL, paths);
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

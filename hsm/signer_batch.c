/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pass: one transaction that stores what was signed since the last one,
 * logs new evidence, and decides the next requests, in three round trips:
 * look at what waits, ask what must be known about it, write.  When a pass
 * fails, or the run before ended uncleanly, the same work is done in small
 * pieces, one request at a time, each counted before it is touched.
 */
#include <string.h>
#include <time.h>
#include <stdlib.h>

#include "../db/db.h"
#include "db/queries-signer.h"
#include "../db/log.h"
#include "../server/conf.h"
#include "../server/doorbell.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "signer.h"

#define EVIDENCE_BATCH	256
#define ATTEMPTS_MAX	3

/* What one transaction does. */
struct plan {
	bool			 results;	/* store all that is signed */
	struct issue		*result;	/* or this one */
	size_t			 evidence;	/* at most so many rows */
	size_t			 claim;		/* at most so many requests */
	int64_t			 only;		/* or this request */
	bool			 exhausted;	/* refuse it untouched */
	bool			 counts;	/* log all refusals counted */
	/* what the look found */
	struct rows		*held;		/* intents with an end */
	struct rows		*waiting;	/* evidence */
	struct request		*requests;
	struct request		**judged;	/* those not decided yet */
	size_t			 n, njudged;
	/* what came of it */
	size_t			 claimed;
	size_t			 kept;
	bool			 crowded;	/* no place for one kept */
	size_t			 logged;	/* evidence */
	size_t			 done;		/* of everything */
};

static const struct kind {
	const char	*name;
	int		(*prove)(struct signer *, struct request *);
	void		(*judge)(struct signer *, struct request *);
} kinds[] = {
	{ "new-account", new_account_prove, new_account_judge },
	{ "account-update", account_update_prove, NULL },
	{ "account-deactivate", account_deactivate_prove, NULL },
	{ "key-change", key_change_prove, key_change_judge },
	{ "authz-deactivate", authz_deactivate_prove, NULL },
	{ "officer-act", act_prove, act_judge },
	{ "finalize", finalize_prove, finalize_judge },
};

/* Decided on rows as they were before `b`, which is in the same batch. */
static bool
depends(const struct request *r, const struct request *b)
{
	if (account_depends(b, r))
		return true;
	return r->has_order && b->has_order && b->verdict != DONE &&
	    r->object_id == b->object_id;
}

static const struct kind *
kind_of(const struct request *r)
{
	size_t k;

	for (k = 0; k < nitems(kinds); k++)
		if (strcmp(kinds[k].name, r->kind) == 0)
			return &kinds[k];
	return NULL;
}

/* All that needs no database: 0 decided, 1 to be judged. */
static int
prove(struct signer *s, const struct plan *p, struct request *r)
{
	const struct kind *kind = kind_of(r);

	if (!p->exhausted && kind != NULL)
		return kind->prove(s, r);
	log_error("request=%lld kind=%s ended the signer, or its batch, %d "
	    "times: refused; keep it and report it", (long long)r->id,
	    r->kind, ATTEMPTS_MAX);
	problem(&r->problem, PR_SERVER_INTERNAL, "the request could not be "
	    "processed; the operator has been told");
	return request_refuse(r, true);
}

/* Judge what was proven, in order, as each may depend on one before it. */
static void
judge(struct signer *s, struct plan *p)
{
	size_t i, k, next = 0;

	for (i = 0; i < p->n; i++) {
		struct request *r = &p->requests[i];

		if (next < p->njudged && p->judged[next] == r) {
			kind_of(r)->judge(s, r);
			next++;
		}
		for (k = 0; k < i; k++)
			if (depends(r, &p->requests[k])) {
				r->verdict = KEEP;
				r->waits = p->requests[k].waits;
			}
	}
}

static char *
problem_text(struct request *r)
{
	json_t *doc = problem_json(&r->problem);
	size_t len;
	char *text;

	text = json_canonical(r->arena, doc, &len);
	json_decref(doc);
	return text;
}

static struct arg
id_or_null(int64_t id)
{
	return id == 0 ? arg_null() : arg_int(id);
}

static int
apply(struct signer *s, struct request *r)
{
	if (r->verdict == KEEP) {
		backing_want(s, r);
		return 0;
	}
	errand_forget(s, r->id);
	if (r->verdict == ISSUE) {
		issue_write(s, r);
		return 0;
	}
	s->outcomes++;
	if (r->verdict == ACT)
		return act_apply(s, r);
	if (r->verdict == DONE) {
		write_row(s, WRITE_OUTCOME, ARGS(arg_int(r->id),
		    arg_text("done"), arg_bool(true), arg_null(),
		    id_or_null(r->account_result),
		    id_or_null(r->certificate_result)));
		return 0;
	}
	if (r->verdict != REFUSE) {
		account_apply(s, r);
		return 0;
	}
	write_row(s, WRITE_OUTCOME, ARGS(arg_int(r->id), arg_text("refused"),
	    arg_bool(r->terminal), arg_text(problem_text(r)),
	    id_or_null(r->account_result), arg_null()));
	return refuse_log(s, r);
}

static bool
stores(const struct plan *p, const struct issue *i)
{
	return issue_storable(i) && (p->results || p->result == i);
}

/* Which of the intents that have an end are still ours? */
static void
look_at_results(struct signer *s, struct plan *p)
{
	struct arg *cells = xcalloc(s->nopen + 1, 2 * sizeof(*cells));
	struct issue *i;
	size_t n = 0;

	for (i = s->open; i != NULL; i = i->next) {
		if (!stores(p, i))
			continue;
		i->ended = true;
		cells[2 * n] = arg_int(i->intent);
		cells[2 * n++ + 1] = arg_int(s->instance);
	}
	db_send_rows(s->db, Q_INTENT_LOCK, &p->held, cells, 2, n);
	free(cells);
}

static void
requests_read(struct signer *s, struct plan *p, const struct rows *rows)
{
	size_t i;

	p->claimed = p->n = rows_count(rows);
	p->requests = xcalloc(p->n + 1, sizeof(*p->requests));
	p->judged = xcalloc(p->n + 1, sizeof(*p->judged));
	for (i = 0; i < p->n; i++)
		request_read(&p->requests[i], rows, i);
	for (i = 0; i < p->n; i++)
		if (prove(s, p, &p->requests[i]) == 1)
			p->judged[p->njudged++] = &p->requests[i];
}

/* Those that sleep are passed over. */
static void
claim(struct signer *s, struct plan *p, struct rows **rows, long long now)
{
	struct arg *asleep = xcalloc(s->kept.n + 1, sizeof(*asleep));
	int64_t from = horizon_from(&s->requests, now);
	size_t n = kept_asleep(&s->kept, now, asleep, &from);

	db_send(s->db, Q_REQUEST_CLAIM, rows, ARGS(arg_int(from),
	    arg_int((int64_t)p->claim), arg_list(asleep, n)));
	free(asleep);
}

/* The first round trip: all that waits. */
static int
look(struct signer *s, struct plan *p)
{
	long long now = proc_monotonic_ms();
	struct rows *rows = NULL;

	db_send_begin(s->db);
	look_at_results(s, p);
	if (p->evidence > 0)
		db_send(s->db, Q_EVIDENCE_WAITING, &p->waiting,
		    ARGS(arg_int(horizon_from(&s->evidence, now)),
		    arg_int((int64_t)p->evidence)));
	if (p->only != 0)
		db_send(s->db, Q_REQUEST_ONE, &rows, ARGS(arg_int(p->only)));
	else if (p->claim > 0)
		claim(s, p, &rows, now);
	if (db_settle(s->db) == -1)
		return -1;
	if (rows != NULL)
		requests_read(s, p, rows);
	rows_free(rows);
	p->logged = p->waiting == NULL ? 0 : rows_count(p->waiting);
	return 0;
}

/* The second: the head of the log, and what the requests ask. */
static int
ask(struct signer *s, struct plan *p)
{
	struct rows *head = NULL;
	struct answers answers;

	db_send(s->db, Q_LOG_LOCK, &head, NO_ARGS);
	ask_send(s, p->judged, p->njudged, &answers);
	if (db_settle(s->db) == -1)
		return -1;
	ask_take(p->judged, p->njudged, &answers);
	s->log_size = log_head(head);
	rows_free(head);
	return s->log_size == -1 ? -1 : 0;
}

/* Ends of intents; one that is not ours any more came too late. */
static int
store(struct signer *s, struct plan *p)
{
	struct issue *i;
	size_t k;

	for (i = s->open; i != NULL; i = i->next) {
		if (!i->ended)
			continue;
		p->done++;
		for (k = 0; k < rows_count(p->held); k++)
			if (row_int(p->held, k, 0) == i->intent)
				break;
		if (k < rows_count(p->held) && issue_store(s, i) == -1)
			return -1;
	}
	return 0;
}

static int
claimed(struct signer *s, struct plan *p)
{
	size_t i;

	judge(s, p);
	for (i = 0; i < p->n; i++) {
		if (apply(s, &p->requests[i]) == -1)
			return -1;
		if (p->requests[i].verdict == KEEP)
			p->kept++;
	}
	p->done += p->n - p->kept;
	return 0;
}

static int
steps(struct signer *s, struct plan *p)
{
	int n;

	if (look(s, p) == -1)
		return -1;
	if (p->held == NULL && p->logged == 0 && p->n == 0 && !p->counts &&
	    !refuse_due(s))
		return 0;
	if (ask(s, p) == -1 || store(s, p) == -1)
		return -1;
	n = refuse_flush(s, p->counts);
	if (n == -1 ||
	    (p->logged > 0 && log_evidence(s, p->waiting) == -1))
		return -1;
	p->done += (size_t)n + p->logged;
	return claimed(s, p);
}

/* The third: all that was decided, and COMMIT.  0, or -1. */
static int
finish(struct signer *s)
{
	write_send(s);
	db_send_commit(s->db);
	return db_settle(s->db);
}

/* What became of a request is remembered until it is decided. */
static void
request_settle(struct signer *s, struct plan *p, const struct request *r)
{
	horizon_saw(&s->requests, r->id);
	if (r->verdict != KEEP)
		kept_drop(&s->kept, r->id);
	else if (!kept_add(&s->kept, r->id, r->waits, proc_monotonic_ms()))
		p->crowded = true;
}

/* Intents go their way with the arena of the request; the rest ends here. */
static void
plan_clear(struct signer *s, struct plan *p, bool committed)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		struct request *r = &p->requests[i];

		if (committed)
			request_settle(s, p, r);
		if (committed && r->verdict == ISSUE) {
			issue_push(s, r->issue);
			request_close(r);
			continue;
		}
		request_free(r);
	}
	free(p->requests);
	free(p->judged);
	rows_free(p->held);
	rows_free(p->waiting);
	write_clear(s);
}

/* 1: done, 0: nothing to do, -1: failed, and nothing happened. */
static int
transaction(struct signer *s, struct plan *p)
{
	bool ok, committed = false;

	s->outcomes = 0;
	s->caa_rings = false;
	write_begin(s);
	ok = steps(s, p) == 0;
	if (ok && (p->done > 0 || p->kept > 0))
		committed = ok = finish(s) == 0;
	if (!committed)
		db_rollback(s->db);
	if (committed)
		s->last_logged = s->now;
	issue_settle(s, committed);
	/* A minute without refusals ends without an entry. */
	refuse_settle(s, committed || ok);
	plan_clear(s, p, committed);
	if (committed && s->outcomes > 0)
		doorbell_ring(s->conf, "acme");
	if (committed && s->caa_rings)
		doorbell_ring(s->conf, "validator");
	if (!ok)
		return -1;
	return p->done > 0 ? 1 : 0;
}

/* All of it at once. */
static int
pass_batch(struct signer *s)
{
	struct plan p = { .results = true, .evidence = EVIDENCE_BATCH };
	long long now = proc_monotonic_ms();
	int rc;

	if (s->nopen < OPEN_MAX)
		p.claim = s->conf->signer.batch;
	rc = transaction(s, &p);
	if (rc == -1) {
		horizon_reset(&s->evidence);
		return -1;
	}
	horizon_looked(&s->evidence, now, p.logged < EVIDENCE_BATCH);
	if (p.claim > 0) {
		kept_looked(&s->kept, p.claimed < p.claim, now);
		horizon_looked(&s->requests, now,
		    p.claimed < p.claim && !p.crowded);
	}
	if (p.crowded)
		horizon_reset(&s->requests);
	return rc;
}

/* Each result alone; one that fails is put off, it cannot hold the others. */
static int
pass_results(struct signer *s)
{
	struct issue *i, *next;
	int rc, did = 0;

	for (i = s->open; i != NULL; i = next) {
		struct plan p = { .result = i };

		next = i->next;
		if (!issue_storable(i))
			continue;
		rc = transaction(s, &p);
		if (rc == -1 && !db_alive(s->db))
			return -1;
		if (rc == -1) {
			log_error("intent=%lld its end cannot be stored; "
			    "tried again later", (long long)i->intent);
			issue_postpone(i);
		} else {
			did = 1;
		}
	}
	return did;
}

/* The oldest request alone, counted before it is touched. */
static int
pass_one(struct signer *s)
{
	struct plan p = { .claim = 1 };
	struct rows *rows = NULL;
	int rc;

	if (db_query(s->db, Q_REQUEST_POISON, &rows,
	    ARGS(arg_int(s->poison_after))) == -1)
		return -1;
	if (rows_count(rows) == 0) {
		rows_free(rows);
		log_info("the waiting requests are done one by one; batches "
		    "resume");
		s->poison = false;
		s->poison_after = 0;
		horizon_reset(&s->requests);
		return 1;
	}
	p.only = row_int(rows, 0, 0);
	p.exhausted = row_int(rows, 0, 1) > ATTEMPTS_MAX;
	rows_free(rows);
	rc = transaction(s, &p);
	if (rc != -1)
		s->poison_after = p.only;
	return rc == -1 ? -1 : 1;
}

static int
pass_careful(struct signer *s)
{
	struct plan evidence = { .evidence = EVIDENCE_BATCH };
	int results, logged;

	results = pass_results(s);
	if (results == -1)
		return -1;
	logged = transaction(s, &evidence);
	if (logged == -1)
		return -1;
	return s->nopen < OPEN_MAX ? pass_one(s) : results | logged;
}

/* Nothing is signed with a time before that of the last entry. */
static bool
clock_right(struct signer *s)
{
	s->now = time(NULL);
	if (s->now < s->last_logged) {
		if (!s->clock_back)
			log_error("the clock is %lld s before the last entry "
			    "of the log: nothing is signed until it is past "
			    "it", (long long)(s->last_logged - s->now));
		s->clock_back = true;
		return false;
	}
	if (s->clock_back)
		log_info("the clock is past the last entry of the log");
	s->clock_back = false;
	return true;
}

int
batch_pass(struct signer *s)
{
	int rc;

	if (!s->sealed || !clock_right(s))
		return 0;
	rc = s->poison ? pass_careful(s) : pass_batch(s);
	if (rc == -1 && db_alive(s->db) && !s->poison) {
		log_warn("a batch failed: its requests are taken one by one");
		s->poison = true;
		s->poison_after = 0;
		return 1;
	}
	return rc;
}

void
batch_end(struct signer *s)
{
	struct plan p = { .results = true, .counts = true };

	if (!s->sealed || s->db == NULL || !db_alive(s->db) ||
	    !clock_right(s))
		return;
	if (transaction(s, &p) == -1)
		log_warn("what was under way is left to the next start");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pass: one transaction that stores what was signed since the last one,
 * logs new evidence, and decides the next requests.  When a pass fails, or
 * the run before ended uncleanly, the same work is done in small pieces, one
 * request at a time, each counted before it is touched.
 */
#include <string.h>
#include <time.h>
#include <stdlib.h>

#include "../db/db.h"
#include "db/queries-signer.h"
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
	/* what came of it */
	struct request		*requests;
	size_t			 n;
	size_t			 claimed;
	size_t			 kept;
	size_t			 logged;	/* evidence */
	size_t			 done;		/* of everything */
};

static const struct {
	const char	*kind;
	int		(*decide)(struct signer *, struct request *);
} kinds[] = {
	{ "new-account",	new_account_decide },
	{ "account-update",	account_update_decide },
	{ "account-deactivate",	account_deactivate_decide },
	{ "authz-deactivate",	authz_deactivate_decide },
	{ "finalize",		finalize_decide },
};

/* Decided on rows as they were before `b`, which is in the same batch. */
static bool
depends(const struct request *r, const struct request *b)
{
	if (b->verdict == CREATE_ACCOUNT)
		return r->verdict == CREATE_ACCOUNT && memcmp(
		    r->key.thumbprint, b->key.thumbprint, DIGEST_LEN) == 0;
	if (b->verdict == CHANGE_ACCOUNT || b->verdict == END_AUTHZ)
		return r->account_id == b->account_id;
	return r->has_order && b->has_order && b->verdict != DONE &&
	    r->object_id == b->object_id;
}

static int
decide(struct signer *s, struct plan *p, struct request *r)
{
	size_t k;
	int rc = 0;

	for (k = 0; k < nitems(kinds); k++)
		if (strcmp(kinds[k].kind, r->kind) == 0)
			break;
	if (p->exhausted || k == nitems(kinds)) {
		log_error("request=%lld kind=%s ended the signer %d times: "
		    "refused; keep it and report it", (long long)r->id,
		    r->kind, ATTEMPTS_MAX);
		problem(&r->problem, PR_SERVER_INTERNAL, "the request could "
		    "not be processed; the operator has been told");
		return request_refuse(r, true);
	}
	rc = kinds[k].decide(s, r);
	for (k = 0; rc == 0 && &p->requests[k] != r; k++)
		if (depends(r, &p->requests[k]))
			r->verdict = KEEP;
	return rc;
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
	switch (r->verdict) {
	case KEEP:
		return 0;
	case REFUSE:
		if (refuse_log(s, r) == -1)
			return -1;
		s->outcomes++;
		return db_query(s->db, Q_OUTCOME_INSERT, NULL,
		    ARGS(arg_int(r->id), arg_text("refused"),
		    arg_bool(r->terminal), arg_text(problem_text(r)),
		    arg_null(), arg_null()));
	case DONE:
		s->outcomes++;
		return db_query(s->db, Q_OUTCOME_INSERT, NULL,
		    ARGS(arg_int(r->id), arg_text("done"), arg_bool(true),
		    arg_null(), id_or_null(r->account_result),
		    id_or_null(r->certificate_result)));
	case ISSUE:
		return issue_write(s, r);
	default:
		s->outcomes++;
		return account_apply(s, r);
	}
}

static int
claim(struct signer *s, struct plan *p)
{
	struct rows *rows = NULL;
	size_t i;

	if (db_query(s->db, Q_REQUEST_CLAIM, &rows,
	    ARGS(arg_int(p->only != 0 ? 0 :
	    horizon_from(&s->requests, proc_monotonic_ms())), arg_int((int64_t)p->claim), arg_int(p->only))) == -1)
		return -1;
	p->n = rows_count(rows);
	p->requests = xcalloc(p->n + 1, sizeof(*p->requests));
	for (i = 0; i < p->n; i++)
		request_read(&p->requests[i], rows, i);
	rows_free(rows);
	for (i = 0; i < p->n; i++)
		if (decide(s, p, &p->requests[i]) == -1)
			return -1;
	for (i = 0; i < p->n; i++) {
		if (apply(s, &p->requests[i]) == -1)
			return -1;
		if (p->requests[i].verdict == KEEP)
			p->kept++;
	}
	p->claimed = p->n;
	p->done += p->n - p->kept;
	return 0;
}

static int
store(struct signer *s, struct plan *p)
{
	struct issue *i;

	for (i = s->open; i != NULL; i = i->next) {
		if (!issue_storable(i) || (!p->results && p->result != i))
			continue;
		if (issue_store(s, i) == -1)
			return -1;
		p->done++;
	}
	return 0;
}

static int
steps(struct signer *s, struct plan *p)
{
	int n;

	if (store(s, p) == -1)
		return -1;
	if (refuse_due(s)) {
		n = refuse_flush(s, false);
		if (n == -1)
			return -1;
		p->done += (size_t)n;
	}
	if (p->evidence > 0) {
		n = log_evidence(s, p->evidence);
		if (n == -1)
			return -1;
		p->logged = (size_t)n;
		p->done += (size_t)n;
	}
	return p->claim > 0 ? claim(s, p) : 0;
}

/* Intents go their way with the arena of the request; the rest ends here. */
static void
plan_clear(struct signer *s, struct plan *p, bool committed)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		struct request *r = &p->requests[i];

		if (committed)
			horizon_saw(&s->requests, r->id);
		if (committed && r->verdict == ISSUE) {
			issue_push(s, r->issue);
			jws_clear(&r->jws);
			jwk_clear(&r->key);
			continue;
		}
		request_free(r);
	}
	free(p->requests);
	p->requests = NULL;
	p->n = 0;
}

/* 1: done, 0: nothing to do, -1: failed, and nothing happened. */
static int
transaction(struct signer *s, struct plan *p)
{
	bool ok, committed = false;

	s->outcomes = 0;
	ok = db_begin(s->db) == 0 && steps(s, p) == 0;
	if (ok && (p->done > 0 || p->kept > 0))
		committed = ok = db_commit(s->db) == 0;
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
	if (p.claim > 0)
		horizon_looked(&s->requests, now,
		    p.claimed < p.claim && p.kept == 0);
	if (p.kept > 0)
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
	struct plan p = { .results = true };

	if (!s->sealed || s->db == NULL || !db_alive(s->db) ||
	    !clock_right(s))
		return;
	s->outcomes = 0;
	if (db_begin(s->db) == -1 || store(s, &p) == -1 ||
	    refuse_flush(s, true) == -1 || db_commit(s->db) == -1) {
		db_rollback(s->db);
		log_warn("what was under way is left to the next start");
		return;
	}
	issue_settle(s, true);
	refuse_settle(s, true);
	if (s->outcomes > 0)
		doorbell_ring(s->conf, "acme");
}

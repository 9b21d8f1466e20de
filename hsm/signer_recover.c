/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intents that a run left open, ours after a lost connection or a dead
 * one's: taken over, proven again from their requests, and signed as they
 * were announced.  The row alone proves nothing: without its log entry and
 * its request an intent is abandoned, never signed.
 */
#include <string.h>
#include <time.h>

#include "../db/db.h"
#include "db/queries-signer.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "signer.h"

#define FULL_EVERY	10	/* recoveries; the others begin at intent_low */

/* Columns of the statement `intent_open`. */
enum {
	N_INDEX, N_REQUEST, N_ORDER, N_ACCOUNT, N_ISSUER, N_PROFILE, N_SERIAL,
	N_TBS, N_ENTRY
};

static bool
known(const struct signer *s, int64_t intent)
{
	const struct issue *i;

	for (i = s->open; i != NULL; i = i->next)
		if (i->intent == intent)
			return true;
	return false;
}

static struct issue *
issue_read(struct arena *a, const struct rows *rows, size_t row)
{
	struct issue *i = arena_alloc(a, sizeof(*i));

	i->arena = a;
	i->intent = row_int(rows, row, N_INDEX);
	i->request = row_int(rows, row, N_REQUEST);
	i->order = row_int(rows, row, N_ORDER);
	i->account = row_int(rows, row, N_ACCOUNT);
	i->issuer_id = row_int(rows, row, N_ISSUER);
	i->profile_id = row_int(rows, row, N_PROFILE);
	i->serial = row_copy(a, rows, row, N_SERIAL, &i->serial_len);
	i->tbs = row_copy(a, rows, row, N_TBS, &i->tbs_len);
	return i;
}

/* The row says what the log said. */
static bool
announced(const struct issue *i, const struct rows *rows, size_t row)
{
	const char *text, *why, *tbs;
	json_t *entry;
	size_t len;
	bool same;

	text = (const char *)row_bytes(rows, row, N_ENTRY, &len);
	entry = json_read_object(text, len, &why);
	tbs = json_member_string(entry, "tbs");
	same = tbs != NULL &&
	    strcmp(tbs, b64u_encode(i->arena, i->tbs, i->tbs_len)) == 0;
	json_decref(entry);
	return same;
}

/* What the judgement of one request needs to know. */
static int
ask(struct signer *s, struct request *r)
{
	struct answers a;

	ask_send(s, &r, 1, &a);
	if (db_settle(s->db) == -1)
		return -1;
	ask_take(&r, 1, &a);
	return 0;
}

/* Prove the request as if it had just come: 1 decided, 0 later, -1 db. */
static int
prove_again(struct signer *s, struct request *r, struct issue *i)
{
	int rc;

	rc = finalize_prove(s, r);
	if (rc == 1) {
		if (ask(s, r) == -1)
			return -1;
		rc = finalize_permit(s, r);
		if (backing_want_now(s, r) == -1)
			return -1;
	}
	if (rc == 1) {
		i->abandon = issue_check(s, i, r);
	} else if (r->verdict == REFUSE) {
		i->abandon = arena_strdup(i->arena, r->problem.detail);
		rc = 1;
	}
	return rc;
}

/* Give the arena to the issue and put it among the open ones. */
static void
adopt(struct signer *s, struct request *r, struct issue *i)
{
	log_info("intent=%lld taken up again%s%s", (long long)i->intent,
	    i->abandon == NULL ? "" : ", to be abandoned: ",
	    i->abandon == NULL ? "" : i->abandon);
	request_close(r);
	i->arena = r->arena;
	issue_push(s, i);
}

static int
recover_one(struct signer *s, const struct rows *rows, size_t row)
{
	struct rows *again = NULL;
	struct request r = { 0 };
	struct issue *i;
	int rc = 1;

	if (db_query(s->db, Q_REQUEST_AGAIN, &again,
	    ARGS(arg_int(row_int(rows, row, N_REQUEST)))) == -1)
		return -1;
	if (rows_count(again) == 1)
		request_read(&r, again, 0);
	else
		r.arena = arena_new(REQUEST_MEMORY);
	i = issue_read(r.arena, rows, row);
	if (rows_count(again) != 1)
		i->abandon = "its request is gone";
	else if (!announced(i, rows, row))
		i->abandon = "its row is not what the log announced";
	else
		rc = prove_again(s, &r, i);
	rows_free(again);
	if (rc == 1)
		adopt(s, &r, i);
	else
		request_free(&r);
	return rc;
}

static int
take_over(struct signer *s)
{
	struct rows *rows = NULL;

	if (db_query(s->db, Q_INTENT_TAKE, &rows, ARGS(arg_int(s->instance),
	    arg_int(s->intent_low))) == -1)
		return -1;
	if (rows_count(rows) > 0)
		log_info("intents=%zu taken over from runs that ended",
		    rows_count(rows));
	rows_free(rows);
	return 0;
}

int
recover_intents(struct signer *s)
{
	struct rows *rows = NULL;
	int64_t low = 0;
	size_t n;
	int rc = -1;

	/* What cannot be proven now is not lost. */
	s->now = time(NULL);
	if (!policy_whole(s) || !guard_ready(s) || s->rules == NULL ||
	    s->now < s->last_logged)
		return 0;
	if (s->recover_now || s->recoveries++ % FULL_EVERY == 0)
		s->intent_low = 0;
	if (take_over(s) == -1 || db_query(s->db, Q_INTENT_OPEN, &rows,
	    ARGS(arg_int(s->instance), arg_int(s->intent_low))) == -1)
		return -1;
	for (n = 0; n < rows_count(rows); n++) {
		int64_t index = row_int(rows, n, N_INDEX);

		if (low == 0)
			low = index;
		if (!known(s, index) && recover_one(s, rows, n) == -1)
			goto out;
	}
	s->intent_low = low != 0 ? low : s->intent_seen;
	s->recovered = proc_monotonic_ms();
	s->recover_now = false;
	rc = 0;
out:
	rows_free(rows);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind each name of an order: evidence that the validator
 * inserted, by a method that may prove it, or the word of an officer; and a
 * look at CAA that is not older than it may be (RFC 8659, 4.2; CA/B BR,
 * 4.2.2.1).  Where it is, the request is kept and the validator looks again.
 */
#include <stdlib.h>
#include <string.h>

#include "../db/db.h"
#include "db/queries-signer.h"
#include "../server/conf.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/rules.h"
#include "signer.h"

#define NAME_CELLS	6	/* of evidence_find and of caa_wanted_insert */
#define GRANTED		"granted"

/* Columns of the statement `evidence_find`. */
enum {
	F_ID, F_INDEX, F_METHOD, F_FRESH, F_CAA_ID, F_CAA_INDEX, F_ASKED,
	F_RESULT, F_PROBLEM
};

enum { CLASS_NAME, CLASS_WILDCARD, CLASS_ADDRESS, CLASSES };

/* What proves what: RFC 8555, 8.3 and 8.4; RFC 8737, 3; RFC 8738, 4 and 7. */
static const struct {
	const char	*method;
	bool		 proves[CLASSES];
} methods[] = {
	{ "http-01",		{ true, false, true } },
	{ "dns-01",		{ true, true, false } },
	{ "dns-account-01",	{ true, true, false } },
	{ "tls-alpn-01",	{ true, false, true } },
};

static int
class_of(const struct ident *name)
{
	if (strcmp(name->type, "ip") == 0)
		return CLASS_ADDRESS;
	return name->wildcard ? CLASS_WILDCARD : CLASS_NAME;
}

/* The methods of a class that are open to the account. */
static const char *
methods_of(struct arena *a, const struct rules *rules,
    const struct rule_subject *who, int class)
{
	struct buf b;
	size_t i;

	buf_init(&b, a);
	for (i = 0; i < nitems(methods); i++)
		if (methods[i].proves[class] &&
		    rules_method(rules, who, methods[i].method))
			buf_printf(&b, "%s%s", b.len > 0 ? " " : "",
			    methods[i].method);
	return b.len > 0 ? (const char *)b.data : "";
}

int
backing_open(struct signer *s, struct request *r)
{
	const struct rules *rules = signer_rules(s);
	const struct rule_subject who = rules_subject(s, r);
	struct proof *p = r->proof;
	const char *open[CLASSES] = { NULL };
	size_t i;

	p->backing = arena_alloc(r->arena, p->nnames * sizeof(*p->backing));
	for (i = 0; i < p->nnames; i++) {
		struct backing *b = &p->backing[i];
		int class = class_of(&p->names[i]);

		if (rules_name(rules, &who, &p->names[i], &r->problem) == -1)
			return -1;
		if (open[class] == NULL)
			open[class] = methods_of(r->arena, rules, &who,
			    class);
		b->granted = rules_prevalidated(rules, &who, &p->names[i]);
		b->methods = b->granted ? GRANTED : open[class];
		b->index = b->caa_index = -1;
	}
	return 0;
}

static void
name_cells(struct arg *cells, const struct request *r, size_t i)
{
	const struct ident *n = &r->proof->names[i];
	const struct backing *b = &r->proof->backing[i];

	cells[0] = arg_int(r->id);
	cells[1] = arg_int(r->account_id);
	cells[2] = arg_text(n->type);
	cells[3] = arg_text(n->value);
	cells[4] = arg_bool(n->wildcard);
	cells[5] = arg_text(b->caa_wanted ? b->method : b->methods);
}

static bool
asks(const struct request *r)
{
	return r->proof != NULL && r->proof->backing != NULL;
}

void
backing_ask(struct signer *s, struct request *const *r, size_t n,
    struct answers *a)
{
	size_t i, k, nnames = 0;
	struct arg *cells;

	for (i = 0; i < n; i++)
		nnames += asks(r[i]) ? r[i]->proof->nnames : 0;
	cells = xcalloc(nnames + 1, NAME_CELLS * sizeof(*cells));
	nnames = 0;
	for (i = 0; i < n; i++)
		for (k = 0; asks(r[i]) && k < r[i]->proof->nnames; k++)
			name_cells(&cells[nnames++ * NAME_CELLS], r[i], k);
	db_send_rows(s->db, Q_EVIDENCE_FIND, &a->evidence, cells, NAME_CELLS,
	    nnames);
	free(cells);
}

static int64_t
int_or(const struct rows *rows, size_t row, int column, int64_t absent)
{
	return row_null(rows, row, column) ? absent :
	    row_int(rows, row, column);
}

static void
backing_read(struct arena *a, struct backing *b, const struct rows *rows,
    size_t row)
{
	b->id = int_or(rows, row, F_ID, 0);
	b->index = int_or(rows, row, F_INDEX, -1);
	b->method = b->granted ? GRANTED :
	    row_text_copy(a, rows, row, F_METHOD);
	b->caa_fresh = row_bool(rows, row, F_FRESH);
	b->caa_id = int_or(rows, row, F_CAA_ID, 0);
	b->caa_index = int_or(rows, row, F_CAA_INDEX, -1);
	b->caa_asked = row_bool(rows, row, F_ASKED);
	b->caa_result = row_text_copy(a, rows, row, F_RESULT);
	b->caa_problem = row_text_copy(a, rows, row, F_PROBLEM);
}

void
backing_answer(struct request *const *r, size_t n, const struct answers *a)
{
	size_t i, k, row = 0;

	for (i = 0; i < n; i++)
		for (k = 0; asks(r[i]) && k < r[i]->proof->nnames; k++)
			backing_read(r[i]->arena, &r[i]->proof->backing[k],
			    a->evidence, row++);
}

/* Names that are in the way, one after the other. */
struct subs {
	struct subproblem	*v;
	size_t			 n;
};

static void
sub_add(struct request *r, struct subs *subs, size_t i,
    enum problem_type type, const char *detail)
{
	const struct ident *n = &r->proof->names[i];

	if (subs->v == NULL)
		subs->v = arena_alloc(r->arena,
		    r->proof->nnames * sizeof(*subs->v));
	subs->v[subs->n++] = (struct subproblem){
		.type = type, .detail = detail, .ident_type = n->type,
		.ident_value = arena_printf(r->arena, "%s%s",
		    n->wildcard ? "*." : "", n->value),
	};
}

/* The order ends: all of them are told (RFC 8555, 6.7.1). */
static int
subs_refuse(struct request *r, const struct subs *subs)
{
	r->problem.sub = subs->v;
	r->problem.nsub = subs->n;
	return request_refuse(r, true);
}

/* 1 when every name is proven or granted. */
static int
proven(struct request *r)
{
	const struct proof *p = r->proof;
	struct subs subs = { NULL, 0 };
	size_t i;

	for (i = 0; i < p->nnames; i++)
		if (!p->backing[i].granted && p->backing[i].id == 0)
			sub_add(r, &subs, i, PR_UNAUTHORIZED, "RFC 8555, 7.4: "
			    "no valid proof of control by this account");
	if (subs.n == 0)
		return 1;
	problem(&r->problem, PR_UNAUTHORIZED, "RFC 8555, 7.4: no valid proof "
	    "of control over %.160s by this account", subs.v[0].ident_value);
	return subs_refuse(r, &subs);
}

/* What the validator said of it, in its own words. */
static const char *
caa_detail(struct request *r, const struct backing *b)
{
	const char *why = NULL, *text;
	json_t *doc;

	if (b->caa_problem == NULL)
		return "RFC 8659, 3: CAA forbids it";
	doc = json_read_object(b->caa_problem, strlen(b->caa_problem), &why);
	text = json_member_string(doc, "detail");
	text = arena_strdup(r->arena, text != NULL ? text :
	    "RFC 8659, 3: CAA forbids it");
	json_decref(doc);
	return text;
}

static bool
caa_settled(const struct backing *b, const struct ident *name)
{
	return b->caa_fresh || b->caa_id != 0 || strcmp(name->type, "dns");
}

/*
 * 1 when no name needs another look at CAA: what came of one that this
 * request asked for, else it is to be asked for.
 */
static int
caa_judge(struct request *r)
{
	const struct proof *p = r->proof;
	struct subs subs = { NULL, 0 };
	bool late = false, wait = false;
	size_t i;

	for (i = 0; i < p->nnames; i++) {
		struct backing *b = &p->backing[i];

		if (caa_settled(b, &p->names[i]))
			continue;
		if (b->caa_result == NULL) {
			b->caa_wanted = !b->caa_asked;
			wait = true;
		} else if (strcmp(b->caa_result, "valid") != 0) {
			sub_add(r, &subs, i, PR_CAA, caa_detail(r, b));
		} else {
			late = true;
		}
	}
	if (subs.n > 0) {
		problem(&r->problem, PR_CAA, "%.200s", subs.v[0].detail);
		return subs_refuse(r, &subs);
	}
	if (late) {
		problem(&r->problem, PR_SERVER_INTERNAL, "CAA was looked at "
		    "too long ago; finalize again");
		return request_refuse(r, false);
	}
	if (wait)
		request_keep(r);
	return wait ? 0 : 1;
}

/* The index in the log of a row of evidence; -1: not there yet. */
static int
logged(const struct signer *s, int64_t id, int64_t *index)
{
	if (id != 0 && *index == -1)
		*index = log_evidence_index(s, id);
	return id != 0 && *index == -1 ? -1 : 0;
}

int
backing_judge(struct signer *s, struct request *r)
{
	const struct proof *p = r->proof;
	int rc;
	size_t i;

	rc = proven(r);
	/* Without an identity of ours in CAA nobody looks at it. */
	if (rc == 1 && s->conf->validator.caa_identities.n > 0)
		rc = caa_judge(r);
	for (i = 0; rc == 1 && i < p->nnames; i++) {
		struct backing *b = &p->backing[i];

		if (logged(s, b->id, &b->index) == -1 ||
		    logged(s, b->caa_id, &b->caa_index) == -1) {
			r->verdict = KEEP;
			return 0;
		}
	}
	return rc;
}

void
backing_want(struct signer *s, const struct request *r)
{
	struct arg cells[NAME_CELLS];
	size_t i;

	for (i = 0; asks(r) && i < r->proof->nnames; i++) {
		if (!r->proof->backing[i].caa_wanted)
			continue;
		name_cells(cells, r, i);
		write_row(s, WRITE_CAA, cells, NAME_CELLS);
		s->caa_rings = true;
	}
}

int
backing_want_now(struct signer *s, const struct request *r)
{
	struct arg *cells;
	size_t i, n = 0;

	if (!asks(r))
		return 0;
	cells = xcalloc(r->proof->nnames, NAME_CELLS * sizeof(*cells));
	for (i = 0; i < r->proof->nnames; i++)
		if (r->proof->backing[i].caa_wanted)
			name_cells(&cells[n++ * NAME_CELLS], r, i);
	if (n > 0)
		db_send_rows(s->db, Q_CAA_WANTED_INSERT, NULL, cells,
		    NAME_CELLS, n);
	free(cells);
	return n > 0 ? db_settle(s->db) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be known about proven requests before they are judged: whose the
 * keys are, the evidence for the names, ids for new accounts.  One statement
 * for each question, for all requests of a batch.
 */
#include <stdlib.h>

#include "../db/db.h"
#include "db/queries-signer.h"
#include "../server/enc.h"
#include "../server/ident.h"
#include "../server/mem.h"
#include "signer.h"

#define NAME_CELLS	6	/* parameters of evidence_find */

/* What proves which names (RFC 8555, 8.3: never a wildcard). */
static const struct {
	const char	*any;		/* separated by spaces */
	const char	*wildcard;
} methods = { "http-01", "" };

static void
ask_keys(struct signer *s, struct request *const *r, size_t n,
    struct answers *a)
{
	struct arg *cells = xcalloc(n + 1, sizeof(*cells));
	size_t i, nkeys = 0;

	for (i = 0; i < n; i++)
		if (r[i]->asked_key != NULL)
			cells[nkeys++] = arg_bytes(r[i]->asked_key,
			    DIGEST_LEN);
	db_send_rows(s->db, Q_KEY_OWNER, &a->keys, cells, 1, nkeys);
	free(cells);
}

static void
name_cells(struct arg *cells, const struct request *r, const struct ident *n)
{
	cells[0] = arg_int(r->account_id);
	cells[1] = arg_bytes(r->key.thumbprint, DIGEST_LEN);
	cells[2] = arg_text(n->type);
	cells[3] = arg_text(n->value);
	cells[4] = arg_bool(n->wildcard);
	cells[5] = arg_text(n->wildcard ? methods.wildcard : methods.any);
}

static void
ask_evidence(struct signer *s, struct request *const *r, size_t n,
    struct answers *a)
{
	size_t i, k, nnames = 0;
	struct arg *cells;

	for (i = 0; i < n; i++)
		nnames += r[i]->proof == NULL ? 0 : r[i]->proof->nnames;
	cells = xcalloc(nnames + 1, NAME_CELLS * sizeof(*cells));
	nnames = 0;
	for (i = 0; i < n; i++)
		for (k = 0; r[i]->proof != NULL && k < r[i]->proof->nnames;
		    k++)
			name_cells(&cells[nnames++ * NAME_CELLS], r[i],
			    &r[i]->proof->names[k]);
	db_send_rows(s->db, Q_EVIDENCE_FIND, &a->evidence, cells, NAME_CELLS,
	    nnames);
	free(cells);
}

static void
ask_ids(struct signer *s, struct request *const *r, size_t n,
    struct answers *a)
{
	int64_t ids = 0;
	size_t i;

	for (i = 0; i < n; i++)
		ids += r[i]->asked_id;
	a->ids = NULL;
	if (ids > 0)
		db_send(s->db, Q_ID_NEW, &a->ids, ARGS(arg_int(ids)));
}

void
ask_send(struct signer *s, struct request *const *r, size_t n,
    struct answers *a)
{
	ask_keys(s, r, n, a);
	ask_evidence(s, r, n, a);
	ask_ids(s, r, n, a);
}

/* An answer has as many rows as the question: the statement is ours. */
static void
evidence_take(struct request *r, const struct rows *rows, size_t *row)
{
	struct proof *p = r->proof;
	size_t i;

	p->evidence = arena_alloc(r->arena,
	    p->nnames * sizeof(*p->evidence));
	for (i = 0; i < p->nnames; i++, ++*row) {
		p->evidence[i].id = row_int(rows, *row, 0);
		p->evidence[i].index = row_null(rows, *row, 1) ? -1 :
		    row_int(rows, *row, 1);
	}
}

void
ask_take(struct request *const *r, size_t n, struct answers *a)
{
	size_t i, key = 0, name = 0, id = 0;

	for (i = 0; i < n; i++) {
		if (r[i]->asked_key != NULL)
			r[i]->key_owner = row_int(a->keys, key++, 0);
		if (r[i]->proof != NULL)
			evidence_take(r[i], a->evidence, &name);
		if (r[i]->asked_id)
			r[i]->new_id = row_int(a->ids, id++, 0);
	}
	rows_free(a->keys);
	rows_free(a->evidence);
	rows_free(a->ids);
	*a = (struct answers){ 0 };
}

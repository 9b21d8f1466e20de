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
#include "../server/mem.h"
#include "signer.h"

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

static void
ask_bindings(struct signer *s, struct request *const *r, size_t n,
    struct answers *a)
{
	struct arg *cells = xcalloc(n + 1, sizeof(*cells));
	size_t i, nkids = 0;

	for (i = 0; i < n; i++)
		if (r[i]->asked_eab != NULL)
			cells[nkids++] = arg_text(r[i]->asked_eab);
	db_send_rows(s->db, Q_EAB_ACCOUNTS, &a->bindings, cells, 1, nkids);
	free(cells);
}

void
ask_send(struct signer *s, struct request *const *r, size_t n,
    struct answers *a)
{
	ask_keys(s, r, n, a);
	backing_ask(s, r, n, a);
	ask_ids(s, r, n, a);
	ask_bindings(s, r, n, a);
	act_ask(s, r, n, a);
}

/* An answer has as many rows as the question: the statement is ours. */
void
ask_take(struct request *const *r, size_t n, struct answers *a)
{
	size_t i, key = 0, id = 0, kid = 0;

	for (i = 0; i < n; i++) {
		if (r[i]->asked_key != NULL) {
			r[i]->key_owner = row_int(a->keys, key, 0);
			r[i]->key_past = row_bool(a->keys, key++, 1);
		}
		if (r[i]->asked_eab != NULL)
			r[i]->eab_accounts = row_int(a->bindings, kid++, 0);
		if (r[i]->asked_id)
			r[i]->new_id = row_int(a->ids, id++, 0);
	}
	backing_answer(r, n, a);
	act_answer(r, n, a);
	rows_free(a->keys);
	rows_free(a->evidence);
	rows_free(a->ids);
	rows_free(a->bindings);
	rows_free(a->acts);
	*a = (struct answers){ 0 };
}

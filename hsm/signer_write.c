/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pass writes: rows gathered while it decides, then sent with one
 * statement for each kind of row, however many there are.  Entries of the
 * log get their index here, from the head that the pass has locked.
 */
#include <stdlib.h>
#include <string.h>

#include "../db/db.h"
#include "db/queries-signer.h"
#include "../db/log.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "signer.h"

/* In the order in which they are sent: what others refer to comes first. */
static const struct {
	int	query;
	size_t	columns;
} statements[WRITE_COUNT] = {
	[WRITE_LOG] =		{ Q_LOG_APPEND, 4 },
	[WRITE_EVIDENCE] =	{ Q_EVIDENCE_LOGGED, 2 },
	[WRITE_RESULT] =	{ Q_RESULT_INSERT, 11 },
	[WRITE_ABANDONED] =	{ Q_INTENT_ABANDON, 4 },
	[WRITE_ACCOUNT] =	{ Q_ACCOUNT_INSERT, 11 },
	[WRITE_CHANGE] =	{ Q_ACCOUNT_CHANGE, 8 },
	[WRITE_AUTHZ_END] =	{ Q_AUTHZ_END, 2 },
	[WRITE_DIRECTIVE] =	{ Q_DIRECTIVE_INSERT, 8 },
	[WRITE_PROFILE] =	{ Q_PROFILE_INSERT, 7 },
	[WRITE_ACT] =		{ Q_ACT_INSERT, 3 },
	[WRITE_CAA] =		{ Q_CAA_WANTED_INSERT, 6 },
	[WRITE_INTENT] =	{ Q_INTENT_INSERT, 10 },
	[WRITE_OUTCOME] =	{ Q_OUTCOME_INSERT, 6 },
};

void
write_row(struct signer *s, enum write_kind kind, const struct arg *cells,
    size_t ncells)
{
	struct writing *w = &s->writing[kind];
	struct arg *more;

	if (w->nrows == w->room) {
		w->room = w->room == 0 ? 16 : w->room * 2;
		more = xcalloc(w->room * statements[kind].columns,
		    sizeof(*more));
		if (w->nrows > 0)
			memcpy(more, w->cells, w->nrows *
			    statements[kind].columns * sizeof(*more));
		free(w->cells);
		w->cells = more;
	}
	if (ncells != statements[kind].columns)
		die(EXIT_FAILED, "a row of kind %d has %zu columns", kind,
		    ncells);
	memcpy(&w->cells[w->nrows++ * ncells], cells,
	    ncells * sizeof(*cells));
}

int64_t
write_entry(struct signer *s, const struct log_entry *entry)
{
	int64_t index = s->log_size++;

	write_row(s, WRITE_LOG, ARGS(arg_int(index), arg_text(entry->kind),
	    arg_bytes(entry->text, entry->len),
	    arg_bytes(entry->leaf_hash, DIGEST_LEN)));
	return index;
}

void
write_send(struct signer *s)
{
	size_t k;

	for (k = 0; k < WRITE_COUNT; k++)
		db_send_rows(s->db, statements[k].query, NULL,
		    s->writing[k].cells, statements[k].columns,
		    s->writing[k].nrows);
}

void
write_begin(struct signer *s)
{
	s->arena = arena_new(PASS_MEMORY);
}

void
write_clear(struct signer *s)
{
	size_t k;

	for (k = 0; k < WRITE_COUNT; k++) {
		free(s->writing[k].cells);
		s->writing[k] = (struct writing){ 0 };
	}
	arena_free(s->arena);
	s->arena = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the database to challenges and verdicts to rows: the only place
 * that knows the columns of db/queries-validator.sql.
 */
#include <string.h>

#include "../db/db.h"
#include "conf.h"
#include "proc.h"
#include "validator_row.h"

#include "db/queries-validator.h"

bool
row_is_caa(const struct rows *rows, size_t i)
{
	return row_bool(rows, i, 11);
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
int
row_to_challenge(const struct conf *conf, const struct rows *rows, size_t i,
    struct challenge *c)
{
	c->id = row_int(rows, i, 0);
	c->authorization_id = row_int(rows, i, 1);
	c->account_id = row_int(rows, i, 5);
	c->wildcard = row_bool(rows, i, 8);
	c->caa_only = row_is_caa(rows, i);
	c->until = proc_monotonic_ms() - row_int(rows, i, 12) +
	    conf->validator.retry_for_ms;
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

int
row_of_evidence(struct db *db, const struct job *j)
{
	const struct challenge	*c = &j->challenge;
	const struct verdict	*v = &j->verdict;

	return db_query(db, Q_EVIDENCE_INSERT, NULL,
	    ARGS(arg_int(c->authorization_id),
	    arg_int(c->caa_only ? c->id : 0), arg_int(c->account_id),
	    arg_bytes(c->thumbprint, sizeof(c->thumbprint)),
	    arg_text(c->type), arg_text(c->value), arg_bool(c->wildcard),
	    arg_text(c->caa_only ? "caa" : c->method),
	    arg_text(c->caa_only ? c->method : NULL),
	    arg_text(v->valid ? "valid" : "invalid"),
	    arg_text(v->valid ? NULL : v->problem_text),
	    arg_text(v->transcript), arg_int(v->caa_seconds)));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directives of officers as the signer believes them: each row's seal is
 * checked once, when it is new.  When one does not hold nothing is decided at
 * all: what it took away may be what would have forbidden it.
 */
#include <stdio.h>
#include <string.h>

#include "../db/db.h"
#include "db/queries-signer.h"
#include "../server/log.h"
#include "../server/proc.h"
#include "signer.h"

#define CHECK_MS	1000
#define PAGE		500	/* rows of the statement `directive_new` */

/* Its columns. */
enum { D_ID, D_KIND, D_NAME, D_VERSION, D_BODY, D_SEAL };

/* Say what is wrong once, not each second. */
static void
complain(struct signer *s, const char *why)
{
	if (*why != '\0' && strcmp(s->rules_why, why) != 0)
		log_error("nothing is decided: %s", why);
	snprintf(s->rules_why, sizeof(s->rules_why), "%s", why);
}

/* 0, or -1 with the reason. */
static int
row_take(struct signer *s, const struct rows *rows, size_t row, char *why,
    size_t whylen)
{
	const char *kind = row_text(rows, row, D_KIND);
	const char *name = row_text(rows, row, D_NAME);
	const char *body = row_text(rows, row, D_BODY);
	int64_t version = row_int(rows, row, D_VERSION);
	const unsigned char *seal;
	char reason[128] = "";
	size_t len;

	seal = row_bytes(rows, row, D_SEAL, &len);
	if (!seal_holds(&s->seal, "directive", seal_directive(
	    row_int(rows, row, D_ID), kind, name, version, body), seal, len))
		snprintf(reason, sizeof(reason), "its seal does not hold: "
		    "the row was changed by another hand");
	else if (rules_take(s->rules, kind, name, version, body, reason,
	    sizeof(reason)) == 0)
		return 0;
	snprintf(why, whylen, "directive %s %.64s: %s", kind, name, reason);
	return -1;
}

/* All rows from the horizon on: 0, 1 when one is wrong, -1: database. */
static int
rows_take(struct signer *s, char *why, size_t whylen)
{
	int64_t from = horizon_from(&s->directives, proc_monotonic_ms());
	struct rows *rows;
	size_t i, n;
	int rc = 0;

	do {
		rows = NULL;
		if (db_query(s->db, Q_DIRECTIVE_NEW, &rows,
		    ARGS(arg_int(from))) == -1)
			return -1;
		n = rows_count(rows);
		for (i = 0; i < n && rc == 0; i++) {
			rc = row_take(s, rows, i, why, whylen) == -1;
			from = row_int(rows, i, D_ID) + 1;
			horizon_saw(&s->directives, from - 1);
		}
		rows_free(rows);
	} while (n == PAGE && rc == 0);
	return rc;
}

int
rules_tend(struct signer *s)
{
	long long now = proc_monotonic_ms();
	char why[256] = "";
	int rc;

	if (s->rules != NULL && s->rules_checked != 0 &&
	    now - s->rules_checked < CHECK_MS)
		return 0;
	if (s->rules == NULL) {
		if (*s->rules_why != '\0' &&
		    now - s->rules_checked < CHECK_MS)
			return 0;
		s->rules = rules_new();
		s->directives = (struct horizon){ 0 };
	}
	rc = rows_take(s, why, sizeof(why));
	if (rc == 0)
		horizon_looked(&s->directives, now, true);
	else {
		rules_free(s->rules);
		s->rules = NULL;
	}
	s->rules_checked = now;
	complain(s, why);
	return rc == -1 ? -1 : 0;
}

const struct rules *
signer_rules(struct signer *s)
{
	return s->rules;
}

struct rule_subject
rules_subject(struct signer *s, const struct request *r)
{
	return (struct rule_subject){
		.account = account_url(s, r),
		.eab = r->account_eab,
		.now = s->now,
	};
}

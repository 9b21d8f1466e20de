/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `refused` entries: one for each kind, reason and account a minute, with a
 * count, so that a thief at the face cannot flood the log.  The first is
 * logged at once; the others are counted here and logged when the minute
 * ends, and at a clean stop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../db/db.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "signer.h"

#define WINDOW_MS	60000
#define REFUSALS_MAX	4096	/* beyond: all accounts count as one */

/* The kinds that a row can have; the text outlives the request. */
static const char *const kinds[] = {
	"new-account", "account-update", "account-deactivate", "key-change",
	"authz-deactivate", "finalize", "officer-act",
};

static const char *
kind_text(const char *kind)
{
	size_t i;

	for (i = 0; i < nitems(kinds); i++)
		if (strcmp(kinds[i], kind) == 0)
			return kinds[i];
	return "unknown";
}

static struct refusal *
refusal_find(struct signer *s, const struct request *r)
{
	int64_t account = r->account_id;
	struct refusal *f;

	if (s->nrefusals >= REFUSALS_MAX)
		account = 0;
	for (f = s->refusals; f != NULL; f = f->next)
		if (f->account == account && f->reason == r->problem.type &&
		    strcmp(f->kind, r->kind) == 0)
			return f;
	f = xcalloc(1, sizeof(*f));
	f->kind = kind_text(r->kind);
	f->reason = r->problem.type;
	f->account = account;
	if (account != 0 && r->has_account)
		snprintf(f->account_public, sizeof(f->account_public), "%s",
		    public_id_print(r->arena, account, r->account_public));
	f->since = proc_monotonic_ms();
	f->opened = true;
	f->next = s->refusals;
	s->refusals = f;
	s->nrefusals++;
	return f;
}

static int
refusal_write(struct signer *s, const struct refusal *f, uint64_t count)
{
	struct arena *a = s->arena;
	json_t *o = json_object();

	json_object_set_new(o, "request", json_string(f->kind));
	json_object_set_new(o, "reason", json_string(problem_urn(f->reason)));
	json_object_set_new(o, "detail", log_text(a, f->detail));
	json_object_set_new(o, "account", *f->account_public == '\0' ?
	    json_null() : json_string(f->account_public));
	json_object_set_new(o, "count", log_decimal(a, (int64_t)count));
	json_object_set_new(o, "digest", log_b64u(a, f->digest, DIGEST_LEN));
	return log_write(s, "refused", o) == -1 ? -1 : 0;
}

int
refuse_log(struct signer *s, const struct request *r)
{
	size_t before = s->nrefusals;
	struct refusal *f = refusal_find(s, r);

	memcpy(f->digest, r->digest, DIGEST_LEN);
	snprintf(f->detail, sizeof(f->detail), "%s", r->problem.detail);
	if (s->nrefusals > before) {
		log_info("request=%lld kind=%s account=%lld refused: %s",
		    (long long)r->id, r->kind, (long long)r->account_id,
		    r->problem.detail);
		return refusal_write(s, f, 1);
	}
	f->fresh++;
	return 0;
}

static bool
ended(const struct refusal *f)
{
	return proc_monotonic_ms() - f->since >= WINDOW_MS;
}

bool
refuse_due(const struct signer *s)
{
	const struct refusal *f;

	for (f = s->refusals; f != NULL; f = f->next)
		if (ended(f))
			return true;
	return false;
}

int
refuse_flush(struct signer *s, bool all)
{
	struct refusal *f;
	int n = 0;

	for (f = s->refusals; f != NULL; f = f->next) {
		if (f->opened || (!all && !ended(f)))
			continue;
		if (f->count > 0) {
			if (refusal_write(s, f, f->count) == -1)
				return -1;
			n++;
		}
		f->flushed = true;
	}
	return n;
}

void
refuse_settle(struct signer *s, bool committed)
{
	struct refusal **at = &s->refusals, *f;

	while ((f = *at) != NULL) {
		if (committed ? f->flushed && f->fresh == 0 : f->opened) {
			*at = f->next;
			s->nrefusals--;
			free(f);
			continue;
		}
		if (committed && f->flushed) {
			f->count = 0;
			f->since = proc_monotonic_ms();
		}
		if (committed)
			f->count += f->fresh;
		f->fresh = 0;
		f->opened = f->flushed = false;
		at = &f->next;
	}
}

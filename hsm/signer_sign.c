/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open intents: signed by the token between two transactions, verified here
 * with the issuer's public key, ended in the next transaction.  A token that
 * fails leaves them open; they are tried again, with the same octets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../db/db.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "signer.h"
#include "tbs.h"

#define RETRY_FIRST_MS	100
#define RETRY_MAX_MS	30000

void
issue_push(struct signer *s, struct issue *i)
{
	struct issue **at = &s->open;

	while (*at != NULL)
		at = &(*at)->next;
	i->next = NULL;
	*at = i;
	s->nopen++;
	if (i->intent > s->intent_seen)
		s->intent_seen = i->intent;
}

void
issue_settle(struct signer *s, bool committed)
{
	struct issue **at = &s->open, *i;

	while ((i = *at) != NULL) {
		if (i->ended && committed) {
			*at = i->next;
			s->nopen--;
			issue_free(i);
		} else {
			i->ended = false;
			at = &i->next;
		}
	}
}

void
issue_postpone(struct issue *i)
{
	unsigned shift = i->failures < 9 ? i->failures : 9;
	long long wait = (long long)RETRY_FIRST_MS << shift;

	i->failures++;
	if (wait > RETRY_MAX_MS)
		wait = RETRY_MAX_MS;
	i->retry_at = proc_monotonic_ms() + wait;
}

bool
issue_storable(const struct issue *i)
{
	return (i->der != NULL || i->abandon != NULL) &&
	    i->retry_at <= proc_monotonic_ms();
}

static bool
due(const struct issue *i)
{
	return i->der == NULL && i->abandon == NULL &&
	    i->retry_at <= proc_monotonic_ms();
}

/* A signature counts when the issuer's public key says so, and only then. */
static int
take_signature(struct issue *i, const struct token_job *job)
{
	if (!job->done) {
		/* The token's state is logged where it changes. */
		if (i->failures == 0)
			log_warn("intent=%lld not signed: %s; it stays open",
			    (long long)i->intent, job->why);
		issue_postpone(i);
		return -1;
	}
	if (tbs_verify(i->tbs, i->tbs_len, i->issuer_spki,
	    i->issuer_spki_len, job->sig, job->sig_len) == -1) {
		log_error("intent=%lld the token returned a signature that "
		    "does not verify with the issuer's key: check the token",
		    (long long)i->intent);
		issue_postpone(i);
		return -1;
	}
	i->der = tbs_assemble(i->arena, i->tbs, i->tbs_len, i->issuer_spki,
	    i->issuer_spki_len, job->sig, job->sig_len, &i->der_len);
	i->failures = 0;
	i->retry_at = 0;
	return i->der == NULL ? -1 : 0;
}

static size_t
jobs_fill(struct signer *s, struct token_job *jobs, struct issue **which)
{
	struct issue *i;
	size_t n = 0;

	for (i = s->open; i != NULL; i = i->next) {
		if (!due(i))
			continue;
		jobs[n].purpose = TOKEN_CERTIFICATE;
		memcpy(jobs[n].key_id, i->key_id, KEY_ID_LEN);
		jobs[n].tbs = i->tbs;
		jobs[n].tbs_len = i->tbs_len;
		which[n++] = i;
	}
	return n;
}

size_t
issue_sign(struct signer *s)
{
	struct token_job *jobs;
	struct issue **which;
	size_t n, k, made = 0;

	if (s->nopen == 0 || tokens_state(s->tokens) == TOKENS_DOWN)
		return 0;
	jobs = xcalloc(s->nopen, sizeof(*jobs));
	which = xcalloc(s->nopen, sizeof(*which));
	n = jobs_fill(s, jobs, which);
	if (n > 0)
		tokens_sign(s->tokens, jobs, n);
	for (k = 0; k < n; k++)
		if (take_signature(which[k], &jobs[k]) == 0)
			made++;
	free(which);
	free(jobs);
	return made;
}

static json_t *
end_members(const struct issue *i)
{
	json_t *o = json_object();

	json_object_set_new(o, "intent", log_decimal(i->arena, i->intent));
	json_object_set_new(o, "serial",
	    json_string(hex_encode(i->arena, i->serial, i->serial_len)));
	return o;
}

static int
store_issued(struct signer *s, struct issue *i)
{
	json_t *o = end_members(i);
	int64_t index;

	log_info("issued serial=%s intent=%lld order=%lld account=%lld",
	    hex_encode(i->arena, i->serial, i->serial_len),
	    (long long)i->intent, (long long)i->order,
	    (long long)i->account);
	json_object_set_new(o, "certificate",
	    log_b64u(i->arena, i->der, i->der_len));
	index = log_write(s, "issued", o);
	if (index == -1)
		return -1;
	write_row(s, WRITE_RESULT, ARGS(arg_int(i->intent), arg_int(index),
	    arg_bytes(i->public, SECRET_LEN),
	    arg_bytes(i->serial, i->serial_len), arg_int(i->order),
	    arg_int(i->account), arg_int(i->issuer_id),
	    arg_bytes(i->der, i->der_len), arg_int(i->not_before),
	    arg_int(i->not_after), arg_int(i->request)));
	return 0;
}

static int
store_abandoned(struct signer *s, struct issue *i)
{
	struct problem p = { 0 };
	json_t *o = end_members(i), *doc;
	int64_t index;
	size_t len;
	char *text;

	json_object_set_new(o, "reason", log_text(i->arena, i->abandon));
	index = log_write(s, "abandoned", o);
	if (index == -1)
		return -1;
	problem(&p, PR_SERVER_INTERNAL, "the certificate could not be issued "
	    "in time: %.200s", i->abandon);
	doc = problem_json(&p);
	text = json_canonical(i->arena, doc, &len);
	json_decref(doc);
	log_warn("intent=%lld abandoned: %s", (long long)i->intent,
	    i->abandon);
	write_row(s, WRITE_ABANDONED, ARGS(arg_int(i->intent), arg_int(index),
	    arg_int(i->request), arg_text(text)));
	return 0;
}

int
issue_store(struct signer *s, struct issue *i)
{
	if ((i->abandon != NULL ? store_abandoned(s, i) :
	    store_issued(s, i)) == -1)
		return -1;
	s->outcomes++;
	return 0;
}

int
issue_wait(const struct signer *s)
{
	const struct issue *i;
	long long now = proc_monotonic_ms(), least = -1;

	for (i = s->open; i != NULL; i = i->next) {
		long long wait = i->retry_at > now ? i->retry_at - now : 0;

		/* A token that is away rings when it comes back. */
		if (i->der == NULL && i->abandon == NULL &&
		    tokens_state(s->tokens) == TOKENS_DOWN)
			continue;
		if (least == -1 || wait < least)
			least = wait;
	}
	return (int)least;
}

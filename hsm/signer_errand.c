/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errands to the token: what a request cannot be decided without, asked
 * between two passes, as no transaction waits for a token.  The request is
 * kept until the answer is there, and finds it by its id and by what it
 * signed: its row may have been changed in between, by another hand.
 */
#include <stdlib.h>
#include <string.h>

#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "deliver.h"
#include "signer.h"

#define ERRANDS_MAX	1024	/* beyond: requests wait for a place */
#define ASKED_MAX	32	/* between two passes */
#define RETRY_MS	1000	/* after the token failed */
#define FORGOTTEN_MS	600000	/* nobody came for the answer */
#define MEMORY		(1u << 20)

struct errand {
	struct errand		*next;
	struct arena		*arena;
	int64_t			 request;
	unsigned char		 digest[DIGEST_LEN];	/* of its JWS */
	const char		*kid;
	/* to verify */
	const char		*alg;		/* NULL: to deliver */
	const char		*input;
	const unsigned char	*mac;
	size_t			 mac_len;
	/* to deliver */
	const char		*to;		/* JWK, canonical */
	const char		*detail;	/* the answer */

	enum errand_state	 state;
	long long		 made, retry_at;	/* CLOCK_MONOTONIC, ms */
};

static struct errand *
errand_find(struct signer *s, const struct request *r)
{
	struct errand *e;

	for (e = s->errands; e != NULL; e = e->next)
		if (e->request == r->id &&
		    memcmp(e->digest, r->jws.digest, DIGEST_LEN) == 0)
			return e;
	return NULL;
}

/* NULL: there are too many. */
static struct errand *
errand_new(struct signer *s, const struct request *r, const char *kid)
{
	struct arena *a;
	struct errand **at, *e;
	size_t n = 0;

	for (at = &s->errands; *at != NULL; at = &(*at)->next)
		n++;
	if (n >= ERRANDS_MAX)
		return NULL;
	a = arena_new(MEMORY);
	e = arena_alloc(a, sizeof(*e));
	e->arena = a;
	e->request = r->id;
	memcpy(e->digest, r->jws.digest, DIGEST_LEN);
	e->kid = arena_strdup(a, kid);
	e->state = ERRAND_WAITS;
	e->made = proc_monotonic_ms();
	*at = e;
	return e;
}

enum errand_state
errand_binding(struct signer *s, const struct request *r)
{
	const struct jws *b = &r->binding;
	struct errand *e = errand_find(s, r);

	if (e == NULL && (e = errand_new(s, r, b->kid)) != NULL) {
		e->alg = arena_strdup(e->arena, b->alg);
		e->input = arena_strdup(e->arena, b->signing_input);
		e->mac = arena_memdup(e->arena, b->signature,
		    b->signature_len);
		e->mac_len = b->signature_len;
	}
	return e == NULL ? ERRAND_WAITS : e->state;
}

enum errand_state
errand_deliver(struct signer *s, const struct request *r, const char *kid,
    const json_t *to, const char **detail)
{
	struct errand *e = errand_find(s, r);
	size_t len;

	if (e == NULL && (e = errand_new(s, r, kid)) != NULL)
		e->to = json_canonical(e->arena, to, &len);
	if (e == NULL)
		return ERRAND_WAITS;
	if (e->state == ERRAND_YES)
		*detail = arena_strdup(r->arena, e->detail);
	return e->state;
}

static int
verify(struct signer *s, struct errand *e, char *why, size_t whylen)
{
	int rc = tokens_eab_verify(s->tokens, e->kid, e->alg, e->input,
	    strlen(e->input), e->mac, e->mac_len, why, whylen);

	if (rc == -1)
		return -1;
	e->state = rc == 1 ? ERRAND_YES : ERRAND_NO;
	return 0;
}

/* The MAC key leaves the token for the one who has the other key. */
static int
deliver(struct signer *s, struct errand *e, char *why, size_t whylen)
{
	unsigned char key[DIGEST_LEN];
	const char *text = "";
	json_t *to, *box = NULL;
	size_t len;

	if (tokens_eab_key(s->tokens, e->kid, key, why, whylen) == -1)
		return -1;
	to = json_read_object(e->to, strlen(e->to), &text);
	if (to != NULL)
		box = deliver_seal(to, e->kid, key, why, whylen);
	explicit_bzero(key, sizeof(key));
	if (box == NULL)
		log_warn("request=%lld the key cannot be delivered: %s",
		    (long long)e->request, why);
	else
		e->detail = json_canonical(e->arena, box, &len);
	e->state = box == NULL ? ERRAND_NO : ERRAND_YES;
	json_decref(box);
	json_decref(to);
	return 0;
}

static void
ask(struct signer *s, struct errand *e)
{
	char why[256] = "";
	int rc;

	rc = e->alg == NULL ? deliver(s, e, why, sizeof(why)) :
	    verify(s, e, why, sizeof(why));
	if (rc == 0)
		return;
	log_warn("request=%lld the token cannot be asked about EAB key %s: "
	    "%s; tried again", (long long)e->request, e->kid, why);
	e->retry_at = proc_monotonic_ms() + RETRY_MS;
}

static void
drop(struct errand **at)
{
	struct errand *e = *at;

	*at = e->next;
	arena_free(e->arena);
}

size_t
errand_run(struct signer *s)
{
	struct errand **at = &s->errands, *e;
	size_t asked = 0, answered = 0;

	while ((e = *at) != NULL) {
		if (proc_monotonic_ms() - e->made > FORGOTTEN_MS) {
			drop(at);
			continue;
		}
		if (e->state == ERRAND_WAITS && asked < ASKED_MAX &&
		    e->retry_at <= proc_monotonic_ms() &&
		    tokens_state(s->tokens) != TOKENS_DOWN) {
			ask(s, e);
			asked++;
			if (e->state != ERRAND_WAITS) {
				kept_wake(&s->kept, e->request);
				answered++;
			}
		}
		at = &e->next;
	}
	return answered;
}

void
errand_forget(struct signer *s, int64_t request)
{
	struct errand **at = &s->errands;

	while (*at != NULL)
		if ((*at)->request == request)
			drop(at);
		else
			at = &(*at)->next;
}

void
errand_free(struct signer *s)
{
	while (s->errands != NULL)
		drop(&s->errands);
}

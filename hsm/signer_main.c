/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-signer: start, loop, end.  It waits for its doorbell, for token
 * workers and for its end; a sweep covers rings that were lost.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "../db/db.h"
#include "../server/conf.h"
#include "../server/doorbell.h"
#include "../server/ident.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "../server/sandbox.h"
#include "signer.h"
#include "signer_jws.h"

#define SWEEP_FIRST_MS	250
#define SWEEP_LAST_MS	1000
#define RECOVER_MS	60000
#define DATABASE_MS	100	/* first wait when the database is away */

static void
start(struct signer *s, const struct conf *conf)
{
	static const char *const none[] = { NULL };

	memset(s, 0, sizeof(*s));
	s->conf = conf;
	life_start(s);
	ident_own(conf->base_url);
	policy_require(s);
	guard_start(s);
	if (log_last_time(s) == -1)
		die(EXIT_FAILED, "the log cannot be read; see the line above");
	s->tokens = tokens_listen(conf);
	jws_open(s);
	s->bell = doorbell_open(conf, "signer");
	if (s->bell == -1)
		die(EXIT_FAILED, "no doorbell: see the line above");
	life_begin(s);
	sandbox_enter(SANDBOX_SIGNER, none, none);
	s->recover_now = true;
	proc_ready();
}

/* The key of the seals comes from the token, once a worker is there. */
static void
seal_tend(struct signer *s)
{
	unsigned char key[DIGEST_LEN];
	char why[256] = "";

	if (s->sealed || tokens_state(s->tokens) == TOKENS_DOWN)
		return;
	if (tokens_derive(s->tokens, SEAL_LABEL, key, why,
	    sizeof(why)) == -1) {
		log_warn("the seal key cannot be derived: %s", why);
		return;
	}
	memcpy(s->seal.key, key, sizeof(key));
	explicit_bzero(key, sizeof(key));
	s->sealed = true;
	log_info("seal key derived in the token");
}

/* One round of work: 1 something was done, 0 nothing, -1 the database. */
static int
work(struct signer *s)
{
	int did;

	tokens_tend(s->tokens);
	seal_tend(s);
	if (life_tend(s) == -1)
		return -1;
	if (!s->sealed)
		return 0;
	jws_tend(s);
	if (rules_tend(s) == -1 || policy_tend(s) == -1)
		return -1;
	if (s->rules == NULL)
		return 0;
	if ((s->recover_now ||
	    proc_monotonic_ms() - s->recovered >= RECOVER_MS) &&
	    recover_intents(s) == -1)
		return -1;
	did = batch_pass(s);
	if (did == -1)
		return -1;
	if (errand_run(s) > 0)
		did = 1;
	return !s->clock_back && issue_sign(s) > 0 ? 1 : did;
}

/* Until a ring, a token worker, the end, or `ms`. */
static void
rest(struct signer *s, int ms)
{
	struct pollfd p[] = {
		{ .fd = s->bell, .events = POLLIN },
		{ .fd = tokens_fd(s->tokens), .events = POLLIN },
		{ .fd = proc_stop_fd(), .events = POLLIN },
		{ .fd = s->sealed ? jws_fd() : -1, .events = POLLIN },
	};

	if (poll(p, nitems(p), ms) == -1 && errno != EINTR)
		die(EXIT_FAILED, "poll: %s", strerror(errno));
	if (p[0].revents & POLLIN)
		doorbell_take(s->bell);
}

static int
shorter(int a, int b)
{
	return b >= 0 && b < a ? b : a;
}

static void
loop(struct signer *s)
{
	int sweep = SWEEP_FIRST_MS, away = DATABASE_MS, did;

	while (!proc_stopping()) {
		did = work(s);
		if (did == -1) {
			rest(s, away);
			away = away * 2 < 5000 ? away * 2 : 5000;
			continue;
		}
		away = DATABASE_MS;
		if (did == 1) {
			sweep = SWEEP_FIRST_MS;
			continue;
		}
		rest(s, shorter(sweep, issue_wait(s)));
		sweep = sweep * 2 < SWEEP_LAST_MS ? sweep * 2 : SWEEP_LAST_MS;
	}
}

int
main(int argc, char **argv)
{
	struct signer s;

	start(&s, proc_start("chancery-signer", argc, argv));
	loop(&s);
	batch_end(&s);
	jws_close();
	life_end(&s);
	tokens_free(s.tokens);
	errand_free(&s);
	kept_free(&s.kept);
	guard_free(&s);
	rules_free(s.rules);
	policy_free(s.policies);
	explicit_bzero(&s.seal, sizeof(s.seal));
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-renew: renews the certificate of the appliance's own listener,
 * over ACME from itself like any other client, and says in the log when that
 * fails.  It faces chancery-acme and the signer's socket; it has no role in
 * PostgreSQL, no name to resolve, and one folder to write to.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "conf.h"
#include "log.h"
#include "proc.h"
#include "renew.h"
#include "sandbox.h"

#define LOOK_MS		10000	/* at the files: an operator may change them */
#define REMIND_S	86400	/* of one that is not ours to renew */

struct renewal {
	const struct conf	*conf;
	struct renew_http	*http;		/* NULL: not ours to renew */
	struct renew_state	 state;
	char			 told[64];	/* serial that was told of */
	int64_t			 told_next, reminded;
};

static void
start(struct renewal *r, int argc, char **argv)
{
	const struct conf	*conf;
	char			 beside[4096], ours[4096];
	const char		*readable[] = { NULL, NULL };
	const char		*writable[] = { NULL, NULL };

	memset(r, 0, sizeof(*r));
	conf = r->conf = proc_start("chancery-renew", argc, argv);
	snprintf(beside, sizeof(beside), "%.*s",
	    (int)(strrchr(conf->acme.tls_certificate, '/') -
	    conf->acme.tls_certificate), conf->acme.tls_certificate);
	snprintf(ours, sizeof(ours), "%s/listener", conf->state_dir);
	if (renew_managed(conf)) {
		renew_file_start(conf);
		r->http = renew_http_new(conf);
		writable[0] = ours;
	} else {
		log_info("the listener's certificate is %s: not renewed here",
		    conf->acme.tls_certificate);
		readable[0] = beside;
	}
	sandbox_enter(SANDBOX_RENEW, readable, writable);
	if (r->http != NULL) {
		renew_tidy(conf);
		renew_state_load(conf, &r->state);
	}
	proc_ready();
}

/* Once for each certificate and each date; on disk for operators. */
static void
tell(struct renewal *r, const struct renew_facts *f, int64_t next)
{
	char	until[RENEW_TEXT], when[RENEW_TEXT], why[RENEW_WHY];

	if (strcmp(r->told, f->serial) == 0 && r->told_next == next)
		return;
	snprintf(r->told, sizeof(r->told), "%s", f->serial);
	r->told_next = next;
	if (r->state.failures == 0)
		log_info("listener certificate: serial=%s not_after=%s "
		    "renewal=%s", f->there ? f->serial : "none",
		    renew_when(f->there ? f->until : 0, until),
		    renew_when(next, when));
	if (renew_state_store(r->conf, &r->state, f, next, why) == -1)
		log_error("%s", why);
}

/* The alarm: one line for each attempt, and in it how much time is left. */
static void
alarm_of(struct renewal *r, const struct renew_facts *f, int64_t now)
{
	char	until[RENEW_TEXT], next[RENEW_TEXT];

	log_error("the listener's certificate (%s %s) is not renewed, attempt "
	    "%u: %s; next attempt %s", !f->there ? "none" :
	    f->until < now ? "expired" : "ends",
	    renew_when(f->there ? f->until : 0, until), r->state.failures,
	    r->state.problem, renew_when(renew_next(&r->state, f,
	    r->conf->renew.before, now), next));
}

static void
attempt(struct renewal *r, const struct renew_facts *f)
{
	char	why[RENEW_WHY] = "", ignored[RENEW_WHY];
	int	rc;

	/* Counted before it begins: one that kills us waits, too. */
	r->state.attempt = (int64_t)time(NULL);
	r->state.failures++;
	if (renew_state_store(r->conf, &r->state, f, 0, why) == -1) {
		log_error("%s", why);
		snprintf(r->state.problem, sizeof(r->state.problem), "%s",
		    why);
		return;
	}
	rc = renew_order(r->conf, r->http, f->leaf, why);
	r->told[0] = '\0';
	if (proc_stopping() && rc == -1) {
		r->state.failures--;
		renew_state_store(r->conf, &r->state, f, 0, ignored);
		return;
	}
	snprintf(r->state.problem, sizeof(r->state.problem), "%s", why);
	if (rc == -1) {
		alarm_of(r, f, (int64_t)time(NULL));
		return;
	}
	r->state.failures = 0;
	r->state.problem[0] = '\0';
	r->state.success = r->state.attempt;
	log_info("listener certificate renewed");
}

/* One that an operator put elsewhere: he is reminded of its end. */
static void
remind(struct renewal *r, const struct renew_facts *f, int64_t now)
{
	char	until[RENEW_TEXT];

	if (f->there && renew_due(f->from, f->until, r->conf->renew.before) >
	    now)
		return;
	if (r->reminded != 0 && now - r->reminded < REMIND_S)
		return;
	r->reminded = now;
	log_error("%s: %s %s; replace it (it is not renewed here)",
	    r->conf->acme.tls_certificate, f->there ? "ends" :
	    "cannot be read, ended", renew_when(f->there ? f->until : 0,
	    until));
}

/* Look at the files and do what is due. */
static void
look(struct renewal *r)
{
	int64_t			now = (int64_t)time(NULL), next;
	struct renew_facts	f;

	renew_facts(r->conf, &f);
	if (r->http == NULL)
		remind(r, &f, now);
	else {
		next = renew_next(&r->state, &f, r->conf->renew.before, now);
		if (next > now)
			tell(r, &f, next);
		else
			attempt(r, &f);
	}
	renew_facts_clear(&f);
}

/* Milliseconds until the next look: soon after a first failure. */
static int
rest_of(const struct renewal *r)
{
	return r->state.failures > 0 && r->state.failures < 3 ? 1000 :
	    LOOK_MS;
}

int
main(int argc, char **argv)
{
	struct pollfd	p = { .events = POLLIN };
	struct renewal	r;

	start(&r, argc, argv);
	p.fd = proc_stop_fd();
	while (!proc_stopping()) {
		look(&r);
		if (poll(&p, 1, rest_of(&r)) == -1 && errno != EINTR)
			die(EXIT_FAILED, "poll: %s", strerror(errno));
	}
	return 0;
}

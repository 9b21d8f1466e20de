/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every request of a client has in common: nonces, signatures, pauses
 * that the server asks for; and the account (RFC 8555, 6 and 7.3).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/json.h"
#include "server/mem.h"
#include "load_acme.h"
#include "load_client.h"

#define NONCE_TRIES	5
#define POLL_LONGEST	1000	/* ms, when the server names no time */
#define ARENA_LIMIT	(8 << 20)

int
fail(struct client *c, enum failure kind, const char *fmt, ...)
{
	va_list ap;

	c->failure = kind;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return -1;
}

/* --------------------------------------------------------------- requests */

bool
plain_url(const char *text)
{
	return text != NULL && strncmp(text, "https://", 8) == 0 &&
	    strspn(text, BASE64URL ":/.?=&%~+,;@[]!$'()*") == strlen(text);
}

static int
request(struct client *c, const char *method, const char *url,
    const char *body)
{
	if (http_request(c->http, method, url, body, c->deadline,
	    &c->reply) == -1) {
		if (http_timed_out(c->http))
			return fail(c, FAIL_LOST, "%s: %s", url,
			    http_error(c->http));
		return fail(c, FAIL_TRANSPORT, "%s: %s", url,
		    http_error(c->http));
	}
	/* RFC 8555, 6.5.1: another text is no nonce */
	if (c->reply.nonce[0] != '\0' &&
	    strspn(c->reply.nonce, BASE64URL) == strlen(c->reply.nonce))
		snprintf(c->nonce, sizeof(c->nonce), "%s", c->reply.nonce);
	return 0;
}

static int
want_nonce(struct client *c)
{
	if (c->nonce[0] != '\0')
		return 0;
	if (request(c, "HEAD", c->new_nonce, NULL) == -1)
		return -1;
	return c->nonce[0] != '\0' ? 0 :
	    fail(c, FAIL_WRONG, "%s gives no nonce", c->new_nonce);
}

/* Wait, unless the order would be lost meanwhile. */
static int
pause_for(struct client *c, int ms, const char *what)
{
	double until = now_ms() + ms;

	if (until >= c->deadline)
		return fail(c, FAIL_LOST, "%s has no end within %g s", what,
		    c->shared->opt->deadline);
	sleep_until(until);
	return 0;
}

/*
 * Sign and POST once more for each badNonce (RFC 8555, 6.5), and whenever
 * the server says when to come again.  The reply is there, whatever it is.
 */
int
post(struct client *c, const char *url, const char *payload)
{
	char nonce[sizeof(c->nonce)];
	int tries = 0;

	for (;;) {
		if (want_nonce(c) == -1)
			return -1;
		memcpy(nonce, c->nonce, sizeof(nonce));
		c->nonce[0] = '\0';
		if (request(c, "POST", url, jws_make(c->arena, &c->key,
		    c->kid, nonce, url, payload)) == -1)
			return -1;
		if (c->reply.status == 400 && tries++ < NONCE_TRIES &&
		    strstr(c->reply.body, "error:badNonce") != NULL) {
			c->tally->bad_nonces++;
			continue;
		}
		if ((c->reply.status != 429 && c->reply.status != 503) ||
		    c->reply.retry_ms < 0)
			return 0;
		c->tally->deferrals++;
		if (pause_for(c, c->reply.retry_ms, url) == -1)
			return -1;
	}
}

int
refused(struct client *c, const char *url)
{
	return fail(c, FAIL_REFUSED, "%s: %d %.250s", url, c->reply.status,
	    c->reply.body);
}

/* The reply's object, a new reference. */
static json_t *
object(struct client *c, const char *url)
{
	const char *why;
	json_t *o;

	o = json_read_object(c->reply.body, c->reply.len, &why);
	if (o == NULL)
		fail(c, FAIL_WRONG, "%s: not an object: %s", url, why);
	return o;
}

json_t *
post_for(struct client *c, const char *url, const char *payload, int status)
{
	if (post(c, url, payload) == -1)
		return NULL;
	if (c->reply.status != status) {
		refused(c, url);
		return NULL;
	}
	return object(c, url);
}

bool
status_is(const json_t *o, const char *status)
{
	const char *s = json_member_string(o, "status");

	return s != NULL && strcmp(s, status) == 0;
}

json_t *
poll_for(struct client *c, const char *url, const char *good,
    const char *const waiting[2], bool pause_first)
{
	int wait = (int)c->shared->opt->poll, ms;
	json_t *o;

	for (;;) {
		ms = c->reply.retry_ms >= 0 ? c->reply.retry_ms : wait;
		if (pause_first && pause_for(c, ms, url) == -1)
			return NULL;
		if ((o = post_for(c, url, "", 200)) == NULL ||
		    status_is(o, good))
			return o;
		if (!status_is(o, waiting[0]) && !status_is(o, waiting[1])) {
			fail(c, FAIL_REFUSED, "%s: not %s but %.250s", url,
			    good, c->reply.body);
			json_decref(o);
			return NULL;
		}
		json_decref(o);
		if (pause_first)
			wait = wait * 2 < POLL_LONGEST ? wait * 2 :
			    POLL_LONGEST;
		pause_first = true;
		c->tally->polls++;
	}
}

/* ---------------------------------------------------------------- account */

static char *
directory_url(struct client *c, const json_t *o, const char *name)
{
	const char *url = json_member_string(o, name);

	if (plain_url(url))
		return xstrdup(url);
	fail(c, FAIL_WRONG, "the directory has no URL %s", name);
	return NULL;
}

static int
read_directory(struct client *c)
{
	const char *url = c->shared->opt->directory;
	json_t *o;

	if (request(c, "GET", url, NULL) == -1)
		return -1;
	if (c->reply.status != 200)
		return refused(c, url);
	if ((o = object(c, url)) == NULL)
		return -1;
	c->new_nonce = directory_url(c, o, "newNonce");
	c->new_account = directory_url(c, o, "newAccount");
	c->new_order = directory_url(c, o, "newOrder");
	json_decref(o);
	return c->new_nonce == NULL || c->new_account == NULL ||
	    c->new_order == NULL ? -1 : 0;
}

static int
make_account(struct client *c)
{
	if (post(c, c->new_account, "{\"termsOfServiceAgreed\":true,"
	    "\"contact\":[\"mailto:load@example.com\"]}") == -1)
		return -1;
	if (c->reply.status != 201)
		return refused(c, c->new_account);
	if (!plain_url(c->reply.location))
		return fail(c, FAIL_WRONG, "the account has no URL");
	c->kid = xstrdup(c->reply.location);
	return 0;
}

/* ----------------------------------------------------------------- client */

int
failed(struct client *c)
{
	c->tally->failed[c->failure]++;
	tell_failure(c->failure, c->why);
	/* A server that hangs or is gone: what remains would fare alike. */
	if (c->failure == FAIL_LOST || c->failure == FAIL_TRANSPORT)
		atomic_store(&c->shared->stop, true);
	return -1;
}

struct client *
client_new(struct shared *shared, struct tally *tally)
{
	struct client *c;

	c = xcalloc(1, sizeof(*c));
	c->shared = shared;
	c->tally = tally;
	c->http = http_new(shared->tls, shared->opt->keep);
	c->check = check_new(shared->roots);
	account_key_new(&c->key, shared->opt->alg);
	return c;
}

void
client_free(struct client *c)
{
	http_free(c->http);
	check_free(c->check);
	account_key_free(&c->key);
	http_reply_free(&c->reply);
	free(c->kid);
	free(c->new_nonce);
	free(c->new_account);
	free(c->new_order);
	free(c);
}

void
client_begin(struct client *c)
{
	c->arena = arena_new(ARENA_LIMIT);
	c->deadline = now_ms() + c->shared->opt->deadline * 1000;
}

int
client_enrol(struct client *c)
{
	int rc;

	client_begin(c);
	rc = read_directory(c);
	if (rc == 0)
		rc = make_account(c);
	arena_free(c->arena);
	return rc == 0 ? 0 : failed(c);
}

void
client_mark(struct client *c)
{
	c->requests = http_requests(c->http);
	c->connections = http_connections(c->http);
	c->tally->bad_nonces = c->tally->deferrals = c->tally->polls = 0;
}

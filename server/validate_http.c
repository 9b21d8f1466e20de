/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http-01 (RFC 8555, 8.3): resolve, choose allowed addresses, have a child
 * of chancery-probe ask one of them, follow redirects, compare.  The child
 * splits what the host said; every decision is made here.
 */
#include <ctype.h>
#include <string.h>
#include <time.h>

#include "conf.h"
#include "mem.h"
#include "proc.h"
#include "validate_run.h"

#define REDIRECTS_MAX	10
#define TRIES_NOTED	6	/* of a hop, in the transcript */
#define REFUSED_MS	5000	/* as long, refused connections are retried */
#define REFUSED_PAUSE	500
#define CONNECT_MS	5000	/* for one address, while another waits */

/* What an outcome means for the client; no word of it is the host's. */
static const struct {
	const char		*name;
	enum problem_type	 type;
	const char		*text;
	bool			 another;	/* try the other address */
} outcomes[PROBE_OUTCOMES] = {
	[PROBE_ANSWER] = { "answer", PR_NONE, "", false },
	[PROBE_REDIRECT] = { "redirect", PR_NONE, "", false },
	[PROBE_BAD_REDIRECT] = { "bad redirect", PR_CONNECTION,
	    "the redirect is not to an http or https URL of a DNS name",
	    false },
	[PROBE_REFUSED] = { "refused", PR_CONNECTION, "connection refused",
	    true },
	[PROBE_UNREACHABLE] = { "unreachable", PR_CONNECTION,
	    "the host cannot be reached", true },
	[PROBE_NO_CONNECTION] = { "no connection", PR_CONNECTION,
	    "no connection was made in time (firewall?)", true },
	[PROBE_SLOW] = { "slow", PR_CONNECTION,
	    "no complete response came in time", false },
	[PROBE_CLOSED] = { "closed", PR_CONNECTION,
	    "the connection was closed before a complete response", false },
	[PROBE_TLS] = { "tls", PR_TLS, "the TLS handshake failed", false },
	[PROBE_NOT_HTTP] = { "not http", PR_CONNECTION,
	    "the response is not HTTP", false },
	[PROBE_BROKEN] = { "broken", PR_CONNECTION,
	    "internal: the attempt could not be made", false },
};

/* Where to go, and what was noted about it. */
struct step {
	struct hop	 hop;
	unsigned char	 addr[2][ADDRESS_LEN];
	size_t		 naddr;
	size_t		 first;		/* where the last try ended */
	json_t		*note;
	json_t		*tries;
};

static char *
url_of(struct run *r, const struct hop *hop)
{
	return arena_printf(r->arena, "%s://%s:%u%s",
	    hop->https ? "https" : "http", hop->host, (unsigned)hop->port,
	    hop->target);
}

/* Take the first allowed address of an answer; the others are refused. */
static void
choose(struct run *r, struct step *s, const struct resolve_answer *a,
    json_t *refused, size_t max)
{
	unsigned char		 addr[ADDRESS_LEN];
	char			 text[ADDRESS_TEXT];
	const unsigned char	*data;
	size_t			 len;

	for (size_t i = 0; i < a->count; i++) {
		data = ask_record(a, i, &len);
		if (address_from_octets(data, len, addr) == -1)
			continue;
		if (!address_allowed(r->policy, addr)) {
			address_print(addr, text);
			if (json_array_size(refused) < TRIES_NOTED)
				json_array_append_new(refused,
				    json_string(text));
		} else if (s->naddr < max)
			memcpy(s->addr[s->naddr++], addr, sizeof(addr));
	}
}

/*
 * IPv6 first and one address to fall back to.  Servers that know nothing of
 * AAAA are forgiven when there is an A; a forged answer never is.
 */
static int
resolve_hop(struct run *r, struct step *s)
{
	struct resolve_answer	 a;
	json_t			*dns = json_object(), *refused = json_array();
	const char		*host = s->hop.host;
	int			 aaaa;

	json_object_set_new(s->note, "dns", dns);
	json_object_set_new(s->note, "refused", refused);
	aaaa = run_resolve(r, RESOLVE_AAAA, host, dns, "aaaa", &a);
	if (aaaa == 0)
		choose(r, s, &a, refused, 1);
	else if (a.status == RESOLVE_BOGUS)
		return -1;
	if (run_resolve(r, RESOLVE_A, host, dns, "a", &a) == -1)
		return -1;
	/* The GET may take its time. */
	ask_close(&r->resolver);
	choose(r, s, &a, refused, 2);
	if (s->naddr > 0)
		return 0;
	if (aaaa == -1)
		return -1;
	if (json_array_size(refused) > 0)
		return problem(r->problem, PR_CONNECTION,
		    "%s: this CA's address policy forbids to connect to %s",
		    host, json_string_value(json_array_get(refused, 0)));
	return problem(r->problem, PR_DNS, "%s: no A or AAAA record", host);
}

/* One GET by the child, on a new child when the first one died. */
static int
get_once(struct run *r, const struct probe_request *q,
    struct probe_reply *reply)
{
	long long	end = proc_monotonic_ms() + q->total_ms;

	for (;;) {
		if (r->child == -1)
			r->child = ask_probe_open(r->conf, end);
		if (r->child == -1)
			break;
		switch (ask_probe(r->child, q, end, reply)) {
		case ASK_DONE:
			return 0;
		case ASK_LATE:
			memset(reply, 0, sizeof(*reply));
			reply->outcome = PROBE_SLOW;
			ask_close(&r->child);
			return 0;
		case ASK_GONE:
			ask_close(&r->child);
			break;
		}
		if (r->crashed)
			break;
		r->crashed = true;
	}
	return problem(r->problem, PR_CONNECTION,
	    "internal: the validation was interrupted; try again");
}

static void
note_try(struct step *s, size_t i, const struct probe_reply *reply)
{
	char	 text[ADDRESS_TEXT];
	json_t	*t;

	if (json_array_size(s->tries) >= TRIES_NOTED)
		return;
	t = json_object();
	address_print(s->addr[i], text);
	json_object_set_new(t, "address", json_string(text));
	json_object_set_new(t, "outcome",
	    json_string(outcomes[reply->outcome].name));
	if (reply->status != 0)
		json_object_set_new(t, "status", json_integer(reply->status));
	json_array_append_new(s->tries, t);
}

/* Address `i`; the connection must have been to it and nothing else. */
static int
try_address(struct run *r, struct step *s, size_t i,
    struct probe_reply *reply)
{
	static const unsigned char none[ADDRESS_LEN];
	struct probe_request	q;
	long long		left = r->deadline - proc_monotonic_ms();

	if (left < 1)
		left = 1;
	memset(&q, 0, sizeof(q));
	q.hop = s->hop;
	memcpy(q.addr, s->addr[i], sizeof(q.addr));
	q.total_ms = (uint32_t)left;
	q.connect_ms = q.total_ms;
	if (i + 1 < s->naddr && left / 2 < CONNECT_MS)
		q.connect_ms = (uint32_t)(left / 2 + 1);
	else if (left > CONNECT_MS)
		q.connect_ms = CONNECT_MS;
	if (get_once(r, &q, reply) == -1)
		return -1;
	note_try(s, i, reply);
	s->first = i;
	if (memcmp(reply->peer, q.addr, sizeof(q.addr)) == 0 ||
	    (memcmp(reply->peer, none, sizeof(none)) == 0 &&
	    reply->outcome > PROBE_BAD_REDIRECT))
		return 0;
	return problem(r->problem, PR_CONNECTION,
	    "internal: the response came from another address");
}

/* True when it is worth while, and time, to knock once more. */
static bool
knock_again(struct run *r, const struct probe_reply *reply)
{
	struct timespec	t = { 0, REFUSED_PAUSE * 1000000L };
	long long	now = proc_monotonic_ms();

	if (reply->outcome != PROBE_REFUSED ||
	    now + REFUSED_PAUSE >= r->deadline ||
	    now + REFUSED_PAUSE >= r->started + REFUSED_MS)
		return false;
	nanosleep(&t, NULL);
	return true;
}

/*
 * A server may be a moment behind its client (user of a fast CA: the route
 * is not there yet), so a refused connection is tried again for a while
 * (RFC 8555, 8.2).
 */
static int
get_hop(struct run *r, struct step *s, struct probe_reply *reply)
{
	const char	*text;
	char		 addr[ADDRESS_TEXT];

	do {
		for (size_t i = 0; i < s->naddr; i++) {
			if (try_address(r, s, i, reply) == -1)
				return -1;
			if (!outcomes[reply->outcome].another)
				break;
		}
	} while (knock_again(r, reply));
	if (outcomes[reply->outcome].type == PR_NONE)
		return 0;
	text = outcomes[reply->outcome].text;
	address_print(s->addr[s->first], addr);
	return problem(r->problem, outcomes[reply->outcome].type,
	    "%s (%s, port %u): %s", s->hop.host, addr,
	    (unsigned)s->hop.port, text);
}

/* The child split the URL; that it is one is checked here once more. */
static bool
is_hop(const struct hop *hop)
{
	size_t	i;

	for (i = 0; hop->host[i] != '\0'; i++)
		if (!islower((unsigned char)hop->host[i]) &&
		    !isdigit((unsigned char)hop->host[i]) &&
		    hop->host[i] != '-' && hop->host[i] != '.')
			return false;
	if (i == 0 || hop->https > 1 || hop->target[0] != '/')
		return false;
	for (i = 0; hop->target[i] != '\0'; i++)
		if (!isgraph((unsigned char)hop->target[i]))
			return false;
	return true;
}

/* Ports are the two that validation uses, whatever the scheme. */
static int
next_hop(struct run *r, struct hop *next)
{
	unsigned	http = r->conf->validator.http01_port;
	unsigned	https = r->conf->validator.https_port;

	if (!is_hop(next))
		return problem(r->problem, PR_CONNECTION,
		    "internal: the redirect could not be read");
	if (next->port == 0)
		next->port = next->https ? https : http;
	if (next->port != http && next->port != https)
		return problem(r->problem, PR_CONNECTION,
		    "redirect to port %u: only %u and %u are followed",
		    (unsigned)next->port, http, https);
	return 0;
}

/* RFC 8555, 8.3: the body is the key authorization; trailing white space
 * does not count. */
static int
check_body(struct run *r, struct step *s, const struct probe_reply *reply)
{
	const struct challenge	*c = r->challenge;
	const char		*want;
	size_t			 len = reply->body_len;
	char			 addr[ADDRESS_TEXT];

	address_print(s->addr[s->first], addr);
	json_object_set_new(s->note, "body",
	    note_octets(r, reply->body, reply->body_len));
	if (reply->status < 200 || reply->status > 299)
		return problem(r->problem, PR_UNAUTHORIZED,
		    "%s (%s, port %u): HTTP status %u, expected 200",
		    s->hop.host, addr, (unsigned)s->hop.port,
		    (unsigned)reply->status);
	want = arena_printf(r->arena, "%s.%s", c->token,
	    b64u_encode(r->arena, c->thumbprint, sizeof(c->thumbprint)));
	while (len > 0 && memchr(" \t\r\n\v\f", reply->body[len - 1], 6))
		len--;
	if (!reply->body_more && len == strlen(want) &&
	    octets_equal(reply->body, want, len))
		return 0;
	return problem(r->problem, PR_UNAUTHORIZED,
	    "%s (%s, port %u): RFC 8555, 8.3: the body is not the key "
	    "authorization", s->hop.host, addr, (unsigned)s->hop.port);
}

static void
begin_step(struct run *r, struct step *s, const struct hop *hop, json_t *hops)
{
	memset(s, 0, sizeof(*s));
	s->hop = *hop;
	s->note = json_object();
	s->tries = json_array();
	json_object_set_new(s->note, "url", note_text(r, url_of(r, hop)));
	json_object_set_new(s->note, "tries", s->tries);
	json_array_append_new(hops, s->note);
}

static void
first_hop(struct run *r, struct hop *hop)
{
	memset(hop, 0, sizeof(*hop));
	hop->port = r->conf->validator.http01_port;
	strcpy(hop->host, r->challenge->value);
	strcpy(hop->target, "/.well-known/acme-challenge/");
	strcat(hop->target, r->challenge->token);
}

int
validate_http01(struct run *r)
{
	struct probe_reply	 reply;
	struct step		 s;
	struct hop		 hop;
	json_t			*hops = json_array();

	json_object_set_new(r->transcript, "hops", hops);
	first_hop(r, &hop);
	for (int n = 0; n <= REDIRECTS_MAX; n++) {
		begin_step(r, &s, &hop, hops);
		if (resolve_hop(r, &s) == -1 ||
		    get_hop(r, &s, &reply) == -1)
			return -1;
		if (reply.outcome == PROBE_ANSWER)
			return check_body(r, &s, &reply);
		hop = reply.next;
		if (next_hop(r, &hop) == -1)
			return -1;
	}
	return problem(r->problem, PR_CONNECTION,
	    "more than %d redirects", REDIRECTS_MAX);
}

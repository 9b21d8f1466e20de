/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To a host of the applicant's and back: resolve, choose allowed addresses,
 * have a child of chancery-probe ask one of them.  The address that was
 * judged is the one that is connected to (RFC 8555, 10.4): nothing resolves a
 * second time.
 */
#include <string.h>
#include <time.h>

#include "conf.h"
#include "mem.h"
#include "proc.h"
#include "validate_run.h"

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

static char *
url_of(struct run *r, const struct step *s)
{
	const struct hop	*hop = &s->hop;

	if (s->kind == PROBE_TLS_ALPN)
		return arena_printf(r->arena, "tls://%s:%u", hop->host,
		    (unsigned)hop->port);
	return arena_printf(r->arena, "%s://%s:%u%s",
	    hop->https ? "https" : "http", hop->host, (unsigned)hop->port,
	    hop->target);
}

void
step_begin(struct run *r, struct step *s, enum probe_kind kind,
    const struct hop *hop, unsigned redirects, json_t *notes)
{
	const struct challenge	*c = r->challenge;

	memset(s, 0, sizeof(*s));
	s->kind = kind;
	s->hop = *hop;
	s->redirects = redirects;
	s->name = hop->host;
	s->shown = redirects == 0 ? c->value : arena_printf(r->arena,
	    "%s, redirect %u", c->value, redirects);
	s->note = json_object();
	s->tries = json_array();
	json_object_set_new(s->note, "url", note_text(r, url_of(r, s)));
	json_object_set_new(s->note, "tries", s->tries);
	json_array_append_new(notes, s->note);
}

const char *
step_text(struct run *r, const struct step *s)
{
	char	addr[ADDRESS_TEXT];

	address_print(s->addr[s->first], addr);
	if (s->literal || s->redirects > 0)
		return arena_printf(r->arena, "%s (port %u)", s->shown,
		    (unsigned)s->hop.port);
	return arena_printf(r->arena, "%s (%s, port %u)", s->shown, addr,
	    (unsigned)s->hop.port);
}

/* Take it when it is allowed and there is room for it. */
static void
consider(struct run *r, struct step *s, const unsigned char *addr,
    json_t *refused, size_t max)
{
	char	text[ADDRESS_TEXT];

	if (!address_allowed(r->policy, addr)) {
		address_print(addr, text);
		if (json_array_size(refused) < TRIES_NOTED)
			json_array_append_new(refused, json_string(text));
	} else if (s->naddr < max)
		memcpy(s->addr[s->naddr++], addr, ADDRESS_LEN);
}

static void
choose(struct run *r, struct step *s, const struct resolve_answer *a,
    json_t *refused, size_t max)
{
	unsigned char		 addr[ADDRESS_LEN];
	const unsigned char	*data;
	size_t			 len;

	for (size_t i = 0; i < a->count; i++) {
		data = ask_record(a, i, &len);
		if (address_from_octets(data, len, addr) == 0)
			consider(r, s, addr, refused, max);
	}
}

/*
 * IPv6 first and one address to fall back to.  Servers that know nothing of
 * AAAA are forgiven when there is an A; a forged answer never is.
 */
static int
look_up(struct run *r, struct step *s, json_t *refused)
{
	struct resolve_answer	 a;
	json_t			*dns = json_object();
	int			 aaaa;

	json_object_set_new(s->note, "dns", dns);
	aaaa = run_resolve(r, RESOLVE_AAAA, s->name, s->shown, dns, &a);
	if (aaaa == 0)
		choose(r, s, &a, refused, 1);
	else if (a.status == RESOLVE_BOGUS)
		return -1;
	if (run_resolve(r, RESOLVE_A, s->name, s->shown, dns, &a) == -1)
		return -1;
	/* What comes now may take its time. */
	ask_close(&r->resolver);
	choose(r, s, &a, refused, 2);
	if (s->naddr == 0 && json_array_size(refused) == 0)
		return aaaa == -1 ? -1 : problem(r->problem, PR_DNS,
		    "%s: no A or AAAA record", s->shown);
	return 0;
}

static int
find_addresses(struct run *r, struct step *s)
{
	unsigned char	 addr[ADDRESS_LEN];
	json_t		*refused = json_array();

	json_object_set_new(s->note, "refused", refused);
	if (!s->literal) {
		if (look_up(r, s, refused) == -1)
			return -1;
	} else if (run_address(r, addr) == -1)
		return problem(r->problem, PR_SERVER_INTERNAL,
		    "internal: the identifier cannot be read");
	else
		consider(r, s, addr, refused, 1);
	if (s->naddr > 0)
		return 0;
	return problem(r->problem, PR_CONNECTION,
	    "%s: this CA's address policy forbids to connect to %s",
	    s->shown, s->redirects > 0 ? "its address" :
	    json_string_value(json_array_get(refused, 0)));
}

/* One question to the child, on a new child when the first one died. */
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
	    "%s: internal: the validation was interrupted; try again",
	    r->challenge->value);
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
	q.kind = s->kind;
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
	    "%s: internal: the response came from another address",
	    s->shown);
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
int
step_reach(struct run *r, struct step *s, struct probe_reply *reply)
{
	if (find_addresses(r, s) == -1)
		return -1;
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
	return problem(r->problem, outcomes[reply->outcome].type, "%s: %s",
	    step_text(r, s), outcomes[reply->outcome].text);
}

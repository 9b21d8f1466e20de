/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http-01 (RFC 8555, 8.3; RFC 8738, 4): ask the host, follow its redirects,
 * compare.  The child splits what the host said; every decision is made
 * here.
 */
#include <ctype.h>
#include <string.h>

#include "conf.h"
#include "mem.h"
#include "validate_run.h"

#define REDIRECTS_MAX	10

/*
 * The child split the URL; that it is one is checked here once more.  A host
 * that was there before is one already, perhaps the identifier's address.
 */
static bool
is_hop(const struct hop *hop, const struct hop *before)
{
	size_t	i;

	for (i = 0; hop->host[i] != '\0'; i++)
		if (!islower((unsigned char)hop->host[i]) &&
		    !isdigit((unsigned char)hop->host[i]) &&
		    hop->host[i] != '-' && hop->host[i] != '.' &&
		    strcmp(hop->host, before->host) != 0)
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
next_hop(struct run *r, struct hop *next, const struct hop *before)
{
	unsigned	http = r->conf->validator.http01_port;
	unsigned	https = r->conf->validator.https_port;

	if (!is_hop(next, before))
		return problem(r->problem, PR_CONNECTION,
		    "%s: internal: the redirect could not be read",
		    r->challenge->value);
	if (next->port == 0)
		next->port = next->https ? https : http;
	if (next->port != http && next->port != https)
		return problem(r->problem, PR_CONNECTION,
		    "%s: redirect to port %u: only %u and %u are followed",
		    r->challenge->value, (unsigned)next->port, http, https);
	return 0;
}

/* RFC 8555, 8.3: the body is the key authorization; trailing white space
 * does not count. */
static int
check_body(struct run *r, struct step *s, const struct probe_reply *reply)
{
	const char	*want = run_key_authorization(r);
	size_t		 len = reply->body_len;

	json_object_set_new(s->note, "body",
	    note_octets(r, reply->body, reply->body_len));
	if (reply->status < 200 || reply->status > 299)
		return problem(r->problem, PR_UNAUTHORIZED,
		    "%s: HTTP status %u, expected 200", step_text(r, s),
		    (unsigned)reply->status);
	while (len > 0 && memchr(" \t\r\n\v\f", reply->body[len - 1], 6))
		len--;
	if (!reply->body_more && len == strlen(want) &&
	    octets_equal(reply->body, want, len))
		return 0;
	return problem(r->problem, PR_UNAUTHORIZED,
	    "%s: RFC 8555, 8.3: the body is not the key authorization",
	    step_text(r, s));
}

/* An address is its own host, an IPv6 one in brackets (RFC 3986, 3.2.2). */
static void
first_hop(struct run *r, struct hop *hop)
{
	const struct challenge	*c = r->challenge;

	memset(hop, 0, sizeof(*hop));
	hop->port = r->conf->validator.http01_port;
	if (strchr(c->value, ':') != NULL && strlen(c->value) < ADDRESS_TEXT)
		strcat(strcat(strcpy(hop->host, "["), c->value), "]");
	else
		strcpy(hop->host, c->value);
	strcpy(hop->target, "/.well-known/acme-challenge/");
	strcat(hop->target, c->token);
}

int
validate_http01(struct run *r)
{
	struct probe_reply	 reply;
	struct step		 s;
	struct hop		 first, hop;
	json_t			*hops = json_array();
	bool			 address = strcmp(r->challenge->type, "ip") == 0;

	json_object_set_new(r->transcript, "hops", hops);
	first_hop(r, &first);
	hop = first;
	for (unsigned n = 0; n <= REDIRECTS_MAX; n++) {
		step_begin(r, &s, PROBE_GET, &hop, n, hops);
		s.literal = address && strcmp(hop.host, first.host) == 0;
		if (step_reach(r, &s, &reply) == -1)
			return -1;
		if (reply.outcome == PROBE_ANSWER)
			return check_body(r, &s, &reply);
		hop = reply.next;
		if (next_hop(r, &hop, &s.hop) == -1)
			return -1;
	}
	return problem(r->problem, PR_CONNECTION,
	    "%s: more than %d redirects", r->challenge->value,
	    REDIRECTS_MAX);
}

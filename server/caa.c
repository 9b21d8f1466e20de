/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CAA, evaluated in one pass.  Whatever cannot be read forbids: a record
 * whose value breaks the grammar authorises nobody, one that is no record at
 * all refuses the whole set.  Values are read in place, octet by octet.
 */
#include <string.h>
#include <strings.h>

#include "caa.h"
#include "mem.h"
#include "problem.h"

#define FLAG_CRITICAL	0x80	/* RFC 8659, 4.1 */

/* A run of octets not yet read; also a piece that was. */
struct span {
	const unsigned char	*p;
	size_t			 len;
};

struct property {
	bool		 critical;
	struct span	 tag;
	struct span	 value;
};

/* The parameters that mean something to us; seen at most once each. */
struct parameters {
	struct span	account_uri;	/* RFC 8657, 3 */
	struct span	methods;	/* RFC 8657, 4 */
	unsigned	account_uris;
	unsigned	methods_seen;
};

static bool
is_alnum(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

/* An octet of a parameter's value: visible, not ";" */
static bool
is_value(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != ';';
}

static bool
is_label(unsigned char c)
{
	return is_alnum(c) || c == '-';
}

static bool
is_wsp(unsigned char c)
{
	return c == ' ' || c == '\t';
}

/* Take the octets in front for which `is` holds. */
static struct span
take(struct span *s, bool (*is)(unsigned char))
{
	struct span front = { s->p, 0 };

	while (front.len < s->len && is(s->p[front.len]))
		front.len++;
	s->p += front.len;
	s->len -= front.len;
	return front;
}

static bool
take_char(struct span *s, unsigned char c)
{
	if (s->len == 0 || *s->p != c)
		return false;
	s->p++;
	s->len--;
	return true;
}

/* Tags, domains: case is ignored in both. */
static bool
span_is(struct span s, const char *text)
{
	return s.len == strlen(text) &&
	    strncasecmp((const char *)s.p, text, s.len) == 0;
}

/* Accounts, methods: octet by octet. */
static bool
span_equals(struct span s, const char *text)
{
	return text != NULL && s.len == strlen(text) &&
	    memcmp(s.p, text, s.len) == 0;
}

/* RFC 8659, 4.1: 0, or -1 when the octets are no record. */
static int
property_read(const struct caa_rr *rr, struct property *out)
{
	struct span tag;
	size_t tag_len;

	if (rr->len < 2)
		return -1;
	tag_len = rr->rdata[1];
	if (tag_len == 0 || tag_len > rr->len - 2)
		return -1;
	out->critical = (rr->rdata[0] & FLAG_CRITICAL) != 0;
	out->tag = (struct span){ rr->rdata + 2, tag_len };
	out->value = (struct span){ rr->rdata + 2 + tag_len,
	    rr->len - 2 - tag_len };
	tag = out->tag;
	take(&tag, is_alnum);
	return tag.len == 0 ? 0 : -1;
}

/* A label, also a parameter's tag: no hyphen at either end. */
static bool
is_bounded(struct span s)
{
	return s.len > 0 && s.p[0] != '-' && s.p[s.len - 1] != '-';
}

/* [issuer-domain-name *WSP]; an empty one is legal and names nobody. */
static int
domain_read(struct span *value, struct span *domain)
{
	struct span label;

	*domain = (struct span){ value->p, 0 };
	if (value->len == 0 || *value->p == ';')
		return 0;
	do {
		label = take(value, is_label);
		if (!is_bounded(label))
			return -1;
	} while (take_char(value, '.'));
	domain->len = (size_t)(value->p - domain->p);
	take(value, is_wsp);
	return 0;
}

/* tag *WSP "=" *WSP value */
static int
parameter_read(struct span *value, struct parameters *out)
{
	struct span tag, text;

	tag = take(value, is_label);
	take(value, is_wsp);
	if (!is_bounded(tag) || !take_char(value, '='))
		return -1;
	take(value, is_wsp);
	text = take(value, is_value);
	take(value, is_wsp);
	if (span_is(tag, "accounturi")) {
		out->account_uri = text;
		out->account_uris++;
	} else if (span_is(tag, "validationmethods")) {
		out->methods = text;
		out->methods_seen++;
	}
	return 0;
}

/* The grammar of RFC 8659, 4.2; 0 or -1. */
static int
issue_value_read(struct span value, struct span *domain,
    struct parameters *out)
{
	memset(out, 0, sizeof(*out));
	take(&value, is_wsp);
	if (domain_read(&value, domain) == -1)
		return -1;
	if (value.len == 0)
		return 0;
	if (!take_char(&value, ';'))
		return -1;
	take(&value, is_wsp);
	if (value.len == 0)
		return 0;
	do {
		take(&value, is_wsp);
		if (parameter_read(&value, out) == -1)
			return -1;
	} while (take_char(&value, ';'));
	return value.len == 0 ? 0 : -1;
}

/* RFC 8657, 4: labels with commas between them; one of them is `method`. */
static bool
methods_hold(struct span list, const char *method)
{
	struct span label;
	bool found = false;

	do {
		label = take(&list, is_label);
		if (label.len == 0)
			return false;
		if (span_equals(label, method))
			found = true;
	} while (take_char(&list, ','));
	return found && list.len == 0;
}

/* Does one issue or issuewild property let us? */
static bool
authorizes(const struct property *property, const struct caa_request *request)
{
	struct parameters parameters;
	struct span domain;
	bool ours = false;
	size_t i;

	if (issue_value_read(property->value, &domain, &parameters) == -1)
		return false;
	for (i = 0; i < request->nissuers; i++) {
		if (domain.len > 0 && span_is(domain, request->issuers[i]))
			ours = true;
	}
	if (!ours || parameters.account_uris > 1 ||
	    parameters.methods_seen > 1)
		return false;
	if (parameters.account_uris == 1 &&
	    !span_equals(parameters.account_uri, request->account_uri))
		return false;
	return parameters.methods_seen == 0 ||
	    methods_hold(parameters.methods, request->method);
}

/* How many records of one kind there are, and whether one of them lets us. */
struct tally {
	size_t	count;
	bool	authorized;
};

static void
tally_add(struct tally *tally, const struct property *property,
    const struct caa_request *request)
{
	tally->count++;
	if (authorizes(property, request))
		tally->authorized = true;
}

int
caa_check(const struct caa_rr *rrs, size_t count,
    const struct caa_request *request, struct problem *p)
{
	struct tally issue = { 0, false }, wild = { 0, false };
	const struct tally *relevant = &issue;
	struct property property;
	size_t i;

	for (i = 0; i < count; i++) {
		if (property_read(&rrs[i], &property) == -1)
			return problem(p, PR_CAA, "RFC 8659, 4.1: a CAA "
			    "record of %s cannot be read", request->name);
		if (span_is(property.tag, "issue"))
			tally_add(&issue, &property, request);
		else if (span_is(property.tag, "issuewild"))
			tally_add(&wild, &property, request);
		else if (property.critical && !span_is(property.tag, "iodef"))
			return problem(p, PR_CAA, "RFC 8659, 4.5: a critical "
			    "CAA record of %s is of an unknown kind",
			    request->name);
	}
	/* RFC 8659, 4.3 */
	if (request->wildcard && wild.count > 0)
		relevant = &wild;
	if (relevant->count > 0 && !relevant->authorized)
		return problem(p, PR_CAA, "RFC 8659, %s: no CAA record of %s "
		    "lets this CA issue to this account by %s",
		    relevant == &wild ? "4.3" : "4.2", request->name,
		    request->method);
	return 0;
}

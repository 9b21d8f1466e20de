/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Problem documents: one table of the types that are used, with the status
 * that RFC 8555 gives them or, where it gives none, the customary one.  A
 * detail may quote the client, so it is made fit for JSON and for one line.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "problem.h"

#define URN_PREFIX	"urn:ietf:params:acme:error:"

/* RFC 8555, 6.7 */
static const struct {
	const char	*urn;
	int		 status;
} types[PR_TYPES] = {
	[PR_NONE] = { "about:blank", 200 },
	[PR_ACCOUNT_DOES_NOT_EXIST] = { URN_PREFIX "accountDoesNotExist",
	    400 },
	[PR_ALREADY_REPLACED] = { URN_PREFIX "alreadyReplaced", 409 },
	[PR_BAD_CSR] = { URN_PREFIX "badCSR", 400 },
	[PR_BAD_NONCE] = { URN_PREFIX "badNonce", 400 },
	[PR_BAD_PUBLIC_KEY] = { URN_PREFIX "badPublicKey", 400 },
	[PR_BAD_SIGNATURE_ALGORITHM] = { URN_PREFIX "badSignatureAlgorithm",
	    400 },
	[PR_CAA] = { URN_PREFIX "caa", 403 },
	[PR_COMPOUND] = { URN_PREFIX "compound", 400 },
	[PR_CONNECTION] = { URN_PREFIX "connection", 400 },
	[PR_DNS] = { URN_PREFIX "dns", 400 },
	[PR_EXTERNAL_ACCOUNT_REQUIRED] = { URN_PREFIX
	    "externalAccountRequired", 403 },
	[PR_INCORRECT_RESPONSE] = { URN_PREFIX "incorrectResponse", 403 },
	[PR_INVALID_CONTACT] = { URN_PREFIX "invalidContact", 400 },
	[PR_INVALID_PROFILE] = { URN_PREFIX "invalidProfile", 400 },
	[PR_MALFORMED] = { URN_PREFIX "malformed", 400 },
	[PR_ORDER_NOT_READY] = { URN_PREFIX "orderNotReady", 403 },
	[PR_RATE_LIMITED] = { URN_PREFIX "rateLimited", 429 },
	[PR_REJECTED_IDENTIFIER] = { URN_PREFIX "rejectedIdentifier", 400 },
	[PR_SERVER_INTERNAL] = { URN_PREFIX "serverInternal", 500 },
	[PR_TLS] = { URN_PREFIX "tls", 400 },
	[PR_UNAUTHORIZED] = { URN_PREFIX "unauthorized", 403 },
	[PR_UNSUPPORTED_CONTACT] = { URN_PREFIX "unsupportedContact", 400 },
	[PR_UNSUPPORTED_IDENTIFIER] = { URN_PREFIX "unsupportedIdentifier",
	    400 },
	[PR_USER_ACTION_REQUIRED] = { URN_PREFIX "userActionRequired", 403 },
};

/* What jws.c verifies (RFC 8555, 6.2). */
static const char *const algorithms[] = { "ES256", "ES384", "ES512",
    "EdDSA", "RS256" };

/* Drop a character that was cut in half at the end. */
static void
trim_utf8(char *s)
{
	size_t n = strlen(s), back = 0;
	unsigned char lead;

	while (back < 3 && back < n &&
	    ((unsigned char)s[n - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back == n)
		return;
	lead = (unsigned char)s[n - 1 - back];
	if ((lead >= 0xf0 && back < 3) || (lead >= 0xe0 && back < 2) ||
	    (lead >= 0xc0 && back < 1))
		s[n - 1 - back] = '\0';
}

static bool
is_utf8(const char *s)
{
	json_t *text;

	text = json_string(s);
	json_decref(text);
	return text != NULL;
}

/* No control characters, and nothing but UTF-8. */
static void
clean(char *s)
{
	bool ascii = true;
	char *p;

	for (p = s; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f)
			*p = '?';
		if (c >= 0x80)
			ascii = false;
	}
	if (ascii)
		return;
	trim_utf8(s);
	if (is_utf8(s))
		return;
	for (p = s; *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
}

static void
record(struct problem *p, int status, enum problem_type type, const char *fmt,
    va_list ap)
{
	p->type = type;
	p->status = status;
	p->instance = NULL;
	p->sub = NULL;
	p->nsub = 0;
	if (vsnprintf(p->detail, sizeof(p->detail), fmt, ap) < 0)
		p->detail[0] = '\0';
	clean(p->detail);
}

int
problem(struct problem *p, enum problem_type type, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	record(p, 0, type, fmt, ap);
	va_end(ap);
	return -1;
}

int
problem_status(struct problem *p, int status, enum problem_type type,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	record(p, status, type, fmt, ap);
	va_end(ap);
	return -1;
}

const char *
problem_urn(enum problem_type type)
{
	assert(type < PR_TYPES);
	return types[type].urn;
}

enum problem_type
problem_type_of(const char *urn)
{
	enum problem_type type;

	for (type = PR_NONE + 1; type < PR_TYPES; type++) {
		if (urn != NULL && strcmp(types[type].urn, urn) == 0)
			return type;
	}
	return PR_SERVER_INTERNAL;
}

int
problem_http_status(const struct problem *p)
{
	assert(p->type < PR_TYPES);
	return p->status != 0 ? p->status : types[p->type].status;
}

/* A value that must exist: jansson returns NULL only without memory. */
static json_t *
need(json_t *value)
{
	if (value == NULL)
		die(EXIT_FAILED, "out of memory: a problem document");
	return value;
}

/* Text as JSON; what is not UTF-8 has no form there. */
static json_t *
text_json(const char *text)
{
	json_t *value = NULL;

	if (text != NULL)
		value = json_string(text);
	return value != NULL ? value : need(json_string("?"));
}

/* RFC 8555, 6.7.1 */
static json_t *
subproblem_json(const struct subproblem *sub)
{
	json_t *doc;

	doc = need(json_pack("{s:s, s:o}", "type", problem_urn(sub->type),
	    "detail", text_json(sub->detail)));
	if (sub->ident_type != NULL)
		json_object_set_new(doc, "identifier", need(json_pack(
		    "{s:o, s:o}", "type", text_json(sub->ident_type),
		    "value", text_json(sub->ident_value))));
	return doc;
}

json_t *
problem_json(const struct problem *p)
{
	json_t *doc, *list;
	size_t i;

	doc = need(json_pack("{s:s, s:o, s:i}", "type", problem_urn(p->type),
	    "detail", text_json(p->detail), "status", problem_http_status(p)));
	if (p->instance != NULL)
		json_object_set_new(doc, "instance", text_json(p->instance));
	if (p->type == PR_BAD_SIGNATURE_ALGORITHM) {
		list = need(json_array());
		for (i = 0; i < nitems(algorithms); i++)
			json_array_append_new(list,
			    need(json_string(algorithms[i])));
		json_object_set_new(doc, "algorithms", list);
	}
	if (p->nsub > 0) {
		list = need(json_array());
		for (i = 0; i < p->nsub; i++)
			json_array_append_new(list,
			    subproblem_json(&p->sub[i]));
		json_object_set_new(doc, "subproblems", list);
	}
	return doc;
}

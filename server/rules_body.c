/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of members for each kind of directive.  A body has those that it
 * must have, none that is not in the table, and is canonical JSON.
 */
#include <arpa/inet.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "enc.h"
#include "ident.h"
#include "json.h"
#include "jws.h"
#include "mem.h"
#include "problem.h"
#include "rules.h"
#include "rules_body.h"

#define BODY_MEMORY	(4u << 20)
#define LABEL_MAX	63
#define WORD_LEN_MAX	128	/* of what stands in URLs and JWS */
#define TEXT_LEN_MAX	1024	/* of what people read */
#define ACCOUNTS_MAX	1000000
#define CHAIN_MAX	8

struct reason {
	char	*why;
	size_t	 len;
};

static int
wrong(const struct reason *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, r->len, fmt, ap);
	va_end(ap);
	return -1;
}

/* Labels of RFC 1123, 2.1 in lower case, the last one no number. */
static bool
is_name(const char *text)
{
	const char *label = text;
	size_t len;

	if (*text == '\0' || strlen(text) > IDENT_MAX)
		return false;
	for (;; label += len + 1) {
		len = strcspn(label, ".");
		if (len == 0 || len > LABEL_MAX || label[0] == '-' ||
		    label[len - 1] == '-' || strspn(label,
		    "abcdefghijklmnopqrstuvwxyz0123456789-") < len)
			return false;
		if (label[len] == '\0')
			return strspn(label, "0123456789") < len;
	}
}

/* The canonical text of an address, as ident.c has it; 0 or -1. */
static int
address_read(const char *text, struct pattern *p)
{
	struct ident same;

	p->len = strchr(text, ':') == NULL ? 4 : 16;
	if (inet_pton(p->len == 4 ? AF_INET : AF_INET6, text,
	    p->octets) != 1 || ident_from_octets(p->octets, p->len,
	    &same) == -1)
		return -1;
	return strcmp(same.value, text) == 0 ? 0 : -1;
}

/* Bits of the host part that are set; false also when there are none. */
static bool
host_bits(const struct pattern *p)
{
	size_t bit;

	for (bit = p->bits; bit < 8 * p->len; bit++)
		if (p->octets[bit / 8] & 0x80 >> bit % 8)
			return true;
	return false;
}

static int
prefix_read(const char *text, const char *slash, struct pattern *p)
{
	char address[IDENT_MAX + 1], bits[8];

	if ((size_t)(slash - text) >= sizeof(address))
		return -1;
	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
	if (address_read(address, p) == -1)
		return -1;
	p->bits = (unsigned)strtoul(slash + 1, NULL, 10);
	snprintf(bits, sizeof(bits), "%u", p->bits);
	if (p->bits > 8 * p->len || strcmp(bits, slash + 1) != 0 ||
	    host_bits(p))
		return -1;
	p->kind = PATTERN_PREFIX;
	return 0;
}

int
pattern_read(const char *text, struct pattern *p)
{
	const char *slash = strchr(text, '/');

	memset(p, 0, sizeof(*p));
	if (slash != NULL)
		return prefix_read(text, slash, p);
	p->kind = *text == '.' ? PATTERN_BELOW : PATTERN_NAME;
	if (is_name(text + (*text == '.')))
		return 0;
	p->kind = PATTERN_ADDRESS;
	return address_read(text, p);
}

/* What a member's value must be. */
typedef int check(const struct reason *, const char *member, const json_t *);

static bool
is_word(const char *text)
{
	return *text != '\0' && strlen(text) <= WORD_LEN_MAX &&
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789._-") == strlen(text);
}

static int
check_word(const struct reason *r, const char *member, const json_t *v)
{
	if (!json_is_string(v) || !is_word(json_string_value(v)))
		return wrong(r, "%s: not a word of letters, digits, '.', '_' "
		    "and '-', at most %d of them", member, WORD_LEN_MAX);
	return 0;
}

static int
check_text(const struct reason *r, const char *member, const json_t *v)
{
	const char *text = json_string_value(v);

	if (text == NULL || strlen(text) > TEXT_LEN_MAX ||
	    strlen(text) != json_string_length(v) ||
	    strpbrk(text, "\r\n") != NULL)
		return wrong(r, "%s: not one line of text of at most %d "
		    "octets", member, TEXT_LEN_MAX);
	return 0;
}

static int
check_pattern(const struct reason *r, const char *member, const json_t *v)
{
	const char *text = json_string_value(v);
	struct pattern p;

	if (text == NULL || pattern_read(text, &p) == -1)
		return wrong(r, "%s: \"%.64s\" is neither a name (lower case, "
		    "A-labels), nor \".\" and a name, nor an address or "
		    "prefix (10.0.0.0/8)", member, text == NULL ? "" : text);
	return 0;
}

static int
check_method(const struct reason *r, const char *member, const json_t *v)
{
	static const char *const methods[] = { "http-01", "dns-01",
	    "dns-account-01", "tls-alpn-01" };
	const char *text = json_string_value(v);
	size_t i;

	for (i = 0; text != NULL && i < nitems(methods); i++)
		if (strcmp(text, methods[i]) == 0)
			return 0;
	return wrong(r, "%s: \"%.32s\" is no challenge type", member,
	    text == NULL ? "" : text);
}

static int
check_list(const struct reason *r, const char *member, const json_t *v,
    check *one)
{
	size_t i;

	if (!json_is_array(v))
		return wrong(r, "%s: not a list", member);
	for (i = 0; i < json_array_size(v); i++)
		if (one(r, member, json_array_get(v, i)) == -1)
			return -1;
	return 0;
}

static int
check_patterns(const struct reason *r, const char *member, const json_t *v)
{
	return check_list(r, member, v, check_pattern);
}

static int
check_words(const struct reason *r, const char *member, const json_t *v)
{
	return check_list(r, member, v, check_word);
}

static int
check_methods(const struct reason *r, const char *member, const json_t *v)
{
	return check_list(r, member, v, check_method);
}

static int
check_bool(const struct reason *r, const char *member, const json_t *v)
{
	return json_is_boolean(v) ? 0 :
	    wrong(r, "%s: neither true nor false", member);
}

static int
check_count(const struct reason *r, const char *member, const json_t *v)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    json_integer_value(v) > ACCOUNTS_MAX)
		return wrong(r, "%s: not a number of 0 to %d", member,
		    ACCOUNTS_MAX);
	return 0;
}

/* Seconds since 1970; 0: never. */
static int
check_time(const struct reason *r, const char *member, const json_t *v)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return wrong(r, "%s: not a time in seconds", member);
	return 0;
}

static int
check_key(const struct reason *r, const char *member, const json_t *v)
{
	struct arena *a = arena_new(BODY_MEMORY);
	struct problem p = { 0 };
	struct jwk jwk = { 0 };
	size_t len;
	int rc = 0;

	if (!json_is_object(v) || jwk_parse(a, v, &jwk, &p) == -1)
		rc = wrong(r, "%s: not a public key: %s", member, p.detail);
	else if (strcmp(json_canonical(a, v, &len), jwk.canonical) != 0)
		rc = wrong(r, "%s: has other members than the key's own",
		    member);
	jwk_clear(&jwk);
	arena_free(a);
	return rc;
}

static X509 *
certificate_read(struct arena *a, const json_t *v)
{
	const char *text = json_string_value(v);
	const unsigned char *at;
	unsigned char *der;
	X509 *cert;
	size_t len;

	if (text == NULL || b64u_decode(a, text, strlen(text), &der,
	    &len) == -1)
		return NULL;
	at = der;
	cert = d2i_X509(NULL, &at, (long)len);
	ERR_clear_error();
	if (cert != NULL && at != der + len) {
		X509_free(cert);
		cert = NULL;
	}
	return cert;
}

/* Each is signed by the next one. */
static int
check_chain(const struct reason *r, const char *member, const json_t *v)
{
	struct arena *a = arena_new(BODY_MEMORY);
	X509 *below = NULL, *cert;
	size_t i, n = json_array_size(v);
	int rc = 0;

	if (n == 0 || n > CHAIN_MAX)
		rc = wrong(r, "%s: not 1 to %d certificates", member,
		    CHAIN_MAX);
	for (i = 0; rc == 0 && i < n; i++) {
		cert = certificate_read(a, json_array_get(v, i));
		if (cert == NULL)
			rc = wrong(r, "%s: number %zu is not the DER of a "
			    "certificate in base64url", member, i + 1);
		else if (below != NULL &&
		    X509_verify(below, X509_get0_pubkey(cert)) != 1)
			rc = wrong(r, "%s: number %zu is not signed by the "
			    "next one", member, i);
		ERR_clear_error();
		X509_free(below);
		below = cert;
	}
	X509_free(below);
	arena_free(a);
	return rc;
}

static int
check_block_type(const struct reason *r, const char *member, const json_t *v)
{
	const char *text = json_string_value(v);

	if (text == NULL || (strcmp(text, "name") != 0 &&
	    strcmp(text, "key") != 0))
		return wrong(r, "%s: neither \"name\" nor \"key\"", member);
	return 0;
}

/* Of the whole body, once its members are right. */
typedef int check_body(const struct reason *, const char *name,
	    const json_t *);

static int
check_block(const struct reason *r, const char *name, const json_t *body)
{
	const char *type = json_member_string(body, "type");
	const char *value = json_member_string(body, "value");
	size_t len = strlen(type);

	if (strncmp(name, type, len) != 0 || name[len] != ':' ||
	    strcmp(name + len + 1, value) != 0)
		return wrong(r, "a block of this %s has the name %s:%.200s",
		    type, type, value);
	if (strcmp(type, "name") == 0)
		return check_pattern(r, "value",
		    json_object_get(body, "value"));
	if (strlen(value) != 2 * DIGEST_LEN ||
	    strspn(value, "0123456789abcdef") != 2 * DIGEST_LEN)
		return wrong(r, "value: not a SHA-256 in hexadecimal, lower "
		    "case");
	return 0;
}

static int
check_restrict(const struct reason *r, const char *name, const json_t *body)
{
	if (strcmp(name, json_member_string(body, "value")) != 0)
		return wrong(r, "a restriction has the name of its pattern");
	return 0;
}

static int
check_grant(const struct reason *r, const char *name, const json_t *body)
{
	(void)name;
	if ((json_object_get(body, "account") == NULL) ==
	    (json_object_get(body, "eab") == NULL))
		return wrong(r, "a grant is for an account or for an EAB key");
	if (json_array_size(json_object_get(body, "names")) == 0)
		return wrong(r, "names: empty, so nothing is granted");
	if (json_integer_value(json_object_get(body, "expires")) == 0)
		return wrong(r, "expires: a grant ends at some time");
	return 0;
}

struct member {
	const char	*name;
	check		*check;
	bool		 needed;
};

#define MEMBERS_MAX	10

static const struct kind {
	const char	*name;
	bool		 word;		/* so its directives are named */
	check_body	*check;
	struct member	 members[MEMBERS_MAX];	/* the last has no name */
} kinds[] = {
	{ "officer", true, NULL, {
	    { "jwk", check_key, true } } },
	{ "eab", true, NULL, {
	    { "accounts", check_count, true },
	    { "expires", check_time, true },
	    { "names", check_patterns, false },
	    { "wildcards", check_bool, false },
	    { "profiles", check_words, false },
	    { "challenges", check_methods, false },
	    { "prevalidated", check_patterns, false },
	    { "note", check_text, false } } },
	{ "block", false, check_block, {
	    { "type", check_block_type, true },
	    { "value", check_text, true },
	    { "reason", check_text, true } } },
	{ "restrict", false, check_restrict, {
	    { "value", check_pattern, true },
	    { "note", check_text, false } } },
	{ "grant", true, check_grant, {
	    { "account", check_text, false },
	    { "eab", check_word, false },
	    { "names", check_patterns, true },
	    { "expires", check_time, true },
	    { "note", check_text, false } } },
	{ "chain", true, NULL, {
	    { "issuer", check_text, true },
	    { "certificates", check_chain, true } } },
};

static const struct kind *
kind_find(const char *name)
{
	size_t i;

	for (i = 0; i < nitems(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static const struct member *
member_find(const struct kind *kind, const char *name)
{
	const struct member *m;

	for (m = kind->members; m->name != NULL; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static int
check_members(const struct reason *r, const struct kind *kind, json_t *body)
{
	const struct member *m;
	const char *name;
	json_t *value;

	json_object_foreach(body, name, value) {
		m = member_find(kind, name);
		if (m == NULL)
			return wrong(r, "%.64s: no member of a directive of "
			    "kind %s", name, kind->name);
		if (m->check(r, m->name, value) == -1)
			return -1;
	}
	for (m = kind->members; m->name != NULL; m++)
		if (m->needed && json_object_get(body, m->name) == NULL)
			return wrong(r, "%s: missing", m->name);
	return 0;
}

static int
check_name(const struct reason *r, const struct kind *kind, const char *name)
{
	if (kind->word ? !is_word(name) :
	    *name == '\0' || strlen(name) > RULE_NAME_MAX)
		return wrong(r, "\"%.64s\" cannot be the name of a directive "
		    "of kind %s", name, kind->name);
	return 0;
}

static bool
is_canonical(const json_t *body, const char *text)
{
	struct arena *a = arena_new(BODY_MEMORY);
	bool same;
	size_t len;

	same = strcmp(json_canonical(a, body, &len), text) == 0;
	arena_free(a);
	return same;
}

int
rule_body_read(const char *kind_name, const char *name, const char *body,
    json_t **out, char *why, size_t whylen)
{
	const struct kind *kind = kind_find(kind_name);
	const struct reason r = { why, whylen };
	const char *text = "";
	json_t *o;

	*out = NULL;
	if (kind == NULL)
		return wrong(&r, "no directives of kind %.32s", kind_name);
	if (check_name(&r, kind, name) == -1)
		return -1;
	if (strcmp(body, "null") == 0)
		return 0;
	if (strlen(body) > RULE_BODY_MAX)
		return wrong(&r, "longer than %d octets", RULE_BODY_MAX);
	o = json_read_object(body, strlen(body), &text);
	if (o == NULL)
		return wrong(&r, "%s", text);
	if (!json_exact(o) || !is_canonical(o, body)) {
		json_decref(o);
		return wrong(&r, "not canonical JSON (RFC 8785)");
	}
	if (check_members(&r, kind, o) == -1 ||
	    (kind->check != NULL && kind->check(&r, name, o) == -1)) {
		json_decref(o);
		return -1;
	}
	*out = o;
	return 0;
}

int
rules_check(const char *kind, const char *name, const char *body, char *why,
    size_t whylen)
{
	json_t *o;

	if (rule_body_read(kind, name, body, &o, why, whylen) == -1)
		return -1;
	json_decref(o);
	return 0;
}

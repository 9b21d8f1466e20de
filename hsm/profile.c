/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate profiles: the canonical JSON text, read strictly against one
 * table of members, and what follows from a profile for one certificate.
 * The dates that an order asks for are in profile_dates.c.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <jansson.h>

#include "../server/json.h"
#include "../server/mem.h"
#include "profile.h"
#include "tbs.h"

#define DAY		86400
#define VALIDITY_MIN	300
#define VALIDITY_MAX	(825 * (int64_t)DAY)
#define BACKDATE_MAX	DAY
#define ADVANCE_MAX	(30 * (int64_t)DAY)
#define NAMES_MAX	100
#define TEXT_MAX	256	/* of a description */
#define SUBJECT_MAX	64	/* RFC 5280, A.1: ub-organization-name */

#define EKU_ANY		"2.5.29.37.0"
#define EKU_OCSP	"1.3.6.1.5.5.7.3.9"

struct word {
	const char	*name;
	unsigned	 bit;
};

/* RFC 5280, 4.2.1.3: the bits that a profile for leaves may use. */
static const struct word usages[] = {
	{ "digitalSignature",	KU_DIGITAL_SIGNATURE },
	{ "keyEncipherment",	KU_KEY_ENCIPHERMENT },
	{ NULL, 0 }
};

static const struct word kinds[] = {
	{ "RSA",	PROFILE_RSA },
	{ "P-256",	PROFILE_P256 },
	{ "P-384",	PROFILE_P384 },
	{ "P-521",	PROFILE_P521 },
	{ "Ed25519",	PROFILE_ED25519 },
	{ NULL, 0 }
};

#define TYPE_DNS	(1u << 0)
#define TYPE_IP		(1u << 1)

static const struct word types[] = {
	{ "dns",	TYPE_DNS },
	{ "ip",		TYPE_IP },
	{ NULL, 0 }
};

static const struct word common_names[] = {
	{ "none",	CN_NONE },
	{ "first",	CN_FIRST },
	{ NULL, 0 }
};

/* What a member is read by; `p` is the profile under construction. */
struct member {
	const char	*name;
	int		(*read)(struct arena *, const json_t *,
			    struct profile *p);
	bool		 needed;
};

static bool
name_ok(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > PROFILE_NAME_MAX)
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* A dotted OID with a first arc of 0 to 2 and no leading zeros. */
static bool
oid_ok(const char *s)
{
	size_t arcs = 0;

	if (strlen(s) > 64 || *s < '0' || *s > '2' || s[1] != '.')
		return false;
	for (;;) {
		size_t digits = strspn(s, "0123456789");

		if (digits == 0 || digits > 9 || (*s == '0' && digits > 1))
			return false;
		arcs++;
		s += digits;
		if (*s == '\0')
			return arcs >= 3;
		if (*s++ != '.')
			return false;
	}
}

static bool
url_ok(const char *s)
{
	if (strncmp(s, "http://", 7) != 0 || strlen(s) > 255)
		return false;
	for (s += 7; *s != '\0'; s++)
		if (!isgraph((unsigned char)*s) || strchr("\"<>\\", *s))
			return false;
	return true;
}

/* One line of text of at most so many octets. */
static int
read_line(struct arena *a, const json_t *v, size_t most, const char **out)
{
	const unsigned char *s = (const unsigned char *)json_string_value(v);
	size_t i;

	if (s == NULL || json_string_length(v) > most ||
	    strlen((const char *)s) != json_string_length(v) || *s == '\0')
		return -1;
	for (i = 0; s[i] != '\0'; i++)
		if (iscntrl(s[i]))
			return -1;
	*out = arena_strdup(a, (const char *)s);
	return 0;
}

static int
read_integer(const json_t *v, int64_t least, int64_t most, int64_t *out)
{
	if (!json_is_integer(v))
		return -1;
	*out = json_integer_value(v);
	return *out < least || *out > most ? -1 : 0;
}

static int
read_yes(const json_t *v, bool *out)
{
	*out = json_is_true(v);
	return json_is_boolean(v) ? 0 : -1;
}

static const struct word *
word_find(const struct word *list, const json_t *v)
{
	const char *text = json_string_value(v);

	if (text == NULL || strlen(text) != json_string_length(v))
		return NULL;
	for (; list->name != NULL; list++)
		if (strcmp(list->name, text) == 0)
			return list;
	return NULL;
}

/* An array of words, each once, at least one. */
static int
read_words(const json_t *v, const struct word *list, unsigned *out)
{
	const struct word *word;
	const json_t *one;
	size_t i;

	if (!json_is_array(v) || json_array_size(v) == 0)
		return -1;
	json_array_foreach(v, i, one) {
		word = word_find(list, one);
		if (word == NULL || (*out & word->bit))
			return -1;
		*out |= word->bit;
	}
	return 0;
}

static int
read_oids(struct arena *a, const json_t *v, const char ***out)
{
	size_t i, k, n = json_array_size(v);
	const char **list;

	if (!json_is_array(v) || n == 0 || n > PROFILE_EKU_MAX)
		return -1;
	list = arena_alloc(a, (n + 1) * sizeof(*list));
	for (i = 0; i < n; i++) {
		const json_t *one = json_array_get(v, i);

		if (!json_is_string(one) || !oid_ok(json_string_value(one)))
			return -1;
		list[i] = arena_strdup(a, json_string_value(one));
		for (k = 0; k < i; k++)
			if (strcmp(list[k], list[i]) == 0)
				return -1;
	}
	*out = list;
	return 0;
}

static int
read_name(struct arena *a, const json_t *v, struct profile *p)
{
	if (!json_is_string(v) || !name_ok(json_string_value(v)))
		return -1;
	p->name = arena_strdup(a, json_string_value(v));
	return 0;
}

static int
read_description(struct arena *a, const json_t *v, struct profile *p)
{
	return read_line(a, v, TEXT_MAX, &p->description);
}

static int
read_validity(struct arena *a, const json_t *v, struct profile *p)
{
	(void)a;
	return read_integer(v, VALIDITY_MIN, VALIDITY_MAX, &p->validity);
}

static int
read_backdate(struct arena *a, const json_t *v, struct profile *p)
{
	(void)a;
	return read_integer(v, 0, BACKDATE_MAX, &p->backdate);
}

static int
read_advance(struct arena *a, const json_t *v, struct profile *p)
{
	(void)a;
	return read_integer(v, 0, ADVANCE_MAX, &p->advance);
}

static int
read_key_usage(struct arena *a, const json_t *v, struct profile *p)
{
	(void)a;
	if (read_words(v, usages, &p->key_usage) == -1)
		return -1;
	return p->key_usage & KU_DIGITAL_SIGNATURE ? 0 : -1;
}

static int
read_keys(struct arena *a, const json_t *v, struct profile *p)
{
	(void)a;
	return read_words(v, kinds, &p->keys);
}

/* A leaf that may answer for the CA (RFC 6960, 4.2.2.2) or do everything
 * is no subscriber's. */
static int
read_eku(struct arena *a, const json_t *v, struct profile *p)
{
	size_t i;

	if (read_oids(a, v, &p->eku) == -1)
		return -1;
	for (i = 0; p->eku[i] != NULL; i++)
		if (strcmp(p->eku[i], EKU_ANY) == 0 ||
		    strcmp(p->eku[i], EKU_OCSP) == 0)
			return -1;
	return 0;
}

static int
read_policies(struct arena *a, const json_t *v, struct profile *p)
{
	return read_oids(a, v, &p->policies);
}

static int
read_url(struct arena *a, const json_t *v, struct profile *p)
{
	if (!json_is_string(v) || !url_ok(json_string_value(v)))
		return -1;
	p->ca_issuers_url = arena_strdup(a, json_string_value(v));
	return 0;
}

static int
read_common_name(struct arena *a, const json_t *v, struct profile *p)
{
	const struct word *word = word_find(common_names, v);

	(void)a;
	if (word == NULL)
		return -1;
	p->common_name = (enum profile_cn)word->bit;
	return 0;
}

static int
read_organization(struct arena *a, const json_t *v, struct profile *p)
{
	return read_line(a, v, SUBJECT_MAX, &p->organization);
}

static int
read_country(struct arena *a, const json_t *v, struct profile *p)
{
	if (read_line(a, v, 2, &p->country) == -1)
		return -1;
	return strspn(p->country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2 ? 0 : -1;
}

static int
read_identifiers(struct arena *a, const json_t *v, struct profile *p)
{
	unsigned bits = 0;

	(void)a;
	if (read_words(v, types, &bits) == -1)
		return -1;
	p->dns = bits & TYPE_DNS;
	p->ip = bits & TYPE_IP;
	return 0;
}

static int
read_wildcards(struct arena *a, const json_t *v, struct profile *p)
{
	(void)a;
	return read_yes(v, &p->wildcards);
}

static int
read_names_max(struct arena *a, const json_t *v, struct profile *p)
{
	int64_t n = 0;

	(void)a;
	if (read_integer(v, 1, NAMES_MAX, &n) == -1)
		return -1;
	p->names_max = (unsigned)n;
	return 0;
}

static int
read_open(struct arena *a, const json_t *v, struct profile *p)
{
	(void)a;
	return read_yes(v, &p->open);
}

/* CA/B BR, 6.1.5: no Ed25519. */
static int
read_br(struct arena *a, const json_t *v, struct profile *p)
{
	(void)a;
	if (read_yes(v, &p->br) == -1)
		return -1;
	return p->br && (p->keys & PROFILE_ED25519) ? -1 : 0;
}

/* Each is read after those that it is compared with. */
static const struct member members[] = {
	{ "name",		read_name,		true },
	{ "description",	read_description,	true },
	{ "validity_seconds",	read_validity,		true },
	{ "backdate_seconds",	read_backdate,		true },
	{ "advance_seconds",	read_advance,		true },
	{ "key_usage",		read_key_usage,		true },
	{ "keys",		read_keys,		true },
	{ "eku",		read_eku,		true },
	{ "policies",		read_policies,		false },
	{ "ca_issuers_url",	read_url,		false },
	{ "common_name",	read_common_name,	true },
	{ "organization",	read_organization,	false },
	{ "country",		read_country,		false },
	{ "identifiers",	read_identifiers,	true },
	{ "wildcards",		read_wildcards,		true },
	{ "names_max",		read_names_max,		true },
	{ "open",		read_open,		true },
	{ "br",			read_br,		true },
};

static int
read_members(struct arena *a, const json_t *o, struct profile *p, char *why,
    size_t whylen)
{
	size_t i, found = 0;

	for (i = 0; i < nitems(members); i++) {
		const json_t *v = json_object_get(o, members[i].name);

		if (v == NULL && !members[i].needed)
			continue;
		if (v == NULL || members[i].read(a, v, p) == -1) {
			snprintf(why, whylen, "profile: %s is %s",
			    members[i].name,
			    v == NULL ? "missing" : "not acceptable");
			return -1;
		}
		found++;
	}
	if (found != json_object_size(o)) {
		snprintf(why, whylen, "profile: holds an unknown member");
		return -1;
	}
	return 0;
}

int
profile_parse(struct arena *a, const char *body, struct profile *p, char *why,
    size_t whylen)
{
	const char *reason = NULL;
	json_t *o = NULL;
	int rc = -1;

	memset(p, 0, sizeof(*p));
	if (strlen(body) > PROFILE_BODY_MAX) {
		snprintf(why, whylen, "profile: longer than %d octets",
		    PROFILE_BODY_MAX);
		goto out;
	}
	o = json_read_object(body, strlen(body), &reason);
	if (o == NULL) {
		snprintf(why, whylen, "profile: %s", reason);
		goto out;
	}
	if (read_members(a, o, p, why, whylen) == -1)
		goto out;
	/* One text for one profile, or its hash would not name it. */
	if (strcmp(profile_print(a, p), body) != 0) {
		snprintf(why, whylen, "profile: not in its canonical form "
		    "(RFC 8785, and lists in the order of the manual)");
		goto out;
	}
	rc = 0;
out:
	json_decref(o);
	return rc;
}

static json_t *
words_json(const struct word *list, unsigned bits)
{
	json_t *out = json_array();

	for (; list->name != NULL; list++)
		if (bits & list->bit)
			json_array_append_new(out, json_string(list->name));
	return out;
}

static json_t *
oids_json(const char **oids)
{
	json_t *out = json_array();

	while (oids != NULL && *oids != NULL)
		json_array_append_new(out, json_string(*oids++));
	return out;
}

static void
set_text(json_t *o, const char *name, const char *text)
{
	if (text != NULL)
		json_object_set_new(o, name, json_string(text));
}

char *
profile_print(struct arena *a, const struct profile *p)
{
	json_t *o = json_object();
	char *text;
	size_t len;

	set_text(o, "name", p->name);
	set_text(o, "description", p->description);
	json_object_set_new(o, "validity_seconds", json_integer(p->validity));
	json_object_set_new(o, "backdate_seconds", json_integer(p->backdate));
	json_object_set_new(o, "advance_seconds", json_integer(p->advance));
	json_object_set_new(o, "key_usage", words_json(usages, p->key_usage));
	json_object_set_new(o, "keys", words_json(kinds, p->keys));
	json_object_set_new(o, "eku", oids_json(p->eku));
	if (p->policies != NULL)
		json_object_set_new(o, "policies", oids_json(p->policies));
	set_text(o, "ca_issuers_url", p->ca_issuers_url);
	set_text(o, "common_name", common_names[p->common_name].name);
	set_text(o, "organization", p->organization);
	set_text(o, "country", p->country);
	json_object_set_new(o, "identifiers", words_json(types,
	    (p->dns ? TYPE_DNS : 0) | (p->ip ? TYPE_IP : 0)));
	json_object_set_new(o, "wildcards", json_boolean(p->wildcards));
	json_object_set_new(o, "names_max", json_integer(p->names_max));
	json_object_set_new(o, "open", json_boolean(p->open));
	json_object_set_new(o, "br", json_boolean(p->br));
	text = json_canonical(a, o, &len);
	json_decref(o);
	return text;
}

void
profile_hash(const char *body, unsigned char out[DIGEST_LEN])
{
	sha256(body, strlen(body), out);
}

int
profile_fits(const struct profile *p, const struct ident *names, size_t count,
    char *why, size_t whylen)
{
	const char *what = NULL;
	size_t i;

	for (i = 0; i < count && what == NULL; i++) {
		if (strcmp(names[i].type, "ip") == 0)
			what = p->ip ? NULL : "addresses";
		else if (!p->dns)
			what = "DNS names";
		else if (names[i].wildcard && !p->wildcards)
			what = "wildcards";
	}
	if (what != NULL) {
		snprintf(why, whylen, "profile %s is not for %s", p->name,
		    what);
		return -1;
	}
	if (count > p->names_max) {
		snprintf(why, whylen, "profile %s is for at most %u names",
		    p->name, p->names_max);
		return -1;
	}
	return 0;
}

unsigned
profile_key_usage(const struct profile *p, bool rsa)
{
	return rsa ? p->key_usage : p->key_usage & ~KU_KEY_ENCIPHERMENT;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate profiles: the canonical JSON text, read strictly against one
 * table of members, and what follows from a profile for one certificate.
 * Pure; used by chancery-signer and by the ceremony.
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
#define DEFAULT_VALIDITY (90 * (int64_t)DAY)
#define DEFAULT_BACKDATE 3600

/* RFC 5280, 4.2.1.3: the bits that a profile for leaves may use. */
static const struct {
	const char	*name;
	unsigned	 bit;
} usages[] = {
	{ "digitalSignature",	KU_DIGITAL_SIGNATURE },
	{ "keyEncipherment",	KU_KEY_ENCIPHERMENT },
};

/* What a member is read by; `where` is the profile under construction. */
struct member {
	const char	*name;
	int		(*read)(struct arena *, const json_t *,
			    struct profile *);
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

static int
read_integer(const json_t *v, int64_t least, int64_t most, int64_t *out)
{
	if (!json_is_integer(v))
		return -1;
	*out = json_integer_value(v);
	return *out < least || *out > most ? -1 : 0;
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
read_key_usage(struct arena *a, const json_t *v, struct profile *p)
{
	const json_t *one;
	size_t i, k;

	(void)a;
	if (!json_is_array(v) || json_array_size(v) == 0)
		return -1;
	json_array_foreach(v, i, one) {
		if (!json_is_string(one))
			return -1;
		for (k = 0; k < nitems(usages); k++)
			if (!strcmp(usages[k].name, json_string_value(one)))
				break;
		if (k == nitems(usages) || (p->key_usage & usages[k].bit))
			return -1;
		p->key_usage |= usages[k].bit;
	}
	return p->key_usage & KU_DIGITAL_SIGNATURE ? 0 : -1;
}

static int
read_eku(struct arena *a, const json_t *v, struct profile *p)
{
	const json_t *one;
	size_t i, n;

	n = json_array_size(v);
	if (!json_is_array(v) || n == 0 || n > PROFILE_EKU_MAX)
		return -1;
	p->eku = arena_alloc(a, (n + 1) * sizeof(*p->eku));
	json_array_foreach(v, i, one) {
		if (!json_is_string(one) || !oid_ok(json_string_value(one)))
			return -1;
		p->eku[i] = arena_strdup(a, json_string_value(one));
	}
	return 0;
}

static int
read_url(struct arena *a, const json_t *v, struct profile *p)
{
	if (!json_is_string(v) || !url_ok(json_string_value(v)))
		return -1;
	p->ca_issuers_url = arena_strdup(a, json_string_value(v));
	return 0;
}

static const struct member members[] = {
	{ "name",		read_name,	true },
	{ "validity_seconds",	read_validity,	true },
	{ "backdate_seconds",	read_backdate,	true },
	{ "key_usage",		read_key_usage,	true },
	{ "eku",		read_eku,	true },
	{ "ca_issuers_url",	read_url,	false },
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
		    "(RFC 8785)");
		goto out;
	}
	rc = 0;
out:
	json_decref(o);
	return rc;
}

static json_t *
usage_names(unsigned key_usage)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < nitems(usages); i++)
		if (key_usage & usages[i].bit)
			json_array_append_new(list,
			    json_string(usages[i].name));
	return list;
}

char *
profile_print(struct arena *a, const struct profile *p)
{
	json_t *o = json_object(), *eku = json_array();
	char *text;
	size_t i, len;

	for (i = 0; p->eku != NULL && p->eku[i] != NULL; i++)
		json_array_append_new(eku, json_string(p->eku[i]));
	json_object_set_new(o, "name", json_string(p->name));
	json_object_set_new(o, "validity_seconds", json_integer(p->validity));
	json_object_set_new(o, "backdate_seconds", json_integer(p->backdate));
	json_object_set_new(o, "key_usage", usage_names(p->key_usage));
	json_object_set_new(o, "eku", eku);
	if (p->ca_issuers_url != NULL)
		json_object_set_new(o, "ca_issuers_url",
		    json_string(p->ca_issuers_url));
	text = json_canonical(a, o, &len);
	json_decref(o);
	return text;
}

char *
profile_default_body(struct arena *a, const char *ca_issuers_url)
{
	const char *eku[] = { EKU_SERVER_AUTH, NULL };
	const struct profile p = {
		.name = PROFILE_DEFAULT,
		.validity = DEFAULT_VALIDITY,
		.backdate = DEFAULT_BACKDATE,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.eku = eku,
		.ca_issuers_url = ca_issuers_url,
	};

	return profile_print(a, &p);
}

void
profile_hash(const char *body, unsigned char out[DIGEST_LEN])
{
	sha256(body, strlen(body), out);
}

int
profile_times(const struct profile *p, int64_t now, int64_t issuer_from,
    int64_t issuer_until, int64_t *not_before, int64_t *not_after)
{
	if (now < issuer_from || now > issuer_until)
		return -1;
	*not_before = now - p->backdate;
	if (*not_before < issuer_from)
		*not_before = issuer_from;
	/* RFC 5280, 4.1.2.5: the second of notAfter is part of it. */
	*not_after = *not_before + p->validity - 1;
	if (*not_after > issuer_until)
		*not_after = issuer_until;
	return *not_after > now ? 0 : -1;
}

unsigned
profile_key_usage(const struct profile *p, bool rsa)
{
	return rsa ? p->key_usage : p->key_usage & ~KU_KEY_ENCIPHERMENT;
}

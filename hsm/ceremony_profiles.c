/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profiles of the ceremony's file: keywords, the words that their lists
 * may hold, and the canonical body that is sealed.
 */
#include <stdio.h>
#include <string.h>

#include "../server/log.h"
#include "../server/mem.h"
#include "ceremony.h"
#include "ceremony_plan.h"
#include "profile.h"
#include "tbs.h"

#define DAY	INT64_C(86400)

static conf_parse slug, eku, key_kind, identifier, common_name, country,
    oid;

#define AT(member)	offsetof(struct plan_profile, member)
#define VALUE(keyword, how, at, ...)					\
	{ .name = keyword, .shape = CONF_VALUE, .parse = how,		\
	  .offset = AT(at), __VA_ARGS__ }
#define STRINGS(keyword, how, at, ...)					\
	{ .name = keyword, .shape = CONF_LIST, .parse = how,		\
	  .offset = AT(at.v), .count = AT(at.n),			\
	  .size = sizeof(const char *), __VA_ARGS__ }
#define RANGE(low, high)	.min = (low), .max = (high)

const struct conf_key plan_profile_keys[] = {
	VALUE("name", slug, fixed.name),
	VALUE("description", conf_text, fixed.description),
	VALUE("validity", conf_seconds, fixed.validity, .fallback = "90d",
	    RANGE(300, 825 * DAY)),
	VALUE("backdate", conf_seconds, fixed.backdate, .fallback = "1h",
	    RANGE(0, DAY)),
	VALUE("advance", conf_seconds, fixed.advance, .fallback = "7d",
	    RANGE(0, 30 * DAY)),
	STRINGS("eku", eku, eku, .fallback = "serverAuth",
	    RANGE(1, PROFILE_EKU_MAX)),
	STRINGS("keys", key_kind, keys,
	    .fallback = "RSA P-256 P-384 P-521 Ed25519", RANGE(1, 5)),
	STRINGS("identifiers", identifier, identifiers, .fallback = "dns ip",
	    RANGE(1, 2)),
	VALUE("wildcards", conf_yes_no, fixed.wildcards, .fallback = "yes"),
	VALUE("names_max", conf_number, fixed.names_max, .fallback = "100",
	    RANGE(1, 100)),
	VALUE("common_name", common_name, common_name, .fallback = "none"),
	VALUE("organization", conf_text, fixed.organization,
	    .optional = true),
	VALUE("country", country, fixed.country, .optional = true),
	STRINGS("policies", oid, policies, .optional = true, RANGE(0, 8)),
	VALUE("open", conf_yes_no, fixed.open, .fallback = "yes"),
	VALUE("br", conf_yes_no, fixed.br, .fallback = "no"),
	{ .name = NULL }
};

/* Words and what they stand for; the first column is what may be said. */
static const struct word {
	const char	*word, *means;
	unsigned	 bit;
} ekus[] = {
	{ "serverAuth", EKU_SERVER_AUTH, 0 },
	{ "clientAuth", EKU_CLIENT_AUTH, 0 },
	{ NULL, NULL, 0 }
}, kinds[] = {
	{ "RSA", "RSA", PROFILE_RSA },
	{ "P-256", "P-256", PROFILE_P256 },
	{ "P-384", "P-384", PROFILE_P384 },
	{ "P-521", "P-521", PROFILE_P521 },
	{ "Ed25519", "Ed25519", PROFILE_ED25519 },
	{ NULL, NULL, 0 }
}, identifiers[] = {
	{ "dns", "dns", 0 },
	{ "ip", "ip", 0 },
	{ NULL, NULL, 0 }
}, common_names[] = {
	{ "none", "none", 0 },
	{ "first", "first", 0 },
	{ NULL, NULL, 0 }
};

static int
take_word(const struct word *words, const char *text, void *out, char *why)
{
	const struct word *w;
	size_t used;

	for (w = words; w->word != NULL; w++)
		if (strcmp(w->word, text) == 0) {
			*(const char **)out = w->means;
			return 0;
		}
	snprintf(why, CONF_WHY_LEN, "must be one of");
	for (w = words; w->word != NULL; w++) {
		used = strlen(why);
		snprintf(why + used, CONF_WHY_LEN - used, " %s", w->word);
	}
	return -1;
}

static int
eku(const struct conf_key *key, const char *text, void *out, char *why)
{
	(void)key;
	return take_word(ekus, text, out, why);
}

static int
key_kind(const struct conf_key *key, const char *text, void *out, char *why)
{
	(void)key;
	return take_word(kinds, text, out, why);
}

static int
identifier(const struct conf_key *key, const char *text, void *out, char *why)
{
	(void)key;
	return take_word(identifiers, text, out, why);
}

static int
common_name(const struct conf_key *key, const char *text, void *out,
    char *why)
{
	(void)key;
	return take_word(common_names, text, out, why);
}

static int
slug(const struct conf_key *key, const char *text, void *out, char *why)
{
	if (strlen(text) <= PROFILE_NAME_MAX && text[strspn(text,
	    "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0')
		return conf_text(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must be lower-case letters, digits and "
	    "\"-\", at most %d", PROFILE_NAME_MAX);
	return -1;
}

static int
country(const struct conf_key *key, const char *text, void *out, char *why)
{
	if (strlen(text) == 2 &&
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2)
		return conf_text(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must be two capital letters (ISO 3166)");
	return -1;
}

static int
oid(const struct conf_key *key, const char *text, void *out, char *why)
{
	if (text[strspn(text, "0123456789.")] == '\0')
		return conf_text(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must be an OID such as "
	    "\"2.23.140.1.2.1\"");
	return -1;
}

/* A list that ends with NULL; NULL when it is empty. */
static const char **
ended(struct arena *arena, const struct strings *list)
{
	const char **copy;

	if (list->n == 0)
		return NULL;
	copy = arena_alloc(arena, (list->n + 1) * sizeof(*copy));
	memcpy(copy, list->v, list->n * sizeof(*copy));
	return copy;
}

static bool
holds(const struct strings *list, const char *word)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (strcmp(list->v[i], word) == 0)
			return true;
	return false;
}

char *
plan_profile_body(struct ceremony *c, const struct plan_profile *plan)
{
	struct profile p = plan->fixed, check;
	const struct word *w;
	char why[256], *body;

	p.eku = ended(c->arena, &plan->eku);
	p.policies = ended(c->arena, &plan->policies);
	p.key_usage = KU_DIGITAL_SIGNATURE;
	/* RFC 5246, 7.4.2: only RSA key exchange of TLS servers needs it. */
	if (holds(&plan->eku, EKU_SERVER_AUTH))
		p.key_usage |= KU_KEY_ENCIPHERMENT;
	for (w = kinds; w->word != NULL; w++)
		if (holds(&plan->keys, w->word))
			p.keys |= w->bit;
	p.dns = holds(&plan->identifiers, "dns");
	p.ip = holds(&plan->identifiers, "ip");
	p.common_name = strcmp(plan->common_name, "first") == 0 ? CN_FIRST :
	    CN_NONE;
	p.ca_issuers_url = ca_issuers_url(c);
	body = profile_print(c->arena, &p);
	if (profile_parse(c->arena, body, &check, why, sizeof(why)) == 0)
		return body;
	log_error("profile \"%s\": %s: correct the ceremony's file, or "
	    "publisher.url", p.name, why);
	return NULL;
}

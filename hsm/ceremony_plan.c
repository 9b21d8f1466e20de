/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceremony's file: its keywords, what they may be, and what must hold
 * between them.  The SHA-256 of the file is the name of the plan.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../server/ident.h"
#include "../server/mem.h"
#include "../server/problem.h"
#include "ceremony.h"
#include "ceremony_plan.h"

#define DAY		INT64_C(86400)
#define NAME_MAX_LEN	64		/* RFC 5280, A.1: ub-common-name */
#define FILE_MAX_LEN	65536
#define PROFILES_MAX	16

static conf_parse key_kind, slug, subject, host;

#define VALUE(keyword, how, at, ...)					\
	{ .name = keyword, .shape = CONF_VALUE, .parse = how,		\
	  .offset = offsetof(struct plan, at), __VA_ARGS__ }
#define STRINGS(keyword, how, at, ...)					\
	{ .name = keyword, .shape = CONF_LIST, .parse = how,		\
	  .offset = offsetof(struct plan, at.v),			\
	  .count = offsetof(struct plan, at.n),				\
	  .size = sizeof(const char *), __VA_ARGS__ }
#define GROUP(keyword, table)						\
	{ .name = keyword, .shape = CONF_GROUP, .keys = table }
#define RANGE(low, high)	.min = (low), .max = (high)
#define END			{ .name = NULL }

static const struct conf_key token_keys[] = {
	VALUE("module", conf_path, token.module),
	VALUE("label", conf_text, token.label),
	VALUE("pin_file", conf_path, token.pin_file),
	VALUE("softhsm_conf", conf_path, token.softhsm_conf,
	    .optional = true),
	END
};

static const struct conf_key root_keys[] = {
	VALUE("common_name", subject, root.common_name),
	VALUE("organization", subject, root.organization, .optional = true),
	VALUE("key", key_kind, root.key, .fallback = "P-384"),
	VALUE("validity", conf_seconds, root.validity, .fallback = "7300d",
	    RANGE(DAY, 36500 * DAY)),
	GROUP("token", token_keys),
	END
};

static const struct conf_key issuing_keys[] = {
	VALUE("name", slug, issuing.name),
	VALUE("common_name", subject, issuing.common_name),
	VALUE("organization", subject, issuing.organization,
	    .optional = true),
	VALUE("key", key_kind, issuing.key, .fallback = "P-256"),
	VALUE("validity", conf_seconds, issuing.validity,
	    .fallback = "1825d", RANGE(DAY, 36500 * DAY)),
	END
};

static const struct conf_key log_keys[] = {
	VALUE("key", key_kind, log_key, .fallback = "P-256"),
	END
};

static const struct conf_key officer_keys[] = {
	VALUE("name", conf_word, officer.name, .fallback = "officer-1"),
	VALUE("key_file", conf_path, officer.key_file, .optional = true),
	VALUE("public_key_file", conf_path, officer.public_key_file,
	    .optional = true),
	END
};

static const struct conf_key listener_keys[] = {
	STRINGS("names", host, listener, RANGE(1, 100)),
	VALUE("validity", conf_seconds, listener_validity,
	    .fallback = "90d", RANGE(3600, 825 * DAY)),
	END
};

static const struct conf_key keys[] = {
	GROUP("root", root_keys),
	GROUP("issuing", issuing_keys),
	GROUP("log", log_keys),
	{ .name = "profiles", .shape = CONF_GROUPS, .keys = plan_profile_keys,
	  .offset = offsetof(struct plan, profile),
	  .count = offsetof(struct plan, nprofiles),
	  .size = sizeof(struct plan_profile), RANGE(1, PROFILES_MAX) },
	GROUP("officer", officer_keys),
	GROUP("listener", listener_keys),
	END
};

static int
key_kind(const struct conf_key *key, const char *text, void *out, char *why)
{
	static const char *const kinds[] = { "P-256", "P-384", "RSA-2048",
	    "RSA-3072", "RSA-4096" };
	size_t i;

	for (i = 0; i < nitems(kinds); i++)
		if (strcmp(kinds[i], text) == 0)
			return conf_text(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must be one of P-256, P-384, RSA-2048, "
	    "RSA-3072, RSA-4096");
	return -1;
}

/* A name as the schema and URLs take it. */
static int
slug(const struct conf_key *key, const char *text, void *out, char *why)
{
	if (text[0] != '\0' && strlen(text) <= NAME_MAX_LEN &&
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] ==
	    '\0')
		return conf_text(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must be lower-case letters, digits and "
	    "\"-\", at most %d", NAME_MAX_LEN);
	return -1;
}

static int
subject(const struct conf_key *key, const char *text, void *out, char *why)
{
	if (strlen(text) <= NAME_MAX_LEN)
		return conf_text(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must have at most %d octets (RFC 5280, "
	    "A.1)", NAME_MAX_LEN);
	return -1;
}

static bool
dns_name(const char *text, size_t len)
{
	return len > 0 && len <= IDENT_MAX && text[strspn(text,
	    "abcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0' &&
	    text[0] != '.' && text[0] != '-' && text[len - 1] != '.' &&
	    text[len - 1] != '-' && strstr(text, "..") == NULL &&
	    text[strspn(text, "0123456789.")] != '\0';
}

/* Of the listener: "localhost" is fine here, a wildcard is not. */
static int
host(const struct conf_key *key, const char *text, void *out, char *why)
{
	struct problem p = { 0 };
	struct ident ident;

	if (dns_name(text, strlen(text)) ||
	    ident_parse("ip", text, &ident, &p) == 0)
		return conf_text(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must be a DNS name in lower case, "
	    "without a final dot, or an address");
	return -1;
}

/* Two profiles of one name, or one that outlives the issuer. */
static const char *
check_profiles(const struct plan *plan)
{
	size_t i, j;

	for (i = 0; i < plan->nprofiles; i++) {
		if (plan->profile[i].fixed.validity > plan->issuing.validity)
			return "a profile's validity is longer than "
			    "issuing.validity";
		for (j = 0; j < i; j++)
			if (strcmp(plan->profile[i].fixed.name,
			    plan->profile[j].fixed.name) == 0)
				return "two profiles have the same name";
	}
	return NULL;
}

static int
check(const char *file, const struct plan *plan, char *why, size_t whylen)
{
	const char *what = NULL;

	if (plan->issuing.validity > plan->root.validity)
		what = "issuing.validity is longer than root.validity";
	else if (plan->listener_validity > plan->issuing.validity)
		what = "listener.validity is longer than issuing.validity";
	else if (strcmp(plan->root.common_name,
	    plan->issuing.common_name) == 0)
		what = "root and issuing have the same common_name";
	else if ((plan->officer.key_file == NULL) ==
	    (plan->officer.public_key_file == NULL))
		what = "officer needs key_file (made when it is not there) or "
		    "public_key_file, and not both";
	else
		what = check_profiles(plan);
	if (what == NULL)
		return 0;
	snprintf(why, whylen, "%s: %s", file, what);
	return -1;
}

static int
digest_file(const char *file, struct plan *plan, char *why, size_t whylen)
{
	static unsigned char text[FILE_MAX_LEN];
	struct arena *arena = arena_new(4096);
	unsigned char digest[DIGEST_LEN];
	size_t n = 0;
	FILE *f;

	if ((f = fopen(file, "re")) != NULL) {
		n = fread(text, 1, sizeof(text), f);
		fclose(f);
	}
	if (n == 0 || n == sizeof(text)) {
		snprintf(why, whylen, "%s: empty, too long or not readable",
		    file);
		arena_free(arena);
		return -1;
	}
	sha256(text, n, digest);
	snprintf(plan->digest, sizeof(plan->digest), "%s",
	    hex_encode(arena, digest, sizeof(digest)));
	arena_free(arena);
	return 0;
}

int
plan_read(const char *file, struct plan *plan, char *why, size_t whylen)
{
	memset(plan, 0, sizeof(*plan));
	if (conf_read(file, keys, plan, why, whylen) == -1 ||
	    digest_file(file, plan, why, whylen) == -1)
		return -1;
	return check(file, plan, why, whylen);
}

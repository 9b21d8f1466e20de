/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceremony's file: its keywords, what they may be, and what must hold
 * between them.  The SHA-256 of the file is the name of the plan.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../server/conf_read.h"
#include "../server/ident.h"
#include "../server/mem.h"
#include "ceremony.h"
#include "profile.h"
#include "tbs.h"

#define DAY		INT64_C(86400)
#define NAME_MAX_LEN	64		/* RFC 5280, A.1: ub-common-name */
#define FILE_MAX_LEN	65536

static conf_parse key_kind, slug, subject, dns_name, eku;

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

static const struct conf_key profile_keys[] = {
	VALUE("name", slug, profile.name, .fallback = PROFILE_DEFAULT),
	VALUE("validity", conf_seconds, profile.validity, .fallback = "90d",
	    RANGE(300, 825 * DAY)),
	VALUE("backdate", conf_seconds, profile.backdate, .fallback = "1h",
	    RANGE(0, DAY)),
	STRINGS("eku", eku, profile.eku, .fallback = "serverAuth",
	    RANGE(1, PROFILE_EKU_MAX)),
	END
};

static const struct conf_key listener_keys[] = {
	STRINGS("names", dns_name, listener, RANGE(1, 100)),
	VALUE("validity", conf_seconds, listener_validity,
	    .fallback = "90d", RANGE(3600, 825 * DAY)),
	END
};

static const struct conf_key keys[] = {
	GROUP("root", root_keys),
	GROUP("issuing", issuing_keys),
	GROUP("log", log_keys),
	GROUP("profile", profile_keys),
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

/* Of the listener: "localhost" is fine here, a wildcard is not. */
static int
dns_name(const struct conf_key *key, const char *text, void *out, char *why)
{
	size_t len = strlen(text);

	if (len > 0 && len <= IDENT_MAX && text[strspn(text,
	    "abcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0' &&
	    text[0] != '.' && text[0] != '-' && text[len - 1] != '.' &&
	    text[len - 1] != '-' && strstr(text, "..") == NULL &&
	    text[strspn(text, "0123456789.")] != '\0')
		return conf_text(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must be a DNS name in lower case, "
	    "without a final dot");
	return -1;
}

static int
eku(const struct conf_key *key, const char *text, void *out, char *why)
{
	if (strcmp(text, "serverAuth") == 0)
		return conf_text(key, EKU_SERVER_AUTH, out, why);
	if (strcmp(text, "clientAuth") == 0)
		return conf_text(key, EKU_CLIENT_AUTH, out, why);
	snprintf(why, CONF_WHY_LEN, "must be serverAuth or clientAuth");
	return -1;
}

static int
check(const char *file, const struct plan *plan, char *why, size_t whylen)
{
	const char *what = NULL;

	if (plan->issuing.validity > plan->root.validity)
		what = "issuing.validity is longer than root.validity";
	else if (plan->profile.validity > plan->issuing.validity ||
	    plan->listener_validity > plan->issuing.validity)
		what = "profile.validity or listener.validity is longer than "
		    "issuing.validity";
	else if (strcmp(plan->root.common_name,
	    plan->issuing.common_name) == 0)
		what = "root and issuing have the same common_name";
	else if (strcmp(plan->profile.name, PROFILE_DEFAULT) != 0)
		what = "profile.name must be \"" PROFILE_DEFAULT "\": orders "
		    "that name no profile get it";
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines "kind SPACE name SPACE body" as directives: a body that was accepted
 * is in the set, and a name is judged the same however it is asked for.
 */
#include "fuzz.h"

#include "server/problem.h"
#include "server/rules.h"
#include "server/rules_body.h"

static const struct ident names[] = {
	{ .type = "dns", .wildcard = false, .value = "a.b.example" },
	{ .type = "dns", .wildcard = true, .value = "b.example" },
	{ .type = "ip", .wildcard = false, .value = "10.1.2.3" },
	{ .type = "ip", .wildcard = false, .value = "2001:db8::1" },
};

static void
check_questions(const struct rules *r)
{
	const struct rule_subject s = { "https://ca.test/a", "k", 1000 };
	const struct ident *i;

	for (i = names; i < names + nitems(names); i++) {
		struct problem p = { 0 };

		if (rules_name(r, &s, i, &p) == -1)
			assert(p.type == PR_REJECTED_IDENTIFIER ||
			    p.type == PR_UNAUTHORIZED);
		/* What is prevalidated belongs to a key that is in force. */
		if (rules_prevalidated(r, &s, i))
			assert(rules_eab(r, "k") != NULL);
	}
	rules_method(r, &s, "dns-01");
	rules_profile(r, &s, "server", true);
	rules_chain(r, "i", 0);
}

static void
check_line(struct rules *r, char *line, int64_t version)
{
	char *name = strchr(line, ' '), *body, why[160] = "";
	unsigned char hash[DIGEST_LEN];

	if (name == NULL || (body = strchr(++name, ' ')) == NULL)
		return;
	name[-1] = '\0';
	*body++ = '\0';
	if (rules_check(line, name, body, why, sizeof(why)) == -1) {
		assert(*why != '\0');
		assert(rules_take(r, line, name, version, body, why,
		    sizeof(why)) == -1);
		return;
	}
	assert(rules_take(r, line, name, version, body, why,
	    sizeof(why)) == 0);
	assert(rules_version(r, line, name, hash) == version);
	if (strcmp(line, "eab") == 0)
		assert((rules_eab(r, name) != NULL) ==
		    (strcmp(body, "null") != 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rules *r = rules_new();
	char *text = xcalloc(len + 1, 1), *line, *next;
	int64_t version = 1;

	memcpy(text, data, len);
	for (line = text; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		check_line(r, line, version++);
		check_questions(r);
	}
	rules_free(r);
	free(text);
	return 0;
}

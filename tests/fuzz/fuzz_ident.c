/* SPDX-License-Identifier: Apache-2.0 */
/* Any name: what is accepted has one form, fit for DNS and for a row. */
#include "fuzz.h"

#include "server/ident.h"
#include "server/problem.h"

static void
check_form(const struct ident *ident)
{
	size_t i, label = 0, dots = 0, n = strlen(ident->value);

	assert(n > 2 && n <= IDENT_MAX);
	for (i = 0; i <= n; i++) {
		char c = ident->value[i];

		if (c == '.' || c == '\0') {
			assert(label >= 1 && label <= 63);
			assert(ident->value[i - 1] != '-');
			assert(ident->value[i - label] != '-');
			dots += c == '.';
			label = 0;
			continue;
		}
		assert((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		    c == '-');
		label++;
	}
	assert(dots >= 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ident ident, again;
	struct problem p = { 0 };
	struct arena *a;
	char *text;

	a = arena_new(FUZZ_LIMIT);
	text = arena_strndup(a, (const char *)data, len);
	if (ident_parse("dns", text, &ident, &p) == 0) {
		check_form(&ident);
		text = arena_printf(a, "%s%s", ident.wildcard ? "*." : "",
		    ident.value);
		assert(ident_parse("dns", text, &again, &p) == 0);
		assert(ident_compare(&ident, &again) == 0);
	} else {
		assert(p.type == PR_MALFORMED ||
		    p.type == PR_REJECTED_IDENTIFIER);
	}
	arena_free(a);
	return 0;
}

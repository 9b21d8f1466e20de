/* SPDX-License-Identifier: Apache-2.0 */
/* Any text: what is read and can be printed canonically is stable so. */
#include "fuzz.h"

#include "server/json.h"

#define INTEGER_MAX	9007199254740991

/* No reals, no integer that a double cannot hold. */
static bool
has_canonical(const json_t *value)
{
	const char *name;
	json_t *member;
	size_t i;

	json_object_foreach((json_t *)value, name, member) {
		if (!has_canonical(member))
			return false;
	}
	for (i = 0; i < json_array_size(value); i++) {
		if (!has_canonical(json_array_get(value, i)))
			return false;
	}
	return !json_is_real(value) &&
	    json_integer_value(value) <= INTEGER_MAX &&
	    json_integer_value(value) >= -INTEGER_MAX;
}

static void
check_canonical(struct arena *a, const json_t *value)
{
	size_t len, again_len;
	const char *why;
	char *text;
	json_t *again;

	text = json_canonical(a, value, &len);
	assert(text[len] == '\0' && strlen(text) == len);
	again = json_read_object(text, len, &why);
	assert(again != NULL && json_equal((json_t *)value, again));
	assert(strcmp(json_canonical(a, again, &again_len), text) == 0);
	assert(again_len == len);
	json_decref(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *why = NULL;
	struct arena *a;
	json_t *value;

	a = arena_new(FUZZ_LIMIT);
	value = json_read_object(data, len, &why);
	assert((value == NULL) == (why != NULL));
	if (value != NULL) {
		json_pretty(a, value, NULL);
		if (has_canonical(value))
			check_canonical(a, value);
	}
	json_decref(value);
	arena_free(a);
	return 0;
}

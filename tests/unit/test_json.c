/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign text refused, our own printed as RFC 8785 says. */
#include "unit.h"

#include "server/json.c"

static const char *
canonical(struct arena *a, const char *text)
{
	json_t *value;
	size_t len;
	char *out;

	value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	assert_non_null(value);
	out = json_canonical(a, value, &len);
	assert_int_equal(out[len], '\0');
	json_decref(value);
	return out;
}

static void
test_canonical(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		/* RFC 8785, 3.2.2: its strings and literals */
		{ "{\"string\":\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022"
		  "\\u005c\\\\\\\"\\/\",\"literals\":[null,true,false]}",
		  "{\"literals\":[null,true,false],\"string\":"
		  "\"\342\202\254$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}" },
		/* RFC 8785, 3.2.3 */
		{ "{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\","
		  "\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\","
		  "\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji: Grinning Face\","
		  "\"\\u0080\":\"Control\",\"\\u00f6\":"
		  "\"Latin Small Letter O With Diaeresis\"}",
		  "{\"\\r\":\"Carriage Return\",\"1\":\"One\","
		  "\"\302\200\":\"Control\",\"\303\266\":"
		  "\"Latin Small Letter O With Diaeresis\","
		  "\"\342\202\254\":\"Euro Sign\",\"\360\237\230\200\":"
		  "\"Emoji: Grinning Face\",\"\357\254\263\":"
		  "\"Hebrew Letter Dalet With Dagesh\"}" },
		{ "\"\\b\\t\\n\\f\\r\\u0000\\u000b\\u001f\\u007f\"",
		  "\"\\b\\t\\n\\f\\r\\u0000\\u000b\\u001f\177\"" },
		{ "{}", "{}" },
		{ "[]", "[]" },
		{ " { \"b\" : [ 1 , 2 ] , \"a\" : { } } ",
		  "{\"a\":{},\"b\":[1,2]}" },
		{ "{\"aa\":1,\"a\":2,\"\":3,\"A\":4}",
		  "{\"\":3,\"A\":4,\"a\":2,\"aa\":1}" },
		{ "{\"\\ue000\":1,\"\\ud800\\udc00\":2,\"\\ud7ff\":3,"
		  "\"\\uffff\":4}",
		  "{\"\355\237\277\":3,\"\360\220\200\200\":2,"
		  "\"\356\200\200\":1,\"\357\277\277\":4}" },
		{ "[0,-1,9007199254740991,-9007199254740991,-0]",
		  "[0,-1,9007199254740991,-9007199254740991,0]" },
	};
	size_t i;

	for (i = 0; i < nitems(rows); i++)
		assert_string_equal(canonical(*state, rows[i].in),
		    rows[i].out);
}

static void
print_child(void *arg)
{
	json_canonical(arena_new(UNIT_LIMIT), arg, NULL);
}

/* What has no canonical form of ours ends the process. */
static void
test_canonical_refuses(void **state)
{
	json_t *values[] = {
		json_real(1.5), json_integer(9007199254740992),
		json_integer(-9007199254740992), json_pack("[f]", 1.0)
	};
	char text[1024];
	size_t i;
	int status;

	(void)state;
	for (i = 0; i < nitems(values); i++) {
		status = unit_child(print_child, values[i], text,
		    sizeof(text));
		assert_true(WIFSIGNALED(status));
		json_decref(values[i]);
	}
}

static char *
nested(struct arena *a, size_t depth, const char *open, const char *close)
{
	struct buf b;
	size_t i;

	buf_init(&b, a);
	buf_puts(&b, "{\"a\":");
	for (i = 1; i < depth; i++)
		buf_puts(&b, open);
	buf_puts(&b, "1");
	for (i = 1; i < depth; i++)
		buf_puts(&b, close);
	buf_puts(&b, "}");
	return (char *)b.data;
}

static bool
reads(const char *text, size_t len)
{
	const char *why = NULL;
	json_t *value;

	value = json_read_object(text, len, &why);
	json_decref(value);
	assert_true((value == NULL) == (why != NULL));
	return value != NULL;
}

static void
test_depth(void **state)
{
	struct arena *a = *state;
	const char *s;

	s = nested(a, JSON_DEPTH_MAX, "[", "]");
	assert_true(reads(s, strlen(s)));
	s = nested(a, JSON_DEPTH_MAX + 1, "[", "]");
	assert_false(reads(s, strlen(s)));
	s = nested(a, JSON_DEPTH_MAX, "{\"b\":", "}");
	assert_true(reads(s, strlen(s)));
	s = nested(a, JSON_DEPTH_MAX + 1, "{\"b\":", "}");
	assert_false(reads(s, strlen(s)));
	s = nested(a, 100000, "[", "]");
	assert_false(reads(s, strlen(s)));
	/* brackets in strings do not count, quotes in them do not end them */
	s = "{\"[[[[[[[[[[[[[[[[[[[[\":\"\\\"{{{{{{{{{{{{{{{{{{{{{{{{\\\\\"}";
	assert_true(reads(s, strlen(s)));
	s = "{\"a\":\"\\\\\",\"b\":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}";
	assert_false(reads(s, strlen(s)));
	/* siblings are not depth */
	s = "{\"a\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}";
	assert_true(reads(s, strlen(s)));
}

static void
test_read_refuses(void **state)
{
	static const char *const rows[] = {
		"", " ", "null", "1", "\"a\"", "[]", "[{}]", "{", "}", "{}}",
		"{}{}", "{} x", "{\"a\":1,\"a\":1}",
		"{\"a\":{\"b\":1,\"b\":2}}",
		"{\"a\":\"\\u0000\"}", "{\"a\\u0000\":1}", "{\"a\":\"\377\"}",
		"{\"a\":\"\300\200\"}", "{\"a\":\"\355\240\200\"}",
		"{\"a\":\"\\ud800\"}", "{\"a\":1e999}",
		"{\"a\":99999999999999999999}", "{'a':1}", "{\"a\":01}",
		"{\"a\":1,}", "{\"a\":tru}", "{\"a\":\"\n\"}", "{\"a\"}",
		"\357\273\277{}", "{\"\\u0061\":1,\"a\":2}", "{\"a\":NaN}",
		"/**/{}", "{\"a\":\"\\",
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		if (reads(rows[i], strlen(rows[i])))
			fail_msg("was read: %s", rows[i]);
	}
	assert_false(reads("{}\0", 3));
	assert_false(reads("{\"a\":\"x\0y\"}", 11));
	assert_true(reads(" {} \n", 5));
	assert_true(reads("{}garbage", 2));
}

static void
test_members(void **state)
{
	json_t *o;

	(void)state;
	o = json_pack("{s:s, s:i}", "a", "text", "b", 5);
	assert_string_equal(json_member_string(o, "a"), "text");
	assert_null(json_member_string(o, "b"));
	assert_null(json_member_string(o, "c"));
	assert_null(json_member_string(NULL, "a"));
	json_decref(o);
}

static void
test_pretty(void **state)
{
	json_t *o;
	size_t len;
	char *text;

	o = json_pack("{s:s, s:[i, i]}", "status", "valid", "list", 1, 2);
	text = json_pretty(*state, o, &len);
	assert_string_equal(text, "{\n  \"status\": \"valid\",\n"
	    "  \"list\": [\n    1,\n    2\n  ]\n}\n");
	assert_int_equal(len, strlen(text));
	json_decref(o);
}

/* What json_canonical() must never be given. */
static void
test_exact(void **state)
{
	static const struct {
		const char	*text;
		bool		 exact;
	} rows[] = {
		{ "{}", true },
		{ "{\"a\":[1,{\"b\":-9007199254740991}]}", true },
		{ "{\"a\":9007199254740992}", false },
		{ "{\"a\":-9223372036854775808}", false },
		{ "{\"a\":[[1.0]]}", false },
		{ "{\"a\":{\"b\":1e3}}", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		json_t *v = json_loads(rows[i].text, 0, NULL);

		assert_non_null(v);
		if (json_exact(v) != rows[i].exact)
			fail_msg("%s", rows[i].text);
		json_decref(v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_canonical),
		UNIT(test_canonical_refuses),
		UNIT(test_depth),
		UNIT(test_read_refuses),
		UNIT(test_members),
		UNIT(test_pretty),
		UNIT(test_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

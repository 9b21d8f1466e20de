/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contacts of an account: what is taken, and which error refuses the rest
 * (RFC 8555, 7.3).
 */
#include "unit.h"

#include "server/contact.c"

static enum problem_type
judge(const char *text)
{
	struct problem p = { 0 };
	json_t *value;
	int rv;

	value = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(value);
	rv = contact_check(value, &p);
	json_decref(value);
	assert_int_equal(rv, p.type == PR_NONE ? 0 : -1);
	return p.type;
}

static void
test_taken(void **state)
{
	struct problem p = { 0 };

	(void)state;
	assert_int_equal(contact_check(NULL, &p), 0);
	assert_int_equal(judge("[]"), PR_NONE);
	assert_int_equal(judge("[\"mailto:a@example.com\"]"), PR_NONE);
	assert_int_equal(judge("[\"MAILTO:first.last+tag@host\", "
	    "\"mailto:b@xn--bcher-kva.example\"]"), PR_NONE);
}

static void
test_refused(void **state)
{
	static const struct {
		const char		*text;
		enum problem_type	 type;
	} bad[] = {
		{ "\"mailto:a@example.com\"", PR_MALFORMED },
		{ "{}", PR_MALFORMED },
		{ "[1]", PR_MALFORMED },
		{ "[null]", PR_MALFORMED },
		{ "[\"tel:+12025551212\"]", PR_UNSUPPORTED_CONTACT },
		{ "[\"a@example.com\"]", PR_UNSUPPORTED_CONTACT },
		{ "[\"\"]", PR_UNSUPPORTED_CONTACT },
		{ "[\"mailto:\"]", PR_INVALID_CONTACT },
		{ "[\"mailto:a\"]", PR_INVALID_CONTACT },
		{ "[\"mailto:@example.com\"]", PR_INVALID_CONTACT },
		{ "[\"mailto:a@\"]", PR_INVALID_CONTACT },
		{ "[\"mailto:a@b..c\"]", PR_INVALID_CONTACT },
		{ "[\"mailto:a@-b.c\"]", PR_INVALID_CONTACT },
		{ "[\"mailto:.a@b.c\"]", PR_INVALID_CONTACT },
		{ "[\"mailto:a b@c.d\"]", PR_INVALID_CONTACT },
		{ "[\"mailto:a@b.c?subject=x\"]", PR_INVALID_CONTACT },
		{ "[\"mailto:a@b.c,d@e.f\"]", PR_INVALID_CONTACT },
		{ "[\"mailto:a%40b@c.d\"]", PR_INVALID_CONTACT },
		{ "[\"mailto:\\u00e9@b.c\"]", PR_INVALID_CONTACT },
		{ "[\"mailto:a@b.c\", \"mailto:\"]", PR_INVALID_CONTACT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(bad); i++)
		if (judge(bad[i].text) != bad[i].type)
			fail_msg("%s", bad[i].text);
}

static void
test_bounds(void **state)
{
	char text[CONTACT_MAX + 64];
	json_t *list = json_array();
	struct problem p = { 0 };
	size_t i;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "[\"mailto:", 9);
	memcpy(text + sizeof(text) - 8, "@b.cc\"]", 8);
	assert_int_equal(judge(text), PR_INVALID_CONTACT);
	for (i = 0; i <= CONTACTS_MAX; i++)
		json_array_append_new(list, json_string("mailto:a@b.c"));
	assert_int_equal(contact_check(list, &p), -1);
	assert_int_equal(p.type, PR_INVALID_CONTACT);
	json_array_remove(list, 0);
	assert_int_equal(contact_check(list, &p), 0);
	json_decref(list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

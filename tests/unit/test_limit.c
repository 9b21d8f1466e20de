/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits: what a request is measured by, and what its refusal tells
 * (RFC 8555, 6.6).
 */
#include "unit.h"

#include "server/limit.c"

static const struct limit none = { 0, 0 }, some = { 3, 7200 };
static const struct ident www = { .type = "dns", .value = "www.a.test" };

static void
test_nothing_is_limited(void **state)
{
	struct limit_list list;

	limit_list_init(&list, *state);
	limit_add_event(&list, &none, "order:1", NULL, "orders");
	limit_add_failure(&list, &none, &www);
	limit_add_pending(&list, 0, 5);
	limit_add_pending(&list, 5, 0);
	assert_null(limit_print(&list));
}

static void
test_list(void **state)
{
	struct limit_list list;

	limit_list_init(&list, *state);
	limit_add_event(&list, &some, "order:1", NULL, "orders");
	limit_add_failure(&list, &some, &www);
	limit_add_pending(&list, 10, 4);
	assert_string_equal(limit_print(&list),
	    "[{\"i\":0,\"key\":\"order:1\",\"offset\":2,\"seconds\":7200,"
	    "\"source\":\"event\",\"type\":null,\"value\":null},"
	    "{\"i\":1,\"key\":\"failure:www.a.test\",\"offset\":2,"
	    "\"seconds\":7200,\"source\":\"failure\",\"type\":\"dns\","
	    "\"value\":\"www.a.test\"},"
	    "{\"i\":2,\"key\":\"pending\",\"offset\":6,\"seconds\":0,"
	    "\"source\":\"pending\",\"type\":null,\"value\":null}]");
}

/* A name and its wildcard, or two names of one domain. */
static void
test_key_counts_once(void **state)
{
	struct limit_list list;
	char key[32];
	int i;

	limit_list_init(&list, *state);
	for (i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "name:%d", i / 2);
		limit_add_event(&list, &some, arena_strdup(*state, key), &www,
		    "orders");
	}
	assert_int_equal(list.n, 100);
	assert_string_equal(list.items[99].key, "name:99");
	assert_string_equal(list.items[0].key, "name:0");
}

static void
test_address_keys(void **state)
{
	static const struct {
		const char *address, *key;
	} rows[] = {
		{ "192.0.2.1", "account:192.0.2.1" },
		{ "::ffff:192.0.2.1", "account:192.0.2.1" },
		{ "2001:db8:1:2:3:4:5:6", "account:2001:db8:1:2::/64" },
		{ "2001:db8:1:2::", "account:2001:db8:1:2::/64" },
		{ "::1", "account:::/64" },
	};
	size_t i;

	for (i = 0; i < nitems(rows); i++)
		assert_string_equal(limit_address_key(*state,
		    rows[i].address), rows[i].key);
}

static void
test_refusal(void **state)
{
	const struct limit_hit hits[] = { { 1, 50 }, { 0, 3000 }, { 2, 9 } };
	struct problem p = { 0 };
	struct limit_list list;

	limit_list_init(&list, *state);
	limit_add_event(&list, &some, "order:1", NULL, "orders");
	limit_add_failure(&list, &(struct limit){ 1, 61 }, &www);
	limit_add_pending(&list, 10, 4);
	assert_int_equal(limit_retry(hits, nitems(hits)), 3000);
	assert_int_equal(limit_refuse(&list, hits, nitems(hits), &p), -1);
	assert_int_equal(problem_http_status(&p), 429);
	assert_int_equal(p.nsub, 3);
	assert_string_equal(p.sub[0].detail, "at most 1 failed validations of "
	    "this name by the account in 61 seconds; allowed again in 50 "
	    "seconds");
	assert_string_equal(p.sub[0].ident_value, "www.a.test");
	assert_string_equal(p.sub[1].detail,
	    "at most 3 orders in 2 hours; allowed again in 3000 seconds");
	assert_null(p.sub[1].ident_type);
	assert_string_equal(p.sub[2].detail, "at most 10 pending "
	    "authorizations of the account; allowed again in 9 seconds");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_nothing_is_limited),
		UNIT(test_list),
		UNIT(test_key_counts_once),
		UNIT(test_address_keys),
		UNIT(test_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Who shares a count of connections with whom. */
#include "unit.h"

#include "server/http_share.c"

static const struct {
	const char	*one, *other;
	bool		 together;
} rows[] = {
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.2", false },
	{ "192.0.2.1", "::ffff:192.0.2.1", true },
	{ "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
	{ "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true },
	{ "2001:db8:0:1::1", "2001:db8:0:2::1", false },
};

static void
test_together(void **state)
{
	struct shares	*table;
	struct share	*one, *other;
	unsigned	 count;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		table = shares_new(2);
		one = shares_take(table, rows[i].one, &count);
		assert_int_equal(count, 1);
		other = shares_take(table, rows[i].other, &count);
		if ((one == other) != rows[i].together ||
		    count != (rows[i].together ? 2 : 1))
			fail_msg("%s and %s", rows[i].one, rows[i].other);
		shares_free(table);
	}
}

static void
test_given_back(void **state)
{
	struct shares	*table = shares_new(2);
	struct share	*one, *other;
	unsigned	 count;

	(void)state;
	one = shares_take(table, "192.0.2.1", &count);
	other = shares_take(table, "192.0.2.2", &count);
	assert_non_null(other);
	assert_null(shares_take(table, "192.0.2.3", &count));
	assert_int_equal(count, 0);
	shares_give(table, one);
	assert_ptr_equal(shares_take(table, "192.0.2.3", &count), one);
	assert_int_equal(count, 1);
	assert_ptr_equal(shares_take(table, "192.0.2.2", &count), other);
	assert_int_equal(count, 2);
	shares_free(table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_together), UNIT(test_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

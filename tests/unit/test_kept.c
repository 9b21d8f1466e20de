/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that were kept: who sleeps, for how long, and that none is lost.
 */
#include "unit.h"

#include "hsm/kept.c"

static struct arg	 out[KEPT_MAX];

static size_t
asleep(struct kept *k, long long now, int64_t *from)
{
	*from = INT64_MAX;
	return kept_asleep(k, now, out, from);
}

static void
test_only_who_waits_sleeps(void **state)
{
	struct kept k = { 0 };
	int64_t from;

	(void)state;
	assert_true(kept_add(&k, 7, true, 1000));
	assert_true(kept_add(&k, 9, false, 1000));
	assert_int_equal(asleep(&k, 1000, &from), 1);
	assert_int_equal(out[0].i, 7);
	assert_int_equal(from, 9);
	assert_int_equal(asleep(&k, 1000 + KEPT_LEAST_MS, &from), 0);
	assert_int_equal(from, 7);
	kept_free(&k);
}

static void
test_longer_the_older(void **state)
{
	struct kept k = { 0 };
	int64_t from;

	(void)state;
	kept_add(&k, 7, true, 0);
	kept_add(&k, 7, true, 8000);
	assert_int_equal(k.n, 1);
	assert_int_equal(asleep(&k, 11999, &from), 1);
	assert_int_equal(asleep(&k, 12000, &from), 0);
	kept_add(&k, 7, true, 1000000);
	assert_int_equal(asleep(&k, 1000000 + KEPT_MOST_MS, &from), 0);
	kept_free(&k);
}

static void
test_woken_and_decided(void **state)
{
	struct kept k = { 0 };
	int64_t from;

	(void)state;
	kept_add(&k, 7, true, 1000);
	kept_add(&k, 8, true, 1000);
	kept_wake(&k, 8);
	kept_wake(&k, 99);
	assert_int_equal(asleep(&k, 1000, &from), 1);
	assert_int_equal(from, 8);
	kept_drop(&k, 8);
	kept_drop(&k, 99);
	assert_int_equal(asleep(&k, 1000, &from), 1);
	assert_int_equal(from, INT64_MAX);
	assert_int_equal(out[0].i, 7);
	kept_free(&k);
}

/* One that a whole look did not return does not hold the next look back. */
static void
test_locked_or_gone(void **state)
{
	struct kept k = { 0 };
	int64_t from;

	(void)state;
	kept_add(&k, 7, false, 1000);
	asleep(&k, 1000, &from);
	kept_looked(&k, false, 1000);
	assert_int_equal(asleep(&k, 1001, &from), 0);
	kept_looked(&k, true, 1001);
	assert_int_equal(asleep(&k, 1002, &from), 1);
	assert_int_equal(from, INT64_MAX);
	/* It was returned. */
	assert_int_equal(asleep(&k, 2000, &from), 0);
	kept_add(&k, 7, false, 2000);
	kept_looked(&k, true, 2000);
	assert_int_equal(asleep(&k, 2000, &from), 0);
	kept_free(&k);
}

static void
test_room(void **state)
{
	struct kept k = { 0 };
	int64_t i, from;

	(void)state;
	for (i = 1; i <= KEPT_MAX; i++)
		assert_true(kept_add(&k, i, true, 0));
	assert_false(kept_add(&k, i, true, 0));
	assert_true(kept_add(&k, 1, true, 0));
	assert_int_equal(asleep(&k, 0, &from), KEPT_MAX);
	kept_drop(&k, 5);
	assert_true(kept_add(&k, i, true, 0));
	kept_free(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_who_waits_sleeps),
		cmocka_unit_test(test_longer_the_older),
		cmocka_unit_test(test_woken_and_decided),
		cmocka_unit_test(test_locked_or_gone),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

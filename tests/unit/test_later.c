/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Challenges between two attempts: which are due, from where to look for
 * them, and when they are forgotten.
 */
#include "unit.h"

#include "server/validator_later.c"

static bool
odd(int64_t authorization_id)
{
	return authorization_id % 2 == 1;
}

static void
test_due(void **state)
{
	struct later	*l = arena_alloc(*state, sizeof(*l));

	assert_int_equal(later_from(l, 100, 50), 50);
	assert_int_equal(later_next(l, 900), 900);
	assert_int_equal(later_add(l, 7, 1, 200), 0);
	assert_int_equal(later_add(l, 5, 2, 300), 0);
	assert_int_equal(later_next(l, 900), 200);
	assert_int_equal(later_next(l, 150), 150);
	assert_int_equal(later_from(l, 199, 50), 50);
	assert_int_equal(later_from(l, 200, 50), 7);
	assert_int_equal(later_from(l, 300, 50), 5);
	assert_int_equal(later_from(l, 300, 3), 3);
}

static void
test_taken_up(void **state)
{
	struct later	*l = arena_alloc(*state, sizeof(*l));

	later_add(l, 7, 1, 200);
	later_add(l, 5, 2, 300);
	later_drop(l, 7);
	later_drop(l, 8);
	assert_int_equal(l->n, 1);
	assert_int_equal(later_next(l, 900), 300);
}

/* One whose authorization is under way by another row has not ended. */
static void
test_not_seen_any_more(void **state)
{
	struct later	*l = arena_alloc(*state, sizeof(*l));

	for (int64_t id = 1; id <= 6; id++)
		later_add(l, id, id, id * 100);
	later_drop_due(l, 400, odd);
	assert_int_equal(l->n, 4);
	assert_int_equal(later_from(l, 400, 99), 1);
	later_drop(l, 1);
	assert_int_equal(later_from(l, 400, 99), 3);
	later_drop(l, 3);
	assert_int_equal(later_next(l, 900), 500);
}

static void
test_full(void **state)
{
	struct later	*l = arena_alloc(*state, sizeof(*l));

	for (int64_t id = 0; id < LATER_MAX; id++)
		assert_int_equal(later_add(l, id, id, 1), 0);
	assert_int_equal(later_add(l, LATER_MAX, 1, 1), -1);
	assert_int_equal(l->n, LATER_MAX);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		UNIT(test_due),
		UNIT(test_taken_up),
		UNIT(test_not_seen_any_more),
		UNIT(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

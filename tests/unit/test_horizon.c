/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The look back over ids: what is new costs what is new, a late commit is
 * found all the same, and a full house holds the horizon back.
 */
#include "unit.h"

#include "server/horizon.c"

#define T0	((int64_t)1700000000 * ID_SECOND)

static void
test_first_look_is_at_everything(void **state)
{
	struct horizon h = { 0 };

	(void)state;
	horizon_saw(&h, T0);
	assert_int_equal(horizon_from(&h, 1000), 0);
	horizon_looked(&h, 1000, true);
	assert_int_equal(horizon_from(&h, 1001), T0 - MOMENT);
	assert_int_equal(h.settled, T0 - LATEST);
}

static void
test_once_a_second_it_goes_back_some(void **state)
{
	struct horizon h = { 0 };

	(void)state;
	horizon_saw(&h, T0);
	horizon_from(&h, 1);
	horizon_looked(&h, 1, true);
	assert_int_equal(horizon_from(&h, SOME_EVERY_MS), T0 - MOMENT);
	assert_int_equal(horizon_from(&h, SOME_EVERY_MS + 1), T0 - SOME);
	assert_int_equal(horizon_from(&h, SOME_EVERY_MS + 2), T0 - MOMENT);
}

static void
test_now_and_then_it_goes_back(void **state)
{
	struct horizon h = { 0 };

	(void)state;
	horizon_saw(&h, T0);
	horizon_from(&h, 0);
	horizon_looked(&h, 0, true);
	assert_int_equal(horizon_from(&h, ALL_EVERY_MS - 1), T0 - SOME);
	assert_int_equal(horizon_from(&h, ALL_EVERY_MS), T0 - LATEST);
	/* Until it was a success it goes back each time. */
	assert_int_equal(horizon_from(&h, ALL_EVERY_MS + 1), T0 - LATEST);
}

static void
test_a_full_house_holds_it(void **state)
{
	struct horizon h = { 0 };

	(void)state;
	horizon_saw(&h, T0);
	horizon_from(&h, 0);
	horizon_looked(&h, 0, false);
	horizon_saw(&h, T0 + 1000 * ID_SECOND);
	assert_int_equal(horizon_from(&h, 1), 0);
	horizon_looked(&h, 1, true);
	assert_int_equal(h.settled, T0 + 1000 * ID_SECOND - LATEST);
}

static void
test_it_never_goes_forward_by_a_short_look(void **state)
{
	struct horizon h = { 0 };

	(void)state;
	horizon_saw(&h, T0);
	horizon_from(&h, 0);
	horizon_looked(&h, 0, true);
	horizon_saw(&h, T0 + 1000 * ID_SECOND);
	horizon_from(&h, 1);
	horizon_looked(&h, 1, true);
	assert_int_equal(h.settled, T0 - LATEST);
	/* An older row does not bring it back. */
	horizon_saw(&h, T0);
	assert_int_equal(horizon_from(&h, 2), T0 + 1000 * ID_SECOND - MOMENT);
}

static void
test_reset_looks_again(void **state)
{
	struct horizon h = { 0 };

	(void)state;
	horizon_saw(&h, T0);
	horizon_from(&h, 0);
	horizon_looked(&h, 0, true);
	horizon_reset(&h);
	assert_int_equal(horizon_from(&h, 1), T0 - LATEST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_look_is_at_everything),
		cmocka_unit_test(test_once_a_second_it_goes_back_some),
		cmocka_unit_test(test_now_and_then_it_goes_back),
		cmocka_unit_test(test_a_full_house_holds_it),
		cmocka_unit_test(test_it_never_goes_forward_by_a_short_look),
		cmocka_unit_test(test_reset_looks_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

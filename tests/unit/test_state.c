/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every combination of facts against tables that say what is expected.  A
 * row is a pattern over the facts in the order of the struct: y, n or - for
 * either; the patterns of a table must cover each combination exactly once,
 * so the order of the rows decides nothing.
 */
#include "unit.h"

#include "server/state.c"

struct row {
	const char	*pattern;
	int		 status;
};

/* deactivated revoked proven failed past_expiry account_valid granted */
static const struct row authz_rows[] = {
	{ "y------", AUTHZ_DEACTIVATED },
	{ "ny-----", AUTHZ_REVOKED },
	{ "nn-y---", AUTHZ_INVALID },
	{ "nnyny--", AUTHZ_EXPIRED },
	{ "nnynnn-", AUTHZ_DEACTIVATED },
	{ "nnynny-", AUTHZ_VALID },
	{ "nnnn-n-", AUTHZ_DEACTIVATED },
	{ "nnnnyyn", AUTHZ_INVALID },
	{ "nnnnnyn", AUTHZ_PENDING },
	{ "nnnnyyy", AUTHZ_EXPIRED },
	{ "nnnnnyy", AUTHZ_VALID },
};

/* certificate rejected finalizing past_expiry account_valid all_valid dead */
static const struct row order_rows[] = {
	{ "y------", ORDER_VALID },
	{ "ny-----", ORDER_INVALID },
	{ "nny----", ORDER_PROCESSING },
	{ "nnny---", ORDER_INVALID },
	{ "nnnnn--", ORDER_INVALID },
	{ "nnnny-y", ORDER_INVALID },
	{ "nnnnyyn", ORDER_READY },
	{ "nnnnynn", ORDER_PENDING },
};

/* ready proven failed */
static const struct row challenge_rows[] = {
	{ "--y", CHALLENGE_INVALID },
	{ "-yn", CHALLENGE_VALID },
	{ "ynn", CHALLENGE_PROCESSING },
	{ "nnn", CHALLENGE_PENDING },
};

static bool
matches(const char *pattern, unsigned facts)
{
	size_t i;

	for (i = 0; pattern[i] != '\0'; i++) {
		bool fact = (facts >> i & 1) != 0;

		if (pattern[i] != '-' && fact != (pattern[i] == 'y'))
			return false;
	}
	return true;
}

static int
expected(const struct row *rows, size_t n, unsigned facts)
{
	size_t i, found = 0;
	int status = -1;

	for (i = 0; i < n; i++) {
		if (matches(rows[i].pattern, facts)) {
			status = rows[i].status;
			found++;
		}
	}
	assert_int_equal(found, 1);
	return status;
}

static void
test_authz(void **state)
{
	struct authz_facts f;
	unsigned v;

	(void)state;
	for (v = 0; v < 1 << 7; v++) {
		f = (struct authz_facts){
			.deactivated = v & 1, .revoked = v >> 1 & 1,
			.proven = v >> 2 & 1, .failed = v >> 3 & 1,
			.past_expiry = v >> 4 & 1, .account_valid = v >> 5 & 1,
			.granted = v >> 6 & 1,
		};
		assert_int_equal(authz_status(&f),
		    expected(authz_rows, nitems(authz_rows), v));
	}
}

static void
test_order(void **state)
{
	struct order_facts f;
	unsigned v;

	(void)state;
	for (v = 0; v < 1 << 7; v++) {
		f = (struct order_facts){
			.certificate = v & 1, .rejected = v >> 1 & 1,
			.finalizing = v >> 2 & 1, .past_expiry = v >> 3 & 1,
			.account_valid = v >> 4 & 1, .all_valid = v >> 5 & 1,
			.any_dead = v >> 6 & 1,
		};
		assert_int_equal(order_status(&f),
		    expected(order_rows, nitems(order_rows), v));
	}
}

static void
test_challenge(void **state)
{
	unsigned v;

	(void)state;
	for (v = 0; v < 1 << 3; v++)
		assert_int_equal(challenge_status(v & 1, v >> 1 & 1,
		    v >> 2 & 1), expected(challenge_rows,
		    nitems(challenge_rows), v));
}

/* RFC 8555, 7.1.6 */
static void
test_texts(void **state)
{
	(void)state;
	assert_string_equal(authz_status_text(AUTHZ_PENDING), "pending");
	assert_string_equal(authz_status_text(AUTHZ_VALID), "valid");
	assert_string_equal(authz_status_text(AUTHZ_INVALID), "invalid");
	assert_string_equal(authz_status_text(AUTHZ_DEACTIVATED),
	    "deactivated");
	assert_string_equal(authz_status_text(AUTHZ_EXPIRED), "expired");
	assert_string_equal(authz_status_text(AUTHZ_REVOKED), "revoked");
	assert_string_equal(order_status_text(ORDER_PENDING), "pending");
	assert_string_equal(order_status_text(ORDER_READY), "ready");
	assert_string_equal(order_status_text(ORDER_PROCESSING),
	    "processing");
	assert_string_equal(order_status_text(ORDER_VALID), "valid");
	assert_string_equal(order_status_text(ORDER_INVALID), "invalid");
	assert_string_equal(challenge_status_text(CHALLENGE_PENDING),
	    "pending");
	assert_string_equal(challenge_status_text(CHALLENGE_PROCESSING),
	    "processing");
	assert_string_equal(challenge_status_text(CHALLENGE_VALID), "valid");
	assert_string_equal(challenge_status_text(CHALLENGE_INVALID),
	    "invalid");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_authz),
		UNIT(test_order),
		UNIT(test_challenge),
		UNIT(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

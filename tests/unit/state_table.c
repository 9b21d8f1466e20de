/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the whole truth table of server/state.c, one combination of facts a
 * line: "authz 0100010 revoked", "order 0010100 processing", in the order of
 * the members of struct authz_facts and struct order_facts.
 * tests/integration/test_state_views.py holds the views against it.
 */
#include <stdio.h>

#include "../../server/state.h"

#define AUTHZ_FACTS	7
#define ORDER_FACTS	7

static void
print_line(const char *what, unsigned facts, unsigned count,
    const char *status)
{
	char digits[ORDER_FACTS + 1];
	unsigned i;

	for (i = 0; i < count; i++)
		digits[i] = (facts >> i & 1) != 0 ? '1' : '0';
	digits[count] = '\0';
	printf("%s %s %s\n", what, digits, status);
}

static void
print_authz(unsigned facts)
{
	struct authz_facts f = {
		.deactivated = facts & 1,
		.revoked = facts >> 1 & 1,
		.proven = facts >> 2 & 1,
		.failed = facts >> 3 & 1,
		.past_expiry = facts >> 4 & 1,
		.account_valid = facts >> 5 & 1,
		.granted = facts >> 6 & 1,
	};

	print_line("authz", facts, AUTHZ_FACTS,
	    authz_status_text(authz_status(&f)));
}

static void
print_order(unsigned facts)
{
	struct order_facts f = {
		.certificate = facts & 1,
		.rejected = facts >> 1 & 1,
		.finalizing = facts >> 2 & 1,
		.past_expiry = facts >> 3 & 1,
		.account_valid = facts >> 4 & 1,
		.all_valid = facts >> 5 & 1,
		.any_dead = facts >> 6 & 1,
	};

	print_line("order", facts, ORDER_FACTS,
	    order_status_text(order_status(&f)));
}

int
main(void)
{
	unsigned facts;

	for (facts = 0; facts < 1u << AUTHZ_FACTS; facts++)
		print_authz(facts);
	for (facts = 0; facts < 1u << ORDER_FACTS; facts++)
		print_order(facts);
	return 0;
}

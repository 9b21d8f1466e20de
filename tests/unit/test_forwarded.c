/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X-Forwarded-For: believed from trusted proxies only, from its end on.
 */
#include "unit.h"

#include "server/forwarded.c"

static const struct prefix proxies[] = {
	{ { [10] = 0xff, 0xff, 10 }, 96 + 8 },
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 33 },
};

static const struct {
	const char	*peer, *header, *client;
} cases[] = {
	{ "192.0.2.1", NULL, "192.0.2.1" },
	{ "192.0.2.1", "198.51.100.7", "192.0.2.1" },
	{ "10.1.2.3", NULL, "10.1.2.3" },
	{ "10.1.2.3", "", "10.1.2.3" },
	{ "10.1.2.3", "198.51.100.7", "198.51.100.7" },
	{ "::ffff:10.1.2.3", "198.51.100.7", "198.51.100.7" },
	{ "::ffff:192.0.2.1", NULL, "192.0.2.1" },
	/* What a client wrote itself stands further in front. */
	{ "10.1.2.3", "203.0.113.9, 198.51.100.7", "198.51.100.7" },
	{ "10.1.2.3", "203.0.113.9,198.51.100.7, 10.9.9.9", "198.51.100.7" },
	{ "10.1.2.3", "10.4.4.4", "10.4.4.4" },
	{ "10.1.2.3", "2001:db8:8000::1", "2001:db8:8000::1" },
	{ "2001:db8::5", " 2001:DB8:8000:0::1\t", "2001:db8:8000::1" },
	{ "2001:db8:8000::5", "198.51.100.7", "2001:db8:8000::5" },
	/* No addresses: nobody knows more than the last who was trusted. */
	{ "10.1.2.3", "unknown", "10.1.2.3" },
	{ "10.1.2.3", "198.51.100.7, unknown", "10.1.2.3" },
	{ "10.1.2.3", "198.51.100.7:443", "10.1.2.3" },
	{ "10.1.2.3", "x, 10.0.0.1", "10.0.0.1" },
	{ "10.1.2.3", ", ,", "10.1.2.3" },
	{ "10.1.2.3", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:b",
	    "10.1.2.3" },
};

static void
test_cases(void **state)
{
	char	out[FORWARDED_TEXT];
	size_t	i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		forwarded_address(proxies, nitems(proxies), cases[i].peer,
		    cases[i].header, out);
		if (strcmp(out, cases[i].client) != 0)
			fail_msg("%s, \"%s\": %s", cases[i].peer,
			    cases[i].header == NULL ? "" : cases[i].header,
			    out);
	}
}

static void
test_trusts(void **state)
{
	(void)state;
	assert_true(forwarded_trusts(proxies, nitems(proxies), "10.0.0.1"));
	assert_true(forwarded_trusts(proxies, nitems(proxies),
	    "2001:db8:7fff::1"));
	assert_false(forwarded_trusts(proxies, nitems(proxies), "11.0.0.1"));
	assert_false(forwarded_trusts(proxies, nitems(proxies),
	    "2001:db8:8000::"));
	assert_false(forwarded_trusts(proxies, nitems(proxies), "here"));
	assert_false(forwarded_trusts(NULL, 0, "10.0.0.1"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_cases), UNIT(test_trusts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

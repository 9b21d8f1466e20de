/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses validation may reach, and their forms. */
#include "unit.h"

#include <arpa/inet.h>

#include "server/address.c"

/* "127.0.0.0/8", "fe80::/10" */
static struct prefix
prefix_of(const char *text)
{
	struct prefix	p = { .bits = 0 };
	char		address[64];
	unsigned	bits;
	unsigned char	octets[16];

	assert_int_equal(sscanf(text, "%63[^/]/%u", address, &bits), 2);
	if (inet_pton(AF_INET, address, octets) == 1) {
		address_from_octets(octets, 4, p.addr);
		bits += 96;
	} else {
		assert_int_equal(inet_pton(AF_INET6, address, octets), 1);
		address_from_octets(octets, 16, p.addr);
	}
	p.bits = bits;
	return p;
}

static size_t
prefixes_of(const char *const *texts, struct prefix *out)
{
	size_t	n;

	for (n = 0; texts[n] != NULL; n++)
		out[n] = prefix_of(texts[n]);
	return n;
}

static void
address_of(const char *text, unsigned char addr[ADDRESS_LEN])
{
	struct prefix	p;
	char		with[80];

	snprintf(with, sizeof(with), "%s/0", text);
	p = prefix_of(with);
	memcpy(addr, p.addr, ADDRESS_LEN);
}

static const struct {
	const char	*allow[4];
	const char	*deny[4];
	const char	*address;
	bool		 allowed;
} rows[] = {
	/* without a list: what an applicant can own */
	{ { 0 }, { 0 }, "192.0.2.1", true },
	{ { 0 }, { 0 }, "10.1.2.3", true },
	{ { 0 }, { 0 }, "2001:db8::1", true },
	{ { 0 }, { 0 }, "fd12::1", true },
	{ { 0 }, { 0 }, "0.0.0.0", false },
	{ { 0 }, { 0 }, "0.1.2.3", false },
	{ { 0 }, { 0 }, "127.0.0.1", false },
	{ { 0 }, { 0 }, "127.255.255.255", false },
	{ { 0 }, { 0 }, "128.0.0.1", true },
	{ { 0 }, { 0 }, "169.254.1.1", false },
	{ { 0 }, { 0 }, "169.254.169.254", false },
	{ { 0 }, { 0 }, "192.0.0.1", false },
	{ { 0 }, { 0 }, "223.255.255.255", true },
	{ { 0 }, { 0 }, "224.0.0.1", false },
	{ { 0 }, { 0 }, "240.0.0.1", false },
	{ { 0 }, { 0 }, "255.255.255.255", false },
	{ { 0 }, { 0 }, "::", false },
	{ { 0 }, { 0 }, "::1", false },
	{ { 0 }, { 0 }, "::127.0.0.1", false },
	{ { 0 }, { 0 }, "::ffff:127.0.0.1", false },
	{ { 0 }, { 0 }, "::ffff:192.0.2.1", true },
	{ { 0 }, { 0 }, "64:ff9b::7f00:1", false },
	{ { 0 }, { 0 }, "64:ff9b:1::1", false },
	{ { 0 }, { 0 }, "100::1", false },
	{ { 0 }, { 0 }, "2001::1", false },
	{ { 0 }, { 0 }, "2002:7f00:1::", false },
	{ { 0 }, { 0 }, "fd00:ec2::254", false },
	{ { 0 }, { 0 }, "fd00:ec2::253", true },
	{ { 0 }, { 0 }, "fe80::1", false },
	{ { 0 }, { 0 }, "febf::1", false },
	{ { 0 }, { 0 }, "fec0::1", false },
	{ { 0 }, { 0 }, "ff02::1", false },
	/* a list is the whole of what may be reached */
	{ { "10.0.0.0/8" }, { 0 }, "10.1.2.3", true },
	{ { "10.0.0.0/8" }, { 0 }, "11.0.0.0", false },
	{ { "10.0.0.0/8" }, { 0 }, "2001:db8::1", false },
	{ { "10.0.0.0/9" }, { 0 }, "10.127.0.1", true },
	{ { "10.0.0.0/9" }, { 0 }, "10.128.0.1", false },
	/* what is refused by itself must be named itself */
	{ { "0.0.0.0/0" }, { 0 }, "127.0.0.1", false },
	{ { "0.0.0.0/0" }, { 0 }, "192.0.2.1", true },
	{ { "::/0" }, { 0 }, "::1", false },
	{ { "::/0" }, { 0 }, "127.0.0.1", false },
	{ { "::/0" }, { 0 }, "192.0.2.1", false },
	{ { "::/0" }, { 0 }, "2001:db8::1", true },
	{ { "127.0.0.0/8" }, { 0 }, "127.0.0.1", true },
	{ { "127.0.0.0/8" }, { 0 }, "::ffff:127.0.0.1", true },
	{ { "127.0.0.1/32" }, { 0 }, "127.0.0.2", false },
	{ { "::1/128" }, { 0 }, "::1", true },
	{ { "::1/128", "127.0.0.0/8" }, { 0 }, "127.9.9.9", true },
	{ { "169.254.0.0/16" }, { 0 }, "169.254.1.1", true },
	{ { "169.254.0.0/16" }, { 0 }, "169.254.169.254", false },
	{ { "169.254.169.254/32" }, { 0 }, "169.254.169.254", true },
	/* deny wins */
	{ { 0 }, { "192.0.2.0/24" }, "192.0.2.1", false },
	{ { 0 }, { "192.0.2.0/24" }, "192.0.3.1", true },
	{ { "192.0.2.1/32" }, { "192.0.2.0/24" }, "192.0.2.1", false },
	{ { "127.0.0.0/8" }, { "127.0.0.66/32" }, "127.0.0.66", false },
	{ { "127.0.0.0/8" }, { "127.0.0.66/32" }, "127.0.0.67", true },
	{ { 0 }, { "::/0" }, "192.0.2.1", true },
};

static void
test_allowed(void **state)
{
	struct prefix	allow[4], deny[4];
	unsigned char	addr[ADDRESS_LEN];

	(void)state;
	for (size_t i = 0; i < nitems(rows); i++) {
		struct address_policy p = { .allow = allow, .deny = deny };

		p.nallow = prefixes_of(rows[i].allow, allow);
		p.ndeny = prefixes_of(rows[i].deny, deny);
		address_of(rows[i].address, addr);
		if (address_allowed(&p, addr) != rows[i].allowed)
			fail_msg("row %zu: %s", i, rows[i].address);
	}
}

/* The CA's own addresses are opened by nothing wider than themselves. */
static void
test_own(void **state)
{
	struct prefix		own[] = { prefix_of("10.0.0.5/32") };
	struct prefix		wide[] = { prefix_of("10.0.0.0/8") };
	struct prefix		exact[] = { prefix_of("10.0.0.5/32") };
	struct address_policy	p = { .own = own, .nown = 1 };
	unsigned char		addr[ADDRESS_LEN];

	(void)state;
	address_of("10.0.0.5", addr);
	assert_false(address_allowed(&p, addr));
	p.allow = wide;
	p.nallow = 1;
	assert_false(address_allowed(&p, addr));
	p.allow = exact;
	assert_true(address_allowed(&p, addr));
	address_of("10.0.0.6", addr);
	assert_false(address_allowed(&p, addr));
}

static void
test_forms(void **state)
{
	static const char *const same[] = {
		"192.0.2.1", "2001:db8::1", "::1", "0.0.0.0"
	};
	unsigned char	addr[ADDRESS_LEN];
	char		text[ADDRESS_TEXT];

	(void)state;
	for (size_t i = 0; i < nitems(same); i++) {
		address_of(same[i], addr);
		address_print(addr, text);
		assert_string_equal(text, same[i]);
	}
	address_of("::ffff:192.0.2.1", addr);
	assert_true(address_is_v4(addr));
	address_print(addr, text);
	assert_string_equal(text, "192.0.2.1");
	address_of("::192.0.2.1", addr);
	assert_false(address_is_v4(addr));
	assert_int_equal(address_from_octets("abc", 3, addr), -1);
	assert_int_equal(address_from_octets("abcde", 5, addr), -1);
	assert_int_equal(address_from_octets("", 0, addr), -1);
}

static void
test_sockaddr(void **state)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	struct sockaddr_in6	sin6 = { .sin6_family = AF_INET6 };
	struct sockaddr		other = { .sa_family = AF_UNIX };
	unsigned char		addr[ADDRESS_LEN], want[ADDRESS_LEN];

	(void)state;
	inet_pton(AF_INET, "192.0.2.7", &sin.sin_addr);
	assert_int_equal(address_from_sockaddr((struct sockaddr *)&sin,
	    addr), 0);
	address_of("192.0.2.7", want);
	assert_memory_equal(addr, want, ADDRESS_LEN);
	inet_pton(AF_INET6, "2001:db8::7", &sin6.sin6_addr);
	assert_int_equal(address_from_sockaddr((struct sockaddr *)&sin6,
	    addr), 0);
	address_of("2001:db8::7", want);
	assert_memory_equal(addr, want, ADDRESS_LEN);
	assert_int_equal(address_from_sockaddr(&other, addr), -1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_sockaddr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

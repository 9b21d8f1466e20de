/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are accepted, and in what form; names that are not, and why. */
#include <unistd.h>

#include "unit.h"

#include "server/ident.c"

#define LABEL63 \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char	*in;
	const char	*out;		/* NULL when refused */
	enum problem_type type;
} rows[] = {
	{ "example.com", "example.com", PR_NONE },
	{ "www.example.com", "www.example.com", PR_NONE },
	{ "WWW.Example.COM", "www.example.com", PR_NONE },
	{ "*.example.com", "*.example.com", PR_NONE },
	{ "ABCXYZ.test", "abcxyz.test", PR_NONE },
	{ "*.EXAMPLE.test", "*.example.test", PR_NONE },
	{ "host.test", "host.test", PR_NONE },
	{ "a.b.c.d.e.internal", "a.b.c.d.e.internal", PR_NONE },
	{ "a-b.test", "a-b.test", PR_NONE },
	{ "a--b.test", "a--b.test", PR_NONE },
	{ "abc--d.test", "abc--d.test", PR_NONE },
	{ "1.2.3.4.test", "1.2.3.4.test", PR_NONE },
	{ "1a.2b", "1a.2b", PR_NONE },
	{ "123.example", "123.example", PR_NONE },
	{ LABEL63 ".test", LABEL63 ".test", PR_NONE },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example", PR_NONE },
	{ "XN--Bcher-KVA.example", "xn--bcher-kva.example", PR_NONE },
	{ "xn--strae-oqa.example", "xn--strae-oqa.example", PR_NONE },
	{ "xn--mgberp4a5d4a87g.test", "xn--mgberp4a5d4a87g.test", PR_NONE },
	{ "xn--ll-0ea.example", "xn--ll-0ea.example", PR_NONE },
	{ "xn--9dbne9b.example", "xn--9dbne9b.example", PR_NONE },
	{ "example.xn--p1ai", "example.xn--p1ai", PR_NONE },
	{ "github.io", "github.io", PR_NONE },
	{ "localhost.example", "localhost.example", PR_NONE },
	{ "myarpa.test", "myarpa.test", PR_NONE },
	{ "onion.test", "onion.test", PR_NONE },
	{ "www.ck", "www.ck", PR_NONE },
	{ "com.test", "com.test", PR_NONE },
	/* form */
	{ "", NULL, PR_MALFORMED },
	{ ".", NULL, PR_MALFORMED },
	{ "*", NULL, PR_MALFORMED },
	{ "*.", NULL, PR_MALFORMED },
	{ "*.*.example.com", NULL, PR_MALFORMED },
	{ "a*.example.com", NULL, PR_MALFORMED },
	{ "*a.example.com", NULL, PR_MALFORMED },
	{ "www.*.example.com", NULL, PR_MALFORMED },
	{ "example.com.", NULL, PR_MALFORMED },
	{ ".example.com", NULL, PR_MALFORMED },
	{ "example..com", NULL, PR_MALFORMED },
	{ "-a.example.com", NULL, PR_MALFORMED },
	{ "a-.example.com", NULL, PR_MALFORMED },
	{ "example.-com", NULL, PR_MALFORMED },
	{ "_acme-challenge.example.com", NULL, PR_MALFORMED },
	{ "foo_bar.example.com", NULL, PR_MALFORMED },
	{ "ex ample.com", NULL, PR_MALFORMED },
	{ " example.com", NULL, PR_MALFORMED },
	{ "example.com\n", NULL, PR_MALFORMED },
	{ "example.com/", NULL, PR_MALFORMED },
	{ "example.com:443", NULL, PR_MALFORMED },
	{ "user@example.com", NULL, PR_MALFORMED },
	{ "https://example.com", NULL, PR_MALFORMED },
	{ "b\303\274cher.example", NULL, PR_MALFORMED },
	{ "example\343\200\202com", NULL, PR_MALFORMED },
	{ "\377.example", NULL, PR_MALFORMED },
	{ "a" LABEL63 ".test", NULL, PR_MALFORMED },
	/* addresses */
	{ "192.0.2.1", NULL, PR_MALFORMED },
	{ "*.192.0.2.1", NULL, PR_MALFORMED },
	{ "2130706433", NULL, PR_MALFORMED },
	{ "127.1", NULL, PR_MALFORMED },
	{ "0x7f.0x1", NULL, PR_MALFORMED },
	{ "example.0x", NULL, PR_MALFORMED },
	{ "host.123", NULL, PR_MALFORMED },
	{ "::1", NULL, PR_MALFORMED },
	{ "[2001:db8::1]", NULL, PR_MALFORMED },
	/* A-labels (RFC 5890, 2.3.2.1) */
	{ "xn--.example", NULL, PR_MALFORMED },
	{ "xn--a.example", NULL, PR_MALFORMED },
	{ "xn--abc.example", NULL, PR_MALFORMED },
	{ "xn--example.test", NULL, PR_MALFORMED },
	{ "xn--ls8h.example", NULL, PR_MALFORMED },
	{ "xn--0ca24w.example", NULL, PR_MALFORMED },
	{ "a.xn--99999999.example", NULL, PR_MALFORMED },
	{ "xn--bucher-xyd.example", NULL, PR_MALFORMED },	/* not NFC */
	{ "xn--wca.example", NULL, PR_MALFORMED },	/* upper case */
	{ "xn--a-tfo.example", NULL, PR_MALFORMED },	/* a symbol */
	{ "xn--ab-0ea.example", NULL, PR_MALFORMED },	/* CONTEXTO */
	{ "xn--ab-m1t.example", NULL, PR_MALFORMED },	/* CONTEXTJ */
	{ "xn--a-7pc.example", NULL, PR_MALFORMED },	/* Bidi */
	{ "ab--cd.example", NULL, PR_MALFORMED },
	{ "a---b.example", NULL, PR_MALFORMED },
	{ "zz--.example", NULL, PR_MALFORMED },
	/* policy */
	{ "localhost", NULL, PR_REJECTED_IDENTIFIER },
	{ "foo.localhost", NULL, PR_REJECTED_IDENTIFIER },
	{ "foo.INVALID", NULL, PR_REJECTED_IDENTIFIER },
	{ "1.0.0.127.in-addr.arpa", NULL, PR_REJECTED_IDENTIFIER },
	{ "example.onion", NULL, PR_REJECTED_IDENTIFIER },
	{ "*.onion", NULL, PR_REJECTED_IDENTIFIER },
	{ "test", NULL, PR_REJECTED_IDENTIFIER },
	{ "*.test", NULL, PR_REJECTED_IDENTIFIER },
	{ "intranet", NULL, PR_REJECTED_IDENTIFIER },
	{ "com", NULL, PR_REJECTED_IDENTIFIER },
	{ "*.com", NULL, PR_REJECTED_IDENTIFIER },
	{ "co.uk", NULL, PR_REJECTED_IDENTIFIER },
	{ "CO.UK", NULL, PR_REJECTED_IDENTIFIER },
	{ "*.co.uk", NULL, PR_REJECTED_IDENTIFIER },
	{ "foo.ck", NULL, PR_REJECTED_IDENTIFIER },
	{ "xn--p1ai", NULL, PR_REJECTED_IDENTIFIER },
	{ "xn--55qx5d.cn", NULL, PR_REJECTED_IDENTIFIER },
};

static void
test_names(void **state)
{
	struct ident ident;
	struct problem p;
	char text[300];
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		memset(&p, 0, sizeof(p));
		rc = ident_parse("dns", rows[i].in, &ident, &p);
		if (rc != (rows[i].out == NULL ? -1 : 0) ||
		    p.type != rows[i].type)
			fail_msg("%s: %d %s %s", rows[i].in, rc,
			    problem_urn(p.type), p.detail);
		if (rc == -1) {
			assert_true(p.detail[0] != '\0');
			continue;
		}
		snprintf(text, sizeof(text), "%s%s", ident.wildcard ? "*." :
		    "", ident.value);
		assert_string_equal(text, rows[i].out);
		assert_string_equal(ident.type, "dns");
		assert_null(strchr(ident.value, '*'));
	}
}

/* The longest name, and one octet more, with and without a wildcard. */
static void
test_lengths(void **state)
{
	struct ident ident;
	struct problem p;
	char name[300];
	size_t i, len;

	(void)state;
	for (len = 250; len < 258; len++) {
		for (i = 0; i < len; i++)
			name[i] = i % 50 == 49 ? '.' : 'a';
		memcpy(name + len - 5, ".test", 6);
		if (name[len - 6] == '.')
			name[len - 6] = 'b';
		assert_int_equal(ident_parse("dns", name, &ident, &p),
		    len <= 253 ? 0 : -1);
		memmove(name + 2, name, len + 1);
		memcpy(name, "*.", 2);
		assert_int_equal(ident_parse("dns", name, &ident, &p),
		    len <= 251 ? 0 : -1);
	}
}

static void
test_types(void **state)
{
	static const struct {
		const char *type, *value;
		enum problem_type problem;
	} types[] = {
		{ "IP", "192.0.2.1", PR_UNSUPPORTED_IDENTIFIER },
		{ "DNS", "example.com", PR_UNSUPPORTED_IDENTIFIER },
		{ "", "example.com", PR_UNSUPPORTED_IDENTIFIER },
		{ "email", "a@example.com", PR_UNSUPPORTED_IDENTIFIER },
		{ NULL, "example.com", PR_MALFORMED },
		{ "dns", NULL, PR_MALFORMED },
		{ NULL, NULL, PR_MALFORMED },
	};
	struct ident ident;
	struct problem p;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(types); i++) {
		memset(&p, 0, sizeof(p));
		assert_int_equal(ident_parse(types[i].type, types[i].value,
		    &ident, &p), -1);
		assert_int_equal(p.type, types[i].problem);
	}
}

static const struct {
	const char	*in;
	enum problem_type type;		/* PR_NONE: taken as it is */
	const char	*reverse;
} addresses[] = {
	{ "192.0.2.1", PR_NONE, "1.2.0.192.in-addr.arpa" },
	{ "127.0.0.1", PR_NONE, "1.0.0.127.in-addr.arpa" },
	{ "10.20.30.255", PR_NONE, "255.30.20.10.in-addr.arpa" },
	{ "223.255.255.255", PR_NONE, "255.255.255.223.in-addr.arpa" },
	{ "2001:db8::1", PR_NONE, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
	    "0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" },
	{ "::1", PR_NONE, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
	    "0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa" },
	{ "fd00:1:2:3:4:5:6:789a", PR_NONE, "a.9.8.7.6.0.0.0.5.0.0.0.4.0.0.0."
	    "3.0.0.0.2.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa" },
	{ "2001:db8:0:1:1:1:1:1", PR_NONE, NULL },
	{ "2001:db8::1:0:0:1", PR_NONE, NULL },
	{ "2001:0:0:1::1", PR_NONE, NULL },
	{ "fe80::1", PR_NONE, NULL },
	/* RFC 5952, 4 */
	{ "2001:DB8::1", PR_MALFORMED, NULL },
	{ "2001:0db8::1", PR_MALFORMED, NULL },
	{ "2001:db8:0:0:0:0:0:1", PR_MALFORMED, NULL },
	{ "2001:db8::0:1", PR_MALFORMED, NULL },
	{ "2001:db8::1:1:1:1:1", PR_MALFORMED, NULL },
	{ "2001::1:0:0:0:1", PR_MALFORMED, NULL },
	{ "2001:db8:0:0:1::1", PR_MALFORMED, NULL },
	{ "::0001", PR_MALFORMED, NULL },
	/* no address */
	{ "", PR_MALFORMED, NULL },
	{ "192.0.2", PR_MALFORMED, NULL },
	{ "192.0.2.01", PR_MALFORMED, NULL },
	{ "192.0.2.256", PR_MALFORMED, NULL },
	{ "192.0.2.1.", PR_MALFORMED, NULL },
	{ " 192.0.2.1", PR_MALFORMED, NULL },
	{ "0xc0.0.2.1", PR_MALFORMED, NULL },
	{ "3221225985", PR_MALFORMED, NULL },
	{ "192.0.2.0/24", PR_MALFORMED, NULL },
	{ "*.192.0.2.1", PR_MALFORMED, NULL },
	{ "[::1]", PR_MALFORMED, NULL },
	{ "fe80::1%eth0", PR_MALFORMED, NULL },
	{ "2001:db8::1::", PR_MALFORMED, NULL },
	{ "example.com", PR_MALFORMED, NULL },
	/* of no single host */
	{ "0.0.0.0", PR_REJECTED_IDENTIFIER, NULL },
	{ "0.1.2.3", PR_REJECTED_IDENTIFIER, NULL },
	{ "224.0.0.1", PR_REJECTED_IDENTIFIER, NULL },
	{ "255.255.255.255", PR_REJECTED_IDENTIFIER, NULL },
	{ "::", PR_REJECTED_IDENTIFIER, NULL },
	{ "::2", PR_REJECTED_IDENTIFIER, NULL },
	{ "ff02::1", PR_REJECTED_IDENTIFIER, NULL },
	{ "::192.0.2.1", PR_REJECTED_IDENTIFIER, NULL },
	{ "::ffff:192.0.2.1", PR_REJECTED_IDENTIFIER, NULL },
	{ "::ffff:c000:201", PR_REJECTED_IDENTIFIER, NULL },
};

static void
test_addresses(void **state)
{
	char reverse[IDENT_MAX + 1];
	struct ident ident, again;
	unsigned char octets[16];
	struct problem p;
	size_t i, len;

	(void)state;
	for (i = 0; i < nitems(addresses); i++) {
		memset(&p, 0, sizeof(p));
		if (ident_parse("ip", addresses[i].in, &ident, &p) !=
		    (addresses[i].type == PR_NONE ? 0 : -1) ||
		    p.type != addresses[i].type)
			fail_msg("%s: %s %s", addresses[i].in,
			    problem_urn(p.type), p.detail);
		if (addresses[i].type != PR_NONE)
			continue;
		assert_string_equal(ident.type, "ip");
		assert_false(ident.wildcard);
		assert_string_equal(ident.value, addresses[i].in);
		len = ident_octets(&ident, octets);
		assert_int_equal(len,
		    strchr(addresses[i].in, ':') == NULL ? 4 : 16);
		assert_int_equal(ident_from_octets(octets, len, &again), 0);
		assert_int_equal(ident_compare(&ident, &again), 0);
		assert_int_equal(ident_reverse(&ident, reverse), 0);
		if (addresses[i].reverse != NULL)
			assert_string_equal(reverse, addresses[i].reverse);
	}
	assert_int_equal(ident_parse("dns", "a.test", &ident, &p), 0);
	assert_int_equal(ident_octets(&ident, octets), 0);
	assert_int_equal(ident_reverse(&ident, reverse), -1);
	assert_int_equal(ident_from_octets(octets, 5, &again), -1);
	assert_true(ident_known("dns") && ident_known("ip"));
	assert_false(ident_known("email") || ident_known(""));
}

static void
test_within(void **state)
{
	static const struct prefix private[] = {
		{ { [10] = 0xff, 0xff, 10 }, 96 + 8 },
		{ { [10] = 0xff, 0xff, 172, 16 }, 96 + 12 },
		{ { 0xfd }, 8 },
	}, six[] = { { { 0 }, 0 } }, four[] = {
		{ { [10] = 0xff, 0xff }, 96 },
	};
	static const struct {
		const char	*address;
		bool		 in_private, in_six, in_four;
	} in[] = {
		{ "10.1.2.3", true, false, true },
		{ "11.1.2.3", false, false, true },
		{ "172.31.255.1", true, false, true },
		{ "172.32.0.1", false, false, true },
		{ "fd12::1", true, true, false },
		{ "fc12::1", false, true, false },
	};
	struct ident ident;
	struct problem p;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(in); i++) {
		assert_int_equal(ident_parse("ip", in[i].address, &ident, &p),
		    0);
		assert_int_equal(ident_within(&ident, private, 3),
		    in[i].in_private);
		assert_int_equal(ident_within(&ident, six, 1), in[i].in_six);
		assert_int_equal(ident_within(&ident, four, 1),
		    in[i].in_four);
		assert_false(ident_within(&ident, NULL, 0));
	}
	assert_int_equal(ident_parse("dns", "a.test", &ident, &p), 0);
	assert_false(ident_within(&ident, six, 1));
}

/* The CA's own host may be a name that nobody else could have. */
static void
test_own(void **state)
{
	static const struct {
		const char	*base_url, *name;
		bool		 taken, own;
	} hosts[] = {
		{ "https://localhost:14000", "localhost", true, true },
		{ "https://localhost:14000", "LOCALHOST", true, true },
		{ "https://localhost:14000", "*.localhost", false, false },
		{ "https://localhost:14000", "x.localhost", false, false },
		{ "https://localhost:14000", "intranet", false, false },
		{ "https://ca", "ca", true, true },
		{ "https://ca.example.com/acme", "ca.example.com", true,
		    false },
		{ "https://ca.example.com/acme", "localhost", false, false },
		{ "https://ca.example.com/acme", "a.test", true, false },
	};
	struct ident ident;
	struct problem p;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(hosts); i++) {
		ident_own(hosts[i].base_url);
		assert_int_equal(ident_parse("dns", hosts[i].name, &ident,
		    &p), hosts[i].taken ? 0 : -1);
		assert_int_equal(hosts[i].taken && ident.own, hosts[i].own);
	}
	ident_own("https://");
}

static void
test_registered(void **state)
{
	static const char *const names[][2] = {
		{ "example.com", "example.com" },
		{ "a.b.example.com", "example.com" },
		{ "*.b.example.co.uk", "example.co.uk" },
		{ "a.b.host.test", "host.test" },
		{ "x.y.github.io", "y.github.io" },
		{ "github.io", "github.io" },
	};
	char file[] = "/tmp/test_ident.XXXXXX";
	struct ident ident;
	struct problem p;
	FILE *f;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(names); i++) {
		assert_int_equal(ident_parse("dns", names[i][0], &ident, &p),
		    0);
		assert_string_equal(ident_registered(&ident), names[i][1]);
	}
	assert_int_equal(ident_parse("ip", "10.1.2.3", &ident, &p), 0);
	assert_string_equal(ident_registered(&ident), "10.1.2.3");
	/* A site's own list. */
	assert_int_equal(ident_suffixes("/nonexistent/list"), -1);
	f = fdopen(mkstemp(file), "w");
	assert_non_null(f);
	fputs("// ===BEGIN ICANN DOMAINS===\ncorp.test\n"
	    "// ===END ICANN DOMAINS===\n", f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(ident_suffixes(file), 0);
	unlink(file);
	assert_int_equal(ident_parse("dns", "corp.test", &ident, &p), -1);
	assert_int_equal(p.type, PR_REJECTED_IDENTIFIER);
	assert_int_equal(ident_parse("dns", "x.a.corp.test", &ident, &p), 0);
	assert_string_equal(ident_registered(&ident), "a.corp.test");
	assert_int_equal(ident_parse("dns", "a.co.uk", &ident, &p), 0);
	assert_string_equal(ident_registered(&ident), "co.uk");
}

static void
test_sort(void **state)
{
	static const char *const names[] = {
		"b.test", "*.a.test", "a.test", "B.TEST", "a.test", "aa.test",
		"*.a.test", "*.b.test", "b.test"
	};
	static const char *const sorted[] = {
		"a.test", "*.a.test", "aa.test", "b.test", "*.b.test"
	};
	struct ident idents[nitems(names)];
	struct problem p;
	size_t i, n;

	(void)state;
	for (i = 0; i < nitems(names); i++)
		assert_int_equal(ident_parse("dns", names[i], &idents[i], &p),
		    0);
	assert_true(ident_compare(&idents[0], &idents[3]) == 0);
	assert_true(ident_compare(&idents[1], &idents[2]) > 0);
	assert_true(ident_compare(&idents[2], &idents[1]) < 0);
	assert_true(ident_compare(&idents[2], &idents[0]) < 0);
	n = ident_sort(idents, nitems(names));
	assert_int_equal(n, nitems(sorted));
	for (i = 0; i < n; i++) {
		assert_int_equal(idents[i].wildcard, sorted[i][0] == '*');
		assert_string_equal(idents[i].value,
		    sorted[i] + (sorted[i][0] == '*' ? 2 : 0));
	}
	assert_int_equal(ident_sort(idents, 0), 0);
	assert_int_equal(ident_sort(idents, 1), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_names),
		UNIT(test_lengths),
		UNIT(test_types),
		UNIT(test_addresses),
		UNIT(test_within),
		UNIT(test_sort),
		UNIT(test_own),
		UNIT(test_registered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

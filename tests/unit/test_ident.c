/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are accepted, and in what form; names that are not, and why. */
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
		{ "ip", "192.0.2.1", PR_UNSUPPORTED_IDENTIFIER },
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
		UNIT(test_sort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

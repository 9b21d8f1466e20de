/* SPDX-License-Identifier: Apache-2.0 */
/* Where a redirect leads. */
#include "unit.h"

#include "server/url.c"

static const struct hop	base = {
	.port = 5002,
	.host = "a.test",
	.target = "/.well-known/acme-challenge/tok?x=1",
};

static const struct {
	const char	*location;
	const char	*want;		/* scheme host port target, or NULL */
} rows[] = {
	{ "http://b.test/", "http b.test 0 /" },
	{ "http://b.test", "http b.test 0 /" },
	{ "HTTP://B.Test/P", "http b.test 0 /P" },
	{ "https://b.test/p?q=1", "https b.test 0 /p?q=1" },
	{ "http://b.test:80/", "http b.test 80 /" },
	{ "https://b.test:8443/x", "https b.test 8443 /x" },
	{ "http://b.test/p#fragment", "http b.test 0 /p" },
	{ "http://b-c.1d.test/", "http b-c.1d.test 0 /" },
	/* relative to base (RFC 3986, 5) */
	{ "/p", "http a.test 5002 /p" },
	{ "p", "http a.test 5002 /.well-known/acme-challenge/p" },
	{ "?y", "http a.test 5002 /.well-known/acme-challenge/tok?y" },
	{ "../p", "http a.test 5002 /.well-known/p" },
	{ "../../../../p", "http a.test 5002 /p" },
	{ "//b.test/p", "http b.test 0 /p" },
	/* other schemes */
	{ "file:///etc/passwd", NULL },
	{ "ftp://b.test/", NULL },
	{ "gopher://b.test/", NULL },
	{ "dict://b.test/", NULL },
	{ "javascript:alert(1)", NULL },
	{ "unix:/run/x", NULL },
	{ "data:text/plain,x", NULL },
	/* addresses in any clothes */
	{ "http://127.0.0.1/", NULL },
	{ "http://2130706433/", NULL },
	{ "http://0x7f000001/", NULL },
	{ "http://0177.0.0.1/", NULL },
	{ "http://127.1/", NULL },
	{ "http://[::1]/", NULL },
	{ "http://[::ffff:127.0.0.1]/", NULL },
	{ "http://[fe80::1%25eth0]/", NULL },
	{ "http://b.1/", NULL },
	/* credentials */
	{ "http://u@b.test/", NULL },
	{ "http://u:p@b.test/", NULL },
	{ "http://b.test@127.0.0.1/", NULL },
	{ "http://127.0.0.1\\@b.test/", NULL },
	/* hosts that are none */
	{ "http:///p", NULL },
	{ "http://b..test/", NULL },
	{ "http://.test/", NULL },
	{ "http://b.test./", NULL },
	{ "http://b_c.test/", NULL },
	{ "http://b%2etest/", "http b.test 0 /" },
	{ "http://b%00.test/", NULL },
	{ "http://b%2ftest.test/", NULL },
	{ "http://b.test%", NULL },
	{ "http://b.test%4", NULL },
	{ "http://b.test?q", "http b.test 0 /?q" },
	{ "http://b.test#f", "http b.test 0 /" },
	{ "http://b.test/a/../../c/.", "http b.test 0 /c/" },
	{ "http://b\xc3\xbc.test/", NULL },
	{ "http://b test/", NULL },
	/* ports */
	{ "http://b.test:0/", NULL },
	{ "http://b.test:65536/", NULL },
	{ "http://b.test:x/", NULL },
	{ "http://b.test:-1/", NULL },
	{ "http://b.test:65535/", "http b.test 65535 /" },
	{ "http://b.test:/", "http b.test 0 /" },
	{ "http://b.test:000080/", NULL },
	{ "http://b.test:8 0/", NULL },
	{ "http://b.test:80:80/", NULL },
	/* targets that would not survive a request line */
	{ "http://b.test/a b", NULL },
	{ "http://b.test/a\tb", NULL },
	{ "http://b.test/a\r\nHost: c.test", NULL },
	{ "http://b.test/\x7f", NULL },
	{ "http://b.test/\xff", NULL },
};

static void
test_location(void **state)
{
	struct hop	hop;
	char		got[HOP_HOST + HOP_TARGET + 32];

	(void)state;
	for (size_t i = 0; i < nitems(rows); i++) {
		int rc = url_follow(&base, rows[i].location, &hop);

		snprintf(got, sizeof(got), "%s %s %u %s",
		    hop.https ? "https" : "http", hop.host,
		    (unsigned)hop.port, hop.target);
		if ((rc == 0) != (rows[i].want != NULL) ||
		    (rc == 0 && strcmp(got, rows[i].want) != 0))
			fail_msg("row %zu: %s gave %d %s", i,
			    rows[i].location, rc, got);
	}
}

static void
test_lengths(void **state)
{
	static struct hop	hop, zero;
	char			url[HOP_TARGET + 64];
	int			at;

	(void)state;
	at = snprintf(url, sizeof(url), "http://b.test");
	memset(url + at, 'a', HOP_TARGET - 1);
	url[at] = '/';
	url[at + HOP_TARGET - 1] = '\0';
	assert_int_equal(url_follow(&base, url, &hop), 0);
	assert_int_equal(strlen(hop.target), HOP_TARGET - 1);
	url[at + HOP_TARGET - 1] = 'a';
	url[at + HOP_TARGET] = '\0';
	assert_int_equal(url_follow(&base, url, &hop), -1);
	assert_memory_equal(&hop, &zero, sizeof(hop));
}

static void
test_labels(void **state)
{
	struct hop	hop;
	char		host[400];
	char		url[500];

	(void)state;
	memset(host, 'a', 63);
	strcpy(host + 63, ".test");
	snprintf(url, sizeof(url), "http://%s/", host);
	assert_int_equal(url_follow(&base, url, &hop), 0);
	memset(host, 'a', 64);
	strcpy(host + 64, ".test");
	snprintf(url, sizeof(url), "http://%s/", host);
	assert_int_equal(url_follow(&base, url, &hop), -1);
	for (size_t i = 0; i < 254; i++)
		host[i] = i % 50 == 49 ? '.' : 'a';
	host[253] = '\0';
	snprintf(url, sizeof(url), "http://%s/", host);
	assert_int_equal(url_follow(&base, url, &hop), 0);
	host[253] = 'a';
	host[254] = '\0';
	snprintf(url, sizeof(url), "http://%s/", host);
	assert_int_equal(url_follow(&base, url, &hop), -1);
}

/* RFC 3986, 5.4, on a base of ours; then what its 5.4.2 calls abnormal. */
static const struct {
	const char	*reference;
	const char	*target;
} examples[] = {
	{ "g", "/b/c/g" }, { "./g", "/b/c/g" }, { "g/", "/b/c/g/" },
	{ "/g", "/g" }, { "?y", "/b/c/d;p?y" }, { "g?y", "/b/c/g?y" },
	{ "#s", "/b/c/d;p?q" }, { "g#s", "/b/c/g" },
	{ "g?y#s", "/b/c/g?y" }, { ";x", "/b/c/;x" }, { "g;x", "/b/c/g;x" },
	{ "g;x?y#s", "/b/c/g;x?y" }, { "", "/b/c/d;p?q" }, { ".", "/b/c/" },
	{ "./", "/b/c/" }, { "..", "/b/" }, { "../", "/b/" },
	{ "../g", "/b/g" }, { "../..", "/" }, { "../../", "/" },
	{ "../../g", "/g" }, { "../../../g", "/g" },
	{ "../../../../g", "/g" }, { "/./g", "/g" }, { "/../g", "/g" },
	{ "g.", "/b/c/g." }, { ".g", "/b/c/.g" }, { "g..", "/b/c/g.." },
	{ "..g", "/b/c/..g" }, { "./../g", "/b/g" }, { "./g/.", "/b/c/g/" },
	{ "g/./h", "/b/c/g/h" }, { "g/../h", "/b/c/h" },
	{ "g;x=1/./y", "/b/c/g;x=1/y" }, { "g;x=1/../y", "/b/c/y" },
	{ "g?y/./x", "/b/c/g?y/./x" }, { "g?y/../x", "/b/c/g?y/../x" },
	{ "g#s/../x", "/b/c/g" }, { "/a//b", "/a//b" }, { "...", "/b/c/..." },
	{ "?", "/b/c/d;p?" }, { "g?a?b:c", "/b/c/g?a?b:c" },
	{ "./x:y", "/b/c/x:y" }, { "x:y", NULL }, { ":", NULL },
	{ "http:g", NULL }, { "http:", NULL }, { "https:/g", NULL },
	{ "//", NULL }, { "///g", NULL },
};

static void
test_references(void **state)
{
	static const struct hop	from = {
		.https = 1, .host = "a.test", .target = "/b/c/d;p?q",
	};
	struct hop		hop;

	(void)state;
	for (size_t i = 0; i < nitems(examples); i++) {
		int rc = url_follow(&from, examples[i].reference, &hop);

		if ((rc == 0) != (examples[i].target != NULL) || (rc == 0 &&
		    strcmp(hop.target, examples[i].target) != 0))
			fail_msg("row %zu: %s gave %d %s", i,
			    examples[i].reference, rc, hop.target);
		if (rc == 0) {
			assert_string_equal(hop.host, "a.test");
			assert_int_equal(hop.https, 1);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_location),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses as hosts send them and as they should not: each row is given
 * whole, octet by octet and in two pieces, which must not matter.
 */
#include "unit.h"

#include "server/http_get.c"

#define OK	"HTTP/1.1 200 OK\r\n"
#define CHUNKS	OK "Transfer-Encoding: chunked\r\n\r\n"

static const struct {
	const char		*octets;
	enum http_progress	 want;
	unsigned		 status;
	const char		*body;		/* when HTTP_DONE */
} rows[] = {
	/* by length, by the end, by chunks, none */
	{ OK "Content-Length: 3\r\n\r\nabc", HTTP_DONE, 200, "abc" },
	{ OK "content-LENGTH:3\r\n\r\nabcdef", HTTP_DONE, 200, "abc" },
	{ OK "Content-Length: \t 3 \t\r\n\r\nabc", HTTP_DONE, 200, "abc" },
	{ OK "Content-Length: 0\r\n\r\nabc", HTTP_DONE, 200, "" },
	{ OK "\r\nabc", HTTP_DONE, 200, "abc" },
	{ OK "\r\n", HTTP_DONE, 200, "" },
	{ CHUNKS "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", HTTP_DONE, 200, "abcde" },
	{ CHUNKS "03 ; x=\"y\"\r\nabc\r\n000\r\nT: x\r\n\r\n", HTTP_DONE, 200,
	    "abc" },
	{ CHUNKS "A\r\n0123456789\r\n0\r\n\r\n", HTTP_DONE, 200,
	    "0123456789" },
	{ CHUNKS "0\r\n\r\n", HTTP_DONE, 200, "" },
	{ OK "Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
	    HTTP_DONE, 200, "a" },
	{ "HTTP/1.1 204 No Content\r\n\r\nabc", HTTP_DONE, 204, "" },
	{ "HTTP/1.1 304 \r\nContent-Length: 9\r\n\r\n", HTTP_DONE, 304, "" },
	{ "HTTP/1.0 404 Not found\r\n\r\nno", HTTP_DONE, 404, "no" },
	{ "HTTP/1.1 999\r\n\r\n", HTTP_DONE, 999, "" },
	{ "HTTP/1.1 200 \xe9t\xe9\r\nX: \xff\t\x80\r\n\r\na", HTTP_DONE, 200,
	    "a" },
	{ "HTTP/1.1 200 OK\nX:\n\na\n", HTTP_DONE, 200, "a\n" },
	{ OK "Content-Encoding: gzip\r\n\r\n\x1f\x8b", HTTP_DONE, 200,
	    "\x1f\x8b" },
	{ OK "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", HTTP_DONE,
	    200, "abc" },
	/* interim responses */
	{ "HTTP/1.1 100 Continue\r\n\r\n" OK "\r\nabc", HTTP_DONE, 200,
	    "abc" },
	{ "HTTP/1.1 103 x\r\nLocation: /x\r\nContent-Length: 3\r\n\r\n"
	    "HTTP/1.1 100\r\n\r\n" OK "\r\nabc", HTTP_DONE, 200, "abc" },
	{ "HTTP/1.1 101 Switching\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.1 100 Continue\r\n\r\n", HTTP_CUT, 0, NULL },
	{ "HTTP/1.1 100 Continue\r\n\r\nabc", HTTP_BAD, 0, NULL },
	/* cut off */
	{ "", HTTP_CUT, 0, NULL },
	{ "HTT", HTTP_CUT, 0, NULL },
	{ "HTTP/1.1 200 OK", HTTP_CUT, 0, NULL },
	{ OK "X: y\r\n", HTTP_CUT, 0, NULL },
	{ OK "Content-Length: 4\r\n\r\nabc", HTTP_CUT, 0, NULL },
	{ CHUNKS, HTTP_CUT, 0, NULL },
	{ CHUNKS "3\r\nab", HTTP_CUT, 0, NULL },
	{ CHUNKS "3\r\nabc", HTTP_CUT, 0, NULL },
	{ CHUNKS "3\r\nabc\r\n", HTTP_CUT, 0, NULL },
	{ CHUNKS "3\r\nabc\r\n0", HTTP_CUT, 0, NULL },
	/* not HTTP/1.x */
	{ "SSH-2.0-OpenSSH\r\n", HTTP_BAD, 0, NULL },
	{ "x", HTTP_BAD, 0, NULL },
	{ "\r\n" OK "\r\n", HTTP_BAD, 0, NULL },
	{ "\n", HTTP_BAD, 0, NULL },
	{ "<html>an answer of HTTP/0.9</html>", HTTP_BAD, 0, NULL },
	{ "HTTP/0.9 200 OK\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.2 200 OK\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.10 200 OK\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/2 200\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/9.9 200 OK\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "http/1.1 200 OK\r\n\r\n", HTTP_BAD, 0, NULL },
	{ " HTTP/1.1 200 OK\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.1  200 OK\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.1\t200 OK\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.1\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.1 \r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.1 20\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.1 2000\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.1 099 x\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.1 +20 x\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.1 200OK\r\n\r\n", HTTP_BAD, 0, NULL },
	/* fields that are none */
	{ OK " X: y\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "X: y\r\n z\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "X: y\r\n\tz\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "X y\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "X : y\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK ": y\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "X(: y\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "X\xe9: y\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "X: a\rb\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "X: a\r\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "X: \x1b[0m\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "X: \x7f\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "\r\r\n", HTTP_BAD, 0, NULL },
	/* lengths that are none, and two of them */
	{ OK "Content-Length: \r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "Content-Length: -1\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "Content-Length: +1\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "Content-Length: 0x1\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "Content-Length: 1, 1\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "Content-Length: 1 1\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", HTTP_BAD, 0,
	    NULL },
	{ OK "Content-Length: 18446744073709551617\r\n\r\n", HTTP_BAD, 0,
	    NULL },
	{ OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	    HTTP_BAD, 0, NULL },
	{ OK "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
	    HTTP_BAD, 0, NULL },
	{ OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
	    HTTP_BAD, 0, NULL },
	{ OK "Transfer-Encoding: chunked, chunked\r\n\r\n", HTTP_BAD, 0,
	    NULL },
	{ OK "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "Transfer-Encoding: identity\r\n\r\n", HTTP_BAD, 0, NULL },
	{ OK "Transfer-Encoding:\r\n\r\n", HTTP_BAD, 0, NULL },
	{ "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_BAD,
	    0, NULL },
	/* chunks that are none */
	{ CHUNKS "\r\n", HTTP_BAD, 0, NULL },
	{ CHUNKS "g\r\n", HTTP_BAD, 0, NULL },
	{ CHUNKS " 1\r\na\r\n", HTTP_BAD, 0, NULL },
	{ CHUNKS "-1\r\na\r\n", HTTP_BAD, 0, NULL },
	{ CHUNKS "0x1\r\na\r\n", HTTP_BAD, 0, NULL },
	{ CHUNKS "1 x\r\na\r\n", HTTP_BAD, 0, NULL },
	{ CHUNKS ";x\r\na\r\n", HTTP_BAD, 0, NULL },
	{ CHUNKS "1;\x01\r\na\r\n", HTTP_BAD, 0, NULL },
	{ CHUNKS "1\r\nab\r\n", HTTP_BAD, 0, NULL },
	{ CHUNKS "1\r\na1\r\n", HTTP_BAD, 0, NULL },
	{ CHUNKS "10000000000000000\r\na\r\n", HTTP_BAD, 0, NULL },
	{ CHUNKS "ffffffffffffffff\r\na\r\n", HTTP_BAD, 0, NULL },
};

static enum http_progress
give(struct http_response *r, const char *data, size_t len, size_t piece)
{
	http_response_init(r);
	for (size_t i = 0; i < len; i += piece)
		http_response_feed(r, data + i,
		    len - i < piece ? len - i : piece);
	return http_response_end(r);
}

static void
test_rows(void **state)
{
	static struct http_response	r;
	size_t				len;

	(void)state;
	for (size_t i = 0; i < nitems(rows); i++) {
		len = strlen(rows[i].octets);
		for (size_t piece = 1; piece <= len + 1; piece++) {
			enum http_progress got = give(&r, rows[i].octets, len,
			    piece);

			if (got != rows[i].want)
				fail_msg("row %zu by %zu: %d of %s", i, piece,
				    (int)got, rows[i].octets);
			if (got != HTTP_DONE)
				continue;
			assert_int_equal(r.status, rows[i].status);
			assert_int_equal(r.body_len, strlen(rows[i].body));
			assert_memory_equal(r.body, rows[i].body, r.body_len);
			assert_false(r.body_more);
			assert_int_equal(r.nlocation, 0);
		}
	}
}

static void
test_nul(void **state)
{
	static const char		in_status[] = "HTTP/1.1 200 \0\r\n\r\n";
	static const char		in_field[] = OK "X: \0\r\n\r\n";
	static const char		in_name[] = OK "X\0: y\r\n\r\n";
	static const char		in_chunk[] = CHUNKS "1\0\r\na\r\n0\r\n";
	static const char		in_body[] = OK "\r\na\0b";
	static struct http_response	r;

	(void)state;
	assert_int_equal(give(&r, in_status, sizeof(in_status) - 1, 99),
	    HTTP_BAD);
	assert_int_equal(give(&r, in_field, sizeof(in_field) - 1, 99),
	    HTTP_BAD);
	assert_int_equal(give(&r, in_name, sizeof(in_name) - 1, 99),
	    HTTP_BAD);
	assert_int_equal(give(&r, in_chunk, sizeof(in_chunk) - 1, 99),
	    HTTP_BAD);
	assert_int_equal(give(&r, in_body, sizeof(in_body) - 1, 99),
	    HTTP_DONE);
	assert_int_equal(r.body_len, 3);
	assert_memory_equal(r.body, "a\0b", 3);
}

/* A redirect is complete with its head; how often it has a Location counts. */
static void
test_location(void **state)
{
	static struct http_response	r;
	static const char		one[] =
	    "HTTP/1.1 302 x\r\nlocation:  http://b.test/ \r\n\r\n";
	static const char		two[] =
	    "HTTP/1.1 307 x\r\nLocation: /a\r\nLocation: /a\r\n\r\n";
	char				text[HTTP_LOCATION_MAX + 64];
	int				at;

	(void)state;
	http_response_init(&r);
	assert_int_equal(http_response_feed(&r, one, sizeof(one) - 1),
	    HTTP_DONE);
	assert_int_equal(r.nlocation, 1);
	assert_string_equal(r.location, "http://b.test/");
	assert_int_equal(give(&r, two, sizeof(two) - 1, 7), HTTP_DONE);
	assert_int_equal(r.nlocation, 2);
	at = snprintf(text, sizeof(text), "HTTP/1.1 308 x\r\nLocation: ");
	memset(text + at, 'a', HTTP_LOCATION_MAX);
	strcpy(text + at + HTTP_LOCATION_MAX, "\r\n\r\n");
	assert_int_equal(give(&r, text, strlen(text), 99), HTTP_DONE);
	assert_int_equal(r.nlocation, 1);
	assert_int_equal(strlen(r.location), HTTP_LOCATION_MAX);
	strcpy(text + at + HTTP_LOCATION_MAX, "a\r\n\r\n");
	assert_int_equal(give(&r, text, strlen(text), 99), HTTP_DONE);
	assert_int_equal(r.nlocation, 2);
}

static void
test_redirects(void **state)
{
	static const unsigned followed[] = { 301, 302, 307, 308 };
	size_t	n = 0;

	(void)state;
	for (unsigned status = 0; status < 1000; status++)
		if (http_is_redirect(status))
			assert_int_equal(status, followed[n++]);
	assert_int_equal(n, nitems(followed));
}

/* As much as there is room for, and whether there was more. */
static void
test_long_body(void **state)
{
	static const char *const	heads[] = {
		OK "\r\n", OK "Content-Length: 10000000000\r\n\r\n",
		CHUNKS "fffffffffffffff\r\n",
	};
	static struct http_response	r;
	char				body[PROBE_BODY_MAX + 1];

	(void)state;
	memset(body, 'b', sizeof(body));
	for (size_t i = 0; i < nitems(heads); i++) {
		http_response_init(&r);
		http_response_feed(&r, heads[i], strlen(heads[i]));
		assert_int_equal(http_response_feed(&r, body, PROBE_BODY_MAX),
		    HTTP_MORE);
		assert_int_equal(r.body_len, PROBE_BODY_MAX);
		assert_false(r.body_more);
		assert_int_equal(http_response_feed(&r, body, 1), HTTP_DONE);
		assert_true(r.body_more);
		http_response_init(&r);
		http_response_feed(&r, heads[i], strlen(heads[i]));
		assert_int_equal(http_response_feed(&r, body, sizeof(body)),
		    HTTP_DONE);
		assert_int_equal(r.body_len, PROBE_BODY_MAX);
		assert_true(r.body_more);
		assert_memory_equal(r.body, body, PROBE_BODY_MAX);
	}
}

/* A head of so many octets: one line, or many; or one line without end. */
static enum http_progress
long_head(size_t octets, size_t line)
{
	static struct http_response	r;
	char				text[2 * HTTP_LINES_MAX];
	size_t				at = strlen(OK), n;

	memset(text, 'y', sizeof(text));
	memcpy(text, OK, at);
	while (at + 2 < octets) {
		n = octets - 2 - at < line ? octets - 2 - at : line;
		/* No line is too short to be one. */
		if (octets - 2 - at - n < 4)
			n = octets - 2 - at;
		memcpy(text + at, "X:", 2);
		memcpy(text + at + n - 2, "\r\n", 2);
		at += n;
	}
	memcpy(text + at, "\r\n", 2);
	return give(&r, text, octets, 1000);
}

static void
test_long_head(void **state)
{
	static struct http_response	r;
	char				endless[HTTP_LINES_MAX + 1];

	(void)state;
	for (size_t line = 4; line < 2 * HTTP_LINES_MAX; line *= 2) {
		assert_int_equal(long_head(HTTP_LINES_MAX, line), HTTP_DONE);
		assert_int_equal(long_head(HTTP_LINES_MAX + 1, line),
		    HTTP_BAD);
	}
	memset(endless, 'y', sizeof(endless));
	memcpy(endless, OK, strlen(OK));
	assert_int_equal(give(&r, endless, HTTP_LINES_MAX - 1, 100),
	    HTTP_CUT);
	assert_int_equal(give(&r, endless, HTTP_LINES_MAX, 100), HTTP_BAD);
}

/* Interim responses and chunks do not go on for ever. */
static void
test_endless(void **state)
{
	static const char		again[] = "HTTP/1.1 100\r\n\r\n";
	static const char		chunk[] = "0001;xxxxxxxx\r\na\r\n";
	static struct http_response	r;
	size_t				n;

	(void)state;
	http_response_init(&r);
	for (n = 0; http_response_feed(&r, again, strlen(again)) == HTTP_MORE;)
		n++;
	assert_int_equal(n, HTTP_LINES_MAX / strlen(again));
	assert_int_equal(r.progress, HTTP_BAD);
	http_response_init(&r);
	http_response_feed(&r, CHUNKS, strlen(CHUNKS));
	for (n = 0; http_response_feed(&r, chunk, strlen(chunk)) == HTTP_MORE;)
		n++;
	assert_int_equal(r.progress, HTTP_BAD);
	assert_in_range(n, HTTP_LINES_MAX / strlen(chunk),
	    HTTP_LINES_MAX / (strlen(chunk) - 1));
	/* What came before stays as it is. */
	assert_int_equal(http_response_feed(&r, chunk, 1), HTTP_BAD);
	assert_int_equal(http_response_end(&r), HTTP_BAD);
}

static void
test_request(void **state)
{
	static struct hop	hop = { .host = "a.test", .port = 80 };
	char			text[HTTP_REQUEST_MAX];
	size_t			len;

	(void)state;
	strcpy(hop.target, "/p?q");
	len = http_get_request(&hop, text);
	assert_int_equal(len, strlen(text));
	assert_string_equal(text, "GET /p?q HTTP/1.1\r\nHost: a.test\r\n"
	    "User-Agent: " AGENT "\r\nAccept: */*\r\n"
	    "Connection: close\r\n\r\n");
	hop.https = 1;
	http_get_request(&hop, text);
	assert_non_null(strstr(text, "\r\nHost: a.test:80\r\n"));
	hop.port = 443;
	http_get_request(&hop, text);
	assert_non_null(strstr(text, "\r\nHost: a.test\r\n"));
	hop.port = 65535;
	memset(hop.host, 'a', sizeof(hop.host) - 1);
	memset(hop.target, '/', sizeof(hop.target) - 1);
	len = http_get_request(&hop, text);
	assert_in_range(len, 2300, HTTP_REQUEST_MAX - 1);
	assert_memory_equal(text + len - 4, "\r\n\r\n", 4);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_location),
		cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_long_body),
		cmocka_unit_test(test_long_head),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

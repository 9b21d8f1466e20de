/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 as a client of one GET (RFC 9112): a line at a time until the
 * body, then octets by length, by chunk or until the end.  Lines may end in
 * LF alone (RFC 9112, 2.2); nothing else is forgiven: no HTTP/0.9, no folded
 * fields, no control characters, no message with two lengths.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "http_get.h"
#include "mem.h"

#define AGENT		"Chancery/" VERSION " (ACME http-01 validation)"
#define UNTIL_END	UINT64_MAX
#define LENGTH_DIGITS	18
#define CHUNK_DIGITS	15

enum {
	STATUS_LINE,
	FIELD_LINE,
	CHUNK_LINE,
	CHUNK_END,
	LINES,			/* those above are read by lines */
	BODY = LINES,
};

static const char	protocol[] = "HTTP/1.";

bool
http_is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 307 ||
	    status == 308;
}

/* The port is written when it is not the scheme's (RFC 9110, 7.2). */
size_t
http_get_request(const struct hop *hop, char out[HTTP_REQUEST_MAX])
{
	char	port[16] = "";

	if (hop->port != (hop->https ? 443 : 80))
		snprintf(port, sizeof(port), ":%u", (unsigned)hop->port);
	return (size_t)snprintf(out, HTTP_REQUEST_MAX,
	    "GET %s HTTP/1.1\r\n"
	    "Host: %s%s\r\n"
	    "User-Agent: " AGENT "\r\n"
	    "Accept: */*\r\n"
	    "Connection: close\r\n"
	    "\r\n", hop->target, hop->host, port);
}

void
http_response_init(struct http_response *r)
{
	memset(r, 0, offsetof(struct http_response, line));
}

/* HTTP/1.0 or HTTP/1.1, a space, three digits, perhaps words. */
static enum http_progress
status_line(struct http_response *r)
{
	const char	*p = r->line + sizeof(protocol) - 1;

	if (r->len < sizeof(protocol) - 1 || (p[0] != '0' && p[0] != '1') ||
	    p[1] != ' ' || p[2] < '1' || p[2] > '9' ||
	    strspn(p + 2, "0123456789") != 3 ||
	    (p[5] != ' ' && p[5] != '\0'))
		return HTTP_BAD;
	r->old = p[0] == '0';
	r->status = (unsigned)((p[2] - '0') * 100 + (p[3] - '0') * 10 +
	    (p[4] - '0'));
	r->state = FIELD_LINE;
	return HTTP_MORE;
}

static enum http_progress
take_location(struct http_response *r, const char *value)
{
	size_t	len = strlen(value);

	/* One that is too long is one that we do not follow. */
	r->nlocation += len > HTTP_LOCATION_MAX ? 2 : 1;
	if (r->nlocation == 1)
		memcpy(r->location, value, len + 1);
	return HTTP_MORE;
}

/* Said twice, it must be the same (RFC 9110, 8.6). */
static enum http_progress
take_length(struct http_response *r, const char *value)
{
	size_t		digits = strspn(value, "0123456789");
	uint64_t	n = 0;

	if (digits == 0 || digits > LENGTH_DIGITS || value[digits] != '\0')
		return HTTP_BAD;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (uint64_t)(value[i] - '0');
	if (r->sized && n != r->left)
		return HTTP_BAD;
	r->sized = true;
	r->left = n;
	return HTTP_MORE;
}

static enum http_progress
take_coding(struct http_response *r, const char *value)
{
	if (r->chunked || strcasecmp(value, "chunked") != 0)
		return HTTP_BAD;
	r->chunked = true;
	return HTTP_MORE;
}

static const struct {
	const char		*name;
	enum http_progress	(*take)(struct http_response *, const char *);
} fields[] = {
	{ "location", take_location },
	{ "content-length", take_length },
	{ "transfer-encoding", take_coding },
};

/* An interim response is passed over (RFC 9110, 15.2); we asked for none
 * that changes the protocol. */
static enum http_progress
interim(struct http_response *r)
{
	size_t	lines = r->lines;

	if (r->status == 101)
		return HTTP_BAD;
	http_response_init(r);
	r->lines = lines;
	return HTTP_MORE;
}

/* What follows the head (RFC 9112, 6.3); of a redirect it is not wanted. */
static enum http_progress
head_done(struct http_response *r)
{
	if (r->status < 200)
		return interim(r);
	if (r->chunked && (r->sized || r->old))
		return HTTP_BAD;
	if (http_is_redirect(r->status) || r->status == 204 ||
	    r->status == 304 || (r->sized && r->left == 0))
		return HTTP_DONE;
	r->lines = 0;
	r->state = r->chunked ? CHUNK_LINE : BODY;
	if (!r->sized)
		r->left = UNTIL_END;
	return HTTP_MORE;
}

/* RFC 9112, 5: a name, at once a colon, a value between white space. */
static enum http_progress
field_line(struct http_response *r)
{
	char	*value, *end = r->line + r->len;
	size_t	 name;

	if (r->len == 0)
		return head_done(r);
	name = strspn(r->line, "!#$%&'*+-.^_`|~0123456789"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
	if (name == 0 || r->line[name] != ':')
		return HTTP_BAD;
	value = r->line + name + 1;
	value += strspn(value, " \t");
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = r->line[name] = '\0';
	for (size_t i = 0; i < nitems(fields); i++)
		if (strcasecmp(r->line, fields[i].name) == 0)
			return fields[i].take(r, value);
	return HTTP_MORE;
}

/* RFC 9112, 7.1: after the last chunk only trailers come. */
static enum http_progress
chunk_line(struct http_response *r)
{
	size_t	digits, space;

	digits = strspn(r->line, "0123456789abcdefABCDEF");
	space = strspn(r->line + digits, " \t");
	if (digits == 0 || digits > CHUNK_DIGITS ||
	    (r->line[digits + space] != '\0' &&
	    r->line[digits + space] != ';'))
		return HTTP_BAD;
	r->left = 0;
	for (size_t i = 0; i < digits; i++) {
		char c = r->line[i];

		r->left = r->left * 16 + (uint64_t)(c <= '9' ? c - '0' :
		    (c | 0x20) - 'a' + 10);
	}
	r->state = BODY;
	return r->left == 0 ? HTTP_DONE : HTTP_MORE;
}

static enum http_progress
chunk_end(struct http_response *r)
{
	r->state = CHUNK_LINE;
	return r->len == 0 ? HTTP_MORE : HTTP_BAD;
}

static enum http_progress (*const line_done[LINES])(struct http_response *) = {
	[STATUS_LINE] = status_line,
	[FIELD_LINE] = field_line,
	[CHUNK_LINE] = chunk_line,
	[CHUNK_END] = chunk_end,
};

/* A line is whole: without its end, and of no control characters. */
static enum http_progress
finish_line(struct http_response *r)
{
	enum http_progress	progress;

	if (r->len > 0 && r->line[r->len - 1] == '\r')
		r->len--;
	r->line[r->len] = '\0';
	for (size_t i = 0; i < r->len; i++) {
		unsigned char c = (unsigned char)r->line[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return HTTP_BAD;
	}
	progress = line_done[r->state](r);
	r->len = 0;
	return progress;
}

/* What is not HTTP from its first octet need not have lines. */
static bool
is_http(const struct http_response *r)
{
	size_t	len = r->len;

	if (len > sizeof(protocol) - 1)
		len = sizeof(protocol) - 1;
	return r->state != STATUS_LINE || memcmp(r->line, protocol, len) == 0;
}

static enum http_progress
take_line(struct http_response *r, const unsigned char **p,
    const unsigned char *end)
{
	const unsigned char	*lf = memchr(*p, '\n', (size_t)(end - *p));
	size_t			 n = (size_t)((lf == NULL ? end : lf) - *p);

	if (n + 1 > HTTP_LINES_MAX - r->lines)
		return HTTP_BAD;
	memcpy(r->line + r->len, *p, n);
	r->len += n;
	r->lines += n;
	*p += n;
	if (!is_http(r))
		return HTTP_BAD;
	if (lf == NULL)
		return HTTP_MORE;
	r->lines++;
	++*p;
	return finish_line(r);
}

static enum http_progress
take_body(struct http_response *r, const unsigned char **p,
    const unsigned char *end)
{
	size_t	n = (size_t)(end - *p), room = sizeof(r->body) - r->body_len;

	if (n > r->left)
		n = (size_t)r->left;
	if (n > room) {
		r->body_more = true;
		n = room;
	}
	memcpy(r->body + r->body_len, *p, n);
	r->body_len += n;
	*p += n;
	if (r->body_more)
		return HTTP_DONE;
	if (r->left != UNTIL_END)
		r->left -= n;
	if (r->left > 0)
		return HTTP_MORE;
	r->state = CHUNK_END;
	return r->chunked ? HTTP_MORE : HTTP_DONE;
}

enum http_progress
http_response_feed(struct http_response *r, const void *data, size_t len)
{
	const unsigned char	*p = data, *end = p + len;

	while (p < end && r->progress == HTTP_MORE)
		r->progress = r->state < LINES ? take_line(r, &p, end) :
		    take_body(r, &p, end);
	return r->progress;
}

enum http_progress
http_response_end(struct http_response *r)
{
	if (r->progress == HTTP_MORE)
		r->progress = r->state == BODY && r->left == UNTIL_END ?
		    HTTP_DONE : HTTP_CUT;
	return r->progress;
}

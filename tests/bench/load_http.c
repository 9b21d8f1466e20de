/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and replies.  A kept connection that the server has closed
 * meanwhile is replaced once, when no octet of the reply has come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "server/log.h"
#include "server/mem.h"
#include "load_http.h"
#include "load_link.h"

#define BODY_MAX	(1 << 20)
#define HEADERS_MAX	100

struct url {
	char		 host[256];
	char		 port[8];
	const char	*path;
};

struct http {
	struct link	 link;
	bool		 keep;		/* wanted */
	bool		 last;		/* the server closes after this */
	struct url	 peer;		/* of the connection; path unused */
	unsigned long	 requests, connections;
	size_t		 in_pos, in_len;
	char		 in[32768];
	char		 out[131072];
};

struct http *
http_new(SSL_CTX *ctx, bool keep)
{
	struct http *h;

	h = xcalloc(1, sizeof(*h));
	h->link.ctx = ctx;
	h->link.fd = -1;
	h->keep = keep;
	return h;
}

static void
disconnect(struct http *h)
{
	link_close(&h->link);
	h->in_pos = h->in_len = 0;
}

void
http_free(struct http *h)
{
	if (h != NULL)
		disconnect(h);
	free(h);
}

static int
connect_to(struct http *h, const struct url *u)
{
	h->peer = *u;
	h->connections++;
	return link_open(&h->link, u->host, u->port);
}

/* ---------------------------------------------------------------- reading */

/* More octets of the reply into the buffer. */
static int
fill(struct http *h)
{
	int n;

	if (h->in_pos == h->in_len)
		h->in_pos = h->in_len = 0;
	if (h->in_len == sizeof(h->in))
		return link_fail(&h->link, "a header of the reply is too long");
	n = link_read(&h->link, h->in + h->in_len,
	    sizeof(h->in) - h->in_len);
	if (n == -1)
		return -1;
	h->in_len += (size_t)n;
	return 0;
}

/* The next line without its end; it stays there until the next reading. */
static char *
read_line(struct http *h)
{
	char *start, *end;

	for (;;) {
		start = h->in + h->in_pos;
		end = memchr(start, '\n', h->in_len - h->in_pos);
		if (end != NULL)
			break;
		if (h->in_pos > 0) {
			memmove(h->in, start, h->in_len - h->in_pos);
			h->in_len -= h->in_pos;
			h->in_pos = 0;
		}
		if (fill(h) == -1)
			return NULL;
	}
	h->in_pos = (size_t)(end - h->in) + 1;
	if (end > start && end[-1] == '\r')
		end--;
	*end = '\0';
	return start;
}

static int
read_body(struct http *h, struct http_reply *r, size_t n)
{
	size_t some;

	if (r->len + n > BODY_MAX)
		return link_fail(&h->link, "the body of the reply is too long");
	if (r->len + n + 1 > r->cap) {
		r->cap = (r->len + n + 1) * 2;
		if ((r->body = realloc(r->body, r->cap)) == NULL)
			die(EXIT_FAILED, "out of memory");
	}
	while (n > 0) {
		if (h->in_pos == h->in_len && fill(h) == -1)
			return -1;
		some = h->in_len - h->in_pos < n ? h->in_len - h->in_pos : n;
		memcpy(r->body + r->len, h->in + h->in_pos, some);
		h->in_pos += some;
		r->len += some;
		n -= some;
	}
	r->body[r->len] = '\0';
	return 0;
}

/* RFC 9112, 7.1 */
static int
read_chunks(struct http *h, struct http_reply *r)
{
	char *line, *end;
	unsigned long n;

	for (;;) {
		if ((line = read_line(h)) == NULL)
			return -1;
		n = strtoul(line, &end, 16);
		if (end == line || n > BODY_MAX)
			return link_fail(&h->link,
			    "a chunk of the reply is not one");
		if (n == 0)
			break;
		if (read_body(h, r, n) == -1 || read_line(h) == NULL)
			return -1;
	}
	do {
		if ((line = read_line(h)) == NULL)
			return -1;
	} while (*line != '\0');
	return 0;
}

/* Retry-After as milliseconds from now (RFC 9110, 10.2.3). */
static int
retry_after(const char *text)
{
	struct tm tm = { 0 };
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (end == text) {
		if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL)
			return -1;
		seconds = difftime(timegm(&tm), time(NULL));
	}
	if (seconds < 0)
		return 0;
	return seconds > 3600 ? 3600 * 1000 : (int)(seconds * 1000);
}

struct body {
	size_t	length;
	bool	known, chunked;
};

static void
take_header(struct http *h, const char *name, const char *value,
    struct http_reply *r, struct body *b)
{
	const struct {
		const char	*name;
		char		*to;
		size_t		 size;
	} texts[] = {
		{ "Location", r->location, sizeof(r->location) },
		{ "Replay-Nonce", r->nonce, sizeof(r->nonce) },
		{ "Content-Type", r->type, sizeof(r->type) },
	};
	size_t i;

	for (i = 0; i < nitems(texts); i++)
		if (strcasecmp(name, texts[i].name) == 0)
			snprintf(texts[i].to, texts[i].size, "%s", value);
	if (strcasecmp(name, "Retry-After") == 0)
		r->retry_ms = retry_after(value);
	if (strcasecmp(name, "Connection") == 0 &&
	    strcasecmp(value, "close") == 0)
		h->last = true;
	if (strcasecmp(name, "Transfer-Encoding") == 0)
		b->chunked = true;
	if (strcasecmp(name, "Content-Length") == 0) {
		b->length = strtoul(value, NULL, 10);
		b->known = true;
	}
}

static int
read_headers(struct http *h, struct http_reply *r, struct body *b)
{
	char *line, *colon;
	int i;

	for (i = 0; i < HEADERS_MAX; i++) {
		if ((line = read_line(h)) == NULL)
			return -1;
		if (*line == '\0')
			return 0;
		if ((colon = strchr(line, ':')) == NULL)
			return link_fail(&h->link,
			    "a header of the reply has no colon");
		*colon++ = '\0';
		colon += strspn(colon, " \t");
		take_header(h, line, colon, r, b);
	}
	return link_fail(&h->link, "the reply has more than %d headers",
	    HEADERS_MAX);
}

static int
read_reply(struct http *h, const char *method, struct http_reply *r)
{
	struct body b = { 0 };
	char *line;

	if ((line = read_line(h)) == NULL)
		return -1;
	if (sscanf(line, "HTTP/1.%*[01] %d", &r->status) != 1)
		return link_fail(&h->link,
		    "the reply is not one of HTTP/1.1: %.60s", line);
	if (read_headers(h, r, &b) == -1 || read_body(h, r, 0) == -1)
		return -1;
	if (strcmp(method, "HEAD") == 0 || r->status == 204)
		return 0;
	if (b.chunked)
		return read_chunks(h, r);
	if (!b.known)
		return link_fail(&h->link,
		    "the reply does not say how long it is");
	return read_body(h, r, b.length);
}

/* ---------------------------------------------------------------- request */

static int
split_url(struct http *h, const char *text, struct url *u)
{
	const char *at, *end, *colon;

	if (strncmp(text, "https://", 8) != 0)
		return link_fail(&h->link, "%.200s is not an https URL", text);
	at = text + 8;
	end = at + strcspn(at, "/");
	u->path = *end == '\0' ? "/" : end;
	colon = memchr(at, ':', (size_t)(end - at));
	if (*at == '[') {		/* RFC 3986, 3.2.2 */
		at++;
		colon = memchr(at, ']', (size_t)(end - at));
	}
	snprintf(u->host, sizeof(u->host), "%.*s",
	    (int)((colon != NULL ? colon : end) - at), at);
	if (colon != NULL && *colon == ']')
		colon = colon[1] == ':' ? colon + 1 : NULL;
	snprintf(u->port, sizeof(u->port), "%.*s",
	    colon != NULL ? (int)(end - colon - 1) : 3,
	    colon != NULL ? colon + 1 : "443");
	return 0;
}

static int
send_request(struct http *h, const char *method, const struct url *u,
    const char *body)
{
	bool six = strchr(u->host, ':') != NULL;
	int n;

	n = snprintf(h->out, sizeof(h->out), "%s %s HTTP/1.1\r\n"
	    "Host: %s%s%s:%s\r\nUser-Agent: chancery-load\r\n", method,
	    u->path, six ? "[" : "", u->host, six ? "]" : "", u->port);
	if (n < (int)sizeof(h->out) && body != NULL)
		n += snprintf(h->out + n, sizeof(h->out) - (size_t)n,
		    "Content-Type: application/jose+json\r\n"
		    "Content-Length: %zu\r\n", strlen(body));
	if (n < (int)sizeof(h->out))
		n += snprintf(h->out + n, sizeof(h->out) - (size_t)n,
		    "%s\r\n%s", h->keep ? "" : "Connection: close\r\n",
		    body != NULL ? body : "");
	if (n >= (int)sizeof(h->out))
		return link_fail(&h->link, "the request is too long");
	h->requests++;
	return link_write(&h->link, h->out, (size_t)n);
}

static int
exchange(struct http *h, const char *method, const struct url *u,
    const char *body, struct http_reply *r)
{
	r->status = 0;
	r->retry_ms = -1;
	r->len = 0;
	r->location[0] = r->nonce[0] = r->type[0] = '\0';
	h->last = !h->keep;
	return send_request(h, method, u, body) == -1 ? -1 :
	    read_reply(h, method, r);
}

int
http_request(struct http *h, const char *method, const char *url,
    const char *body, double deadline, struct http_reply *r)
{
	struct url u;
	bool kept;
	int rc;

	h->link.deadline = deadline;
	h->link.timed_out = false;
	if (split_url(h, url, &u) == -1)
		return -1;
	if (h->link.ssl != NULL && (strcmp(u.host, h->peer.host) != 0 ||
	    strcmp(u.port, h->peer.port) != 0))
		disconnect(h);
	kept = h->link.ssl != NULL;
	if (!kept && connect_to(h, &u) == -1)
		return -1;
	rc = exchange(h, method, &u, body, r);
	if (rc == -1 && kept && r->status == 0 && !h->link.timed_out) {
		disconnect(h);
		if (connect_to(h, &u) == -1)
			return -1;
		rc = exchange(h, method, &u, body, r);
	}
	if (rc == -1 || h->last)
		disconnect(h);
	return rc;
}

const char *
http_error(const struct http *h)
{
	return h->link.error;
}

bool
http_timed_out(const struct http *h)
{
	return h->link.timed_out;
}

void
http_reply_free(struct http_reply *r)
{
	free(r->body);
	memset(r, 0, sizeof(*r));
}

unsigned long
http_requests(const struct http *h)
{
	return h->requests;
}

unsigned long
http_connections(const struct http *h)
{
	return h->connections;
}

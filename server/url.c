/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URL references, taken apart from the front (RFC 3986, appendix B) and put
 * together again as a hop (RFC 3986, 5.2).  Every part is a slice of the
 * reference; a hop is written only where its bounds are checked.
 */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "url.h"

#define LABEL_MAX	63	/* RFC 1035, 2.3.4 */
#define PORT_DIGITS	5

/* A part of a text; NULL when the reference does not have it. */
struct slice {
	const char	*at;
	size_t		 len;
};

struct reference {
	struct slice	scheme;
	struct slice	authority;
	struct slice	path;		/* always there, perhaps empty */
	struct slice	query;
};

/* Take what stands before the first of `ends` off the front of `rest`. */
static struct slice
take(struct slice *rest, const char *ends)
{
	struct slice	s = { rest->at, 0 };

	while (s.len < rest->len && strchr(ends, rest->at[s.len]) == NULL)
		s.len++;
	rest->at += s.len;
	rest->len -= s.len;
	return s;
}

static void
pass_over(struct slice *rest, size_t n)
{
	rest->at += n;
	rest->len -= n;
}

static void
split(const char *text, struct reference *r)
{
	struct slice	rest = { text, strcspn(text, "#") }, first = rest;

	memset(r, 0, sizeof(*r));
	first = take(&first, ":/?");
	if (first.len < rest.len && rest.at[first.len] == ':') {
		r->scheme = first;
		pass_over(&rest, first.len + 1);
	}
	if (rest.len >= 2 && memcmp(rest.at, "//", 2) == 0) {
		pass_over(&rest, 2);
		r->authority = take(&rest, "/?");
	}
	r->path = take(&rest, "?");
	if (rest.len > 0) {
		pass_over(&rest, 1);
		r->query = rest;
	}
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next octet of a registered name (RFC 3986, 3.2.2), in lower case; NUL
 * when it is none of a DNS name. */
static char
name_octet(struct slice *s)
{
	int	high, low;
	char	c = *s->at;

	pass_over(s, 1);
	if (c == '%') {
		if (s->len < 2 || (high = hex(s->at[0])) == -1 ||
		    (low = hex(s->at[1])) == -1)
			return '\0';
		c = (char)(high << 4 | low);
		pass_over(s, 2);
	}
	if (c >= 'A' && c <= 'Z')
		c |= 0x20;
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '.')
		return c;
	return '\0';
}

/* Labels of fitting length, two or more; a last one without letters is an
 * address (RFC 3696, 2). */
static int
check_name(const char *name)
{
	const char	*dot;
	size_t		 len;

	while ((dot = strchr(name, '.')) != NULL) {
		len = (size_t)(dot - name);
		if (len == 0 || len > LABEL_MAX)
			return -1;
		name = dot + 1;
		if (strchr(name, '.') != NULL)
			continue;
		len = strlen(name);
		if (len > LABEL_MAX ||
		    strpbrk(name, "abcdefghijklmnopqrstuvwxyz") == NULL)
			return -1;
		return 0;
	}
	return -1;
}

static int
copy_host(struct slice from, char *to)
{
	size_t	n = 0;

	while (from.len > 0) {
		if (n + 1 >= HOP_HOST || (to[n] = name_octet(&from)) == '\0')
			return -1;
		n++;
	}
	to[n] = '\0';
	return check_name(to);
}

/* An empty port is the scheme's own (RFC 3986, 3.2.3). */
static int
copy_port(struct slice from, uint32_t *port)
{
	*port = 0;
	if (from.len == 0)
		return 0;
	if (from.len > PORT_DIGITS)
		return -1;
	for (size_t i = 0; i < from.len; i++) {
		if (from.at[i] < '0' || from.at[i] > '9')
			return -1;
		*port = *port * 10 + (uint32_t)(from.at[i] - '0');
	}
	return *port == 0 || *port > 65535 ? -1 : 0;
}

/* User information and address literals fail by their characters. */
static int
copy_authority(struct slice from, struct hop *hop)
{
	struct slice	host = take(&from, ":");

	if (from.len > 0)
		pass_over(&from, 1);
	if (copy_host(host, hop->host) == -1)
		return -1;
	return copy_port(from, &hop->port);
}

static int
copy_scheme(struct slice from, struct hop *hop)
{
	if (from.len == 4 && strncasecmp(from.at, "http", 4) == 0)
		hop->https = 0;
	else if (from.len == 5 && strncasecmp(from.at, "https", 5) == 0)
		hop->https = 1;
	else
		return -1;
	return 0;
}

static int
append(struct hop *hop, size_t *len, struct slice s)
{
	if (s.len >= HOP_TARGET - *len)
		return -1;
	memcpy(hop->target + *len, s.at, s.len);
	*len += s.len;
	hop->target[*len] = '\0';
	return 0;
}

/* In place (RFC 3986, 5.2.4); the path begins with "/". */
static void
remove_dot_segments(char *path)
{
	struct slice	 rest = { path, strlen(path) }, segment;
	size_t		 len = 0;
	bool		 dots = false;

	while (rest.len > 0) {
		pass_over(&rest, 1);
		segment = take(&rest, "/");
		dots = segment.len <= 2 && segment.len > 0 &&
		    memcmp(segment.at, "..", segment.len) == 0;
		if (dots && segment.len == 2)
			while (len > 0 && path[--len] != '/')
				;
		if (dots)
			continue;
		path[len++] = '/';
		memmove(path + len, segment.at, segment.len);
		len += segment.len;
	}
	if (len == 0 || dots)
		path[len++] = '/';
	path[len] = '\0';
}

/* The path of a reference, merged with the base's (RFC 3986, 5.2.3). */
static int
copy_path(const struct hop *base, const struct reference *r, struct hop *hop)
{
	struct slice	path = { base->target, strcspn(base->target, "?") };
	size_t		len = 0;

	if (r->authority.at != NULL || r->path.len > 0) {
		while (path.len > 0 && path.at[path.len - 1] != '/')
			path.len--;
		if (r->authority.at != NULL || r->path.at[0] == '/')
			path.len = 0;
		if (append(hop, &len, path) == -1)
			return -1;
		path = r->path;
	}
	if (append(hop, &len, path) == -1)
		return -1;
	if (hop->target[0] != '/' && hop->target[0] != '\0')
		return -1;
	remove_dot_segments(hop->target);
	return 0;
}

static int
copy_query(const struct hop *base, const struct reference *r, struct hop *hop)
{
	struct slice	query = r->query;
	size_t		len = strlen(hop->target);

	if (query.at == NULL && r->path.len == 0 && r->authority.at == NULL &&
	    (query.at = strchr(base->target, '?')) != NULL) {
		query.at++;
		query.len = strlen(query.at);
	}
	if (query.at == NULL)
		return 0;
	if (append(hop, &len, (struct slice){ "?", 1 }) == -1)
		return -1;
	return append(hop, &len, query);
}

static int
resolve(const struct hop *base, const struct reference *r, struct hop *hop)
{
	hop->https = base->https;
	if (r->scheme.at != NULL &&
	    (copy_scheme(r->scheme, hop) == -1 || r->authority.at == NULL))
		return -1;
	if (r->authority.at != NULL) {
		if (copy_authority(r->authority, hop) == -1)
			return -1;
	} else {
		strcpy(hop->host, base->host);
		hop->port = base->port;
	}
	if (copy_path(base, r, hop) == -1)
		return -1;
	return copy_query(base, r, hop);
}

int
url_follow(const struct hop *base, const char *location, struct hop *next)
{
	struct reference	 r;
	const char		*c;

	memset(next, 0, sizeof(*next));
	for (c = location; *c > 0x20 && *c < 0x7f; c++)
		;
	if (*c == '\0') {
		split(location, &r);
		if (resolve(base, &r, next) == 0)
			return 0;
	}
	memset(next, 0, sizeof(*next));
	return -1;
}

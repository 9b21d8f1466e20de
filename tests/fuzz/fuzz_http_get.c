/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any response of a host.  The first octet says in what pieces the rest
 * comes, which must not matter; what came of it keeps its bounds, and a
 * redirect leads only to what is a hop.
 */
#include "fuzz.h"

#include "server/http_get.h"
#include "server/url.h"

static enum http_progress
give(struct http_response *r, const uint8_t *data, size_t len, size_t piece)
{
	size_t i, n;

	http_response_init(r);
	for (i = 0; i < len; i += n) {
		n = len - i < piece ? len - i : piece;
		if (http_response_feed(r, data + i, n) != HTTP_MORE)
			break;
	}
	return http_response_end(r);
}

static void
same(const struct http_response *a, const struct http_response *b)
{
	assert(a->status == b->status && a->nlocation == b->nlocation);
	assert(strcmp(a->location, b->location) == 0);
	assert(a->body_len == b->body_len && a->body_more == b->body_more);
	assert(memcmp(a->body, b->body, a->body_len) == 0);
}

static void
is_hop(const struct hop *hop)
{
	const char *c;

	assert(hop->https <= 1 && hop->port <= 65535);
	assert(memchr(hop->host, '\0', sizeof(hop->host)) != NULL);
	assert(memchr(hop->target, '\0', sizeof(hop->target)) != NULL);
	assert(strspn(hop->host, "abcdefghijklmnopqrstuvwxyz0123456789-.") ==
	    strlen(hop->host));
	assert(strchr(hop->host, '.') != NULL && hop->target[0] == '/');
	for (c = hop->target; *c != '\0'; c++)
		assert(*c > 0x20 && *c < 0x7f && *c != '#');
}

/* What was followed once is followed again to the same place. */
static void
follow(const char *location)
{
	static const struct hop base = {
		.port = 80, .host = "a.test", .target = "/b/c/d?q",
	};
	struct hop hop, again;

	if (url_follow(&base, location, &hop) == -1)
		return;
	is_hop(&hop);
	/* "//" would begin an authority. */
	if (hop.target[1] == '/')
		return;
	assert(url_follow(&hop, hop.target, &again) == 0);
	assert(hop.https == again.https && hop.port == again.port);
	assert(strcmp(hop.host, again.host) == 0);
	assert(strcmp(hop.target, again.target) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct http_response r, whole;
	enum http_progress progress;

	if (len == 0)
		return 0;
	progress = give(&r, data + 1, len - 1, (size_t)data[0] + 1);
	assert(progress != HTTP_MORE);
	assert(give(&whole, data + 1, len - 1, len) == progress);
	if (progress != HTTP_DONE)
		return 0;
	same(&r, &whole);
	assert(r.status >= 200 && r.status <= 999);
	assert(r.body_len <= sizeof(r.body));
	assert(!r.body_more || r.body_len == sizeof(r.body));
	if (r.nlocation == 1)
		follow(r.location);
	return 0;
}

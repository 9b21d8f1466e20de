/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The little of HTTP/1.1 that a validation needs: one GET on a connection of
 * its own, and what came back.  Pure: octets in any pieces go in; a status,
 * at most one Location and the start of the body come out.  Bounded and
 * strict, since hosts that are validated may send anything.
 */
#ifndef CHANCERY_HTTP_GET_H
#define CHANCERY_HTTP_GET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe.h"

#define HTTP_REQUEST_MAX	4096
#define HTTP_LINES_MAX		8192	/* octets of heads; of chunk lines */
#define HTTP_LOCATION_MAX	2400	/* no hop is longer */

enum http_progress {
	HTTP_MORE,		/* to come */
	HTTP_DONE,		/* complete, or as much as is wanted */
	HTTP_CUT,		/* ended before it was complete */
	HTTP_BAD,		/* not HTTP/1.x, or past a bound */
};

struct http_response {
	unsigned	 status;
	unsigned	 nlocation;	/* how often the field was there */
	char		 location[HTTP_LOCATION_MAX + 1];
	size_t		 body_len;
	bool		 body_more;	/* it was longer than `body` */
	unsigned char	 body[PROBE_BODY_MAX];

	/* Ours: where we are. */
	enum http_progress progress;
	unsigned	 state;
	bool		 old;		/* HTTP/1.0 */
	bool		 chunked;
	bool		 sized;
	uint64_t	 left;		/* of the body, or of a chunk */
	size_t		 lines;		/* octets of lines so far */
	size_t		 len;		/* of the line */
	char		 line[HTTP_LINES_MAX + 1];
};

/* Is it a redirect that RFC 8555, 8.3 has us follow? */
bool	http_is_redirect(unsigned status);

/* The request for a hop that has its port; the number of octets. */
size_t	http_get_request(const struct hop *, char out[HTTP_REQUEST_MAX]);

void	http_response_init(struct http_response *);
enum http_progress http_response_feed(struct http_response *, const void *,
	    size_t len);
/* The host has closed the connection: never HTTP_MORE. */
enum http_progress http_response_end(struct http_response *);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.1 server of a process, with or without TLS: the only module
 * that sees CivetWeb.  A handler is called with a whole, bounded request and
 * composes a whole reply, which goes out in one write.
 */
#ifndef CHANCERY_HTTP_H
#define CHANCERY_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "mem.h"

struct http;
struct prefix;
struct problem;

struct http_request {
	struct arena	*arena;		/* lives as long as the request */
	const char	*method;	/* "GET"; NULL when unreadable */
	const char	*path;		/* as sent, nothing decoded */
	const char	*query;		/* behind "?", or NULL */
	const char	*address;	/* of the client: the peer's or, from
					   a trusted proxy, the last one of
					   X-Forwarded-For that is none */
	const void	*body;
	size_t		 body_len;
	const void	*connection;	/* for http_request_header() */
};

struct http_reply {
	struct arena	*arena;		/* the request's */
	int		 status;	/* 200 unless set */
	const char	*type;		/* Content-Type, or NULL */
	struct buf	 headers;	/* by http_header() */
	const void	*body;
	size_t		 body_len;
	bool		 close;		/* end the connection after it */
};

struct http_config {
	const char *const	 *listen;	/* "addr:port" */
	size_t			  nlisten;
	const char		 *tls_certificate;	/* PEM chain; NULL: */
	const char		 *tls_key;		/* plain HTTP */
	unsigned		  workers;	/* threads = connections */
	unsigned		  per_address;	/* connections of one host,
						   but of a trusted proxy */
	const struct prefix	 *proxies;	/* the trusted ones */
	size_t			  nproxies;
	size_t			  body_max;	/* octets; more is a 413 */
	/* Called in many threads at once. */
	void	(*handler)(const struct http_request *, struct http_reply *);
	/* Adds to every reply, also to those made here; or NULL. */
	void	(*decorate)(const struct http_request *, struct http_reply *);
	/* Called once: all ports are open, no thread exists yet; or NULL.
	 * The place for sandbox_enter(). */
	void	(*listening)(void);
};

/*
 * Open the ports and serve.  A port in use, an unreadable key or certificate
 * ends the process with EXIT_OPERATOR and one line.
 */
struct http *http_start(const struct http_config *);
/*
 * Stop: new requests get 503, those under way are answered first (bounded by
 * `drain_ms`), then the ports close.
 */
void	http_stop(struct http *, unsigned drain_ms);

/* The value of the first header of that name, or NULL. */
const char *http_request_header(const struct http_request *, const char *name);

/* Add a header line to a reply; control characters become spaces. */
void	http_header(struct http_reply *, const char *name, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* Make the reply a problem document (RFC 9457). */
void	http_problem(struct http_reply *, const struct problem *);

#endif

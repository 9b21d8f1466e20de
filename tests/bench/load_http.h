/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of HTTP/1.1 over TLS for one thread: one connection, kept alive
 * or made anew for each request.
 */
#ifndef CHANCERY_LOAD_HTTP_H
#define CHANCERY_LOAD_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

struct http;

struct http_reply {
	int		 status;
	int		 retry_ms;	/* Retry-After; -1: absent */
	char		 location[1024];
	char		 nonce[256];
	char		 type[128];
	char		*body;		/* NUL-terminated */
	size_t		 len;
	size_t		 cap;
};

/* The context is link_context()'s. */
struct http *http_new(SSL_CTX *, bool keep);
void	http_free(struct http *);

/*
 * Send a request (`body` NULL: without one) and read the reply, both before
 * `deadline` (now_ms).  0, or -1 with a text in http_error(); the reply's
 * body is used again by the next call and freed by http_reply_free().
 */
int	http_request(struct http *, const char *method, const char *url,
	    const char *body, double deadline, struct http_reply *);
const char *http_error(const struct http *);
bool	http_timed_out(const struct http *);
void	http_reply_free(struct http_reply *);

/* Requests sent and connections made so far. */
unsigned long http_requests(const struct http *);
unsigned long http_connections(const struct http *);

#endif

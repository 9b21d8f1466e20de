/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client from inside: its account and connection (load_client.c), what
 * an order does with them (load_order.c).
 */
#ifndef CHANCERY_LOAD_CLIENT_H
#define CHANCERY_LOAD_CLIENT_H

#include <jansson.h>

#include "load.h"
#include "load_check.h"
#include "load_http.h"
#include "load_jws.h"

#define BASE64URL	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
			"abcdefghijklmnopqrstuvwxyz0123456789-_"

struct client {
	struct shared		*shared;
	struct tally		*tally;
	struct http		*http;
	struct check		*check;
	struct account_key	 key;
	struct arena		*arena;		/* of the order at hand */
	struct http_reply	 reply;
	double			 deadline;
	enum failure		 failure;	/* of what has just failed */
	char			 why[FAIL_TEXT_LEN];
	char			 nonce[256];
	char			*kid;
	char			*new_nonce, *new_account, *new_order;
	unsigned long		 requests, connections;	/* at the mark */
};

/* Keep what has failed and why: -1. */
int	fail(struct client *, enum failure, const char *, ...)
	    __attribute__((format(printf, 3, 4)));
/* An unexpected reply: fails as FAIL_REFUSED. */
int	refused(struct client *, const char *url);
/* Count and tell what has failed: -1. */
int	failed(struct client *);

/* A new arena and a new deadline, for an order or for enrolling. */
void	client_begin(struct client *);

/* Is it fit to stand in JSON and in a request as it is? */
bool	plain_url(const char *);

/* Sign and POST; the reply is there, whatever it is: 0 or -1. */
int	post(struct client *, const char *url, const char *payload);
/* The same for an object with this status of HTTP, a new reference. */
json_t	*post_for(struct client *, const char *url, const char *payload,
	    int status);
bool	status_is(const json_t *, const char *status);
/*
 * Ask for the object until its status is `good`, beginning with a pause when
 * the last reply was about this and not yet the end.  `waiting` are the
 * statuses that may still become so.  The object or NULL.
 */
json_t	*poll_for(struct client *, const char *url, const char *good,
	    const char *const waiting[2], bool pause_first);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits (RFC 8555, 6.6 and 10.3) as a list: what a request is to be
 * measured by, and the one problem that tells which of it is in force and
 * until when.  Pure; server/acme_limit.c asks the database between the two.
 */
#ifndef CHANCERY_LIMIT_H
#define CHANCERY_LIMIT_H

#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "ident.h"

struct arena;
struct problem;

/* What is counted. */
enum limit_source {
	LIMIT_EVENT,		/* rows of rate_event under the key */
	LIMIT_FAILURE,		/* failed validations of a name */
	LIMIT_PENDING		/* authorizations that wait for a proof */
};

struct limit_item {
	enum limit_source	 source;
	const char		*key;		/* of events */
	const char		*type, *value;	/* identifier, or NULL */
	unsigned		 count;		/* so many are allowed */
	unsigned		 seconds;	/* in this time */
	size_t			 adding;	/* pending ones more */
	const char		*what;		/* in words */
};

struct limit_list {
	struct arena		*arena;
	struct limit_item	*items;
	size_t			 n, room;
};

/* One that is in force, as the database says. */
struct limit_hit {
	size_t			 item;
	int64_t			 seconds;	/* until it allows the request */
};

void	limit_list_init(struct limit_list *, struct arena *);

/* Add one; a limit that is not configured and a key that is in the list
 * already add nothing.  `name` may be NULL. */
void	limit_add_event(struct limit_list *, const struct limit *,
	    const char *key, const struct ident *name, const char *what);
void	limit_add_failure(struct limit_list *, const struct limit *,
	    const struct ident *name);
void	limit_add_pending(struct limit_list *, unsigned allowed,
	    size_t adding);

/* "account:192.0.2.1"; of IPv6 the /64, which is one customer. */
char	*limit_address_key(struct arena *, const char *address);

/* [{i, source, key, type, value, count, seconds, offset}], or NULL when the
 * list is empty: the parameter of the statement limits_take. */
char	*limit_print(const struct limit_list *);

/* The longest time of all hits. */
int64_t	limit_retry(const struct limit_hit *, size_t n);
/* rateLimited with one subproblem for each hit: -1. */
int	limit_refuse(const struct limit_list *, const struct limit_hit *,
	    size_t n, struct problem *);

#endif

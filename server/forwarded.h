/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose request is it?  The address of the connection or, where that is a
 * trusted proxy's, the one that the proxy tells in X-Forwarded-For.  Pure.
 */
#ifndef CHANCERY_FORWARDED_H
#define CHANCERY_FORWARDED_H

#include <stdbool.h>
#include <stddef.h>

struct prefix;

#define FORWARDED_TEXT	46	/* INET6_ADDRSTRLEN */

/* An address of one of the proxies? */
bool	forwarded_trusts(const struct prefix *proxies, size_t nproxies,
	    const char *address);

/*
 * `peer` as the kernel told it, `header` the values of X-Forwarded-For in one
 * text or NULL.  The last address of the list that is no proxy's counts: what
 * stands before it, anybody could have written.  What is no address ends the
 * list.
 */
void	forwarded_address(const struct prefix *proxies, size_t nproxies,
	    const char *peer, const char *header, char out[FORWARDED_TEXT]);

#endif

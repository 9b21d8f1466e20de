/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections each address has: a table that all threads of a
 * listener share.
 */
#ifndef CHANCERY_HTTP_SHARE_H
#define CHANCERY_HTTP_SHARE_H

struct share;
struct shares;

/* For so many connections at most. */
struct shares	*shares_new(unsigned connections);
void		 shares_free(struct shares *);

/* One more of this address (of IPv6, this /64): where it is counted, and how
 * many those are now; NULL when the table is full. */
struct share	*shares_take(struct shares *, const char *address,
		    unsigned *count);
void		 shares_give(struct shares *, struct share *);

#endif

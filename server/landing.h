/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page that chancery-publisher shows at "/": which root this is, how to
 * trust it, and how to point ACME clients at this authority.
 */
#ifndef CHANCERY_LANDING_H
#define CHANCERY_LANDING_H

#include <stddef.h>

struct arena;
struct buf;

struct landing {
	const char	*subject;	/* of the root */
	const char	*fingerprint;	/* "AB:CD:..." */
	const char	*valid_until;	/* of the root, for people */
	const char	*directory;	/* URL */
	const char	*url;		/* of the publisher, no final "/" */
	const char *const *issuers;	/* names */
	size_t		 nissuers;
};

/* HTML without scripts; everything foreign is escaped. */
void	landing_print(struct buf *, const struct landing *);

/* Its Content-Security-Policy: nothing but the style inside the page. */
const char *landing_policy(struct arena *);

#endif

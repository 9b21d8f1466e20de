/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certification Authority Authorization (RFC 8659; RFC 8657 for accounturi
 * and validationmethods): may we issue, given the CAA records that stand at
 * the closest name that has any?  Pure.  Climbing the tree, aliases, DNSSEC
 * and what a failed lookup means are the validator's.
 */
#ifndef CHANCERY_CAA_H
#define CHANCERY_CAA_H

#include <stdbool.h>
#include <stddef.h>

struct problem;

/* One record as DNS carries it: flags, tag length, tag, value. */
struct caa_rr {
	const unsigned char	*rdata;
	size_t			 len;
};

struct caa_request {
	const char		*name;		/* where the records stand */
	bool			 wildcard;	/* a wildcard is asked for */
	const char		*method;	/* "http-01": how proven */
	const char		*account_uri;
	const char *const	*issuers;	/* caaIdentities */
	size_t			 nissuers;
};

/*
 * Judge one RRset, in any order, repeats allowed.  0 when we may issue (an
 * empty set says so, too), or -1 with PR_CAA naming the rule.
 */
int	caa_check(const struct caa_rr *, size_t count,
	    const struct caa_request *, struct problem *);

#endif

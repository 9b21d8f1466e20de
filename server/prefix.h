/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP prefixes.  IPv4 is kept as v4-mapped IPv6, so that there is one form of
 * every address.  Pure.
 */
#ifndef CHANCERY_PREFIX_H
#define CHANCERY_PREFIX_H

#include <stdbool.h>

#define PREFIX_OCTETS	16	/* of an address */

struct prefix {
	unsigned char	addr[PREFIX_OCTETS];
	unsigned	bits;		/* of 128 */
};

/* ::/0 is all of IPv6 and nothing of IPv4. */
bool	prefix_holds(const struct prefix *,
	    const unsigned char addr[PREFIX_OCTETS]);

#endif

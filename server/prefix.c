/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a prefix holds an address.
 */
#include <string.h>

#include "prefix.h"

static const unsigned char mapped[12] = { [10] = 0xff, 0xff };

bool
prefix_holds(const struct prefix *p, const unsigned char addr[PREFIX_OCTETS])
{
	size_t whole = p->bits / 8;
	unsigned char mask = (unsigned char)(0xff00 >> p->bits % 8);

	if (p->bits < 8 * sizeof(mapped) &&
	    memcmp(addr, mapped, sizeof(mapped)) == 0)
		return false;
	return memcmp(p->addr, addr, whole) == 0 &&
	    (p->bits % 8 == 0 ||
	    ((p->addr[whole] ^ addr[whole]) & mask) == 0);
}

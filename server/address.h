/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses validation may reach (RFC 8555, 10.4).  Pure: IPv4 is kept
 * as v4-mapped IPv6 throughout, so that there is one form of every address
 * and ::ffff:127.0.0.1 is 127.0.0.1.
 */
#ifndef CHANCERY_ADDRESS_H
#define CHANCERY_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "prefix.h"

#define ADDRESS_LEN	16
#define ADDRESS_TEXT	46	/* INET6_ADDRSTRLEN */

struct address_policy {
	const struct prefix	*allow;		/* none: all not denied */
	size_t			 nallow;
	const struct prefix	*deny;		/* wins over everything */
	size_t			 ndeny;
	const struct prefix	*own;		/* the CA's own addresses */
	size_t			 nown;
};

/*
 * True when validation may connect to it.  Addresses that never belong to an
 * applicant (loopback, link-local, metadata services, multicast, tunnels
 * around this policy) and our own are refused unless a prefix of `allow` that
 * is no wider than the refused range names them: 0.0.0.0/0 does not open
 * 127.0.0.1, 127.0.0.0/8 does.
 */
bool	address_allowed(const struct address_policy *,
	    const unsigned char addr[ADDRESS_LEN]);

bool	address_is_v4(const unsigned char addr[ADDRESS_LEN]);
/* From 4 or 16 octets as DNS gives them; 0 or -1. */
int	address_from_octets(const void *data, size_t len,
	    unsigned char addr[ADDRESS_LEN]);
/* From a socket address of either family; 0 or -1. */
int	address_from_sockaddr(const struct sockaddr *,
	    unsigned char addr[ADDRESS_LEN]);
/* As people write it: IPv4 with dots. */
void	address_print(const unsigned char addr[ADDRESS_LEN],
	    char text[ADDRESS_TEXT]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a redirect leads: URL references (RFC 3986, 4.1) to what validation
 * may visit, http or https on a DNS name, and nothing else.  Pure.
 */
#ifndef CHANCERY_URL_H
#define CHANCERY_URL_H

#include "probe.h"

/*
 * Resolve the Location of a response to `base` (RFC 9110, 10.2.2); without a
 * fragment, dot segments removed, port 0 when none is written.  0, or -1 with
 * a zeroed `next` when we follow no such reference: another scheme, user
 * information, an address, a single label, anything that would not survive a
 * request line, a target past HOP_TARGET.
 */
int	url_follow(const struct hop *base, const char *location,
	    struct hop *next);

#endif

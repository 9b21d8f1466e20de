/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP or HTTPS GET to one given address, nothing followed, everything
 * bounded.  The only module that sees libcurl; used by disposable children
 * of chancery-probe only.
 */
#ifndef CHANCERY_FETCH_H
#define CHANCERY_FETCH_H

#include "probe.h"

/* The reply is complete in every case; `outcome` says what happened. */
void	fetch(const struct probe_request *, struct probe_reply *);

/*
 * Split the Location of a response to `base` (RFC 9110, 10.2.2): http or
 * https, a DNS name (no address, no user), printable target within bounds.
 * 0, or -1 when we follow no such redirect.
 */
int	fetch_location(const char *base, const char *location, struct hop *);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP or HTTPS GET, or one TLS handshake, to one given address, nothing
 * followed, everything bounded: the connection, for which server/http_get.h
 * speaks, server/url.h reads redirects and server/alpn.h certificates.  Used
 * by disposable children of chancery-probe only.
 */
#ifndef CHANCERY_FETCH_H
#define CHANCERY_FETCH_H

#include "probe.h"

/* The reply is complete in every case; `outcome` says what happened. */
void	fetch(const struct probe_request *, struct probe_reply *);

#endif

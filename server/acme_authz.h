/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorization object as others answer with it.
 */
#ifndef CHANCERY_ACME_AUTHZ_H
#define CHANCERY_ACME_AUTHZ_H

#include <stdint.h>

struct acme_req;

/* Reply with the authorization of that id and its URL: 0, or -1. */
int	authz_show(struct acme_req *, int64_t id, int status);

#endif

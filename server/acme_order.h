/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order object (RFC 8555, 7.1.3), as newOrder, polling and finalize
 * answer with it.
 */
#ifndef CHANCERY_ACME_ORDER_H
#define CHANCERY_ACME_ORDER_H

#include <stdint.h>

#include "enc.h"

struct acme_req;

struct order {
	int64_t			 id;
	int64_t			 account_id;
	unsigned char		 public[SECRET_LEN];
	const char		*status;
	int64_t			 expires;
	const char		*names;		/* JSON: see order_get */
	int64_t			 certificate_id;	/* 0: none */
	unsigned char		 certificate_public[SECRET_LEN];
	const char		*problem;	/* JSON or NULL */
	const char		*profile;
	int64_t			 not_before;	/* as asked; 0: not */
	int64_t			 not_after;
	const char		*replaces;	/* or NULL */
};

/* 0, or -1; `id` is known from the database or judged by acme_access(). */
int	order_load(struct acme_req *, int64_t id, struct order *);
int	order_reply(struct acme_req *, int status, const struct order *);

#endif

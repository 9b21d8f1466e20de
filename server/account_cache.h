/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts as they were a moment ago, so that the requests of one order do
 * not each ask PostgreSQL for the same row.  What is decided by standing is
 * decided by the signer, which asks itself; here an account that another
 * node deactivated is answered for a moment longer, nothing more.
 */
#ifndef CHANCERY_ACCOUNT_CACHE_H
#define CHANCERY_ACCOUNT_CACHE_H

#include <stdbool.h>
#include <stdint.h>

struct account;
struct arena;

/* A copy, its texts in the arena; false when it is not here or too old. */
bool	account_cache_get(struct arena *, int64_t id, struct account *);
void	account_cache_put(const struct account *);
/* It was changed. */
void	account_cache_forget(int64_t id);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded number of database connections for many threads: each query
 * borrows one, opens it when there is none yet or it was lost, and gives it
 * back.  No transaction spans two calls.
 */
#ifndef CHANCERY_POOL_H
#define CHANCERY_POOL_H

#include <stddef.h>

#include "../db/db.h"

struct conf;

/*
 * Remember how to connect and open the first connection; ends the process
 * with one line when that fails.
 */
void	pool_start(const struct conf *, const char *role, const struct query *,
	    size_t nqueries, unsigned connections);
void	pool_stop(void);

/*
 * db_query() on a borrowed connection.  When the connection is lost under it
 * the query runs again on another: so only statements that may run twice are
 * for the pool.  DB_LOST also when none could be had in five seconds.
 */
enum db_error pool_query(int q, struct rows **out, const struct arg *,
	    size_t nargs);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of a statement in PostgreSQL's binary form; used by db.c only.
 * A parameter is one value or, for statements that take many rows at once, a
 * column of them as an array.  Pure.
 */
#ifndef CHANCERY_DB_WIRE_H
#define CHANCERY_DB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db.h"

#define ARGS_MAX	24

/* pg_type.dat of PostgreSQL; these numbers never change. */
#define OID_BOOL	16
#define OID_BYTEA	17
#define OID_INT8	20
#define OID_INT4	23
#define OID_TEXT	25

/* The parameters as libpq takes them. */
struct wire {
	const char	*values[ARGS_MAX];
	int		 lengths[ARGS_MAX];
	int		 formats[ARGS_MAX];
	unsigned char	 scalars[ARGS_MAX][8];
	unsigned char	*arrays[ARGS_MAX];	/* heap */
};

/* A type of which values can be sent, and read from results. */
bool	wire_known(uint32_t type);
/* The type of the elements when it is an array that can be sent, or 0. */
uint32_t wire_element(uint32_t type);

/* Parameter number `n`: one value of that type. */
void	wire_value(struct wire *, size_t n, const struct arg *, uint32_t type);
/* Parameter number `n`: an array of that type, of the values `stride` apart. */
void	wire_column(struct wire *, size_t n, const struct arg *, size_t stride,
	    size_t nrows, uint32_t type);
void	wire_free(struct wire *);

#endif

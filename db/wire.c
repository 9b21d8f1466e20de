/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values and arrays in PostgreSQL's binary form, with the type of each
 * checked against the one that the statement wants.
 */
#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "../server/mem.h"
#include "wire.h"

#define ARRAY_HEAD	20	/* dimensions, nulls, type, length, first */

static const struct {
	uint32_t	type;
	uint32_t	array;
} types[] = {
	{ OID_BOOL,	1000 },
	{ OID_BYTEA,	1001 },
	{ OID_INT8,	1016 },
	{ OID_INT4,	1007 },
	{ OID_TEXT,	1009 },
};

bool
wire_known(uint32_t type)
{
	size_t i;

	for (i = 0; i < nitems(types); i++)
		if (types[i].type == type)
			return true;
	return false;
}

uint32_t
wire_element(uint32_t type)
{
	size_t i;

	for (i = 0; i < nitems(types); i++)
		if (types[i].array == type)
			return types[i].type;
	return 0;
}

static size_t
put4(unsigned char *out, uint32_t value)
{
	uint32_t n = htobe32(value);

	memcpy(out, &n, sizeof(n));
	return sizeof(n);
}

/* Octets of an integer: int4 or int8, big-endian. */
static size_t
put_int(unsigned char out[8], int64_t i, uint32_t type)
{
	uint64_t n;

	if (type == OID_INT4) {
		assert(i >= INT32_MIN && i <= INT32_MAX);
		return put4(out, (uint32_t)(int32_t)i);
	}
	assert(type == OID_INT8);
	n = htobe64((uint64_t)i);
	memcpy(out, &n, sizeof(n));
	return sizeof(n);
}

/* The octets of a value, which may be built in `scalar`; NULL for NULL. */
static const void *
octets(const struct arg *arg, uint32_t type, unsigned char scalar[8],
    size_t *len)
{
	switch (arg->type) {
	case ARG_INT:
		*len = put_int(scalar, arg->i, type);
		return scalar;
	case ARG_BOOL:
		assert(type == OID_BOOL);
		scalar[0] = arg->i != 0;
		*len = 1;
		return scalar;
	case ARG_TEXT:
		assert(type == OID_TEXT);
		*len = strlen(arg->p);
		return arg->p;
	case ARG_BYTES:
		assert(type == OID_BYTEA && arg->len <= INT32_MAX);
		*len = arg->len;
		return arg->p;
	case ARG_LIST:
		assert(!"an array in an array");
		break;
	case ARG_NULL:
		break;
	}
	*len = 0;
	return NULL;
}

void
wire_value(struct wire *w, size_t n, const struct arg *arg, uint32_t type)
{
	size_t len;

	if (arg->type == ARG_LIST) {
		wire_column(w, n, arg->p, 1, arg->len, type);
		return;
	}
	w->formats[n] = 1;
	w->values[n] = octets(arg, type, w->scalars[n], &len);
	w->lengths[n] = (int)len;
}

void
wire_column(struct wire *w, size_t n, const struct arg *arg, size_t stride,
    size_t nrows, uint32_t type)
{
	uint32_t element = wire_element(type);
	size_t i, len, size = ARRAY_HEAD;
	unsigned char scalar[8], *at;
	const void *p;

	assert(element != 0 && nrows <= INT32_MAX);
	for (i = 0; i < nrows; i++) {
		octets(&arg[i * stride], element, scalar, &len);
		size += 4 + len;
	}
	assert(size <= INT32_MAX);
	w->arrays[n] = at = xcalloc(1, size);
	at += put4(at, 1);		/* dimensions */
	at += put4(at, 1);		/* there may be NULLs */
	at += put4(at, element);
	at += put4(at, (uint32_t)nrows);
	at += put4(at, 1);		/* the first has number 1 */
	for (i = 0; i < nrows; i++) {
		p = octets(&arg[i * stride], element, scalar, &len);
		at += put4(at, p == NULL ? UINT32_MAX : (uint32_t)len);
		if (len > 0)
			memcpy(at, p, len);
		at += len;
	}
	w->formats[n] = 1;
	w->values[n] = (const char *)w->arrays[n];
	w->lengths[n] = (int)size;
}

void
wire_free(struct wire *w)
{
	size_t i;

	for (i = 0; i < ARGS_MAX; i++)
		free(w->arrays[i]);
}

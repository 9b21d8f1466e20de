/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas: a chain of zeroed chunks, each larger than the one before, given
 * out from the front and released together.  With AddressSanitizer every
 * allocation has a chunk of its own, so that a step past its end is seen.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"

#define ALIGNMENT	_Alignof(max_align_t)
#define CHUNK_FIRST	4096
#define CHUNK_LARGEST	65536

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SEPARATE_CHUNKS	1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SEPARATE_CHUNKS	1
#endif
#ifndef SEPARATE_CHUNKS
#define SEPARATE_CHUNKS	0
#endif

struct chunk {
	struct chunk	*next;
	size_t		 size;		/* of data[] */
	size_t		 used;
	_Alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct chunk	*chunks;	/* the newest first */
	size_t		 limit;
	size_t		 taken;		/* sum of the sizes of the chunks */
	size_t		 next_size;
};

struct arena *
arena_new(size_t limit)
{
	struct arena *a;

	a = xcalloc(1, sizeof(*a));
	a->limit = limit;
	a->next_size = CHUNK_FIRST;
	return a;
}

void
arena_free(struct arena *a)
{
	struct chunk *c, *next;

	if (a == NULL)
		return;
	for (c = a->chunks; c != NULL; c = next) {
		next = c->next;
		explicit_bzero(c->data, c->used);
		free(c);
	}
	free(a);
}

/* A chunk that holds at least `size` octets becomes the newest. */
static void
arena_grow(struct arena *a, size_t size)
{
	struct chunk *c;
	size_t want = a->next_size;

	if (size > SIZE_MAX / 4 || size > a->limit - a->taken)
		die(EXIT_FAILED, "out of memory: a request or job needs more "
		    "than its limit of %zu octets", a->limit);
	if (want < size || SEPARATE_CHUNKS)
		want = size;
	if (want > a->limit - a->taken)
		want = a->limit - a->taken;
	c = xcalloc(1, sizeof(*c) + want);
	c->size = want;
	c->next = a->chunks;
	a->chunks = c;
	a->taken += want;
	if (a->next_size < CHUNK_LARGEST)
		a->next_size *= 2;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	struct chunk *c = a->chunks;
	size_t from = 0;

	if (c != NULL)
		from = (c->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (c == NULL || SEPARATE_CHUNKS || from > c->size ||
	    size > c->size - from) {
		arena_grow(a, size);
		c = a->chunks;
		from = 0;
	}
	c->used = from + size;
	return c->data + from;
}

void *
arena_memdup(struct arena *a, const void *data, size_t len)
{
	void *p;

	p = arena_alloc(a, len);
	if (len > 0)
		memcpy(p, data, len);
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s) + 1);
}

char *
arena_strndup(struct arena *a, const char *data, size_t len)
{
	char *p;

	if (len > 0)
		len = strnlen(data, len);
	p = arena_alloc(a, len + 1);
	if (len > 0)
		memcpy(p, data, len);
	return p;
}

/* The length of a formatted text; a bad format is our own error. */
static size_t
format_length(const char *fmt, va_list ap)
{
	int n;

	n = vsnprintf(NULL, 0, fmt, ap);
	if (n < 0)
		die(EXIT_FAILED, "cannot format a message: \"%s\"", fmt);
	return (size_t)n;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	size_t len;
	char *p;

	va_start(ap, fmt);
	len = format_length(fmt, ap);
	va_end(ap);
	p = arena_alloc(a, len + 1);
	va_start(ap, fmt);
	vsnprintf(p, len + 1, fmt, ap);
	va_end(ap);
	return p;
}

void
buf_init(struct buf *b, struct arena *a)
{
	b->arena = a;
	b->len = 0;
	b->cap = 64;
	b->data = arena_alloc(a, b->cap);
}

/* Room for `len` more octets and the NUL behind them. */
static void
buf_room(struct buf *b, size_t len)
{
	unsigned char *data;
	size_t cap = b->cap;

	if (len < b->cap - b->len)
		return;
	if (len > SIZE_MAX / 4)
		die(EXIT_FAILED, "out of memory: a buffer of %zu octets", len);
	while (len >= cap - b->len)
		cap *= 2;
	data = arena_alloc(b->arena, cap);
	memcpy(data, b->data, b->len);
	b->data = data;
	b->cap = cap;
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
	buf_room(b, len);
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void
buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = format_length(fmt, ap);
	va_end(ap);
	buf_room(b, len);
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->len, len + 1, fmt, ap);
	va_end(ap);
	b->len += len;
}

void *
xcalloc(size_t count, size_t size)
{
	void *p;

	if (count == 0 || size == 0)
		count = size = 1;
	p = calloc(count, size);
	if (p == NULL)
		die(EXIT_FAILED, "out of memory: %zu times %zu octets", count,
		    size);
	return p;
}

char *
xstrdup(const char *s)
{
	char *p;

	p = strdup(s);
	if (p == NULL)
		die(EXIT_FAILED, "out of memory: %zu octets", strlen(s));
	return p;
}

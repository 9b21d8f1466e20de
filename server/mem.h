/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: an arena for everything of ours that lives as long as one request
 * or job, growable buffers inside it, and allocation that never fails.
 *
 * Running out of memory, or past an arena's limit, ends the process: a
 * restart is a tested path, an out-of-memory branch is not.
 */
#ifndef CHANCERY_MEM_H
#define CHANCERY_MEM_H

#include <stddef.h>

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

struct arena;

/* A new, empty arena that may grow to `limit` octets. */
struct arena *arena_new(size_t limit);

/* Wipe and release the arena and all that was taken from it; NULL is fine. */
void	arena_free(struct arena *);

/* Zeroed memory, aligned for any type. */
void	*arena_alloc(struct arena *, size_t size);
void	*arena_memdup(struct arena *, const void *data, size_t len);
char	*arena_strdup(struct arena *, const char *);
/* At most `len` octets of `data`, NUL-terminated. */
char	*arena_strndup(struct arena *, const char *data, size_t len);
char	*arena_printf(struct arena *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* A growable run of octets in an arena; data is kept NUL-terminated. */
struct buf {
	struct arena	*arena;
	unsigned char	*data;
	size_t		 len;
	size_t		 cap;
};

void	buf_init(struct buf *, struct arena *);
void	buf_add(struct buf *, const void *data, size_t len);
void	buf_puts(struct buf *, const char *);
void	buf_printf(struct buf *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Heap memory for what outlives a request; never NULL; free() it. */
void	*xcalloc(size_t count, size_t size);
char	*xstrdup(const char *);

#endif

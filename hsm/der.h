/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small DER writer and a strict DER reader (X.690, 8 and 10), as far as
 * certificates and requests need them.  Pure.
 *
 * The writer works from the end to the front, so that the length of what is
 * inside is known when the header before it is written:
 *
 *	mark = der_mark(w); ...last child... ...first child...
 *	der_wrap(w, DER_SEQUENCE, mark);
 */
#ifndef CHANCERY_DER_H
#define CHANCERY_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

#define DER_BOOLEAN		0x01
#define DER_INTEGER		0x02
#define DER_BIT_STRING		0x03
#define DER_OCTET_STRING	0x04
#define DER_NULL		0x05
#define DER_OID			0x06
#define DER_UTF8_STRING		0x0c
#define DER_PRINTABLE_STRING	0x13
#define DER_IA5_STRING		0x16
#define DER_UTC_TIME		0x17
#define DER_GENERALIZED_TIME	0x18
#define DER_SEQUENCE		0x30
#define DER_SET			0x31
#define DER_CONTEXT(n)		(0x80 | (n))	/* primitive, [n] IMPLICIT */
#define DER_CONSTRUCTED(n)	(0xa0 | (n))	/* constructed [n] */

struct der_writer {
	struct arena	*arena;
	unsigned char	*data;		/* used at its end */
	size_t		 cap;
	size_t		 len;
};

void	der_init(struct der_writer *, struct arena *);
/* Where the content of an element ends; give it to der_wrap() later. */
size_t	der_mark(const struct der_writer *);
/* Header for all that was written since the mark. */
void	der_wrap(struct der_writer *, unsigned tag, size_t mark);
/* Octets as they are: DER made elsewhere, or the content of an element. */
void	der_raw(struct der_writer *, const void *data, size_t len);
/* A whole element. */
void	der_element(struct der_writer *, unsigned tag, const void *data,
	    size_t len);
void	der_text(struct der_writer *, unsigned tag, const char *);
void	der_boolean(struct der_writer *, bool);
void	der_uint(struct der_writer *, unsigned value);
/* INTEGER from big-endian octets without sign; adds and drops zeros. */
void	der_integer(struct der_writer *, const unsigned char *, size_t len);
/* "1.2.840.113549"; 0, or -1 when it is no OID. */
int	der_oid(struct der_writer *, const char *dotted);
/* UTCTime through 2049, then GeneralizedTime (RFC 5280, 4.1.2.5). */
void	der_time(struct der_writer *, int64_t seconds);
/* The result, in the arena. */
unsigned char *der_finish(struct der_writer *, size_t *len);

/* What is still to be read, or the content of an element. */
struct der {
	const unsigned char	*data;
	size_t			 len;
};

/*
 * Take the next element, whatever it is: definite minimal length, low tag
 * number.  `content` and `whole` (with header) may be NULL.  0 or -1.
 */
int	der_next(struct der *, unsigned *tag, struct der *content,
	    struct der *whole);
/* Take the next element when it has this tag; else -1, nothing taken. */
int	der_take(struct der *, unsigned tag, struct der *content);
/* The same, with header: a Name, an SPKI. */
int	der_take_whole(struct der *, unsigned tag, struct der *whole);
/* The next element has this tag. */
bool	der_is(const struct der *, unsigned tag);
/* The content of an OBJECT IDENTIFIER is this one. */
bool	der_oid_is(const struct der *content, const char *dotted);
bool	der_equal(const struct der *, const void *data, size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DER as octets: a writer that grows towards the front of its memory, and a
 * reader that takes nothing but the one encoding that X.690, 10 allows.
 */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../server/mem.h"
#include "der.h"

#define DER_START	1024	/* a certificate of a few names */
#define OID_MAX		64	/* octets of an encoded OID */

void
der_init(struct der_writer *w, struct arena *arena)
{
	w->arena = arena;
	w->cap = DER_START;
	w->len = 0;
	w->data = arena_alloc(arena, w->cap);
}

size_t
der_mark(const struct der_writer *w)
{
	return w->len;
}

void
der_raw(struct der_writer *w, const void *data, size_t len)
{
	unsigned char *larger;
	size_t cap = w->cap;

	while (cap - w->len < len)
		cap *= 2;
	if (cap != w->cap) {
		larger = arena_alloc(w->arena, cap);
		memcpy(larger + cap - w->len, w->data + w->cap - w->len,
		    w->len);
		w->data = larger;
		w->cap = cap;
	}
	w->len += len;
	if (len > 0)
		memcpy(w->data + w->cap - w->len, data, len);
}

void
der_wrap(struct der_writer *w, unsigned tag, size_t mark)
{
	unsigned char head[2 + sizeof(size_t)];
	size_t len = w->len - mark, at = sizeof(head);
	unsigned char octets = 0;

	assert(mark <= w->len && tag <= 0xff);
	if (len < 0x80)
		head[--at] = (unsigned char)len;
	else {
		for (; len > 0; len >>= 8, octets++)
			head[--at] = (unsigned char)len;
		head[--at] = 0x80 | octets;
	}
	head[--at] = (unsigned char)tag;
	der_raw(w, head + at, sizeof(head) - at);
}

void
der_element(struct der_writer *w, unsigned tag, const void *data, size_t len)
{
	size_t mark = der_mark(w);

	der_raw(w, data, len);
	der_wrap(w, tag, mark);
}

void
der_text(struct der_writer *w, unsigned tag, const char *text)
{
	der_element(w, tag, text, strlen(text));
}

void
der_boolean(struct der_writer *w, bool value)
{
	der_element(w, DER_BOOLEAN, value ? "\xff" : "\0", 1);
}

void
der_uint(struct der_writer *w, unsigned value)
{
	unsigned char octets[sizeof(value)];
	size_t i;

	for (i = sizeof(octets); i-- > 0; value >>= 8)
		octets[i] = (unsigned char)value;
	der_integer(w, octets, sizeof(octets));
}

void
der_integer(struct der_writer *w, const unsigned char *octets, size_t len)
{
	size_t mark = der_mark(w);

	assert(len > 0);
	while (len > 1 && octets[0] == 0) {
		octets++;
		len--;
	}
	der_raw(w, octets, len);
	if (octets[0] & 0x80)
		der_raw(w, "", 1);
	der_wrap(w, DER_INTEGER, mark);
}

/* Next number of a dotted OID; -1 at anything else. */
static int
oid_arc(const char **text, unsigned long *arc)
{
	const char *p = *text;

	if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
		return -1;
	for (*arc = 0; *p >= '0' && *p <= '9'; p++) {
		if (*arc > (ULONG_MAX >> 5))
			return -1;
		*arc = *arc * 10 + (unsigned long)(*p - '0');
	}
	if (*p == '.') {
		if (*++p == '\0')
			return -1;
	} else if (*p != '\0')
		return -1;
	*text = p;
	return 0;
}

/* Append base-128; the new length, or 0 when it does not fit. */
static size_t
oid_put(unsigned char *out, size_t len, unsigned long arc)
{
	unsigned char octets[(sizeof(arc) * CHAR_BIT + 6) / 7];
	size_t at = sizeof(octets);

	octets[--at] = arc & 0x7f;
	while ((arc >>= 7) > 0)
		octets[--at] = 0x80 | (arc & 0x7f);
	if (len + sizeof(octets) - at > OID_MAX)
		return 0;
	memcpy(out + len, octets + at, sizeof(octets) - at);
	return len + sizeof(octets) - at;
}

/* X.690, 8.19; the length, or 0. */
static size_t
oid_encode(const char *dotted, unsigned char out[OID_MAX])
{
	unsigned long first, arc;
	size_t len;

	if (oid_arc(&dotted, &first) == -1 || first > 2 || *dotted == '\0' ||
	    oid_arc(&dotted, &arc) == -1 || (first < 2 && arc > 39))
		return 0;
	len = oid_put(out, 0, first * 40 + arc);
	while (len > 0 && *dotted != '\0') {
		if (oid_arc(&dotted, &arc) == -1)
			return 0;
		len = oid_put(out, len, arc);
	}
	return len;
}

int
der_oid(struct der_writer *w, const char *dotted)
{
	unsigned char oid[OID_MAX];
	size_t len;

	if ((len = oid_encode(dotted, oid)) == 0)
		return -1;
	der_element(w, DER_OID, oid, len);
	return 0;
}

void
der_time(struct der_writer *w, int64_t seconds)
{
	time_t t = (time_t)seconds;
	char text[40];
	struct tm tm;
	int year;

	if (gmtime_r(&t, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	year = tm.tm_year + 1900;
	if (year >= 1950 && year <= 2049) {
		strftime(text, sizeof(text), "%y%m%d%H%M%SZ", &tm);
		der_text(w, DER_UTC_TIME, text);
	} else {
		strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &tm);
		der_text(w, DER_GENERALIZED_TIME, text);
	}
}

unsigned char *
der_finish(struct der_writer *w, size_t *len)
{
	*len = w->len;
	return w->data + w->cap - w->len;
}

/* Length octets (X.690, 10.1): definite, as short as possible. */
static int
read_length(const struct der *in, size_t *at, size_t *len)
{
	size_t octets;

	if (*at >= in->len)
		return -1;
	*len = in->data[(*at)++];
	if (*len < 0x80)
		return 0;
	octets = *len & 0x7f;
	if (octets == 0 || octets > 4 || in->len - *at < octets ||
	    in->data[*at] == 0)
		return -1;
	for (*len = 0; octets > 0; octets--)
		*len = *len << 8 | in->data[(*at)++];
	return *len < 0x80 ? -1 : 0;
}

int
der_next(struct der *in, unsigned *tag, struct der *content,
    struct der *whole)
{
	size_t at = 1, len;

	if (in->len < 2 || (in->data[0] & 0x1f) == 0x1f ||
	    read_length(in, &at, &len) == -1 || in->len - at < len)
		return -1;
	*tag = in->data[0];
	if (content != NULL)
		*content = (struct der){ in->data + at, len };
	if (whole != NULL)
		*whole = (struct der){ in->data, at + len };
	in->data += at + len;
	in->len -= at + len;
	return 0;
}

int
der_take(struct der *in, unsigned tag, struct der *content)
{
	unsigned found;

	return der_is(in, tag) ? der_next(in, &found, content, NULL) : -1;
}

int
der_take_whole(struct der *in, unsigned tag, struct der *whole)
{
	unsigned found;

	return der_is(in, tag) ? der_next(in, &found, NULL, whole) : -1;
}

bool
der_is(const struct der *in, unsigned tag)
{
	return in->len > 0 && in->data[0] == tag;
}

bool
der_oid_is(const struct der *content, const char *dotted)
{
	unsigned char oid[OID_MAX];
	size_t len;

	len = oid_encode(dotted, oid);
	return len > 0 && der_equal(content, oid, len);
}

bool
der_equal(const struct der *a, const void *data, size_t len)
{
	return a->len == len && (len == 0 || memcmp(a->data, data, len) == 0);
}

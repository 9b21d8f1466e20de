/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict reader of files in libconfig's syntax, driven by a table of
 * keywords: used for chancery.conf and for the ceremony's file.  All values
 * are strings, lists of strings, groups or lists of groups.  An unknown,
 * repeated, misspelt, missing or ill-typed keyword is an error of the form
 * `file:line: what (what to do)`.
 *
 * Stricter than libconfig on purpose: no @include, no strings joined because
 * a comma is missing between them, no string over several lines, no comment
 * without end, no integers (libconfig wraps them silently).
 */
#ifndef CHANCERY_CONF_READ_H
#define CHANCERY_CONF_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct conf_key;

/*
 * Turn one string into what is stored at `out`: 0, or -1 with a phrase in
 * `why` (128 octets) that completes "keyword ...: ", such as
 * "must be a duration, such as \"250ms\" or \"90d\"".
 */
#define CONF_WHY_LEN	128
typedef int conf_parse(const struct conf_key *, const char *text, void *out,
    char *why);

enum conf_shape {
	CONF_VALUE,		/* "text" */
	CONF_LIST,		/* [ "text", ... ], also ( ... ) */
	CONF_GROUP,		/* { keyword = value; ... } */
	CONF_GROUPS		/* ( { ... }, ... ) */
};

/*
 * One keyword; a table of them ends with a row whose name is NULL.  CONF_LIST
 * and CONF_GROUPS store a pointer to an array at `offset` and the number of
 * elements (size_t) at `count`; elements of CONF_GROUP are stored inside the
 * same structure, their offsets counting from its start.
 */
struct conf_key {
	const char	*name;
	enum conf_shape	 shape;
	conf_parse	*parse;		/* of a value or a list's element */
	size_t		 offset;
	size_t		 count;
	size_t		 size;		/* of one element of an array */
	const struct conf_key *keys;	/* of a group, or of each of a list */
	const char	*fallback;	/* default; a list's is split at ' ' */
	bool		 optional;	/* without a default: may be absent */
	int64_t		 min, max;	/* numbers, durations; list: count */
};

/*
 * Read `file` into `out`, which was zeroed.  What is stored lives as long as
 * the process.  0, or -1 with one line in `why`.
 */
int	conf_read(const char *file, const struct conf_key *, void *out,
	    char *why, size_t whylen);

/* Where what was read is kept, for a parser of one's own: never freed. */
struct arena *conf_memory(void);

/* Parsers.  None accepts an empty string or control characters. */
conf_parse conf_text;		/* const char * */
conf_parse conf_path;		/* const char *: absolute */
conf_parse conf_word;		/* const char *: letters, digits, "._-" */
conf_parse conf_url;		/* const char *: http(s)://..., no blanks */
conf_parse conf_yes_no;		/* bool: "yes" "no" */
conf_parse conf_number;		/* unsigned, min..max */
conf_parse conf_milliseconds;	/* unsigned, min..max: "250ms" "2s" "5m" */
conf_parse conf_seconds;	/* int64_t, min..max: "30s" "12h" "90d" */
conf_parse conf_octets;		/* size_t, min..max: "512" "64KiB" "4MiB" */

#endif

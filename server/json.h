/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON at our borders: bounded parsing of foreign text, canonical printing
 * of our own (RFC 8785).  Pure.
 */
#ifndef CHANCERY_JSON_H
#define CHANCERY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

struct arena;

#define JSON_DEPTH_MAX	16

/*
 * Parse a JSON object from the network: nesting is counted before the parser
 * runs (it recurses), duplicate members, NUL, trailing octets and invalid
 * UTF-8 are refused.  A new reference, or NULL with a text in *why.
 */
json_t	*json_read_object(const void *text, size_t len, const char **why);

/* Can it be printed canonically: no real numbers, no great integers? */
bool	json_exact(const json_t *);
/*
 * Print canonically (RFC 8785).  The value must hold no real numbers and
 * integers of at most 53 bits: ours never do, so a breach is an assertion.
 */
char	*json_canonical(struct arena *, const json_t *, size_t *len);

/* Print for people and line-oriented clients: indented, one member a line. */
char	*json_pretty(struct arena *, const json_t *, size_t *len);

/* The string value of a member, or NULL when absent or not a string. */
const char *json_member_string(const json_t *, const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers (RFC 8555, 7.1.3, 9.7.7): parsed, judged and brought into one
 * canonical form, in which they are compared everywhere.  Pure.
 */
#ifndef CHANCERY_IDENT_H
#define CHANCERY_IDENT_H

#include <stdbool.h>
#include <stddef.h>

struct problem;

#define IDENT_MAX	253	/* octets of a DNS name as text */

struct ident {
	const char	*type;			/* "dns" */
	bool		 wildcard;		/* was "*." + value */
	char		 value[IDENT_MAX + 1];	/* lower case, no "*." */
};

/*
 * Parse an identifier of an order.  DNS names: letters, digits, hyphen;
 * labels of 1-63, at least two of them; upper case is folded; no trailing
 * dot, no address in the clothes of a name, no name under a reserved suffix
 * that nobody can hold (RFC 6761 `invalid`, `localhost`, `arpa`, `onion`),
 * no public suffix itself (of the ICANN section of the list, BR 3.2.2.6),
 * A-labels that decode and encode back
 * (RFC 5890, 2.3.2.1).  0, or -1 with malformed, unsupportedIdentifier or
 * rejectedIdentifier.
 */
int	ident_parse(const char *type, const char *value, struct ident *,
	    struct problem *);

/* Order: type, value, wildcard last; 0 when equal. */
int	ident_compare(const struct ident *, const struct ident *);

/* Sort in place and drop repeats; the new count. */
size_t	ident_sort(struct ident *, size_t count);

#endif

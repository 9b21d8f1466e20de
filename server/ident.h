/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers (RFC 8555, 7.1.3, 9.7.7): parsed, judged and brought into one
 * canonical form, in which they are compared everywhere.  Pure.
 */
#ifndef CHANCERY_IDENT_H
#define CHANCERY_IDENT_H

#include <stdbool.h>
#include <stddef.h>

struct prefix;
struct problem;

#define IDENT_MAX	253	/* octets of a DNS name as text */

struct ident {
	const char	*type;			/* "dns" or "ip" */
	bool		 wildcard;		/* was "*." + value */
	char		 value[IDENT_MAX + 1];	/* lower case, no "*." */
	bool		 own;			/* see ident_own() */
};

/*
 * Parse an identifier of an order.  DNS names: letters, digits, hyphen;
 * labels of 1-63, at least two of them; upper case is folded; no trailing
 * dot, no address in the clothes of a name, no name under a reserved suffix
 * that nobody can hold (RFC 6761 `invalid`, `localhost`, `arpa`, `onion`),
 * no public suffix itself (of the ICANN section of the list, BR 3.2.2.6),
 * A-labels that decode and encode back (RFC 5890, 2.3.2.1).  Addresses:
 * dotted quad (RFC 1123, 2.1) or the text of RFC 5952, nothing else (RFC
 * 8738, 3), and of one host.  0, or -1 with malformed, unsupportedIdentifier
 * or rejectedIdentifier.
 */
int	ident_parse(const char *type, const char *value, struct ident *,
	    struct problem *);

/* The 4 or 16 octets of an address; their number, 0 for a name. */
size_t	ident_octets(const struct ident *, unsigned char out[16]);
/* From 4 or 16 octets to the canonical text; 0, or -1. */
int	ident_from_octets(const unsigned char *, size_t len, struct ident *);
/* Is the address in one of the prefixes?  No name is; an IPv4 address is in
 * no prefix of IPv6. */
bool	ident_within(const struct ident *, const struct prefix *, size_t n);
/* The name that stands for an address in SNI (RFC 8738, 6), without a final
 * dot. */
int	ident_reverse(const struct ident *, char out[IDENT_MAX + 1]);
/* Is `type` one we know?  Of identifiers in a certificate, too. */
bool	ident_known(const char *type);
/* The registered domain of a name (public suffix and one label), or the
 * name or address itself; points into the value. */
const char *ident_registered(const struct ident *);
/* Another list of public suffixes than the system's; 0, or -1.  Once, at the
 * start. */
int	ident_suffixes(const char *file);

/*
 * The host of base_url, as it is: ident_parse() takes that name also where it
 * would refuse it ("localhost", one label), and marks it `own`; then only who
 * has it without proof may have it (rules_name()).  Once, at the start.
 */
void	ident_own(const char *base_url);

/* Order: type, value, wildcard last; 0 when equal. */
int	ident_compare(const struct ident *, const struct ident *);

/* Sort in place and drop repeats; the new count. */
size_t	ident_sort(struct ident *, size_t count);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of directives, inside: what rules.c asks it.  A name is looked up
 * by each pattern that could match it, so that a question costs as much as
 * the name has labels, however many directives there are.
 */
#ifndef CHANCERY_RULES_SET_H
#define CHANCERY_RULES_SET_H

#include "rules.h"

struct node;

/* What a text is looked up as. */
enum space {
	SPACE_DIRECTIVE,	/* kind, name */
	SPACE_OFFICER_KEY,	/* thumbprint */
	SPACE_BLOCKED_KEY,	/* SHA-256 of an SPKI */
	SPACE_BLOCK,		/* pattern; "*." and a name: see index_name() */
	SPACE_RESTRICT,
	SPACE_GRANT_ACCOUNT,	/* URL, pattern */
	SPACE_GRANT_EAB,	/* key id, pattern */
	SPACE_EAB_NAMES,
	SPACE_EAB_PREVALIDATED
};

/* A directive; it stays when it is ended, for its version. */
struct entry {
	char		*kind, *name;
	int64_t		 version;
	unsigned char	 hash[DIGEST_LEN];
	json_t		*body;		/* NULL: ended */
	int64_t		 expires;	/* 0: never */
	struct rule_eab	 eab;
	char		*officer;	/* canonical JWK */
	struct node	*nodes;		/* what finds it, but for its name */
	struct entry	*chain;		/* the next one, by name */
};

/* One that has not expired; `now` 0: or that has.  NULL: none. */
struct entry *set_find(const struct rules *, enum space, const char *owner,
	    const char *text, int64_t now);
/* The same by a pattern that the identifier matches. */
const struct entry *set_match(const struct rules *, enum space,
	    const char *owner, const struct ident *, int64_t now);
/* For what takes away: a wildcard also covers single names. */
const struct entry *set_match_any(const struct rules *, enum space,
	    const struct ident *);
size_t	set_officers(const struct rules *);
/* The first chain by name; the others follow. */
const struct entry *set_chains(const struct rules *);

#endif

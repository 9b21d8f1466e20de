/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What officers decided (table `directive`), as a set in memory that answers
 * questions: may this account have this name, by which challenges, under
 * which profile?  Pure, but for reading no clock and no row itself.  The ACME
 * face asks it to answer a client early; the signer asks its own, whose seals
 * it checked, and decides.
 *
 * Patterns of names: "host.example" is that name, ".example" every name
 * below it ("*.example" among them), "10.0.0.1" that address, "10.0.0.0/8" or
 * "2001:db8::/32" every address in it.  To block or restrict "host.example"
 * takes "*.example" away as well.
 */
#ifndef CHANCERY_RULES_H
#define CHANCERY_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "enc.h"
#include "ident.h"

struct arena;
struct problem;
struct rules;

/* Bodies of directives, by kind:
 *  officer   {"jwk": {...}}
 *  eab       {"accounts": 1 (0: any number), "expires": 0 or seconds,
 *             and, each optional (absent: all), "names": [pattern],
 *             "wildcards": bool, "profiles": [name],
 *             "challenges": [method], "prevalidated": [pattern] (absent:
 *             none), "note": text}
 *  block     {"type": "name" or "key", "value": pattern, or SHA-256 of an
 *             SPKI in hexadecimal, "reason": text}; its name is
 *             "name:VALUE" or "key:VALUE"
 *  restrict  {"value": pattern, "note": text}: high-value names, which
 *             need a grant; its name is the pattern
 *  grant     {"account": URL or "eab": key id, "names": [pattern],
 *             "expires": seconds, "note": text}: the end must be given
 *  chain     {"issuer": name, "certificates": [base64url DER]}: another
 *             way up for the issuer's certificates
 * The body `null` ends a directive. */

/* Who asks. */
struct rule_subject {
	const char	*account;	/* its URL */
	const char	*eab;		/* key id it was bound by, or NULL */
	int64_t		 now;
};

/* An EAB key in force; strings live as long as the set is not changed. */
struct rule_eab {
	const char	*kid;
	int64_t		 accounts;	/* 0: any number */
	int64_t		 expires;	/* 0: never */
};

struct rules *rules_new(void);
void	rules_free(struct rules *);

/*
 * Would this body do?  0, or -1 with one line in `why`.  Every writer asks
 * before it stores.
 */
int	rules_check(const char *kind, const char *name, const char *body,
	    char *why, size_t whylen);
/*
 * Take a row of `directive`; a newer version replaces the older one, an
 * older one is ignored.  0, or -1 with one line in `why`.
 */
int	rules_take(struct rules *, const char *kind, const char *name,
	    int64_t version, const char *body, char *why, size_t whylen);
/* Version and hash of what is there, ended or not; 0 when nothing is. */
int64_t	rules_version(const struct rules *, const char *kind,
	    const char *name, unsigned char hash[DIGEST_LEN]);

/* NULL when there is none, or it was ended; the caller looks at `expires`. */
const struct rule_eab *rules_eab(const struct rules *, const char *kid);
/* The canonical JWK of an officer, or NULL; the number of officers. */
const char *rules_officer(const struct rules *, const char *name);
size_t	rules_officers(const struct rules *);
/* Is the key with this thumbprint an officer's? */
bool	rules_officer_key(const struct rules *,
	    const unsigned char thumbprint[DIGEST_LEN]);

/*
 * May the subject have this name at all?  Blocked names, those that need a
 * grant, what the subject's EAB key allows (which must be in force), and our
 * own name where nobody could prove it (ident_own()), which is for those who
 * have it prevalidated.
 * 0, or -1 with rejectedIdentifier or unauthorized.
 */
int	rules_name(const struct rules *, const struct rule_subject *,
	    const struct ident *, struct problem *);
/* Without proof of control, as the subject's EAB key says? */
bool	rules_prevalidated(const struct rules *,
	    const struct rule_subject *, const struct ident *);
/* Is this challenge type open to the subject? */
bool	rules_method(const struct rules *, const struct rule_subject *,
	    const char *method);
/*
 * May the subject use the profile?  One that is not `open` needs an EAB key
 * in force that names it.
 */
bool	rules_profile(const struct rules *, const struct rule_subject *,
	    const char *profile, bool open);
/* Is the key with this SHA-256 of its SPKI blocked? */
bool	rules_key_blocked(const struct rules *,
	    const unsigned char spki_hash[DIGEST_LEN]);

/* Other chains of an issuer, in the order of their names; NULL after the
 * last.  An array of base64url DER, borrowed. */
const json_t *rules_chain(const struct rules *, const char *issuer,
	    size_t i);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate profiles (draft-ietf-acme-profiles): everything of a
 * certificate that is not the key, the names, the serial and the day.  A
 * profile is a canonical JSON text; its SHA-256 names the version in orders
 * and in the log, and the row that holds it is sealed.  The body `null`
 * withdraws it.  Pure; the ACME face, the signer and the ceremony use it.
 */
#ifndef CHANCERY_PROFILE_H
#define CHANCERY_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "../server/enc.h"
#include "../server/ident.h"

struct arena;

#define PROFILE_NAME_MAX	64
#define PROFILE_EKU_MAX		8
#define PROFILE_BODY_MAX	8192

/* Kinds of subject keys. */
#define PROFILE_RSA	(1u << 0)
#define PROFILE_P256	(1u << 1)
#define PROFILE_P384	(1u << 2)
#define PROFILE_P521	(1u << 3)
#define PROFILE_ED25519	(1u << 4)

enum profile_cn {
	CN_NONE,		/* the subject holds no commonName */
	CN_FIRST		/* first name of the order that fits in 64 */
};

struct profile {
	const char	 *name;
	const char	 *description;	/* for people: meta.profiles */
	int64_t		  validity;	/* seconds, last one included */
	int64_t		  backdate;	/* notBefore lies so much back */
	int64_t		  advance;	/* an order's notBefore: at most so
					   much after now; 0: none asked */
	unsigned	  key_usage;	/* KU_... of tbs.h */
	unsigned	  keys;		/* PROFILE_RSA | ... */
	const char	**eku;		/* dotted OIDs, NULL-terminated */
	const char	**policies;	/* the same, certificatePolicies; or
					   NULL */
	const char	 *ca_issuers_url;	/* AIA; NULL: none */
	enum profile_cn	  common_name;
	const char	 *organization;	/* in the subject, or NULL */
	const char	 *country;	/* two letters, or NULL */
	bool		  dns, ip;	/* identifier types */
	bool		  wildcards;
	unsigned	  names_max;	/* of one certificate: 1 to 100 */
	bool		  open;		/* to every account; or by EAB key */
	bool		  br;		/* also the rules of the CA/Browser
					   Forum */
};

/*
 * Read a body strictly: no unknown member, everything in its limits, and the
 * text canonical.  0, or -1 with one line in `why`.
 */
int	profile_parse(struct arena *, const char *body, struct profile *,
	    char *why, size_t whylen);
/* The canonical body of a profile. */
char	*profile_print(struct arena *, const struct profile *);
/* SHA-256 of the body: what profile.hash, orders and intent entries hold. */
void	profile_hash(const char *body, unsigned char out[DIGEST_LEN]);

/* Are the names of an order such as the profile is for?  0, or -1 with one
 * line in `why` (invalidProfile). */
int	profile_fits(const struct profile *, const struct ident *,
	    size_t count, char *why, size_t whylen);

/* What an order asks for; 0: nothing. */
struct profile_dates {
	int64_t		 not_before, not_after;
};

/* "2026-11-23T13:14:15Z" and all that RFC 3339 allows besides, to the second:
 * 0, or -1. */
int	profile_date_parse(const char *, int64_t *out);
/* notBefore and notAfter of a newOrder payload.  0, or -1 with one line in
 * `why`. */
int	profile_dates_read(const json_t *order, struct profile_dates *,
	    char *why, size_t whylen);

/*
 * First and last second of a certificate made at `now` by an issuer that is
 * valid from `issuer_from` to `issuer_until`.  What the order asks for is
 * kept to the second or refused.  0, or -1 with one line in `why`.
 */
int	profile_times(const struct profile *, int64_t now,
	    int64_t issuer_from, int64_t issuer_until,
	    const struct profile_dates *asked, int64_t *not_before,
	    int64_t *not_after, char *why, size_t whylen);

/* The KeyUsage for a key: keyEncipherment is for RSA only (RFC 8813, 3). */
unsigned profile_key_usage(const struct profile *, bool rsa);

#endif

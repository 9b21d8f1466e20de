/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate profiles: everything of a certificate that is not the key, the
 * names, the serial and the day.  A profile is a canonical JSON text; its
 * SHA-256 names it in the log, and the row that holds it is sealed.  Pure.
 */
#ifndef CHANCERY_PROFILE_H
#define CHANCERY_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../server/enc.h"

struct arena;

#define PROFILE_DEFAULT		"default"	/* of orders that name none */
#define PROFILE_NAME_MAX	64
#define PROFILE_EKU_MAX		8
#define PROFILE_BODY_MAX	8192

struct profile {
	const char	 *name;
	int64_t		  validity;	/* seconds, last one included */
	int64_t		  backdate;	/* notBefore lies so much back */
	unsigned	  key_usage;	/* KU_... of tbs.h */
	const char	**eku;		/* dotted OIDs, NULL-terminated */
	const char	 *ca_issuers_url;	/* AIA; NULL: none */
};

/*
 * The body of the profile that the ceremony makes: 90 days, TLS servers.
 * `ca_issuers_url` is where the issuer's certificate (DER) can be fetched,
 * or NULL.
 */
char	*profile_default_body(struct arena *, const char *ca_issuers_url);

/*
 * Read a body strictly: no unknown member, everything in its limits, and the
 * text canonical.  0, or -1 with one line in `why`.
 */
int	profile_parse(struct arena *, const char *body, struct profile *,
	    char *why, size_t whylen);
/* The canonical body of a profile. */
char	*profile_print(struct arena *, const struct profile *);
/* SHA-256 of the body: what profile.hash and intent entries hold. */
void	profile_hash(const char *body, unsigned char out[DIGEST_LEN]);

/*
 * First and last second of a certificate made at `now` by an issuer that is
 * valid from `issuer_from` to `issuer_until`.  -1 when the issuer is not
 * valid at `now`.
 */
int	profile_times(const struct profile *, int64_t now,
	    int64_t issuer_from, int64_t issuer_until, int64_t *not_before,
	    int64_t *not_after);

/* The KeyUsage for a key: keyEncipherment is for RSA only (RFC 8813, 3). */
unsigned profile_key_usage(const struct profile *, bool rsa);

#endif

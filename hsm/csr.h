/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#10 requests (RFC 2986) as they arrive in a finalize payload.  All that
 * is taken from one is the key, as octets; its names are only compared with
 * the order's.  Pure.
 */
#ifndef CHANCERY_CSR_H
#define CHANCERY_CSR_H

#include <stddef.h>

#include "../server/enc.h"
#include "../server/ident.h"
#include "profile.h"

struct arena;
struct problem;

struct csr {
	const unsigned char	*spki;		/* DER, as it was sent */
	size_t			 spki_len;
	unsigned char		 spki_hash[DIGEST_LEN];
	unsigned char		 thumbprint[DIGEST_LEN];	/* RFC 7638 */
	unsigned		 kind;		/* PROFILE_RSA, PROFILE_P256... */
	struct ident		*names;		/* sorted, no repeats */
	size_t			 nnames;
};

/*
 * Parse and judge: proof of possession, key quality, the extensions asked
 * for.  0, or -1 with badCSR (RFC 8555, 7.4).
 */
int	csr_parse(struct arena *, const unsigned char *der, size_t len,
	    struct csr *, struct problem *);

/* The names are exactly these (sorted): RFC 8555, 7.4. */
int	csr_names_check(const struct csr *, const struct ident *, size_t count,
	    struct problem *);

#endif

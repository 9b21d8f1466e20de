/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals on the rows that carry authority (accounts, issuers, profiles,
 * directives): a MAC under a key derived in the token, so that neither
 * PostgreSQL's superuser nor a doctored backup can make the signer believe a
 * row that it did not write.  Pure.
 */
#ifndef CHANCERY_SEAL_H
#define CHANCERY_SEAL_H

#include <stdbool.h>
#include <jansson.h>

#include "../server/enc.h"

#define SEAL_LABEL	"chancery seal 1"	/* for tokens_derive() */

struct seal_key {
	unsigned char	key[DIGEST_LEN];
};

/*
 * Seal of a row: HMAC over `table`, a NUL and the canonical JSON of the
 * row's members (octets as base64url, ids as decimal strings).  Takes over
 * the reference.
 */
void	seal_make(const struct seal_key *, const char *table, json_t *row,
	    unsigned char out[DIGEST_LEN]);
bool	seal_holds(const struct seal_key *, const char *table, json_t *row,
	    const unsigned char *seal, size_t len);

/* The rows, so that writer and reader seal the same members.  `eab` is NULL
 * for an account that no key of ours vouched for. */
json_t	*seal_account(int64_t id, const unsigned char *public,
	    const unsigned char *thumbprint, const char *jwk,
	    const char *status, const char *contact, const char *eab);
json_t	*seal_issuer(int64_t id, const char *name, const void *der,
	    size_t der_len, const void *root, size_t root_len,
	    const void *key_id, size_t key_id_len);
json_t	*seal_profile(int64_t id, const char *name, int64_t version,
	    int64_t issuer_id, const char *body);
json_t	*seal_directive(int64_t id, const char *kind, const char *name,
	    int64_t version, const char *body);

#endif

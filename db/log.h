/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The issuance log: entries are canonical JSON (RFC 8785) with a random
 * salt, at most 65535 octets, and hashed as leaves of a Merkle tree
 * (RFC 6962, 2.1).  log_entry_make() is pure but for the salt; appending
 * happens inside the caller's transaction, under the lock on log_head.
 */
#ifndef CHANCERY_LOG_ENTRY_H
#define CHANCERY_LOG_ENTRY_H

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "../server/enc.h"

struct arena;
struct db;
struct rows;

#define LOG_ENTRY_MAX	65535

struct log_entry {
	const char	*kind;
	char		*text;		/* canonical JSON */
	size_t		 len;
	unsigned char	 leaf_hash[DIGEST_LEN];
};

/*
 * Make an entry from its members (reference taken over): adds "kind",
 * "version" (1), "time" (seconds since 1970, decimal string) and "salt"
 * (16 random octets).  0, or -1 when it would be longer than LOG_ENTRY_MAX.
 */
int	log_entry_make(struct arena *, const char *kind, int64_t time,
	    json_t *members, struct log_entry *);

/* RFC 6962, 2.1: SHA-256(0x00 || entry) */
void	log_leaf_hash(const void *entry, size_t len,
	    unsigned char out[DIGEST_LEN]);

/* log_head.size from the rows of a statement that locked it, or -1. */
int64_t	log_head(const struct rows *);

/*
 * Append one entry inside the open transaction with the two statements of
 * the caller's own query table (`q_lock` returns log_head.size under a row
 * lock and `q_append` takes index, kind, entry, leaf hash, and moves the
 * head).  The index, or -1.
 */
int64_t	log_append(struct db *, int q_lock, int q_append,
	    const struct log_entry *);

#endif

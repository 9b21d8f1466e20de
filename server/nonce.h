/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anti-replay nonces (RFC 8555, 6.5): a MAC instead of a row.  A nonce is
 * good once; this start of the process remembers in a bitmap which of its own
 * are spent, and tells of those that another start or node made.
 * Thread-safe; no I/O.
 */
#ifndef CHANCERY_NONCE_H
#define CHANCERY_NONCE_H

#include "enc.h"

struct arena;

#define NONCE_LEN	32	/* octets; 43 characters as base64url */

enum nonce_verdict {
	NONCE_FRESH,	/* ours, and spent from now on */
	NONCE_FOREIGN,	/* made under the same key: spend it in PostgreSQL */
	NONCE_BAD	/* never made, spent before, or too old */
};

/* Once, before threads: the key that all nodes share. */
void	nonce_start(const unsigned char key[DIGEST_LEN]);
void	nonce_stop(void);

char	*nonce_make(struct arena *);

/* Judge and spend; the octets of a foreign one are in `raw`. */
enum nonce_verdict nonce_use(struct arena *, const char *text,
	    unsigned char raw[NONCE_LEN]);

#endif

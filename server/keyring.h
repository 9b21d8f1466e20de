/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoded account keys, kept for the next request: making an EVP_PKEY costs
 * half as much as verifying with it.  What is kept depends on nothing but
 * the text of the key, so it is never stale; standing is asked elsewhere.
 */
#ifndef CHANCERY_KEYRING_H
#define CHANCERY_KEYRING_H

struct arena;
struct jwk;
struct problem;

/* As jwk_parse_text(), which it asks for what it has not.  Thread-safe. */
int	keyring_key(struct arena *, const char *canonical, struct jwk *,
	    struct problem *);

#endif

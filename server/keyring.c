/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of keys by thumbprint; a newer key takes the place of an older one
 * that falls on it.
 */
#include <pthread.h>
#include <string.h>

#include "enc.h"
#include "jws.h"
#include "keyring.h"
#include "mem.h"

#define SLOTS	1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot {
	unsigned char	 thumbprint[DIGEST_LEN];
	const char	*alg;
	EVP_PKEY	*pkey;		/* NULL: empty */
} slots[SLOTS];

static struct slot *
slot_of(const unsigned char thumbprint[DIGEST_LEN])
{
	return &slots[(thumbprint[0] << 8 | thumbprint[1]) % SLOTS];
}

/* A reference of the caller's own, or NULL. */
static EVP_PKEY *
find(const unsigned char thumbprint[DIGEST_LEN], const char **alg)
{
	struct slot *slot = slot_of(thumbprint);
	EVP_PKEY *pkey = NULL;

	pthread_mutex_lock(&lock);
	if (slot->pkey != NULL &&
	    memcmp(slot->thumbprint, thumbprint, DIGEST_LEN) == 0 &&
	    EVP_PKEY_up_ref(slot->pkey) == 1) {
		pkey = slot->pkey;
		*alg = slot->alg;
	}
	pthread_mutex_unlock(&lock);
	return pkey;
}

static void
keep(const struct jwk *jwk)
{
	struct slot *slot = slot_of(jwk->thumbprint);
	EVP_PKEY *old;

	if (EVP_PKEY_up_ref(jwk->pkey) != 1)
		return;
	pthread_mutex_lock(&lock);
	old = slot->pkey;
	slot->pkey = jwk->pkey;
	slot->alg = jwk->alg;
	memcpy(slot->thumbprint, jwk->thumbprint, DIGEST_LEN);
	pthread_mutex_unlock(&lock);
	EVP_PKEY_free(old);
}

int
keyring_key(struct arena *a, const char *canonical, struct jwk *jwk,
    struct problem *p)
{
	memset(jwk, 0, sizeof(*jwk));
	sha256(canonical, strlen(canonical), jwk->thumbprint);
	jwk->pkey = find(jwk->thumbprint, &jwk->alg);
	if (jwk->pkey != NULL) {
		jwk->canonical = arena_strdup(a, canonical);
		return 0;
	}
	if (jwk_parse_text(a, canonical, jwk, p) == -1)
		return -1;
	keep(jwk);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of accounts by id; a newer one takes the place of an older one
 * that falls on it.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "account_cache.h"
#include "acme.h"
#include "mem.h"
#include "proc.h"

#define SLOTS		1024
#define FRESH_MS	500

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot {
	struct account	account;	/* its texts are on the heap */
	long long	until;		/* CLOCK_MONOTONIC, ms; 0: empty */
} slots[SLOTS];

/* Ids that are made one after the other fall on different slots. */
static struct slot *
slot_of(int64_t id)
{
	return &slots[((uint64_t)id * 0x9e3779b97f4a7c15u >> 32) % SLOTS];
}

static void
empty(struct slot *slot)
{
	free((char *)slot->account.status);
	free((char *)slot->account.contact);
	free((char *)slot->account.jwk);
	memset(slot, 0, sizeof(*slot));
}

bool
account_cache_get(struct arena *arena, int64_t id, struct account *a)
{
	struct slot *slot = slot_of(id);
	bool found;

	pthread_mutex_lock(&lock);
	found = slot->account.id == id && proc_monotonic_ms() < slot->until;
	if (found) {
		*a = slot->account;
		a->status = arena_strdup(arena, a->status);
		a->contact = arena_strdup(arena, a->contact);
		a->jwk = arena_strdup(arena, a->jwk);
	}
	pthread_mutex_unlock(&lock);
	return found;
}

void
account_cache_put(const struct account *a)
{
	struct slot *slot = slot_of(a->id);

	pthread_mutex_lock(&lock);
	empty(slot);
	slot->account = *a;
	slot->account.status = xstrdup(a->status);
	slot->account.contact = xstrdup(a->contact);
	slot->account.jwk = xstrdup(a->jwk);
	slot->until = proc_monotonic_ms() + FRESH_MS;
	pthread_mutex_unlock(&lock);
}

void
account_cache_forget(int64_t id)
{
	struct slot *slot = slot_of(id);

	pthread_mutex_lock(&lock);
	if (slot->account.id == id)
		empty(slot);
	pthread_mutex_unlock(&lock);
}

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

/* Where the texts of an account are; some may be NULL. */
#define TEXTS	6
static void
texts(struct account *a, const char **out[TEXTS])
{
	const char **const all[TEXTS] = { &a->status, &a->contact, &a->jwk,
	    &a->terms, &a->eab, &a->external };

	memcpy(out, all, sizeof(all));
}

static void
empty(struct slot *slot)
{
	const char **text[TEXTS];
	size_t i;

	texts(&slot->account, text);
	for (i = 0; i < TEXTS; i++)
		free((char *)*text[i]);
	memset(slot, 0, sizeof(*slot));
}

bool
account_cache_get(struct arena *arena, int64_t id, struct account *a)
{
	struct slot *slot = slot_of(id);
	const char **text[TEXTS];
	bool found;
	size_t i;

	pthread_mutex_lock(&lock);
	found = slot->account.id == id && proc_monotonic_ms() < slot->until;
	if (found) {
		*a = slot->account;
		texts(a, text);
		for (i = 0; i < TEXTS; i++)
			if (*text[i] != NULL)
				*text[i] = arena_strdup(arena, *text[i]);
	}
	pthread_mutex_unlock(&lock);
	return found;
}

void
account_cache_put(const struct account *a)
{
	struct slot *slot = slot_of(a->id);
	const char **text[TEXTS];
	size_t i;

	pthread_mutex_lock(&lock);
	empty(slot);
	slot->account = *a;
	texts(&slot->account, text);
	for (i = 0; i < TEXTS; i++)
		if (*text[i] != NULL)
			*text[i] = xstrdup(*text[i]);
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

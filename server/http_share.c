/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares are few, so the table is searched from end to end.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "http_share.h"
#include "mem.h"

#define ADDRESS_LEN	16

struct share {
	unsigned char	address[ADDRESS_LEN];
	unsigned	count;		/* 0: free */
};

struct shares {
	pthread_mutex_t	lock;
	unsigned	room;
	struct share	share[];	/* one for each connection */
};

struct shares *
shares_new(unsigned connections)
{
	struct shares *s = xcalloc(1, sizeof(*s) +
	    connections * sizeof(s->share[0]));

	pthread_mutex_init(&s->lock, NULL);
	s->room = connections;
	return s;
}

void
shares_free(struct shares *s)
{
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* The address as 16 octets; of IPv6 only the /64, which is one customer. */
static void
address_key(const char *text, unsigned char key[ADDRESS_LEN])
{
	memset(key, 0, ADDRESS_LEN);
	if (inet_pton(AF_INET, text, key + 12) == 1) {
		key[10] = key[11] = 0xff;
		return;
	}
	if (inet_pton(AF_INET6, text, key) == 1 &&
	    !IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(void *)key))
		memset(key + 8, 0, 8);
}

/* The share of an address, or a free one; call with the lock held. */
static struct share *
find(struct shares *table, const unsigned char key[ADDRESS_LEN])
{
	struct share *s, *unused = NULL;
	unsigned i;

	for (i = 0; i < table->room; i++) {
		s = &table->share[i];
		if (s->count == 0) {
			if (unused == NULL)
				unused = s;
		} else if (memcmp(s->address, key, ADDRESS_LEN) == 0)
			return s;
	}
	if (unused != NULL)
		memcpy(unused->address, key, ADDRESS_LEN);
	return unused;
}

struct share *
shares_take(struct shares *table, const char *address, unsigned *count)
{
	unsigned char key[ADDRESS_LEN];
	struct share *s;

	address_key(address, key);
	pthread_mutex_lock(&table->lock);
	s = find(table, key);
	*count = s == NULL ? 0 : ++s->count;
	pthread_mutex_unlock(&table->lock);
	return s;
}

void
shares_give(struct shares *table, struct share *s)
{
	pthread_mutex_lock(&table->lock);
	s->count--;
	pthread_mutex_unlock(&table->lock);
}

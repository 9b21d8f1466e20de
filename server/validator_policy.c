/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CA's own addresses are those of this host's interfaces and those that
 * its listeners are bound to (which may come and go with a cluster).
 * Loopback is judged by itself, and the wildcard is nobody's address.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <string.h>

#include "conf.h"
#include "log.h"
#include "mem.h"
#include "validator_policy.h"

static bool
is_nobodys(const unsigned char addr[ADDRESS_LEN])
{
	static const unsigned char zero[ADDRESS_LEN];

	if (address_is_v4(addr))
		return addr[12] == 127 || addr[12] == 0;
	return memcmp(addr, zero, ADDRESS_LEN - 1) == 0 && addr[15] <= 1;
}

static void
add(struct address_policy *p, struct prefix *own, const struct sockaddr *sa)
{
	unsigned char	*addr = own[p->nown].addr;

	if (address_from_sockaddr(sa, addr) == 0 && !is_nobodys(addr))
		own[p->nown++].bits = 128;
}

static void
add_listeners(struct address_policy *p, struct prefix *own,
    const struct strings *listen)
{
	struct sockaddr_storage	ss;
	socklen_t		len;

	for (size_t i = 0; i < listen->n; i++)
		if (conf_address(listen->v[i], &ss, &len) == 0)
			add(p, own, (const struct sockaddr *)&ss);
}

struct address_policy
policy_of_host(const struct conf *c)
{
	struct address_policy	 p = {
		.allow = c->validator.allow,
		.nallow = c->validator.nallow,
		.deny = c->validator.deny,
		.ndeny = c->validator.ndeny,
	};
	struct ifaddrs		*list = NULL;
	struct prefix		*own;
	size_t			 n = c->acme.listen.n + c->publisher.listen.n;

	if (getifaddrs(&list) == -1)
		die(EXIT_FAILED, "own addresses: %s", strerror(errno));
	for (struct ifaddrs *i = list; i != NULL; i = i->ifa_next)
		n++;
	own = xcalloc(n + 1, sizeof(*own));
	for (struct ifaddrs *i = list; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL)
			add(&p, own, i->ifa_addr);
	freeifaddrs(list);
	add_listeners(&p, own, &c->acme.listen);
	add_listeners(&p, own, &c->publisher.listen);
	p.own = own;
	return p;
}

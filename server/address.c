/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address policy of validation: a table of what no applicant can own,
 * and the operator's allow and deny prefixes.  Pure.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "mem.h"

#define V4(a, b, c, d)	{ [10] = 0xff, 0xff, (a), (b), (c), (d) }

static const struct prefix never[] = {
	{ V4(0, 0, 0, 0), 96 + 8 },		/* "this" network */
	{ V4(127, 0, 0, 0), 96 + 8 },		/* loopback */
	{ V4(169, 254, 0, 0), 96 + 16 },	/* link-local */
	{ V4(169, 254, 169, 254), 128 },	/* metadata service */
	{ V4(192, 0, 0, 0), 96 + 24 },		/* protocol assignments */
	{ V4(224, 0, 0, 0), 96 + 4 },		/* multicast */
	{ V4(240, 0, 0, 0), 96 + 4 },		/* reserved, broadcast */
	{ { 0 }, 96 },			/* ::, ::1, IPv4-compatible */
	{ { 0x00, 0x64, 0xff, 0x9b }, 96 },	/* NAT64 (RFC 6052) */
	{ { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48 },	/* RFC 8215 */
	{ { 0x01, 0x00 }, 64 },			/* discard (RFC 6666) */
	{ { 0x20, 0x01, 0x00, 0x00 }, 32 },	/* Teredo */
	{ { 0x20, 0x02 }, 16 },			/* 6to4 */
	{ { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54 }, 128 },	/* metadata */
	{ { 0xfe, 0x80 }, 10 },			/* link-local */
	{ { 0xfe, 0xc0 }, 10 },			/* site-local, deprecated */
	{ { 0xff }, 8 },			/* multicast */
};

static const unsigned char mapped[12] = { [10] = 0xff, 0xff };

/* Some prefix of at least `bits` bits holds the address. */
static bool
listed(const struct prefix *list, size_t n, const unsigned char *addr,
    unsigned bits)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].bits >= bits && prefix_holds(&list[i], addr))
			return true;
	return false;
}

/* Every refused range around the address is opened by a prefix inside it. */
static bool
opened(const struct address_policy *p, const struct prefix *refused, size_t n,
    const unsigned char *addr)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_holds(&refused[i], addr) &&
		    !listed(p->allow, p->nallow, addr, refused[i].bits))
			return false;
	return true;
}

bool
address_allowed(const struct address_policy *p,
    const unsigned char addr[ADDRESS_LEN])
{
	if (listed(p->deny, p->ndeny, addr, 0))
		return false;
	if (!opened(p, never, nitems(never), addr) ||
	    !opened(p, p->own, p->nown, addr))
		return false;
	return p->nallow == 0 || listed(p->allow, p->nallow, addr, 0);
}

bool
address_is_v4(const unsigned char addr[ADDRESS_LEN])
{
	return memcmp(addr, mapped, sizeof(mapped)) == 0;
}

int
address_from_octets(const void *data, size_t len,
    unsigned char addr[ADDRESS_LEN])
{
	if (len == ADDRESS_LEN) {
		memcpy(addr, data, ADDRESS_LEN);
		return 0;
	}
	if (len != 4)
		return -1;
	memcpy(addr, mapped, sizeof(mapped));
	memcpy(addr + sizeof(mapped), data, 4);
	return 0;
}

int
address_from_sockaddr(const struct sockaddr *sa,
    unsigned char addr[ADDRESS_LEN])
{
	struct sockaddr_in	sin;
	struct sockaddr_in6	sin6;

	if (sa->sa_family == AF_INET) {
		memcpy(&sin, sa, sizeof(sin));
		return address_from_octets(&sin.sin_addr, 4, addr);
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&sin6, sa, sizeof(sin6));
		return address_from_octets(&sin6.sin6_addr, 16, addr);
	}
	return -1;
}

void
address_print(const unsigned char addr[ADDRESS_LEN], char text[ADDRESS_TEXT])
{
	if (address_is_v4(addr))
		inet_ntop(AF_INET, addr + sizeof(mapped), text, ADDRESS_TEXT);
	else
		inet_ntop(AF_INET6, addr, text, ADDRESS_TEXT);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's address behind proxies: X-Forwarded-For is read from its end,
 * which the proxy next to us wrote, for as long as those who wrote it are
 * trusted.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "forwarded.h"
#include "prefix.h"

static const unsigned char mapped[12] = { [10] = 0xff, 0xff };

/* IPv4 as v4-mapped IPv6, as prefixes are. */
static int
address_read(const char *text, unsigned char addr[PREFIX_OCTETS])
{
	memcpy(addr, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, text, addr + sizeof(mapped)) == 1 ||
	    inet_pton(AF_INET6, text, addr) == 1)
		return 0;
	return -1;
}

static bool
trusted(const struct prefix *proxies, size_t nproxies,
    const unsigned char addr[PREFIX_OCTETS])
{
	size_t	i;

	for (i = 0; i < nproxies; i++)
		if (prefix_holds(&proxies[i], addr))
			return true;
	return false;
}

bool
forwarded_trusts(const struct prefix *proxies, size_t nproxies,
    const char *address)
{
	unsigned char	addr[PREFIX_OCTETS];

	return nproxies > 0 && address_read(address, addr) == 0 &&
	    trusted(proxies, nproxies, addr);
}

/* The last element of a list, which then ends before it; -1 when it is no
 * address, or the list is empty. */
static int
take_last(const char *list, size_t *len, unsigned char addr[PREFIX_OCTETS])
{
	char	text[FORWARDED_TEXT];
	size_t	end = *len, start;

	while (end > 0 && strchr(" \t,", list[end - 1]) != NULL)
		end--;
	start = end;
	while (start > 0 && list[start - 1] != ',')
		start--;
	*len = start;
	while (start < end && strchr(" \t", list[start]) != NULL)
		start++;
	if (start == end || end - start >= sizeof(text))
		return -1;
	memcpy(text, list + start, end - start);
	text[end - start] = '\0';
	return address_read(text, addr);
}

void
forwarded_address(const struct prefix *proxies, size_t nproxies,
    const char *peer, const char *header, char out[FORWARDED_TEXT])
{
	unsigned char	addr[PREFIX_OCTETS], next[PREFIX_OCTETS];
	size_t		len = header == NULL ? 0 : strlen(header);

	if (address_read(peer, addr) == -1) {
		snprintf(out, FORWARDED_TEXT, "%s", peer);
		return;
	}
	while (len > 0 && trusted(proxies, nproxies, addr) &&
	    take_last(header, &len, next) == 0)
		memcpy(addr, next, sizeof(addr));
	if (memcmp(addr, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, addr + sizeof(mapped), out,
		    FORWARDED_TEXT);
	else
		inet_ntop(AF_INET6, addr, out, FORWARDED_TEXT);
}

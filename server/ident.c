/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers of types dns and ip.  Form first (malformed), then policy
 * (rejectedIdentifier): what has the form of a name may still be one that
 * nobody can prove to hold.  The public suffix list is loaded before main(),
 * while its file can still be reached, and only read afterwards.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <idn2.h>
#include <libpsl.h>

#include "ident.h"
#include "mem.h"
#include "prefix.h"
#include "problem.h"

#define LABEL_MAX	63

static const psl_ctx_t *suffixes;

__attribute__((constructor))
static void
load_suffixes(void)
{
	suffixes = psl_latest(NULL);
	if (suffixes == NULL)
		suffixes = psl_builtin();
}

int
ident_suffixes(const char *file)
{
	psl_ctx_t *other = psl_load_file(file);

	if (other == NULL)
		return -1;
	psl_free((psl_ctx_t *)(uintptr_t)suffixes);
	suffixes = other;
	return 0;
}

/* Names below these cannot be held in the public or in a private DNS. */
static const char *const reserved[] = {
	"arpa",		/* RFC 3172, 2.1 */
	"invalid",	/* RFC 6761, 6.4 */
	"localhost",	/* RFC 6761, 6.3 */
	"onion",	/* RFC 7686, 2 */
};

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/*
 * An A-label must be what its own decoding encodes to under the rules for
 * registration (RFC 5891, 4), and nothing but an A-label may have hyphens in
 * its third and fourth place (RFC 5890, 2.3.1 and 2.3.2.1).
 */
static bool
hyphens_fit(const char *label)
{
	char *unicode = NULL;
	uint8_t *again = NULL;
	bool fit = false;

	if (strlen(label) < 4 || label[2] != '-' || label[3] != '-')
		return true;
	if (strncmp(label, "xn--", 4) == 0 &&
	    idn2_to_unicode_8z8z(label, &unicode, 0) == IDN2_OK &&
	    idn2_register_u8((uint8_t *)unicode, NULL, &again,
	    IDN2_NO_TR46) == IDN2_OK)
		fit = strcmp((char *)again, label) == 0;
	idn2_free(unicode);
	idn2_free(again);
	return fit;
}

/* RFC 1123, 2.1 */
static int
label_check(const char *label, size_t len, struct problem *p)
{
	char text[LABEL_MAX + 1];
	size_t i;

	if (len == 0 || len > LABEL_MAX)
		return problem(p, PR_MALFORMED, "RFC 1035, 2.3.4: a label of "
		    "a name must have 1 to 63 octets");
	for (i = 0; i < len; i++) {
		if (!is_alnum(label[i]) && label[i] != '-')
			return problem(p, PR_MALFORMED, "RFC 1123, 2.1: a "
			    "name may hold letters, digits, hyphens and dots "
			    "only");
	}
	if (label[0] == '-' || label[len - 1] == '-')
		return problem(p, PR_MALFORMED, "RFC 1123, 2.1: a label "
		    "must not begin or end with a hyphen");
	memcpy(text, label, len);
	text[len] = '\0';
	if (!hyphens_fit(text))
		return problem(p, PR_MALFORMED, "RFC 5890, 2.3.1: \"%s\" is "
		    "not a valid A-label", text);
	return 0;
}

/* RFC 1123, 2.1: what ends in a number is an address, not a name. */
static int
last_label_check(const char *label, struct problem *p)
{
	bool hex = label[0] == '0' && label[1] == 'x';

	if (strspn(label, "0123456789") == strlen(label) ||
	    (hex && strspn(label + 2, "0123456789abcdef") ==
	    strlen(label + 2)))
		return problem(p, PR_MALFORMED, "RFC 1123, 2.1: the last "
		    "label is a number: an address is not a name");
	return 0;
}

static int
form_check(const char *name, struct problem *p)
{
	const char *label = name, *dot;

	while ((dot = strchr(label, '.')) != NULL) {
		if (label_check(label, (size_t)(dot - label), p) == -1)
			return -1;
		label = dot + 1;
	}
	if (label_check(label, strlen(label), p) == -1)
		return -1;
	return last_label_check(label, p);
}

/* The CA/Browser Forum's rule (BR 3.2.2.6) looks at ICANN's section, too. */
static bool
is_public_suffix(const char *name)
{
	return psl_is_public_suffix2(suffixes, name,
	    PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE) != 0;
}

static int
policy_check(const char *name, struct problem *p)
{
	const char *last;
	size_t i;

	last = strrchr(name, '.');
	last = last == NULL ? name : last + 1;
	for (i = 0; i < nitems(reserved); i++) {
		if (strcmp(last, reserved[i]) == 0)
			return problem(p, PR_REJECTED_IDENTIFIER, "RFC 6761: "
			    "no certificates for names under \"%s\"", last);
	}
	if (last == name)
		return problem(p, PR_REJECTED_IDENTIFIER, "a name must have "
		    "two labels at least");
	if (is_public_suffix(name))
		return problem(p, PR_REJECTED_IDENTIFIER, "the name is a "
		    "public suffix, under which others register names");
	return 0;
}

static char own_host[IDENT_MAX + 1];	/* of base_url; "" before it is told */

void
ident_own(const char *base_url)
{
	const char *host = base_url + strlen("https://");

	snprintf(own_host, sizeof(own_host), "%.*s",
	    (int)strcspn(host, ":/"), host);
}

static int
name_parse(const char *value, struct ident *ident, struct problem *p)
{
	struct problem unheard = { 0 };
	size_t i, len = strlen(value);

	if (len > IDENT_MAX)
		return problem(p, PR_MALFORMED, "RFC 1035, 2.3.4: a name has "
		    "%d octets at most", IDENT_MAX);
	ident->wildcard = strncmp(value, "*.", 2) == 0;
	if (ident->wildcard) {
		value += 2;
		len -= 2;
	}
	for (i = 0; i < len; i++)
		ident->value[i] = value[i] >= 'A' && value[i] <= 'Z' ?
		    (char)(value[i] - 'A' + 'a') : value[i];
	if (form_check(ident->value, p) == -1)
		return -1;
	if (!ident->wildcard && strcmp(ident->value, own_host) == 0) {
		ident->own = policy_check(ident->value, &unheard) == -1;
		return 0;
	}
	return policy_check(ident->value, p);
}

/* --------------------------------------------------------------- addresses */

/* No single host: nobody, all, a group, or an IPv4 host in disguise. */
static bool
is_no_host(const unsigned char *octets, size_t len)
{
	static const unsigned char zero[16],
	    mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (len == 4)
		return octets[0] == 0 || octets[0] >= 240 ||
		    (octets[0] & 0xf0) == 224;
	if (memcmp(octets, mapped, 12) == 0 || octets[0] == 0xff)
		return true;
	/* ::/96 (RFC 4291, 2.5.5.1), of which only ::1 is one. */
	return memcmp(octets, zero, 12) == 0 &&
	    (memcmp(octets, zero, 15) != 0 || octets[15] != 1);
}

size_t
ident_octets(const struct ident *ident, unsigned char out[16])
{
	if (strcmp(ident->type, "ip") != 0)
		return 0;
	if (inet_pton(AF_INET, ident->value, out) == 1)
		return 4;
	return inet_pton(AF_INET6, ident->value, out) == 1 ? 16 : 0;
}

/* glibc prints what RFC 5952, 4 asks for. */
int
ident_from_octets(const unsigned char *octets, size_t len,
    struct ident *ident)
{
	memset(ident, 0, sizeof(*ident));
	ident->type = "ip";
	if (len != 4 && len != 16)
		return -1;
	if (inet_ntop(len == 4 ? AF_INET : AF_INET6, octets, ident->value,
	    sizeof(ident->value)) == NULL)
		return -1;
	return 0;
}

/* RFC 8738, 3: dotted quad (RFC 1123, 2.1) or the text of RFC 5952. */
static int
address_parse(const char *value, struct ident *ident, struct problem *p)
{
	unsigned char octets[16];
	bool four;

	four = inet_pton(AF_INET, value, octets) == 1;
	if (!four && inet_pton(AF_INET6, value, octets) != 1)
		return problem(p, PR_MALFORMED, "RFC 8738, 3: this is not "
		    "the text of an IP address");
	if (ident_from_octets(octets, four ? 4 : 16, ident) == -1 ||
	    (strcmp(ident->value, value) != 0 &&
	    strchr(ident->value, '.') == NULL))
		return problem(p, PR_MALFORMED, "RFC 5952, 4: the address is "
		    "written \"%s\"", ident->value);
	if (is_no_host(octets, four ? 4 : 16))
		return problem(p, PR_REJECTED_IDENTIFIER, "RFC 6890: no "
		    "certificates for an address that is not a host's own");
	return 0;
}

bool
ident_within(const struct ident *ident, const struct prefix *prefixes,
    size_t n)
{
	unsigned char octets[16], addr[16] = { [10] = 0xff, 0xff };
	size_t i, len = ident_octets(ident, octets);

	if (len == 0)
		return false;
	memcpy(addr + sizeof(addr) - len, octets, len);
	for (i = 0; i < n; i++) {
		if (prefix_holds(&prefixes[i], addr))
			return true;
	}
	return false;
}

/* RFC 3596, 2.5 and RFC 1035, 3.5 */
int
ident_reverse(const struct ident *ident, char out[IDENT_MAX + 1])
{
	unsigned char octets[16];
	size_t i, len = ident_octets(ident, octets), at = 0;

	for (i = len; i-- > 0; ) {
		if (len == 4)
			at += (size_t)snprintf(out + at, IDENT_MAX + 1 - at,
			    "%u.", octets[i]);
		else
			at += (size_t)snprintf(out + at, IDENT_MAX + 1 - at,
			    "%x.%x.", octets[i] & 15, octets[i] >> 4);
	}
	if (len == 0)
		return -1;
	snprintf(out + at, IDENT_MAX + 1 - at, "%s",
	    len == 4 ? "in-addr.arpa" : "ip6.arpa");
	return 0;
}

/* ------------------------------------------------------------------- types */

static const struct {
	const char	*type;
	int		(*parse)(const char *, struct ident *,
			    struct problem *);
} types[] = {
	{ "dns", name_parse },
	{ "ip", address_parse },
};

bool
ident_known(const char *type)
{
	size_t i;

	for (i = 0; i < nitems(types); i++)
		if (strcmp(types[i].type, type) == 0)
			return true;
	return false;
}

int
ident_parse(const char *type, const char *value, struct ident *ident,
    struct problem *p)
{
	size_t i;

	memset(ident, 0, sizeof(*ident));
	if (type == NULL || value == NULL)
		return problem(p, PR_MALFORMED, "RFC 8555, 7.1.3: an "
		    "identifier has a type and a value, both strings");
	for (i = 0; i < nitems(types); i++) {
		if (strcmp(types[i].type, type) != 0)
			continue;
		ident->type = types[i].type;
		return types[i].parse(value, ident, p);
	}
	return problem(p, PR_UNSUPPORTED_IDENTIFIER, "RFC 8555, 7.4: "
	    "identifiers of type \"%.32s\" are not supported", type);
}

const char *
ident_registered(const struct ident *ident)
{
	const char *domain = NULL;

	if (strcmp(ident->type, "dns") == 0)
		domain = psl_registrable_domain(suffixes, ident->value);
	return domain == NULL ? ident->value : domain;
}

int
ident_compare(const struct ident *a, const struct ident *b)
{
	int c;

	if ((c = strcmp(a->type, b->type)) != 0 ||
	    (c = strcmp(a->value, b->value)) != 0)
		return c;
	return a->wildcard - b->wildcard;
}

static int
compare(const void *a, const void *b)
{
	return ident_compare(a, b);
}

size_t
ident_sort(struct ident *idents, size_t count)
{
	size_t i, n = 0;

	if (count == 0)
		return 0;
	qsort(idents, count, sizeof(*idents), compare);
	for (i = 1; i < count; i++) {
		if (ident_compare(&idents[n], &idents[i]) != 0)
			idents[++n] = idents[i];
	}
	return n + 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers of type dns.  Form first (malformed), then policy
 * (rejectedIdentifier): what has the form of a name may still be one that
 * nobody can prove to hold.  The public suffix list is loaded before main(),
 * while its file can still be reached, and only read afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include <idn2.h>
#include <libpsl.h>

#include "ident.h"
#include "mem.h"
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

int
ident_parse(const char *type, const char *value, struct ident *ident,
    struct problem *p)
{
	size_t i, len;

	memset(ident, 0, sizeof(*ident));
	if (type == NULL || value == NULL)
		return problem(p, PR_MALFORMED, "RFC 8555, 7.1.3: an "
		    "identifier has a type and a value, both strings");
	if (strcmp(type, "dns") != 0)
		return problem(p, PR_UNSUPPORTED_IDENTIFIER, "RFC 8555, 7.4: "
		    "identifiers of type \"%.32s\" are not supported", type);
	len = strlen(value);
	if (len > IDENT_MAX)
		return problem(p, PR_MALFORMED, "RFC 1035, 2.3.4: a name has "
		    "%d octets at most", IDENT_MAX);
	ident->type = "dns";
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
	return policy_check(ident->value, p);
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

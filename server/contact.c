/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contacts of an account (RFC 8555, 7.3; RFC 6068): an array of mailto
 * URLs, each with exactly one address and without header fields.  Mail is
 * never sent by this check, so it asks for form only.
 */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "contact.h"
#include "problem.h"

#define MAILTO		"mailto:"
#define LOCAL_MAX	64	/* RFC 5321, 4.5.3.1.1 */

static const char alnum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789";

/* A dot-atom of RFC 5322, 3.2.3, less what a mailto URL must escape. */
static bool
local_ok(const char *local, size_t len)
{
	size_t i;

	if (len == 0 || len > LOCAL_MAX)
		return false;
	for (i = 0; i < len; i++) {
		if (local[i] == '.') {
			if (i == 0 || i == len - 1 || local[i - 1] == '.')
				return false;
			continue;
		}
		if (strchr(alnum, local[i]) == NULL &&
		    strchr("!$'*+-/=^_`{|}~#", local[i]) == NULL)
			return false;
	}
	return true;
}

/* Host name in ASCII, of labels of 1-63 octets; one label is enough here. */
static bool
domain_ok(const char *domain)
{
	size_t len;

	if (strlen(domain) > 253)
		return false;
	for (;;) {
		len = strspn(domain, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "abcdefghijklmnopqrstuvwxyz0123456789-");
		if (len == 0 || len > 63 || domain[0] == '-' ||
		    domain[len - 1] == '-')
			return false;
		if (domain[len] == '\0')
			return true;
		if (domain[len] != '.')
			return false;
		domain += len + 1;
	}
}

static int
mailto_check(const char *address, struct problem *p)
{
	const char *at;

	if (strchr(address, '?') != NULL)
		return problem(p, PR_INVALID_CONTACT,
		    "RFC 8555, 7.3: a mailto contact has no header fields");
	if (strchr(address, ',') != NULL)
		return problem(p, PR_INVALID_CONTACT,
		    "RFC 8555, 7.3: a mailto contact has one address only");
	at = strrchr(address, '@');
	if (at == NULL || !local_ok(address, (size_t)(at - address)) ||
	    !domain_ok(at + 1))
		return problem(p, PR_INVALID_CONTACT,
		    "RFC 8555, 7.3: a contact is not a mail address "
		    "in ASCII of the form local@domain");
	return 0;
}

static int
one_check(const json_t *value, struct problem *p)
{
	const char *text;
	size_t len;

	text = json_string_value(value);
	if (text == NULL)
		return problem(p, PR_MALFORMED,
		    "RFC 8555, 7.1.2: contact is an array of strings");
	len = json_string_length(value);
	if (len > CONTACT_MAX || strlen(text) != len)
		return problem(p, PR_INVALID_CONTACT,
		    "RFC 8555, 7.3: a contact has at most %d octets",
		    CONTACT_MAX);
	if (strncasecmp(text, MAILTO, strlen(MAILTO)) != 0)
		return problem(p, PR_UNSUPPORTED_CONTACT,
		    "RFC 8555, 7.3: contacts are accepted as \"mailto:\" "
		    "URLs only");
	return mailto_check(text + strlen(MAILTO), p);
}

int
contact_check(const json_t *contact, struct problem *p)
{
	size_t i;

	if (contact == NULL)
		return 0;
	if (!json_is_array(contact))
		return problem(p, PR_MALFORMED,
		    "RFC 8555, 7.1.2: contact is an array of strings");
	if (json_array_size(contact) > CONTACTS_MAX)
		return problem(p, PR_INVALID_CONTACT,
		    "an account has at most %d contacts", CONTACTS_MAX);
	for (i = 0; i < json_array_size(contact); i++)
		if (one_check(json_array_get(contact, i), p) == -1)
			return -1;
	return 0;
}

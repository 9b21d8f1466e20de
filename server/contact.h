/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contacts of an account (RFC 8555, 7.3): judged alike by the face that
 * answers the client and by the signer that decides.  Pure.
 */
#ifndef CHANCERY_CONTACT_H
#define CHANCERY_CONTACT_H

#include <jansson.h>

struct problem;

#define CONTACTS_MAX	10	/* of one account */
#define CONTACT_MAX	320	/* octets of one, scheme included */

/*
 * Check the `contact` member of a new-account or account-update payload;
 * NULL (absent) is fine.  Only mailto URLs with one address and no header
 * fields.  0, or -1 with malformed, invalidContact or unsupportedContact.
 */
int	contact_check(const json_t *contact, struct problem *);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The four attributes that make a key of ours (PKCS#11 2.40, 4.9), as the
 * token reports them.  "Not told" is no better than the wrong value.
 */
#include <stddef.h>

#include "attributes.h"
#include "tokens.h"

const char *
key_objection(const struct token_key *key)
{
	if (key->sensitive != 1)
		return "its CKA_SENSITIVE is not true";
	if (key->extractable != 0)
		return "its CKA_EXTRACTABLE is not false";
	if (key->always_sensitive != 1)
		return "its CKA_ALWAYS_SENSITIVE is not true";
	if (key->never_extractable != 1)
		return "its CKA_NEVER_EXTRACTABLE is not true";
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts on the command line: by URL, as clients know them.
 */
#ifndef CHANCERY_ADMIN_ACCOUNT_H
#define CHANCERY_ADMIN_ACCOUNT_H

#include <stdint.h>

struct arena;
struct conf;

#define ACCOUNT_PATH	"/acme/account/"

/*
 * The id in an account's URL, or in its last part; the whole URL in *url
 * when not NULL.  Ends the program when the word is neither.
 */
int64_t	account_id(const struct conf *, struct arena *, const char *word,
	    const char **url);

#endif

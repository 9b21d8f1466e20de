/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signs: an officer's identity file (libconfig syntax)
 *
 *	name = "officer-1";
 *	key_file = "/path/officer.key";
 *
 * or, in place of key_file, a key in a token:
 *
 *	token: { module; label; pin_file; softhsm_conf; };
 *	key = "label of the key";
 */
#ifndef CHANCERY_OFFICER_H
#define CHANCERY_OFFICER_H

#include <stddef.h>

#include "../server/conf.h"
#include "../server/enc.h"

struct arena;
struct token_key;
struct tokens;

struct officer {
	const char		*file;
	const char		*name;
	const char		*key_file;	/* PEM; NULL: in the token */
	struct conf_token	 token;
	const char		*key;		/* label */
};

/*
 * identity.c: read `file`, else the one that $CHANCERY_OFFICER names, else
 * state_dir/officer.conf; ends the program on an error.
 */
void	officer_read(const struct conf *, const char *file, struct officer *);

/*
 * Sign a payload as this officer: the flattened JWS, and the SHA-256 of its
 * signing input.  Ends the program when the key cannot be used.
 */
char	*officer_sign(const struct conf *, const struct officer *,
	    struct arena *, const char *payload,
	    unsigned char digest[DIGEST_LEN]);

/* The officer's token, opened by a worker of our own; ends the program. */
struct tokens *officer_token(const struct conf *, const struct officer *);
/* The key in it: 1, or 0 when there is none; ends the program on errors. */
int	officer_find_key(const struct officer *, struct tokens *,
	    struct arena *, struct token_key *);

#endif

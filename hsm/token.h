/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One PKCS#11 token in this process: the only module that talks PKCS#11.
 * Whoever maps a vendor's module is disposable: each call into it runs under
 * a timer whose SIGALRM ends the process, and after any failure of the device
 * the process is expected to leave (with _exit(2)) and be started again.
 */
#ifndef CHANCERY_TOKEN_H
#define CHANCERY_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "../server/enc.h"
#include "tokens.h"

struct conf_token;
struct token;

/* Why not, and with which code the process should end (log.h). */
struct token_error {
	int	code;
	char	text[256];
};

/*
 * Load the module, find the token by its label, log in and read all keys.
 * Logins of several processes come one after the other (a lock), a wrong PIN
 * is tried once: `refused_file` (or NULL) remembers which PIN file was
 * refused, for those that come after.  With `generate` the session may write.
 * NULL with the error filled in.
 */
struct token *token_open(const struct conf_token *, unsigned deadline_ms,
	    const char *refused_file, bool generate, struct token_error *);

/* Keys that carry a CKA_ID of ours; the pointers last until a generation. */
size_t	token_count(const struct token *);
const struct token_key *token_key(const struct token *, size_t number);
/* NULL when there is none, or more than one with this label. */
const struct token_key *token_key_by_label(const struct token *, const char *);
const struct token_key *token_key_by_id(const struct token *,
	    const unsigned char id[KEY_ID_LEN]);

/* Hash (as the key demands) and sign; 0 or -1. */
int	token_sign(struct token *, const struct token_key *, const void *data,
	    size_t len, unsigned char *sig, size_t *siglen,
	    struct token_error *);
/* HMAC-SHA-256 in the token; 0 or -1. */
int	token_hmac(struct token *, const struct token_key *, const void *data,
	    size_t len, unsigned char out[DIGEST_LEN], struct token_error *);

/* Make a key ("P-256", "P-384", "RSA-3072", "HMAC"...) and prove it: read
 * back, private part unreadable, a test signature verifies.  0 or -1. */
int	token_generate(struct token *, const char *kind, const char *label,
	    struct token_key *, struct token_error *);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The asking side of the token workers: chancery-signer's (many workers that
 * chanceryd starts and that connect to run_dir/signer/token) and the
 * ceremony's (one worker that chanceryctl starts itself).  Nothing here maps
 * a PKCS#11 module; answers are checked by the caller, who verifies every
 * signature with the public key before it is released.
 *
 * The protocol is in tokenwire.h: one SOCK_SEQPACKET message a question, one
 * an answer, one question under way per worker.
 */
#ifndef CHANCERY_TOKENS_H
#define CHANCERY_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "../server/enc.h"

struct arena;
struct conf;
struct conf_token;
struct tokens;

#define KEY_ID_LEN	16	/* random CKA_ID, made at the ceremony */

/* What a signature is for; the worker checks that the octets are that, that
 * the key may do it, and hashes them itself: it is no digest oracle. */
enum token_purpose {
	TOKEN_CERTIFICATE,	/* a TBSCertificate */
	TOKEN_LOG_HEAD,		/* a checkpoint text: used by a later version */
	TOKEN_JWS,		/* the signing input of a JWS (RFC 7515, 5.1):
				   account and officer keys only; the signature
				   is r || s or PKCS#1, as JWS wants it */
};

enum token_state {
	TOKENS_DOWN,		/* no worker answers */
	TOKENS_DEGRADED,	/* some do */
	TOKENS_UP
};

struct token_job {
	enum token_purpose	 purpose;
	unsigned char		 key_id[KEY_ID_LEN];
	const unsigned char	*tbs;
	size_t			 tbs_len;
	/* result */
	bool			 done;		/* false: try again later */
	unsigned char		 sig[1024];	/* ECDSA: DER; RSA: PKCS#1 */
	size_t			 sig_len;
	char			 why[128];	/* when !done: CKR or deadline */
};

/* Listen for workers; ends the process when the socket cannot be had. */
struct tokens *tokens_listen(const struct conf *);

/*
 * Start one worker of our own for the ceremony, on `token`, which may also
 * generate keys.  NULL with one line in `why`.
 */
struct tokens *tokens_start(const struct conf *, const struct conf_token *,
	    char *why, size_t whylen);
/* Close all connections; ends and reaps a worker of our own. */
void	tokens_free(struct tokens *);

/*
 * Readable (poll it) when a worker arrived or went; then call tokens_tend(),
 * which never blocks.  Transitions of the state are logged, one line each.
 */
int	tokens_fd(const struct tokens *);
void	tokens_tend(struct tokens *);
enum token_state tokens_state(const struct tokens *);

/*
 * Spread the jobs over the workers and wait until each is done, failed, or
 * its deadline passed.  A worker that is late or breaks the protocol is
 * dropped.  The number of jobs done.
 */
size_t	tokens_sign(struct tokens *, struct token_job *, size_t count);

/*
 * 32 octets derived in the token from the seal key for `label`
 * (HMAC-SHA-256, one use each).  0 or -1.
 */
int	tokens_derive(struct tokens *, const char *label,
	    unsigned char out[DIGEST_LEN], char *why, size_t whylen);

/*
 * External account binding (RFC 8555, 7.3.4).  The MAC key of a key id is
 * HMAC-SHA-256(EAB master key, key id), made in the token at each use.
 * Verify: 1 it holds, 0 it does not, -1 the token failed.  `alg` is HS256,
 * HS384 or HS512.
 */
int	tokens_eab_verify(struct tokens *, const char *kid, const char *alg,
	    const void *input, size_t len, const unsigned char *mac,
	    size_t mac_len, char *why, size_t whylen);
/* The MAC key itself, for the one who is to have it; wipe it.  0 or -1. */
int	tokens_eab_key(struct tokens *, const char *kid,
	    unsigned char out[DIGEST_LEN], char *why, size_t whylen);

/* A key in the token as read back from it. */
struct token_key {
	char		 label[64];
	char		 kind[16];	/* "P-256" "P-384" "RSA-2048".. "HMAC" */
	unsigned char	 id[KEY_ID_LEN];
	unsigned char	 spki[600];	/* DER; empty for HMAC */
	size_t		 spki_len;
	/* CKA_...: 1, 0, or -1 where the module does not tell */
	signed char	 sensitive, extractable, always_sensitive,
			 never_extractable, local;
};

/* All keys with private or secret parts; an array in the arena, or NULL. */
struct token_key *tokens_keys(struct tokens *, struct arena *, size_t *count,
	    char *why, size_t whylen);

/*
 * Ceremony only: generate a key (kind as above) with a new random id, sign
 * only, sensitive, not extractable; attributes are read back, an attempt to
 * read the private value must fail.  0 or -1.
 */
int	tokens_generate(struct tokens *, const char *kind, const char *label,
	    struct token_key *, char *why, size_t whylen);

#endif

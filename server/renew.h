/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-renew, inside: the ACME client that keeps the certificate of the
 * appliance's own HTTPS listener in force.  It holds no key but the one it
 * just made; its requests are signed in the token, by way of the signer.
 */
#ifndef CHANCERY_RENEW_H
#define CHANCERY_RENEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "mem.h"

#define RENEW_WHY	512	/* octets of a reason */
#define RENEW_TEXT	40	/* of a time as text */

struct conf;

/* renew_file.c: the files of the listener */

/* What the certificate in the file is. */
struct renew_facts {
	bool		 there;		/* and can be read */
	bool		 fits;		/* the host of base_url is in it */
	int64_t		 from, until;
	char		 serial[48];
	X509		*leaf;
};

/* Both are in state_dir/listener, and so ours to write. */
bool	renew_managed(const struct conf *);
/* Before the sandbox: who may read the key besides us. */
void	renew_file_start(const struct conf *);
/* After a run that was cut short: nothing is left lying about. */
void	renew_tidy(const struct conf *);
void	renew_facts(const struct conf *, struct renew_facts *);
void	renew_facts_clear(struct renew_facts *);
/*
 * Put a pair in place, so that at every moment the key of the certificate in
 * the one file is in the other.  0, or -1 with `why`.
 */
int	renew_store(const struct conf *, const char *key, size_t keylen,
	    const char *chain, size_t chainlen, char *why);
/* A file of that folder, whole and at once.  0, or -1 with `why`. */
int	renew_write(const char *path, const void *data, size_t len,
	    bool secret, char *why);

/* renew_key.c: keys, requests, chains */

/* A new key on P-256 in PEM; free it with BIO_free(). */
EVP_PKEY *renew_key(BIO **pem);
/* A request for these names (PKCS#10, DER): 0 or -1. */
int	renew_csr(struct arena *, EVP_PKEY *, json_t *names,
	    unsigned char **der, size_t *len);
/* The chain is for the key and the host and leads to `trust`: 0, or -1 with
 * `why`. */
int	renew_check(const char *pem, size_t len, EVP_PKEY *, const char *host,
	    X509_STORE *trust, char *why);
/* The host in a base URL: a name or an address, without brackets. */
void	renew_host(const char *base_url, char *out, size_t len);
/* The leaf has this name or address. */
bool	renew_names(X509 *, const char *host);

/* renew_http.c: HTTPS to our own server */

struct renew_reply {
	unsigned	 status;
	const char	*nonce;		/* of Replay-Nonce, or NULL */
	const char	*location;	/* or NULL */
	unsigned	 retry_after;	/* seconds; 0: not told */
	const char	*body;		/* NUL-terminated */
	size_t		 len;
};

struct renew_http;

/* Read `renew.trust`; ends the process when that cannot be done. */
struct renew_http *renew_http_new(const struct conf *);
X509_STORE *renew_http_trust(struct renew_http *);
/*
 * One request on a connection of its own; `path` is what follows base_url.
 * The server is believed when its chain leads to renew.trust, or when it has
 * the key of the certificate `pinned` (which may be NULL): the listener's, on
 * this host, that may have expired.  0, or -1 with `why`.
 */
int	renew_http_send(struct renew_http *, struct arena *,
	    const char *method, const char *path, const char *body,
	    const X509 *pinned, struct renew_reply *, char *why);

/* renew_sign.c: the signer's socket */

/* Connect and ask who we are.  A descriptor, or -1 with `why`; *names is a
 * new reference. */
int	renew_sign_open(const struct conf *, struct arena *,
	    const char **account, json_t **names, char *why);
/* base64url of the signature of a signing input; NULL with `why`. */
const char *renew_sign(int fd, struct arena *, const char *input, char *why);

/* renew_acme.c */

/* An order from its beginning to its end: 0 with the files in place, or -1
 * with `why`. */
int	renew_order(const struct conf *, struct renew_http *,
	    const X509 *pinned, char *why);

/* renew_state.c: when, and what is remembered of it */

struct renew_state {
	int64_t		 attempt;	/* the last one began; 0: none */
	int64_t		 success;	/* the last one that ended well */
	unsigned	 failures;	/* since then */
	char		 problem[RENEW_WHY];
};

/* The moment from which a certificate is to be renewed. */
int64_t	renew_due(int64_t from, int64_t until, int64_t before);
/* When to try (again). */
int64_t	renew_next(const struct renew_state *,
	    const struct renew_facts *, int64_t before, int64_t now);
void	renew_state_load(const struct conf *, struct renew_state *);
/* Both are written where an operator can read them; 0, or -1 with `why`. */
int	renew_state_store(const struct conf *, const struct renew_state *,
	    const struct renew_facts *, int64_t next, char *why);
/* RFC 3339; "never" for 0. */
const char *renew_when(int64_t, char text[RENEW_TEXT]);

#endif

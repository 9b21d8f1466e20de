/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate and key of an HTTPS listener.  Their files are looked at
 * every few seconds; a new pair is taken up for the connections that come
 * next, one that cannot be used leaves the old one in place.
 */
#ifndef CHANCERY_HTTP_TLS_H
#define CHANCERY_HTTP_TLS_H

#include <openssl/ssl.h>

struct http_tls;

/*
 * Read both files: `certificate` is a PEM chain, leaf first; `key` holds its
 * key in PEM, among others perhaps: who replaces one file after the other
 * leaves the old key there until both are new.  Ends the process with
 * EXIT_OPERATOR and one line when they cannot be used.
 */
struct http_tls *http_tls_new(const char *certificate, const char *key);
void	http_tls_free(struct http_tls *);

/* What to serve with; borrowed. */
SSL_CTX	*http_tls_context(struct http_tls *);

/* Begin to look at the files, in a thread of its own. */
void	http_tls_watch(struct http_tls *);

/* One look, which http_tls_watch() has done for it. */
void	http_tls_look(struct http_tls *);

#endif

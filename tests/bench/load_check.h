/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a certificate must be to whoever ordered it.
 */
#ifndef CHANCERY_LOAD_CHECK_H
#define CHANCERY_LOAD_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/x509.h>

struct check;

struct expected {
	const char *const	*names;
	size_t			 count;
	const unsigned char	*spki;		/* the CSR's */
	size_t			 spki_len;
};

/* Anchors for all workers; ends the process when the file has none. */
X509_STORE *check_anchors(const char *file);

/* For one thread; `anchors` NULL: the chain as it is served is enough. */
struct check *check_new(X509_STORE *anchors);
void	check_free(struct check *);

/* The PEM chain is what was ordered: 0, or -1 and why not. */
int	check_chain(struct check *, const char *pem, size_t len,
	    const struct expected *, char *why, size_t whylen);

#endif

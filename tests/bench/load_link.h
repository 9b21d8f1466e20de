/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TLS connection of one thread, on which every wait ends at a deadline.
 */
#ifndef CHANCERY_LOAD_LINK_H
#define CHANCERY_LOAD_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

struct link {
	SSL_CTX		*ctx;
	SSL		*ssl;		/* NULL: not connected */
	int		 fd;		/* -1: not connected */
	double		 deadline;	/* now_ms() */
	bool		 timed_out;
	char		 error[300];
};

/* A context that trusts these anchors; ends the process without them. */
SSL_CTX	*link_context(const char *cafile);

/* Keep a text as the error: -1. */
int	link_fail(struct link *, const char *, ...)
	    __attribute__((format(printf, 2, 3)));

/* Connect and check the certificate for this host: 0 or -1. */
int	link_open(struct link *, const char *host, const char *port);
void	link_close(struct link *);

/* Some octets, at least one: their number or -1. */
int	link_read(struct link *, void *, size_t);
/* All of them: 0 or -1. */
int	link_write(struct link *, const void *, size_t);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ACME client (RFC 8555) for one thread: from a directory to certificates
 * that have been checked, with the time that each step took.
 */
#ifndef CHANCERY_LOAD_ACME_H
#define CHANCERY_LOAD_ACME_H

#include "load.h"

struct client;

struct client *client_new(struct shared *, struct tally *);
void	client_free(struct client *);

/* Read the directory and make an account: 0 or -1. */
int	client_enrol(struct client *);

/*
 * One order for new names, numbered so that nobody else's are the same, up
 * to its checked certificate.  Its time counts from `due` (now_ms), and is
 * added to the tally when `measured`.  0, or -1: counted and told.
 */
int	client_order(struct client *, unsigned number, double due,
	    bool measured);

/* Requests and connections count from here. */
void	client_mark(struct client *);

#endif

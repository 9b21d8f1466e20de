/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load generator: what its files share.  Each worker is a thread with an
 * ACME account and a connection of its own; all of them share a responder
 * for http-01 and the anchors that certificates are checked against.
 */
#ifndef CHANCERY_LOAD_H
#define CHANCERY_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "load_proc.h"
#include "load_stats.h"

struct responder;

struct options {
	const char	*directory;
	const char	*cafile;	/* anchors of the server's TLS */
	const char	*roots;		/* anchors of what it issues */
	bool		 any_root;	/* the chain as served is enough */
	const char	*alg;		/* of the account keys */
	const char	*suffix;	/* of the names */
	const char	*listen;	/* where http-01 is answered */
	const char	*port;
	unsigned	 workers;
	unsigned	 names;		/* in each order */
	unsigned	 orders;	/* of all workers; 0: until `seconds` */
	double		 seconds;
	unsigned	 warmup;	/* of each worker, not measured */
	double		 rate;		/* orders a second; 0: closed loop */
	bool		 keep;		/* connections are kept alive */
	double		 deadline;	/* seconds in which an order ends */
	double		 max_p99;	/* ms of an order; 0: any */
	unsigned	 poll;		/* ms before the first poll */
	const char	*json;		/* where results go, or NULL */
	struct proc_list procs;
};

/* What went wrong with an order, or with a worker before its first one. */
enum failure {
	FAIL_TRANSPORT,		/* no reply, or not one of HTTP */
	FAIL_REFUSED,		/* a reply that is not the expected one */
	FAIL_WRONG,		/* what the server sent is not right */
	FAIL_LOST,		/* no end within the deadline */
	FAIL_KINDS
};

#define FAIL_TEXT_LEN	400

/* Steps of an order; polling counts for the step that is waited for. */
enum step {
	STEP_NEW_ORDER,
	STEP_AUTHZ,
	STEP_CHALLENGE,
	STEP_FINALIZE,
	STEP_CERTIFICATE,
	STEP_ORDER,		/* all of it */
	STEPS
};

/* What a worker has seen; read by main when the workers have ended. */
struct tally {
	struct samples	 took[STEPS];		/* ms, one an order */
	unsigned long	 failed[FAIL_KINDS];
	unsigned long	 requests, connections;
	unsigned long	 bad_nonces, deferrals, polls;
};

struct shared {
	const struct options	*opt;
	SSL_CTX			*tls;
	X509_STORE		*roots;
	struct responder	*responder;
	char			 run[9];	/* makes names fresh */
	atomic_bool		 stop;
	atomic_uint		 next;		/* order to be begun */
	double			 began;		/* ms, CLOCK_MONOTONIC */
};

/* Milliseconds of CLOCK_MONOTONIC; sleeping until then. */
double	now_ms(void);
void	sleep_until(double ms);

/* One line about a failure; only the first ones are printed. */
void	tell_failure(enum failure, const char *text);

#endif

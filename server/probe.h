/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the validator tells a child of chancery-probe, and what the child
 * answers: SOCK_SEQPACKET messages of fixed size on one connection to
 * run_dir/probe/socket, which is one child, which is one challenge.  The
 * child makes one GET to one address for each message and decides nothing:
 * the validator resolves, applies the address policy, follows redirects and
 * compares the body.
 */
#ifndef CHANCERY_PROBE_H
#define CHANCERY_PROBE_H

#include <stdint.h>

#include "address.h"

#define HOP_HOST	254	/* a DNS name as text, and NUL */
#define HOP_TARGET	2001	/* path and query, and NUL */
#define PROBE_BODY_MAX	1024

/* A URL, split and bounded. */
struct hop {
	uint32_t	https;		/* 0 or 1 */
	uint32_t	port;		/* 0: not written in the URL */
	char		host[HOP_HOST];	/* lower case */
	char		target[HOP_TARGET];	/* begins with "/" */
};

enum probe_outcome {
	PROBE_ANSWER,		/* HTTP status and body */
	PROBE_REDIRECT,		/* 301, 302, 307, 308, and `next` */
	PROBE_BAD_REDIRECT,	/* a Location that is none we follow */
	PROBE_REFUSED,		/* connection refused */
	PROBE_UNREACHABLE,
	PROBE_NO_CONNECTION,	/* not made in time */
	PROBE_SLOW,		/* connected, no full answer in time */
	PROBE_CLOSED,		/* cut off before a full answer */
	PROBE_TLS,
	PROBE_NOT_HTTP,
	PROBE_BROKEN,		/* the child's own fault */
	PROBE_OUTCOMES
};

struct probe_request {
	uint32_t	connect_ms;
	uint32_t	total_ms;
	unsigned char	addr[ADDRESS_LEN];	/* the only one to connect to */
	struct hop	hop;			/* with its port */
};

struct probe_reply {
	uint32_t	outcome;
	uint32_t	status;			/* HTTP, or 0 */
	uint32_t	body_len;
	uint32_t	body_more;		/* 1: it was longer */
	unsigned char	peer[ADDRESS_LEN];	/* connected; zero: none */
	unsigned char	body[PROBE_BODY_MAX];
	struct hop	next;
};

/* The child's side: serve one connection until PROBE_ANSWER was sent, or
 * the validator hangs up. */
void	probe_child(int fd) __attribute__((noreturn));

#endif

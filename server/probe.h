/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the validator tells a child of chancery-probe, and what the child
 * answers: SOCK_SEQPACKET messages of fixed size on one connection to
 * run_dir/probe/socket, which is one child, which is one challenge.  The
 * child makes one GET, or one handshake of tls-alpn-01, to one address for
 * each message and decides nothing: the validator resolves, applies the
 * address policy, follows redirects and compares what was found.
 */
#ifndef CHANCERY_PROBE_H
#define CHANCERY_PROBE_H

#include <stdint.h>

#include "address.h"

#define HOP_HOST	254	/* a DNS name as text, and NUL */
#define HOP_TARGET	2001	/* path and query, and NUL */
#define PROBE_BODY_MAX	1024
#define PROBE_ID_LEN	32	/* RFC 8737, 3: of an acmeIdentifier */

/* A URL, split and bounded. */
struct hop {
	uint32_t	https;		/* 0 or 1 */
	uint32_t	port;		/* 0: not written in the URL */
	char		host[HOP_HOST];	/* lower case */
	char		target[HOP_TARGET];	/* begins with "/" */
};

enum probe_kind {
	PROBE_GET,		/* http-01 (RFC 8555, 8.3) */
	PROBE_TLS_ALPN,		/* tls-alpn-01 (RFC 8737) */
	PROBE_KINDS
};

enum probe_outcome {
	PROBE_ANSWER,		/* HTTP status and body, or `facts` */
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

/* A handshake and the leaf that came with it, taken apart, not judged. */
struct alpn_facts {
	uint32_t	version;	/* 0x0303: TLS 1.2, 0x0304: TLS 1.3 */
	uint32_t	selected;	/* 1: the host chose acme-tls/1 */
	uint32_t	sans;		/* subjectAltName extensions */
	uint32_t	names;		/* in the first; 0: cannot be read */
	uint32_t	name_type;	/* GeneralName's tag: 2 DNS, 7 IP */
	uint32_t	name_len;	/* may be more than `name` holds */
	unsigned char	name[HOP_HOST];	/* the first one's octets */
	uint32_t	ids;		/* acmeIdentifier extensions */
	uint32_t	critical;	/* 1: the first one is */
	uint32_t	id_len;		/* 0: not an OCTET STRING in DER */
	unsigned char	id[PROBE_ID_LEN];
};

struct probe_request {
	uint32_t	kind;
	uint32_t	connect_ms;
	uint32_t	total_ms;
	unsigned char	addr[ADDRESS_LEN];	/* the only one to connect to */
	struct hop	hop;	/* with its port; its host goes into SNI */
};

struct probe_reply {
	uint32_t	outcome;
	uint32_t	status;			/* HTTP, or 0 */
	uint32_t	body_len;
	uint32_t	body_more;		/* 1: it was longer */
	unsigned char	peer[ADDRESS_LEN];	/* connected; zero: none */
	unsigned char	body[PROBE_BODY_MAX];
	struct hop	next;
	struct alpn_facts facts;
};

/* The child's side: serve one connection until PROBE_ANSWER was sent, or
 * the validator hangs up. */
void	probe_child(int fd) __attribute__((noreturn));

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions that the validator asks chancery-resolver, and its answers:
 * one SOCK_SEQPACKET message each on run_dir/resolver/socket, one question
 * under way per connection.  Structures of fixed size between programs of
 * one build on one host.
 */
#ifndef CHANCERY_RESOLVE_H
#define CHANCERY_RESOLVE_H

#include <stdint.h>

#define RESOLVE_NAME	254	/* a DNS name as text, and NUL */
#define RESOLVE_RECORDS	128
#define RESOLVE_DATA	16384

enum resolve_type {
	RESOLVE_A = 1,
	RESOLVE_TXT = 16,
	RESOLVE_AAAA = 28,
	RESOLVE_CAA = 257,
};

enum resolve_status {
	RESOLVE_OK,		/* perhaps without records */
	RESOLVE_NXDOMAIN,
	RESOLVE_SERVFAIL,	/* or any other response code */
	RESOLVE_BOGUS,		/* DNSSEC says: forged or broken */
	RESOLVE_TOO_LONG,	/* more than an answer holds */
	RESOLVE_FAILED,		/* the resolver itself */
	RESOLVE_STATUSES
};

struct resolve_question {
	uint32_t	type;
	char		name[RESOLVE_NAME];
};

struct resolve_answer {
	struct resolve_question	question;	/* as asked */
	uint32_t	status;
	uint32_t	rcode;
	uint32_t	secure;		/* DNSSEC: proven to the anchor */
	uint32_t	ttl;		/* what is left of it, in seconds */
	uint32_t	count;
	uint32_t	len[RESOLVE_RECORDS];	/* of each record's data */
	unsigned char	data[RESOLVE_DATA];	/* one after the other */
	char		canonical[RESOLVE_NAME]; /* where aliases led, or "" */
	char		why[128];	/* why bogus, printable ASCII */
};

#endif

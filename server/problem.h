/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a requester did wrong: one problem document (RFC 8555, 6.7; RFC 9457).
 * Every check records it here and returns -1; nothing is logged on the way.
 * Each detail names the rule that was broken.
 */
#ifndef CHANCERY_PROBLEM_H
#define CHANCERY_PROBLEM_H

#include <stddef.h>
#include <jansson.h>

struct arena;

enum problem_type {
	PR_NONE,
	PR_ACCOUNT_DOES_NOT_EXIST,
	PR_ALREADY_REPLACED,
	PR_BAD_CSR,
	PR_BAD_NONCE,
	PR_BAD_PUBLIC_KEY,
	PR_BAD_SIGNATURE_ALGORITHM,
	PR_CAA,
	PR_COMPOUND,
	PR_CONNECTION,
	PR_DNS,
	PR_EXTERNAL_ACCOUNT_REQUIRED,
	PR_INCORRECT_RESPONSE,
	PR_INVALID_CONTACT,
	PR_INVALID_PROFILE,
	PR_MALFORMED,
	PR_ORDER_NOT_READY,
	PR_RATE_LIMITED,
	PR_REJECTED_IDENTIFIER,
	PR_SERVER_INTERNAL,
	PR_TLS,
	PR_UNAUTHORIZED,
	PR_UNSUPPORTED_CONTACT,
	PR_UNSUPPORTED_IDENTIFIER,
	PR_USER_ACTION_REQUIRED,
	PR_TYPES			/* their number */
};

/* One bad identifier of several (RFC 8555, 6.7.1), or one limit of several. */
struct subproblem {
	enum problem_type	 type;
	const char		*detail;
	const char		*ident_type;	/* "dns"; NULL: no identifier */
	const char		*ident_value;	/* as the client wrote it */
};

struct problem {
	enum problem_type	 type;
	int			 status;	/* 0: the type's own */
	char			 detail[256];
	const char		*instance;	/* URL, or NULL (7.3.3) */
	struct subproblem	*sub;		/* in the request's arena */
	size_t			 nsub;
};

/*
 * Record what is wrong and return -1, so that a check reads
 * `return problem(p, PR_MALFORMED, "RFC 8555, 6.2: ...");`.
 */
int	problem(struct problem *, enum problem_type, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* The same with another HTTP status than the type's own (405, 415, 413...). */
int	problem_status(struct problem *, int status, enum problem_type,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* "urn:ietf:params:acme:error:badNonce" */
const char *problem_urn(enum problem_type);
/* The type of a URN; PR_SERVER_INTERNAL when unknown. */
enum problem_type problem_type_of(const char *urn);
int	problem_http_status(const struct problem *);

/* The document as a new reference: type, detail, status, instance,
 * subproblems, and
 * `algorithms` for badSignatureAlgorithm (RFC 8555, 6.2). */
json_t	*problem_json(const struct problem *);

#endif

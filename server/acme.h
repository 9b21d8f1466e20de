/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-acme (RFC 8555): one request on its way.  The gate checks once,
 * for all resources, what section 6 of the RFC asks for; a handler sees a
 * payload that an account key signed for exactly this resource.
 *
 * Nothing is decided here: what changes anything goes, as the client signed
 * it, to the signer, and its outcome comes back as a row.
 */
#ifndef CHANCERY_ACME_H
#define CHANCERY_ACME_H

#include <stdbool.h>
#include <stdint.h>

#include "../db/db.h"
#include "enc.h"
#include "http.h"
#include "jws.h"
#include "problem.h"

struct conf;
struct ident;
struct resource;

struct account {
	int64_t		 id;
	unsigned char	 public[SECRET_LEN];
	bool		 valid;		/* neither deactivated nor revoked */
	const char	*status;
	const char	*contact;	/* JSON array */
	const char	*jwk;		/* canonical */
	const char	*terms;		/* URL of those agreed to, or NULL */
	const char	*eab;		/* key id it is bound by, or NULL */
	const char	*external;	/* the binding as it was sent */
	int64_t		 request_id;	/* that made it; 0: the ceremony */
};

struct acme_req {
	const struct conf		*conf;
	struct arena			*arena;
	const struct http_request	*http;
	struct http_reply		*reply;
	const struct resource		*resource;
	/* from the path */
	int64_t				 id;
	unsigned char			 public[SECRET_LEN];
	const char			*name;	/* what "+" stands for */
	/* of a POST */
	struct jws			 jws;
	struct jwk			 key;	/* that verified it */
	struct account			 account;	/* unless AUTH_KEY */
	bool				 remembered;	/* it was not read */
	json_t				*payload;	/* NULL: POST-as-GET */
	struct problem			 problem;	/* of a -1 */
};

/* acme_main.c */
const struct conf *acme_conf(void);

/* acme_gate.c */
void	acme_handle(const struct http_request *, struct http_reply *);
void	acme_decorate(const struct http_request *, struct http_reply *);

/* acme_resource.c: the one table of what there is */
#define METHOD_GET	1u	/* and HEAD */
#define METHOD_POST	2u
#define PAYLOAD_EMPTY	1u	/* POST-as-GET (RFC 8555, 6.3) */
#define PAYLOAD_OBJECT	2u

enum acme_auth {
	AUTH_ACCOUNT,		/* kid */
	AUTH_KEY		/* jwk */
};

struct resource {
	const char	*name;		/* in the directory, or NULL */
	const char	*path;		/* "*" public id, "+" any name */
	unsigned	 methods;
	unsigned	 payload;
	enum acme_auth	 auth;
	bool		 terms;		/* its objects need them agreed to */
	int		(*handler)(struct acme_req *);
	/* NULL: always offered */
	bool		(*offered)(const struct conf *);
};

/* Find by path and take its parameters; NULL when there is none. */
const struct resource *resource_find(struct acme_req *);

/* Handlers: 0 with a reply, or -1 with a problem. */
int	account_new(struct acme_req *);
int	account_post(struct acme_req *);
int	account_orders(struct acme_req *);
int	key_change(struct acme_req *);
int	terms_get(struct acme_req *);
int	order_new(struct acme_req *);
int	order_post(struct acme_req *);
int	order_finalize(struct acme_req *);
int	authz_new(struct acme_req *);
int	authz_post(struct acme_req *);
int	challenge_post(struct acme_req *);
/* `name` is NULL, or the number of an alternate chain as it was sent. */
int	certificate_post(struct acme_req *);
/* GET without a JWS: `name` is the certificate's (RFC 9773, 4.1). */
int	renewal_info(struct acme_req *);

/* acme_account.c: 1 found, 0 not, or -1 */
int	account_by_id(struct acme_req *, int64_t id, struct account *);
/* The account that has this key, or had it. */
int	account_by_key(struct acme_req *,
	    const unsigned char thumbprint[DIGEST_LEN], struct account *);
/* Is it the account of the request that the URL names?  0 or -1. */
int	account_mine(struct acme_req *);
/* Read it again and reply with it, after it was changed. */
int	account_again(struct acme_req *);

/* acme_terms.c: does the account agree to the terms of today (RFC 8555,
 * 7.3.3)?  Asked by the gate where the resource says so. */
int	terms_check(struct acme_req *);
/* The problem and its Link, of a client that has to agree first: -1. */
int	terms_refuse(struct acme_req *);
bool	terms_offered(const struct conf *);

/*
 * acme_limit.c: rate limits (RFC 8555, 6.6).  Each checks all limits that the
 * request meets and, when none is in force, counts the request: 0, or -1 with
 * rateLimited and Retry-After.  What is not limited costs nothing.
 */
int	limit_account(struct acme_req *);
/*
 * Of newOrder and newAuthz, before their row is made.  `pending`: how many
 * authorizations it will add that wait for a proof.
 */
int	limit_names(struct acme_req *, const struct ident *, size_t count,
	    size_t pending);
int	limit_challenge(struct acme_req *);

/* acme_reply.c */
char	*acme_url(struct acme_req *, const char *resource, int64_t id,
	    const unsigned char public[SECRET_LEN]);
/* "2026-11-23T13:14:15Z" (RFC 3339) as a new JSON string */
json_t	*acme_time(int64_t seconds);
/* A document of ours out of the database: a new reference, or NULL. */
json_t	*acme_stored_json(const char *text);
/* Reply with a JSON object, pretty-printed; takes over the reference. */
int	acme_reply_json(struct acme_req *, int status, json_t *);
void	acme_retry_after(struct acme_req *, unsigned seconds);
/* pool_query() whose failure becomes the client's problem: 0 or -1. */
int	acme_query(struct acme_req *, int q, struct rows **out,
	    const struct arg *, size_t nargs);
/* A text of the first row, to keep; NULL for NULL. */
const char *acme_text(struct acme_req *, const struct rows *, int column);
/* -1 with the problem that goes with a 404. */
int	acme_not_found(struct acme_req *);
/*
 * May the account see an object?  `secret` and `owner` are the row's.
 * 0, or -1: 404 when the URL is not one that we gave out, 403 when it is
 * another's (RFC 8555, 10.5: no more than "no").
 */
int	acme_access(struct acme_req *, const unsigned char *secret,
	    size_t len, int64_t owner);

/* acme_submit.c */
enum outcome_state {
	OUTCOME_PENDING,	/* not in the time given */
	OUTCOME_DONE,
	OUTCOME_REFUSED		/* the reply holds the problem */
};

struct outcome {
	enum outcome_state	 state;
	int64_t			 request_id;
	int64_t			 account_id;	/* of new-account */
	/* of finalize; 0 when it is not known */
	int64_t			 certificate_id;
	unsigned char		 certificate_public[SECRET_LEN];
};

/*
 * Hand the signed request to the signer and hold for its outcome.
 * 0, or -1 with a problem.
 */
int	acme_submit(struct acme_req *, const char *kind, int64_t object_id,
	    unsigned hold_ms, struct outcome *);
/* The same for what must have ended in five seconds: -1 with a 503 if not. */
int	acme_submit_now(struct acme_req *, const char *kind,
	    int64_t object_id, struct outcome *);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of one validation share: validate.c (the order of things),
 * validate_http.c (http-01), validate_dns.c (dns-01, dns-account-01),
 * validate_alpn.c (tls-alpn-01), validate_reach.c (hosts), validate_caa.c
 * (CAA), validate_note.c (the transcript).
 */
#ifndef CHANCERY_VALIDATE_RUN_H
#define CHANCERY_VALIDATE_RUN_H

#include <jansson.h>

#include "ask.h"
#include "validate.h"

struct run {
	const struct conf		*conf;
	const struct address_policy	*policy;
	struct arena			*arena;
	const struct challenge		*challenge;
	struct problem			*problem;
	long long			 started;
	long long			 deadline;
	json_t				*transcript;
	unsigned			 caa_seconds;
	int				 resolver;	/* -1: none */
	int				 child;		/* -1: none */
	bool				 crashed;	/* a child, once */
};

/* One host to go to, and what was noted about it. */
struct step {
	enum probe_kind	 kind;
	struct hop	 hop;
	bool		 literal;	/* the identifier's address itself */
	unsigned	 redirects;	/* that led there */
	const char	*name;		/* what is resolved */
	const char	*shown;		/* the host, for the client */
	unsigned char	 addr[2][ADDRESS_LEN];
	size_t		 naddr;
	size_t		 first;		/* where the last try ended */
	json_t		*note;
	json_t		*tries;
};

/* The proofs: 0, or -1 with the problem. */
int	validate_http01(struct run *);		/* RFC 8555, 8.3 */
int	validate_dns01(struct run *);		/* RFC 8555, 8.4 */
int	validate_dns_account01(struct run *);
int	validate_tls_alpn01(struct run *);	/* RFC 8737, 3 */
/* RFC 8659, 3.  0 when we may issue, or -1 with the problem. */
int	validate_caa(struct run *);

/* RFC 8555, 8.1: the key authorization under the key of the response. */
const char *run_key_authorization(struct run *);
/* RFC 8555, 7.3: the URL of the account, as in `kid`. */
const char *run_account_uri(struct run *);
/* The identifier, if it is an address; 0 or -1. */
int	run_address(struct run *, unsigned char addr[ADDRESS_LEN]);
/*
 * Ask for records; 0, or -1 with PR_DNS, which tells of `shown`.  Noted in
 * `where`, under the record's type.
 */
int	run_resolve(struct run *, enum resolve_type, const char *name,
	    const char *shown, json_t *where, struct resolve_answer *);

/*
 * A step to `hop`, after so many redirects, noted in the array.  Whose host a
 * redirect named is not shown to the client, nor its address: it could have
 * us tell what our network looks like.
 */
void	step_begin(struct run *, struct step *, enum probe_kind,
	    const struct hop *, unsigned redirects, json_t *notes);
/*
 * Resolve, choose allowed addresses, have a child ask one of them; 0 with
 * its answer or a redirect, or -1 with the problem.
 */
int	step_reach(struct run *, struct step *, struct probe_reply *);
/* "host (address, port n)", of the address that answered. */
const char *step_text(struct run *, const struct step *);

/* A text from outside: whole when short, else its start and digest. */
json_t	*note_text(struct run *, const char *);
/* The octets of a body: length, digest and start in base64url. */
json_t	*note_octets(struct run *, const void *, size_t len);
json_t	*note_answer(struct run *, const struct resolve_answer *);

#endif

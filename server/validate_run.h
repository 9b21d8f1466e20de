/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of one validation share: validate.c (the order of things),
 * validate_http.c (http-01), validate_caa.c (CAA), validate_note.c (the
 * transcript).
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
	int				 resolver;	/* -1: none */
	int				 child;		/* -1: none */
	bool				 crashed;	/* a child, once */
};

/* RFC 8555, 8.3.  0, or -1 with the problem. */
int	validate_http01(struct run *);
/* RFC 8659, 3.  0 when we may issue, or -1 with the problem. */
int	validate_caa(struct run *);

/* Ask for records; 0, or -1 with PR_DNS.  Noted in `where` under `key`. */
int	run_resolve(struct run *, enum resolve_type, const char *name,
	    json_t *where, const char *key, struct resolve_answer *);

/* A text from outside: whole when short, else its start and digest. */
json_t	*note_text(struct run *, const char *);
/* The octets of a body: length, digest and start in base64url. */
json_t	*note_octets(struct run *, const void *, size_t len);
json_t	*note_answer(struct run *, const struct resolve_answer *);

#endif

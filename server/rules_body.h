/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of directives as rules.h describes them: read strictly, so that
 * what an officer signed means one thing.  Pure.
 */
#ifndef CHANCERY_RULES_BODY_H
#define CHANCERY_RULES_BODY_H

#include <stddef.h>
#include <jansson.h>

#define RULE_NAME_MAX	255	/* octets, of a directive */
#define RULE_BODY_MAX	24576

enum pattern_kind {
	PATTERN_NAME,		/* "host.example" */
	PATTERN_BELOW,		/* ".example" */
	PATTERN_ADDRESS,	/* "10.0.0.1": itself */
	PATTERN_PREFIX		/* "10.0.0.0/8" */
};

/* Its parts; only the canonical text is accepted. */
struct pattern {
	enum pattern_kind	 kind;
	unsigned char		 octets[16];	/* of the last two */
	size_t			 len;		/* 4 or 16 */
	unsigned		 bits;		/* of a prefix */
};

/* 0, or -1: the text is no pattern. */
int	pattern_read(const char *text, struct pattern *);

/*
 * Check and read a body.  0 with a new reference in *out, NULL for the body
 * `null`; or -1 with one line in `why`.
 */
int	rule_body_read(const char *kind, const char *name, const char *body,
	    json_t **out, char *why, size_t whylen);

#endif

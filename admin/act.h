/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An officer's act from the command line: what it replaces is read from the
 * database, it is signed, stored as a request, and the signer's answer is
 * waited for.  Nothing here decides anything: the signer does.
 */
#ifndef CHANCERY_ACT_H
#define CHANCERY_ACT_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "../server/enc.h"

struct arena;
struct arg;
struct conf;
struct db;
struct rows;
struct words;

/* One of chanceryctl's verbs at work. */
struct act {
	const struct conf	*conf;
	const struct words	*words;
	struct arena		*arena;
	struct db		*db;
	json_t			*out;	/* for --json */
	bool			 done;	/* the signer did it */
};

/* The newest version of a thing, ended or not. */
struct version {
	int64_t		 number;	/* 0: there never was one */
	bool		 ended;
	unsigned char	 hash[DIGEST_LEN];
	const char	*body;
};

/* Opens the database; ends the program when it cannot be had. */
void	act_open(struct act *, const struct conf *, const struct words *);
/* Prints what act_run() left (text unless --json); the exit status. */
int	act_close(struct act *, const char *text);

/* Run a query of the operator's; ends the program when it fails. */
struct rows *act_ask(struct act *, int query, const struct arg *,
	    size_t nargs);
/* "2026-11-23T16:00:00Z" */
const char *act_utc(struct act *, int64_t when);

/* Of a directive, or of kind "profile". */
void	act_version(struct act *, const char *kind, const char *name,
	    struct version *);
/* "replaces" of a payload. */
json_t	*act_replaces(struct act *, const struct version *);

/*
 * Complete the payload (reference taken over) with an id and a time, and have
 * it done; with --dry-run it is only printed.  `detail` gets a new reference
 * to what the outcome holds, or NULL.
 */
void	act_run(struct act *, json_t *payload, json_t **detail);

#endif

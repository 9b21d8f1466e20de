/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key ceremony (`chanceryctl init`), inside.  What was decided and what
 * was done is in the log before and after each use of a key, so that the
 * same command with the same file goes on where a crash ended it:
 *
 *	keys in the tokens -> entries `key` and `ceremony` (begun, with the
 *	octets to be signed) -> root and issuing certificate -> the first
 *	officer's key file -> rows (issuer, profiles, directives, own account)
 *	and entry `ceremony` (done) -> listener's key file -> `intent` ->
 *	certificate -> `issued` -> files.
 */
#ifndef CHANCERY_CEREMONY_H
#define CHANCERY_CEREMONY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "../server/conf.h"
#include "../server/enc.h"
#include "profile.h"
#include "seal.h"
#include "tokens.h"

struct arena;
struct db;

#define CA_BACKDATE	3600	/* for clocks that are behind */

struct plan_ca {
	const char		*name;		/* of the issuer's row */
	const char		*common_name;
	const char		*organization;	/* NULL: none */
	const char		*key;		/* "P-384" */
	int64_t			 validity;
};

/* A profile as the file has it; the words of its lists are checked. */
struct plan_profile {
	struct profile		 fixed;		/* all but what follows */
	struct strings		 eku, policies;	/* dotted */
	struct strings		 keys, identifiers;
	const char		*common_name;
};

/* The ceremony's file. */
struct plan {
	struct plan_ca		 root, issuing;
	struct conf_token	 token;		/* the root's */
	const char		*log_key;
	struct strings		 listener;	/* DNS names and addresses */
	int64_t			 listener_validity;
	struct plan_profile	*profile;
	size_t			 nprofiles;
	struct {
		const char	*name;
		const char	*key_file;	/* made if it is not there */
		const char	*public_key_file;	/* or this: PEM */
	} officer;
	char			 digest[2 * DIGEST_LEN + 1];	/* of file */
};

enum role { ROLE_ROOT, ROLE_ISSUING, ROLE_LOG, ROLE_SEAL, ROLE_EAB,
	ROLE_ACCOUNT, ROLES };

/* A certificate from its to-be-signed octets on. */
struct cert {
	unsigned char		*tbs;
	size_t			 tbs_len;
	unsigned char		*der;
	size_t			 der_len;
};

struct ceremony {
	const struct conf	*conf;
	struct plan		 plan;
	struct arena		*arena;
	bool			 dry_run, json;
	struct db		*db;
	struct tokens		*root_token, *issuing_token;
	struct token_key	 key[ROLES];
	bool			 found[ROLES];	/* was there before */
	struct seal_key		 seal;
	struct cert		 root, issuing, listener;
	int64_t			 begun;		/* index in the log, or -1 */
	int64_t			 done;		/* the same */
	json_t			*record;	/* the entry `done` */
	const char		*record_text;
	size_t			 record_len;
	int64_t			 issuer_id;
	const char		*officer_jwk;	/* canonical */
};

/* One line on standard output, unless --json. */
void	say(const struct ceremony *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* ceremony_plan.c; -1 with one line in `why` */
int	plan_read(const char *file, struct plan *, char *why, size_t whylen);

/* ceremony_profiles.c: the canonical body; NULL with a logged line when it
 * will not do. */
char	*plan_profile_body(struct ceremony *, const struct plan_profile *);

/* ceremony_keys.c; these and all below: 0, or -1 with a logged line */
int	keys_open_tokens(struct ceremony *, bool root);
/* Find the keys by label; make those that are missing. */
int	keys_make(struct ceremony *);
const char *key_role(enum role);
/* The facts of a key for the log. */
json_t	*key_json(struct ceremony *, enum role);
/* Signed, verified, put together: cert->der. */
int	key_sign(struct ceremony *, struct tokens *, enum role, struct cert *);

/* ceremony_ca.c */
/* What the database says of an earlier run: begun, done, record, issuer. */
int	ca_load(struct ceremony *);
/* The decision, in the log before anything is signed; or the logged one. */
int	ca_begin(struct ceremony *);
int	ca_sign(struct ceremony *);
int	ca_store(struct ceremony *);
/* Append an entry inside the transaction; its index, or -1. */
int64_t	ca_log(struct ceremony *, const char *kind, json_t *members);

/* Where the publisher serves the issuing certificate. */
const char *ca_issuers_url(struct ceremony *);

/* ceremony_officer.c */
/* The first officer's public key: made, or read from the file. */
int	officer_key(struct ceremony *);
/* Where officers of this host are looked for when nobody says: the file that
 * names the first one's key, when the ceremony made that. */
int	officer_file(struct ceremony *);

/* ceremony_rows.c */
/* Members of the entry `done`: profiles, directives, own account. */
int	rows_json(struct ceremony *, json_t *entry);
/* Profiles, directives and the own account, sealed; in the transaction. */
int	rows_insert(struct ceremony *);
/* An id for a new row, or -1. */
int64_t	rows_id(struct ceremony *);

/* ceremony_listener.c */
/* True when there is a certificate for the key in the key's file; what is in
 * its place already is left alone (c->listener.der stays NULL). */
bool	listener_ready(struct ceremony *);
int	listener_issue(struct ceremony *);

/* ceremony_record.c */
/* root.pem, issuing.pem, the listener's chain, ceremony-record.txt. */
int	record_files(struct ceremony *);
/* Write a file atomically; `user` (or NULL) gets it, and its folder when that
 * is made. */
int	record_write(const char *path, unsigned mode, const char *user,
	    const void *data, size_t len);
/* Facts for --json: a new reference. */
json_t	*record_summary(struct ceremony *, const char *result);

#endif

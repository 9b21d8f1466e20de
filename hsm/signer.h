/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-signer, inside: the only process that turns requests into
 * effects.  It believes sealed rows, evidence rows and the JWS signatures
 * that it verifies itself; every other column is a hint.
 *
 * One thread.  A pass is one transaction that stores the results of the
 * batch before and the intents of the next; between two passes the token
 * signs.  ARCHITECTURE, sections 3 to 5, is what this code follows.
 */
#ifndef CHANCERY_SIGNER_H
#define CHANCERY_SIGNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include <openssl/x509.h>

#include "../server/enc.h"
#include "../server/horizon.h"
#include "../server/jws.h"
#include "../server/problem.h"
#include "../server/rules.h"
#include "csr.h"
#include "kept.h"
#include "profile.h"
#include "seal.h"
#include "tokens.h"

struct arena;
struct arg;
struct conf;
struct db;
struct errand;
struct log_entry;
struct rows;

#define PASS_MEMORY	(256u << 20)	/* limit of a pass's arena */
#define REQUEST_MEMORY	(8u << 20)	/* limit of a request's arena */
#define OPEN_MAX	512		/* intents that wait for the token */

/* A profile and its issuer, the newest version of each name, their seals
 * checked; heap, a list of them. */
struct policy {
	struct arena		*arena;
	struct policy		*next;
	int64_t			 profile_id, issuer_id;
	const char		*profile_name;
	bool			 broken;	/* nothing below is set */
	struct profile		 profile;
	unsigned char		 hash[DIGEST_LEN];	/* of the profile */
	const char		*issuer_name;
	X509			*issuer;
	unsigned char		 issuer_digest[DIGEST_LEN];
	const unsigned char	*name;		/* DER, of the issuer */
	size_t			 name_len;
	const unsigned char	*spki, *root_spki;
	size_t			 spki_len, root_spki_len;
	unsigned char		 key_id[KEY_ID_LEN];
	int64_t			 from, until;	/* the issuer's validity */
};

enum verdict {
	KEEP,			/* decide in a later pass */
	REFUSE,			/* problem, terminal */
	DONE,			/* account_result or certificate_result */
	CREATE_ACCOUNT,
	CHANGE_ACCOUNT,		/* new_status, new_contact, new_terms, key */
	END_AUTHZ,
	ACT,			/* of an officer: act */
	ISSUE			/* issue */
};

/* An intent on its way to a certificate; lives in its request's arena. */
struct issue {
	struct arena		*arena;		/* owned */
	int64_t			 intent;	/* index in the log */
	int64_t			 request, order, account;
	int64_t			 issuer_id, profile_id;
	unsigned char		 key_id[KEY_ID_LEN];
	const unsigned char	*issuer_spki;
	size_t			 issuer_spki_len;
	const unsigned char	*serial;
	size_t			 serial_len;
	const unsigned char	*tbs;
	size_t			 tbs_len;
	unsigned char		 spki_hash[DIGEST_LEN];
	unsigned char		 public[SECRET_LEN];
	struct log_entry	*entry;		/* of the intent */
	const unsigned char	*der;		/* once it is signed */
	size_t			 der_len;
	int64_t			 not_before, not_after;
	const char		*abandon;	/* why it may not be issued */
	bool			 ended;		/* in this transaction */
	unsigned		 failures;
	long long		 retry_at;	/* CLOCK_MONOTONIC, ms */
	struct issue		*next;
};

/* A request: the row, what belongs to it, and what was decided. */
struct request {
	struct arena		*arena;		/* owned, or given to issue */
	int64_t			 id;
	const char		*kind;
	int64_t			 account_id;	/* 0: none */
	int64_t			 object_id;
	const unsigned char	*body;
	size_t			 body_len;
	const unsigned char	*digest;

	/* of the account's row, believed once account_prove() said so */
	bool			 has_account;
	const unsigned char	*account_public, *account_thumbprint,
				*account_seal;
	size_t			 account_seal_len;
	const char		*account_jwk, *account_status,
				*account_contact,
				*account_terms,		/* not sealed */
				*account_eab;

	/* of the order's row */
	bool			 has_order;
	const unsigned char	*order_body;
	size_t			 order_body_len;
	int64_t			 order_expires;
	int64_t			 order_certificate;	/* 0: none */
	bool			 order_busy;	/* an intent is open */
	bool			 order_rejected;

	/* of the authorization's row */
	const unsigned char	*authz_public;		/* NULL: no row */
	int64_t			 authz_account;

	/* parsed */
	struct jws		 jws;
	struct jwk		 key;
	struct proof		*proof;		/* of a finalize */
	struct jws		 binding;	/* of a new-account, or none */
	char			*external;	/* its text */
	struct jwk		 new_key;	/* of a key-change */
	struct act		*act;		/* of an officer-act */

	/* asked of the database, and its answers */
	const unsigned char	*asked_key;	/* thumbprint, or NULL */
	int64_t			 key_owner;	/* account, 0: nobody's */
	bool			 key_past;	/* the account has another now */
	const char		*asked_eab;	/* key id, or NULL */
	int64_t			 eab_accounts;	/* that it vouched for */
	bool			 asked_id;
	int64_t			 new_id;

	/* decided */
	enum verdict		 verdict;
	bool			 waits;		/* kept for somebody else */
	struct problem		 problem;
	bool			 terminal;
	int64_t			 account_result, certificate_result;
	const char		*new_status, *new_contact, *new_terms;
	struct issue		*issue;
};

/* What is known about a name of an order, besides the name. */
struct backing {
	bool		 granted;	/* an officer's word stands for it */
	const char	*methods;	/* that prove it; separated by spaces */
	int64_t		 id;		/* of evidence; 0: none */
	int64_t		 index;		/* in the log; -1: not there */
	const char	*method;	/* of the evidence, or "granted" */
	bool		 caa_fresh;	/* CAA needs no other look */
	int64_t		 caa_id;	/* a later look at CAA; 0: none */
	int64_t		 caa_index;
	bool		 caa_asked;	/* for this request, before */
	const char	*caa_result;	/* of that; NULL: none yet */
	const char	*caa_problem;
	bool		 caa_wanted;	/* asked for in this pass */
};

/* What is known about a finalize request once it is proven. */
struct proof {
	struct jws	 order;		/* the new-order JWS */
	json_t		*payload;	/* its payload */
	struct ident	*names;		/* sorted */
	size_t		 nnames;
	const char	*common_name;	/* first that fits, as it is written;
					   NULL: none */
	struct profile_dates dates;
	const char	*replaces;	/* certID (RFC 9773), or NULL */
	const struct policy *policy;	/* of this pass */
	struct csr	 csr;
	struct backing	*backing;	/* one a name */
};

/* Rows on their way from ask_send() to ask_take(). */
struct answers {
	struct rows	*keys, *evidence, *ids, *bindings, *acts;
};

/* What a pass writes, a statement each. */
enum write_kind {
	WRITE_LOG, WRITE_EVIDENCE, WRITE_RESULT, WRITE_ABANDONED,
	WRITE_ACCOUNT, WRITE_CHANGE, WRITE_AUTHZ_END, WRITE_DIRECTIVE,
	WRITE_PROFILE, WRITE_ACT, WRITE_CAA, WRITE_INTENT, WRITE_OUTCOME,
	WRITE_COUNT
};

struct writing {
	struct arg	*cells;		/* heap, row by row */
	size_t		 nrows, room;
};

/* Refusals of one kind, reason and account within a minute. */
struct refusal {
	const char		*kind;
	enum problem_type	 reason;
	int64_t			 account;
	char			 account_public[PUBLIC_ID_LEN + 1];
	char			 detail[256];
	unsigned char		 digest[DIGEST_LEN];	/* the last one's */
	long long		 since;		/* CLOCK_MONOTONIC, ms */
	uint64_t		 count;		/* not logged yet */
	uint64_t		 fresh;		/* of this transaction */
	bool			 opened;	/* in this transaction */
	bool			 flushed;	/* in this transaction */
	struct refusal		*next;
};

struct signer {
	const struct conf	*conf;
	struct tokens		*tokens;
	int			 bell;
	struct db		*db;
	struct db		*life;		/* holds the instance's row */
	int64_t			 instance;
	long long		 life_renewed;
	bool			 sealed;	/* `seal` is known */
	struct seal_key		 seal;
	struct policy		*policies;	/* NULL: nothing is issued */
	unsigned char		 policies_mark[DIGEST_LEN];	/* of all rows */
	long long		 policy_checked;
	char			 policy_why[256];	/* last one logged */
	struct guard		*guard;

	struct rules		*rules;		/* NULL: none can be trusted */
	struct horizon		 directives;
	long long		 rules_checked;
	char			 rules_why[256];	/* last one logged */
	struct errand		*errands;	/* to the token */

	int64_t			 now;		/* of this pass */
	int64_t			 last_logged;
	bool			 clock_back;

	bool			 poison;	/* one by one */
	int64_t			 poison_after;	/* id: those before are done */
	struct horizon		 requests, evidence;
	struct kept		 kept;

	struct issue		*open;		/* intents without an end */
	size_t			 nopen;
	int64_t			 intent_low, intent_seen;
	unsigned		 recoveries;
	long long		 recovered;	/* CLOCK_MONOTONIC, ms */
	bool			 recover_now;

	struct refusal		*refusals;
	size_t			 nrefusals;

	/* of this transaction */
	unsigned		 outcomes;
	bool			 caa_rings;	/* the validator has work */
	struct arena		*arena;
	int64_t			 log_size;	/* log_head is locked */
	struct writing		 writing[WRITE_COUNT];
};

/* signer_life.c: connections, the instance's row */
void	life_start(struct signer *);
/* The row of this run, once nothing stands against it any more. */
void	life_begin(struct signer *);
/* Connect again what was lost; 0, or -1: try later. */
int	life_tend(struct signer *);
void	life_end(struct signer *);

/* signer_policy.c: issuer and profile */
/* At the start: ends the process when there is none or it has expired. */
void	policy_require(struct signer *);
/* Load them when they changed; at most once a second.  -1: database. */
int	policy_tend(struct signer *);
void	policy_free(struct policy *);	/* and those that follow */
/* The profile of this name, or NULL; it may be broken. */
const struct policy *policy_find(const struct signer *, const char *name);
/* There is one, none is broken, and no issuer has expired. */
bool	policy_whole(const struct signer *);
/* No certificate can be made with it just now. */
bool	policy_idle(const struct signer *, const struct policy *);

/* signer_guard.c: keys that never get a certificate */
/* The file of weak keys; ends the process when it cannot be read. */
void	guard_start(struct signer *);
/* Learn the keys of our token, until it is known, and when policies change. */
void	guard_tend(struct signer *);
/* They are known. */
bool	guard_ready(const struct signer *);
/* 0, or -1 with badCSR. */
int	guard_check(struct signer *, const struct policy *,
	    const struct csr *, struct problem *);
void	guard_free(struct signer *);

/* signer_rules.c: what officers decided */
/* Take what is new, once a second or when an act was committed.  -1: database;
 * nothing is decided while s->rules is NULL. */
int	rules_tend(struct signer *);
/* Never NULL in a pass. */
const struct rules *signer_rules(struct signer *);
/* Who asks, for the rules: the proven account of a request. */
struct rule_subject rules_subject(struct signer *, const struct request *);

/* signer_errand.c: what the token is asked between two passes about a request */
enum errand_state {
	ERRAND_WAITS,		/* keep the request */
	ERRAND_YES,
	ERRAND_NO
};
/* Does the MAC of the binding hold? */
enum errand_state errand_binding(struct signer *, const struct request *);
/* The MAC key of a key id, encrypted to `to`: canonical JSON in *detail. */
enum errand_state errand_deliver(struct signer *, const struct request *,
	    const char *kid, const json_t *to, const char **detail);
/* Between two passes: ask the token.  The number of answers. */
size_t	errand_run(struct signer *);
/* The request is decided. */
void	errand_forget(struct signer *, int64_t request);
void	errand_free(struct signer *);

/* signer_batch.c: a pass */
/* 1: something was done, 0: nothing, -1: the database failed. */
int	batch_pass(struct signer *);
/* At a clean stop: store what is signed, log the counts. */
void	batch_end(struct signer *);

/* signer_request.c: rows, JWS and accounts */
/* A value of a row, in memory that lasts; the text is NULL for NULL. */
const unsigned char *row_copy(struct arena *, const struct rows *, size_t row,
	    int column, size_t *len);
const char *row_text_copy(struct arena *, const struct rows *, size_t row,
	    int column);
void	request_read(struct request *, const struct rows *, size_t row);
/* What is parsed goes; the arena stays. */
void	request_close(struct request *);
void	request_free(struct request *);
/* Record a refusal: 0 always, as the request is decided by it. */
int	request_refuse(struct request *, bool terminal);
/* Decide it later: it waits for the token, or for the validator. */
void	request_keep(struct request *);
/* Parse the JWS, compare the digest.  -1 with the problem. */
int	request_open(struct request *);
/* `kid`, seal, status and signature of the account.  -1 with the problem. */
int	account_prove(struct signer *, struct request *);
/* The account's URL. */
char	*account_url(struct signer *, const struct request *);
/* The payload as a JSON object; NULL with the problem. */
json_t	*payload_read(const struct jws *, struct problem *);

/*
 * Each kind is proven from its row alone: 0 decided (refused, done, kept),
 * or 1 when it is to be judged, once what it asks is answered.
 */

/* signer_account.c */
int	new_account_prove(struct signer *, struct request *);
void	new_account_judge(struct signer *, struct request *);
int	account_update_prove(struct signer *, struct request *);
int	account_deactivate_prove(struct signer *, struct request *);
int	authz_deactivate_prove(struct signer *, struct request *);
/* May this key be an account's? */
int	account_key_permit(struct signer *, const struct jwk *,
	    struct problem *);
/* Has the second no right to be decided before the first is committed? */
bool	account_depends(const struct request *first,
	    const struct request *second);
/* Write what was decided. */
void	account_apply(struct signer *, struct request *);
/* The account with new_status, new_contact, new_terms and perhaps new_key;
 * request 0: its outcome is written elsewhere. */
void	account_change(struct signer *, struct request *, int64_t request);

/* signer_keychange.c */
int	key_change_prove(struct signer *, struct request *);
void	key_change_judge(struct signer *, struct request *);

/* signer_act.c: acts of officers */
int	act_prove(struct signer *, struct request *);
/* Ask what must be known about the acts of a batch, and hear it. */
void	act_ask(struct signer *, struct request *const *, size_t n,
	    struct answers *);
void	act_answer(struct request *const *, size_t n,
	    const struct answers *);
void	act_judge(struct signer *, struct request *);
/* Log and write it: 0, or -1. */
int	act_apply(struct signer *, struct request *);
void	act_clear(struct request *);

/* signer_past.c: keys that the account had before (RFC 8555, 7.3.5) */
/* Verify an order that the account made under an earlier key: 1 holds, 0 does
 * not, with the problem, -1: database. */
int	past_verify(struct signer *, struct request *, const struct jws *);

/* signer_evidence.c: what stands behind the names of an order */
/* What may prove each name; -1 with the problem. */
int	backing_open(struct signer *, struct request *);
/* 1: all are proven, and that is in the log; 0 decided. */
int	backing_judge(struct signer *, struct request *);
/* The questions, and their answers. */
void	backing_ask(struct signer *, struct request *const *, size_t n,
	    struct answers *);
void	backing_answer(struct request *const *, size_t n,
	    const struct answers *);
/* A request that is kept: have the validator look at CAA again. */
void	backing_want(struct signer *, const struct request *);
/* The same, without a pass: 0, or -1: database. */
int	backing_want_now(struct signer *, const struct request *);

/* signer_finalize.c */
int	finalize_prove(struct signer *, struct request *);
/* 1: it may be issued, 0: decided. */
int	finalize_permit(struct signer *, struct request *);
/* That, and makes the intent. */
void	finalize_judge(struct signer *, struct request *);
void	proof_clear(struct proof *);

/* signer_ask.c: what requests ask of the database, in one round trip */
/* Queue the questions of all; ask_take() once they are settled. */
void	ask_send(struct signer *, struct request *const *, size_t n,
	    struct answers *);
void	ask_take(struct request *const *, size_t n, struct answers *);

/* signer_write.c: what a transaction writes, gathered and sent at its end */
void	write_begin(struct signer *);
/* The cells point to memory that lasts until write_send(). */
void	write_row(struct signer *, enum write_kind, const struct arg *cells,
	    size_t ncells);
/* Append to the log: the index. */
int64_t	write_entry(struct signer *, const struct log_entry *);
/* Queue all of it. */
void	write_send(struct signer *);
/* Forget all of it. */
void	write_clear(struct signer *);

/* signer_issue.c: the to-be-signed part, its intent, its end */
/* Build, lint and announce: fills r->issue, or refuses. */
void	issue_make(struct signer *, struct request *);
/* The logged octets may still be signed: NULL, or why not. */
const char *issue_check(struct signer *, struct issue *,
	    const struct request *);
void	issue_write(struct signer *, struct request *);
void	issue_free(struct issue *);

/* signer_sign.c: the open intents */
void	issue_push(struct signer *, struct issue *);
/* Take those out that ended in this transaction, or mark them open again. */
void	issue_settle(struct signer *, bool committed);
/* Have the open intents signed that are due.  The number signed. */
size_t	issue_sign(struct signer *);
/* Write the end of one; -1: it does not fit the log. */
int	issue_store(struct signer *, struct issue *);
/* Its end is known and may be stored now. */
bool	issue_storable(const struct issue *);
/* Milliseconds until one is due; -1: none waits for that. */
int	issue_wait(const struct signer *);
/* Put off what failed: 0.1 s doubling to 30 s. */
void	issue_postpone(struct issue *);

/* signer_recover.c */
/* Take over and load open intents; -1: the database failed. */
int	recover_intents(struct signer *);

/* signer_refuse.c */
/* Count a refusal, and log it at once when it is the first. */
int	refuse_log(struct signer *, const struct request *);
/* Log the counts of minutes that ended (or of all).  Entries or -1. */
int	refuse_flush(struct signer *, bool all);
bool	refuse_due(const struct signer *);
/* After COMMIT or ROLLBACK. */
void	refuse_settle(struct signer *, bool committed);

/* signer_log.c */
json_t	*log_b64u(struct arena *, const void *data, size_t len);
json_t	*log_decimal(struct arena *, int64_t n);
json_t	*log_text(struct arena *, const char *);
/* Make and append an entry, in the pass's arena: its index, or -1. */
int64_t	log_write(struct signer *, const char *kind, json_t *members);
/* Log the rows of evidence_waiting: 0, or -1. */
int	log_evidence(struct signer *, const struct rows *);
/* The index of evidence that this pass logs, or -1. */
int64_t	log_evidence_index(const struct signer *, int64_t id);
/* The time of the last entry. */
int	log_last_time(struct signer *);

#endif

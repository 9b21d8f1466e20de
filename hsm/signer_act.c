/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts of officers: judged against what they replace, written with a seal,
 * and logged whole.  An act id counts once, a version is replaced by one who
 * has seen it, and the last officer stays.
 */
#include <stdlib.h>
#include <string.h>

#include "../db/db.h"
#include "db/queries-signer.h"
#include "../server/conf.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "signer_act.h"

#define ACT_CELLS	4	/* parameters of act_known */

/* Columns of the statement `act_known`. */
enum {
	K_USED, K_VERSION, K_HASH, K_ISSUER, K_PUBLIC, K_THUMBPRINT, K_JWK,
	K_STATUS, K_CONTACT, K_TERMS, K_EAB, K_SEAL
};

int
act_prove(struct signer *s, struct request *r)
{
	r->act = arena_alloc(r->arena, sizeof(*r->act));
	if (act_read(s, r) == -1)
		return request_refuse(r, true);
	r->asked_id = r->act->what != ACT_ACCOUNT_REVOKE;
	if (r->act->subject.pkey != NULL)
		r->asked_key = r->act->subject.thumbprint;
	return 1;
}

void
act_clear(struct request *r)
{
	if (r->act == NULL)
		return;
	jwk_clear(&r->act->officer_key);
	jwk_clear(&r->act->subject);
	json_decref(r->act->payload);
	r->act->payload = NULL;
}

void
act_ask(struct signer *s, struct request *const *r, size_t n,
    struct answers *a)
{
	struct arg *cells = xcalloc(n + 1, ACT_CELLS * sizeof(*cells)), *c;
	size_t i, nacts = 0;

	for (i = 0; i < n; i++) {
		const struct act *act = r[i]->act;

		if (act == NULL)
			continue;
		c = &cells[nacts++ * ACT_CELLS];
		c[0] = arg_bytes(act->id, ACT_ID_LEN);
		c[1] = arg_text(act->kind);
		c[2] = arg_text(act->name);
		c[3] = act->account == 0 ? arg_null() :
		    arg_int(act->account);
	}
	db_send_rows(s->db, Q_ACT_KNOWN, &a->acts, cells, ACT_CELLS, nacts);
	free(cells);
}

/* The account that is to be revoked, in the place of the requester's. */
static void
account_answer(struct request *r, const struct rows *rows, size_t row)
{
	struct arena *a = r->arena;
	size_t len;

	if (row_null(rows, row, K_PUBLIC))
		return;
	r->has_account = true;
	r->account_id = r->act->account;
	r->account_public = row_copy(a, rows, row, K_PUBLIC, &len);
	r->account_thumbprint = row_copy(a, rows, row, K_THUMBPRINT, &len);
	r->account_seal = row_copy(a, rows, row, K_SEAL, &r->account_seal_len);
	r->account_jwk = row_text_copy(a, rows, row, K_JWK);
	r->account_status = row_text_copy(a, rows, row, K_STATUS);
	r->account_contact = row_text_copy(a, rows, row, K_CONTACT);
	r->account_terms = row_text_copy(a, rows, row, K_TERMS);
	r->account_eab = row_text_copy(a, rows, row, K_EAB);
}

void
act_answer(struct request *const *r, size_t n, const struct answers *a)
{
	const unsigned char *hash;
	size_t i, len, row = 0;

	for (i = 0; i < n; i++) {
		struct act *act = r[i]->act;

		if (act == NULL)
			continue;
		act->used = row_bool(a->acts, row, K_USED);
		act->issuer = row_int(a->acts, row, K_ISSUER);
		if (!row_null(a->acts, row, K_VERSION)) {
			act->version = row_int(a->acts, row, K_VERSION);
			hash = row_bytes(a->acts, row, K_HASH, &len);
			memcpy(act->hash, hash, DIGEST_LEN);
		}
		account_answer(r[i], a->acts, row++);
	}
}

/* Of a directive that was believed no row is missing. */
static int
rows_check(struct signer *s, struct request *r)
{
	const struct act *act = r->act;
	unsigned char hash[DIGEST_LEN];

	if (act->what == ACT_SET && rules_version(signer_rules(s), act->kind,
	    act->name, hash) != act->version)
		return problem(&r->problem, PR_SERVER_INTERNAL, "a version of "
		    "it that was in force is gone: the row was removed by "
		    "another hand");
	return 0;
}

/*
 * The issuer of a profile's new version: that of its sealed rows, or of
 * another's, as its own may be withdrawn.
 */
static int
issuer_find(struct signer *s, struct request *r)
{
	const struct policy *c, *found = NULL;

	for (c = s->policies; c != NULL; c = c->next)
		if (!c->broken && (found == NULL ||
		    strcmp(c->profile_name, r->act->name) == 0))
			found = c;
	if (found != NULL)
		r->act->issuer = found->issuer_id;
	else if (s->policies != NULL)
		return problem(&r->problem, PR_SERVER_INTERNAL, "the seal of "
		    "no profile holds: rows were changed by another hand");
	return 0;
}

/* The officer has seen what he replaces (ARCHITECTURE, section 3). */
static int
version_check(struct request *r)
{
	const struct act *act = r->act;

	if (act->version == 0 && act->replaces != NULL)
		return problem_status(&r->problem, 409, PR_MALFORMED,
		    "replaces: there is nothing yet that could be replaced");
	if (act->version != 0 && (act->replaces == NULL ||
	    memcmp(act->replaces, act->hash, DIGEST_LEN) != 0))
		return problem_status(&r->problem, 409, PR_MALFORMED,
		    "replaces: not the version that is in force: look at it "
		    "and sign again");
	if (act->version == 0 && strcmp(act->body, "null") == 0)
		return problem(&r->problem, PR_MALFORMED, "body: there is "
		    "nothing that could be ended");
	return 0;
}

static int
officer_check(struct signer *s, struct request *r)
{
	const struct act *act = r->act;
	const struct rules *rules = signer_rules(s);

	if (strcmp(act->body, "null") == 0) {
		if (rules_officer(rules, act->name) != NULL &&
		    rules_officers(rules) == 1)
			return problem(&r->problem, PR_MALFORMED, "the last "
			    "officer cannot be removed: nobody could act any "
			    "more");
		return 0;
	}
	if (r->key_owner != 0)
		return problem(&r->problem, PR_BAD_PUBLIC_KEY, "the key of "
		    "the officer is, or was, that of an account");
	if (rules_officer_key(rules, act->subject.thumbprint))
		return problem(&r->problem, PR_BAD_PUBLIC_KEY, "the key is "
		    "that of an officer already");
	return 0;
}

/* The MAC key of a key id follows from the id. */
static int
eab_check(struct signer *s, struct request *r)
{
	const struct act *act = r->act;

	if (act->version != 0 && strcmp(act->body, "null") != 0 &&
	    rules_eab(signer_rules(s), act->name) == NULL)
		return problem(&r->problem, PR_MALFORMED, "an EAB key that "
		    "was removed would have the same MAC key again: take "
		    "another key id");
	return 0;
}

/* The first certificate of a chain says the same of the issuer's key. */
static int
chain_check(struct signer *s, struct request *r)
{
	const json_t *body = json_object_get(r->act->payload, "body");
	const char *issuer = json_member_string(body, "issuer");
	const char *der64;
	const struct policy *c;
	const unsigned char *at;
	unsigned char *der;
	EVP_PKEY *key;
	X509 *cert;
	size_t len;
	int rc = -1;

	if (issuer == NULL)
		return 0;		/* it is ended */
	for (c = s->policies; c != NULL; c = c->next)
		if (!c->broken && strcmp(c->issuer_name, issuer) == 0)
			break;
	if (c == NULL)
		return problem(&r->problem, PR_MALFORMED, "issuer: no profile "
		    "has one of this name");
	der64 = json_string_value(json_array_get(json_object_get(body,
	    "certificates"), 0));
	if (b64u_decode(r->arena, der64, strlen(der64), &der, &len) == -1)
		return problem(&r->problem, PR_MALFORMED, "certificates: not "
		    "base64url");
	at = der;
	cert = d2i_X509(NULL, &at, (long)len);
	key = cert == NULL ? NULL : X509_get0_pubkey(cert);
	if (key != NULL && EVP_PKEY_eq(key,
	    X509_get0_pubkey(c->issuer)) == 1 && X509_NAME_cmp(
	    X509_get_subject_name(cert),
	    X509_get_subject_name(c->issuer)) == 0)
		rc = 0;
	X509_free(cert);
	return rc == 0 ? 0 : problem(&r->problem, PR_MALFORMED,
	    "certificates: the first is not one for name and key of the "
	    "issuer");
}

static int
revoke_check(struct signer *s, struct request *r)
{
	const struct act *act = r->act;

	if (!r->has_account || memcmp(r->account_public,
	    act->account_public, SECRET_LEN) != 0)
		return problem(&r->problem, PR_ACCOUNT_DOES_NOT_EXIST,
		    "account: there is no such account");
	if (!seal_holds(&s->seal, "account", seal_account(r->account_id,
	    r->account_public, r->account_thumbprint, r->account_jwk,
	    r->account_status, r->account_contact, r->account_eab),
	    r->account_seal, r->account_seal_len))
		return problem(&r->problem, PR_SERVER_INTERNAL, "account: "
		    "its seal does not hold, the row was changed by another "
		    "hand");
	if (strcmp(r->account_status, "revoked") == 0)
		return problem(&r->problem, PR_MALFORMED, "account: it is "
		    "revoked already");
	return 0;
}

static int
act_check(struct signer *s, struct request *r)
{
	static const struct {
		const char	*kind;
		int		(*check)(struct signer *, struct request *);
	} checks[] = {
		{ "officer", officer_check },
		{ "eab", eab_check },
		{ "chain", chain_check },
	};
	const struct act *act = r->act;
	size_t i;

	if (act->used)
		return problem_status(&r->problem, 409, PR_MALFORMED, "id: "
		    "an act with this id was done before");
	if (act->what == ACT_ACCOUNT_REVOKE)
		return revoke_check(s, r);
	if (version_check(r) == -1 || rows_check(s, r) == -1)
		return -1;
	if (act->what == ACT_PROFILE)
		return issuer_find(s, r);
	for (i = 0; i < nitems(checks); i++)
		if (strcmp(checks[i].kind, act->kind) == 0)
			return checks[i].check(s, r);
	return 0;
}

void
act_judge(struct signer *s, struct request *r)
{
	struct act *act = r->act;
	enum errand_state delivery = ERRAND_YES;

	if (act_check(s, r) == -1) {
		request_refuse(r, true);
		return;
	}
	if (act->deliver_to != NULL)
		delivery = errand_deliver(s, r, act->name, act->deliver_to,
		    &act->detail);
	if (delivery == ERRAND_YES) {
		r->verdict = ACT;
	} else if (delivery == ERRAND_WAITS) {
		request_keep(r);
	} else {
		problem(&r->problem, PR_SERVER_INTERNAL, "deliver_to: the MAC "
		    "key could not be encrypted to it");
		request_refuse(r, true);
	}
}

/* All that an auditor needs to verify who did what. */
static int
act_log(struct signer *s, struct request *r)
{
	const struct act *act = r->act;
	json_t *o = json_object();

	json_object_set(o, "act", act->payload);
	json_object_set_new(o, "officer", json_string(act->officer));
	json_object_set_new(o, "officer_key", json_string(act->officer_jwk));
	json_object_set_new(o, "jws", json_string(r->jws.compact));
	/* One officer is enough, and that stays on the record. */
	json_object_set_new(o, "control", json_string("single"));
	json_object_set_new(o, "request", log_decimal(r->arena, r->id));
	if (act->what != ACT_ACCOUNT_REVOKE)
		json_object_set_new(o, "object_version",
		    log_decimal(r->arena, act->version + 1));
	return log_write(s, "act", o) == -1 ? -1 : 0;
}

static void
directive_write(struct signer *s, struct request *r,
    const unsigned char hash[DIGEST_LEN])
{
	unsigned char *seal = arena_alloc(r->arena, DIGEST_LEN);
	const struct act *act = r->act;

	seal_make(&s->seal, "directive", seal_directive(r->new_id, act->kind,
	    act->name, act->version + 1, act->body), seal);
	write_row(s, WRITE_DIRECTIVE, ARGS(arg_int(r->new_id),
	    arg_text(act->kind), arg_text(act->name),
	    arg_int(act->version + 1), arg_text(act->body),
	    arg_bytes(hash, DIGEST_LEN), arg_int(r->id),
	    arg_bytes(seal, DIGEST_LEN)));
}

static void
profile_write(struct signer *s, struct request *r,
    const unsigned char hash[DIGEST_LEN])
{
	unsigned char *seal = arena_alloc(r->arena, DIGEST_LEN);
	const struct act *act = r->act;

	seal_make(&s->seal, "profile", seal_profile(r->new_id, act->name,
	    act->version + 1, act->issuer, act->body), seal);
	write_row(s, WRITE_PROFILE, ARGS(arg_int(r->new_id),
	    arg_text(act->name), arg_int(act->version + 1),
	    arg_int(act->issuer), arg_text(act->body),
	    arg_bytes(hash, DIGEST_LEN), arg_bytes(seal, DIGEST_LEN)));
}

int
act_apply(struct signer *s, struct request *r)
{
	unsigned char *hash = arena_alloc(r->arena, DIGEST_LEN);
	const struct act *act = r->act;

	if (act_log(s, r) == -1)
		return -1;
	if (act->what == ACT_ACCOUNT_REVOKE) {
		r->new_status = "revoked";
		r->new_contact = r->account_contact;
		r->new_terms = r->account_terms;
		account_change(s, r, 0);
	} else {
		sha256(act->body, strlen(act->body), hash);
		if (act->what == ACT_SET)
			directive_write(s, r, hash);
		else
			profile_write(s, r, hash);
	}
	write_row(s, WRITE_ACT, ARGS(arg_bytes(act->id, ACT_ID_LEN),
	    arg_int(r->id), arg_text(act->detail)));
	log_info("act=%s officer=%s request=%lld%s%s%s%s",
	    json_member_string(act->payload, "act"), act->officer,
	    (long long)r->id, act->kind == NULL ? "" : " kind=",
	    act->kind == NULL ? "" : act->kind,
	    act->name == NULL ? "" : " name=",
	    act->name == NULL ? "" : act->name);
	/* What was decided counts from the next pass on. */
	s->rules_checked = 0;
	if (act->what == ACT_PROFILE)
		s->policy_checked = 0;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request as the signer meets it: the row that a face inserted, the JWS in
 * it, the account that it names.  Nothing is taken from a column that the
 * signature or a seal does not cover.
 */
#include <string.h>

#include "../db/db.h"
#include "../server/conf.h"
#include "../server/json.h"
#include "../server/keyring.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "signer.h"

/* Columns of the statements request_claim and request_again. */
enum {
	C_ID, C_KIND, C_ACCOUNT, C_OBJECT, C_JWS, C_DIGEST,
	C_A_PUBLIC, C_A_THUMBPRINT, C_A_JWK, C_A_STATUS, C_A_CONTACT,
	C_A_TERMS, C_A_EAB, C_A_SEAL,
	C_O_JWS, C_O_EXPIRES, C_Z_PUBLIC, C_Z_ACCOUNT, C_CERTIFICATE, C_BUSY,
	C_REJECTED
};

const unsigned char *
row_copy(struct arena *a, const struct rows *rows, size_t row, int column,
    size_t *len)
{
	const unsigned char *p = row_bytes(rows, row, column, len);

	return arena_memdup(a, p, *len);
}

const char *
row_text_copy(struct arena *a, const struct rows *rows, size_t row, int column)
{
	if (row_null(rows, row, column))
		return NULL;
	return arena_strdup(a, row_text(rows, row, column));
}

static void
account_read(struct request *r, const struct rows *rows, size_t row)
{
	struct arena *a = r->arena;
	size_t len;

	r->has_account = !row_null(rows, row, C_A_PUBLIC);
	if (!r->has_account)
		return;
	r->account_public = row_copy(a, rows, row, C_A_PUBLIC, &len);
	r->account_thumbprint = row_copy(a, rows, row, C_A_THUMBPRINT, &len);
	r->account_seal = row_copy(a, rows, row, C_A_SEAL,
	    &r->account_seal_len);
	r->account_jwk = arena_strdup(a, row_text(rows, row, C_A_JWK));
	r->account_status = arena_strdup(a, row_text(rows, row, C_A_STATUS));
	r->account_contact = arena_strdup(a, row_text(rows, row,
	    C_A_CONTACT));
	r->account_terms = row_text_copy(a, rows, row, C_A_TERMS);
	r->account_eab = row_text_copy(a, rows, row, C_A_EAB);
}

void
request_read(struct request *r, const struct rows *rows, size_t row)
{
	struct arena *a = arena_new(REQUEST_MEMORY);
	size_t len;

	memset(r, 0, sizeof(*r));
	r->arena = a;
	r->id = row_int(rows, row, C_ID);
	r->kind = arena_strdup(a, row_text(rows, row, C_KIND));
	r->account_id = row_null(rows, row, C_ACCOUNT) ? 0 :
	    row_int(rows, row, C_ACCOUNT);
	r->object_id = row_null(rows, row, C_OBJECT) ? 0 :
	    row_int(rows, row, C_OBJECT);
	r->body = row_copy(a, rows, row, C_JWS, &r->body_len);
	r->digest = row_copy(a, rows, row, C_DIGEST, &len);
	account_read(r, rows, row);
	r->has_order = !row_null(rows, row, C_O_JWS);
	if (r->has_order) {
		r->order_body = row_copy(a, rows, row, C_O_JWS,
		    &r->order_body_len);
		r->order_expires = row_int(rows, row, C_O_EXPIRES);
		r->order_certificate = row_null(rows, row, C_CERTIFICATE) ? 0 :
		    row_int(rows, row, C_CERTIFICATE);
		r->order_busy = row_bool(rows, row, C_BUSY);
		r->order_rejected = row_bool(rows, row, C_REJECTED);
	}
	if (!row_null(rows, row, C_Z_PUBLIC)) {
		r->authz_public = row_copy(a, rows, row, C_Z_PUBLIC, &len);
		r->authz_account = row_int(rows, row, C_Z_ACCOUNT);
	}
}

void
request_close(struct request *r)
{
	jws_clear(&r->jws);
	jwk_clear(&r->key);
	jws_clear(&r->binding);
	jwk_clear(&r->new_key);
	act_clear(r);
	proof_clear(r->proof);
	r->proof = NULL;
}

void
request_free(struct request *r)
{
	request_close(r);
	if (r->issue != NULL)
		issue_free(r->issue);
	else
		arena_free(r->arena);
	r->issue = NULL;
	r->arena = NULL;
}

int
request_refuse(struct request *r, bool terminal)
{
	r->verdict = REFUSE;
	r->terminal = terminal;
	return 0;
}

void
request_keep(struct request *r)
{
	r->verdict = KEEP;
	r->waits = true;
}

int
request_open(struct request *r)
{
	if (jws_parse(r->arena, r->body, r->body_len, &r->jws,
	    &r->problem) == -1)
		return -1;
	if (memcmp(r->jws.digest, r->digest, DIGEST_LEN) != 0)
		return problem(&r->problem, PR_MALFORMED, "the digest of the "
		    "request is not that of its signing input");
	return 0;
}

char *
account_url(struct signer *s, const struct request *r)
{
	return arena_printf(r->arena, "%s/acme/account/%s", s->conf->base_url,
	    public_id_print(r->arena, r->account_id, r->account_public));
}

int
account_prove(struct signer *s, struct request *r)
{
	struct problem *p = &r->problem;

	if (!r->has_account)
		return problem(p, PR_ACCOUNT_DOES_NOT_EXIST, "RFC 8555, 6.2: "
		    "no such account");
	if (!seal_holds(&s->seal, "account", seal_account(r->account_id,
	    r->account_public, r->account_thumbprint, r->account_jwk,
	    r->account_status, r->account_contact, r->account_eab),
	    r->account_seal, r->account_seal_len)) {
		log_error("account=%lld request=%lld the seal of the account "
		    "does not hold: the row was changed by another hand",
		    (long long)r->account_id, (long long)r->id);
		return problem(p, PR_UNAUTHORIZED, "the account cannot be "
		    "used; its operator has been told");
	}
	if (r->jws.kid == NULL ||
	    strcmp(r->jws.kid, account_url(s, r)) != 0)
		return problem(p, PR_UNAUTHORIZED, "RFC 8555, 6.2: kid is not "
		    "the account of the request");
	if (strcmp(r->account_status, "valid") != 0)
		return problem_status(p, 401, PR_UNAUTHORIZED,
		    "RFC 8555, 7.3.6: the account is %s", r->account_status);
	if (keyring_key(r->arena, r->account_jwk, &r->key, p) == -1)
		return -1;
	if (memcmp(r->key.thumbprint, r->account_thumbprint,
	    DIGEST_LEN) != 0)
		return problem(p, PR_SERVER_INTERNAL, "the account's key has "
		    "another thumbprint");
	return jws_verify(&r->jws, &r->key, p);
}

json_t *
payload_read(const struct jws *jws, struct problem *p)
{
	const char *why = "";
	json_t *o;

	o = json_read_object(jws->payload, jws->payload_len, &why);
	if (o == NULL)
		problem(p, PR_MALFORMED, "RFC 8555, 6.2: the payload is not "
		    "acceptable: %s", why);
	return o;
}

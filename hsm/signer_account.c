/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts and what they may end: new-account, account-update,
 * account-deactivate, authz-deactivate (RFC 8555, 7.3 and 7.5.2).  A row
 * that is written here is sealed here.
 */
#include <string.h>

#include "../db/db.h"
#include "../server/conf.h"
#include "../server/contact.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "signer.h"

static int
is_url(struct signer *s, struct request *r, const char *path)
{
	const char *want = arena_printf(r->arena, "%s%s", s->conf->base_url,
	    path);

	if (strcmp(r->jws.url, want) != 0)
		return problem(&r->problem, PR_UNAUTHORIZED, "RFC 8555, 6.4: "
		    "url is not that of a request of kind %s", r->kind);
	return 0;
}

/* The JWS of a new account signs with the key that it brings. */
static int
new_account_open(struct signer *s, struct request *r)
{
	if (request_open(r) == -1 || is_url(s, r, "/acme/new-account") == -1)
		return -1;
	if (r->jws.jwk == NULL)
		return problem(&r->problem, PR_MALFORMED, "RFC 8555, 6.2: a "
		    "new account is asked for with jwk");
	if (jwk_parse(r->arena, r->jws.jwk, &r->key, &r->problem) == -1)
		return -1;
	return jws_verify(&r->jws, &r->key, &r->problem);
}

int
new_account_prove(struct signer *s, struct request *r)
{
	if (new_account_open(s, r) == -1)
		return request_refuse(r, true);
	r->asked_key = r->key.thumbprint;
	r->asked_id = true;
	return 1;
}

static char *
contact_text(struct request *r, const json_t *payload)
{
	const json_t *contact = json_object_get(payload, "contact");
	size_t len;

	if (contact == NULL)
		return arena_strdup(r->arena, "[]");
	return json_canonical(r->arena, contact, &len);
}

/* What the payload asks for, once it is known that the key is new. */
static int
new_account_permit(struct signer *s, struct request *r,
    const json_t *payload)
{
	if (json_is_true(json_object_get(payload, "onlyReturnExisting")))
		return problem(&r->problem, PR_ACCOUNT_DOES_NOT_EXIST,
		    "RFC 8555, 7.3.1: no account has this key");
	if (s->conf->acme.terms_of_service != NULL && !json_is_true(
	    json_object_get(payload, "termsOfServiceAgreed")))
		return problem(&r->problem, PR_USER_ACTION_REQUIRED,
		    "RFC 8555, 7.3: the terms of service must be agreed to");
	if (contact_check(json_object_get(payload, "contact"),
	    &r->problem) == -1)
		return -1;
	r->new_status = "valid";
	r->new_contact = contact_text(r, payload);
	return 0;
}

void
new_account_judge(struct signer *s, struct request *r)
{
	json_t *payload = NULL;

	if (r->key_owner != 0) {
		r->verdict = DONE;
		r->account_result = r->key_owner;
		return;
	}
	payload = payload_read(&r->jws, &r->problem);
	if (payload == NULL || new_account_permit(s, r, payload) == -1)
		request_refuse(r, true);
	else
		r->verdict = CREATE_ACCOUNT;
	json_decref(payload);
}

/* Common beginning of what an account asks about itself. */
static json_t *
own_request(struct signer *s, struct request *r)
{
	if (request_open(r) == -1 || account_prove(s, r) == -1)
		return NULL;
	if (strcmp(r->jws.url, account_url(s, r)) != 0) {
		problem(&r->problem, PR_UNAUTHORIZED, "RFC 8555, 6.4: url is "
		    "not that of the account");
		return NULL;
	}
	return payload_read(&r->jws, &r->problem);
}

static bool
asks_deactivation(const json_t *payload)
{
	const char *status = json_member_string(payload, "status");

	return status != NULL && strcmp(status, "deactivated") == 0;
}

/* RFC 8555, 7.3.2: only `contact` is looked at. */
int
account_update_prove(struct signer *s, struct request *r)
{
	json_t *payload, *contact;

	payload = own_request(s, r);
	if (payload == NULL)
		return request_refuse(r, true);
	contact = json_object_get(payload, "contact");
	if (asks_deactivation(payload)) {
		problem(&r->problem, PR_MALFORMED, "RFC 8555, 7.3.6: this "
		    "request deactivates, it was announced as an update");
		request_refuse(r, true);
	} else if (contact_check(contact, &r->problem) == -1) {
		request_refuse(r, true);
	} else {
		r->verdict = CHANGE_ACCOUNT;
		r->new_status = r->account_status;
		r->new_contact = contact == NULL ? r->account_contact :
		    contact_text(r, payload);
	}
	json_decref(payload);
	return 0;
}

int
account_deactivate_prove(struct signer *s, struct request *r)
{
	json_t *payload;

	payload = own_request(s, r);
	if (payload == NULL)
		return request_refuse(r, true);
	if (asks_deactivation(payload)) {
		r->verdict = CHANGE_ACCOUNT;
		r->new_status = "deactivated";
		r->new_contact = r->account_contact;
	} else {
		problem(&r->problem, PR_MALFORMED, "RFC 8555, 7.3.6: status "
		    "is not \"deactivated\"");
		request_refuse(r, true);
	}
	json_decref(payload);
	return 0;
}

static int
authz_open(struct signer *s, struct request *r)
{
	if (request_open(r) == -1 || account_prove(s, r) == -1)
		return -1;
	if (r->authz_public == NULL || r->authz_account != r->account_id)
		return problem(&r->problem, PR_UNAUTHORIZED, "RFC 8555, 7.5: "
		    "the authorization is not one of the account");
	return is_url(s, r, arena_printf(r->arena, "/acme/authz/%s",
	    public_id_print(r->arena, r->object_id, r->authz_public)));
}

int
authz_deactivate_prove(struct signer *s, struct request *r)
{
	json_t *payload;

	if (authz_open(s, r) == -1 ||
	    (payload = payload_read(&r->jws, &r->problem)) == NULL)
		return request_refuse(r, true);
	if (asks_deactivation(payload)) {
		r->verdict = END_AUTHZ;
	} else {
		problem(&r->problem, PR_MALFORMED, "RFC 8555, 7.5.2: status "
		    "is not \"deactivated\"");
		request_refuse(r, true);
	}
	json_decref(payload);
	return 0;
}

static void
create_apply(struct signer *s, struct request *r)
{
	unsigned char *seal = arena_alloc(r->arena, DIGEST_LEN);

	/* The secret of what a JWS created is the start of its digest. */
	seal_make(&s->seal, "account", seal_account(r->new_id, r->jws.digest,
	    r->key.thumbprint, r->key.canonical, r->new_status,
	    r->new_contact), seal);
	write_row(s, WRITE_ACCOUNT, ARGS(arg_int(r->new_id),
	    arg_bytes(r->jws.digest, SECRET_LEN),
	    arg_bytes(r->key.thumbprint, DIGEST_LEN),
	    arg_text(r->key.canonical), arg_text(r->new_status),
	    arg_text(r->new_contact), arg_int(r->id),
	    arg_bytes(seal, DIGEST_LEN)));
}

static void
change_apply(struct signer *s, struct request *r)
{
	unsigned char *seal = arena_alloc(r->arena, DIGEST_LEN);

	seal_make(&s->seal, "account", seal_account(r->account_id,
	    r->account_public, r->account_thumbprint, r->account_jwk,
	    r->new_status, r->new_contact), seal);
	write_row(s, WRITE_CHANGE, ARGS(arg_int(r->account_id),
	    arg_text(r->new_status), arg_text(r->new_contact),
	    arg_bytes(seal, DIGEST_LEN), arg_int(r->id)));
}

void
account_apply(struct signer *s, struct request *r)
{
	switch (r->verdict) {
	case CREATE_ACCOUNT:
		create_apply(s, r);
		break;
	case CHANGE_ACCOUNT:
		change_apply(s, r);
		break;
	default:
		write_row(s, WRITE_AUTHZ_END, ARGS(arg_int(r->object_id),
		    arg_int(r->id)));
		break;
	}
}

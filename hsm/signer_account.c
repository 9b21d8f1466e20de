/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts and what they may end: new-account, account-update,
 * account-deactivate, authz-deactivate (RFC 8555, 7.3 and 7.5.2).  A row
 * that is written here is sealed here, for the key changes and acts of others
 * as well.
 */
#include <string.h>

#include "../db/db.h"
#include "../server/conf.h"
#include "../server/contact.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "signer.h"

#define EXTERNAL_MAX	8192	/* octets; account.external of schema.sql */

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

/* Keys that are something else already cannot be an account's. */
int
account_key_permit(struct signer *s, const struct jwk *key,
    struct problem *p)
{
	unsigned char spki[DIGEST_LEN], own[DIGEST_LEN];
	const struct policy *c;

	jwk_spki_hash(key, spki);
	if (rules_key_blocked(signer_rules(s), spki))
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 8555, 11.1: this "
		    "key is known to be compromised");
	if (rules_officer_key(signer_rules(s), key->thumbprint))
		return problem(p, PR_BAD_PUBLIC_KEY, "RFC 8555, 11.1: this "
		    "key has another use at this CA");
	for (c = s->policies; c != NULL; c = c->next) {
		if (c->broken)
			continue;
		sha256(c->spki, c->spki_len, own);
		if (memcmp(own, spki, DIGEST_LEN) == 0)
			return problem(p, PR_BAD_PUBLIC_KEY, "RFC 8555, 11.1: "
			    "this is a key of the CA");
	}
	return 0;
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

/*
 * RFC 8555, 7.3.4: all but the MAC and the number of accounts.  One that is
 * not asked for is judged, too, as its terms go with the account.
 */
static int
binding_read(struct signer *s, struct request *r, const json_t *payload)
{
	const json_t *binding = json_object_get(payload,
	    "externalAccountBinding");
	const struct rule_eab *eab;
	struct problem *p = &r->problem;
	size_t len;

	if (binding == NULL && s->conf->acme.external_account_required)
		return problem(p, PR_EXTERNAL_ACCOUNT_REQUIRED, "RFC 8555, "
		    "7.3.4: this CA needs an externalAccountBinding");
	if (binding == NULL)
		return 0;
	if (jws_binding(r->arena, binding, r->jws.url, &r->key, &r->binding,
	    p) == -1)
		return -1;
	if (!json_exact(binding))
		return problem(p, PR_MALFORMED, "RFC 8555, 7.3.4: the "
		    "binding holds more than a JWS");
	eab = rules_eab(signer_rules(s), r->binding.kid);
	if (eab == NULL || (eab->expires != 0 && eab->expires <= s->now))
		return problem(p, PR_UNAUTHORIZED, "RFC 8555, 7.3.4: there is "
		    "no such external key, or it has expired");
	if (eab->accounts != 0)
		r->asked_eab = eab->kid;
	r->external = json_canonical(r->arena, binding, &len);
	if (len > EXTERNAL_MAX)
		return problem(p, PR_MALFORMED, "RFC 8555, 7.3.4: the "
		    "binding is longer than %d octets", EXTERNAL_MAX);
	return 0;
}

/* What the payload asks for, should the key turn out to be new. */
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
	    &r->problem) == -1 ||
	    account_key_permit(s, &r->key, &r->problem) == -1 ||
	    binding_read(s, r, payload) == -1)
		return -1;
	r->new_status = "valid";
	r->new_contact = contact_text(r, payload);
	if (json_is_true(json_object_get(payload, "termsOfServiceAgreed")))
		r->new_terms = s->conf->acme.terms_of_service;
	return 0;
}

/* A problem with the payload counts only when the key is new: what asks for
 * an account that is there is ignored (RFC 8555, 7.3.1). */
int
new_account_prove(struct signer *s, struct request *r)
{
	json_t *payload;

	if (new_account_open(s, r) == -1)
		return request_refuse(r, true);
	payload = payload_read(&r->jws, &r->problem);
	if (payload != NULL)
		new_account_permit(s, r, payload);
	json_decref(payload);
	r->asked_key = r->key.thumbprint;
	r->asked_id = true;
	return 1;
}

/* 1: it may be created, 0: decided. */
static int
binding_judge(struct signer *s, struct request *r)
{
	const struct rule_eab *eab;

	if (r->external == NULL)
		return 1;
	eab = rules_eab(signer_rules(s), r->binding.kid);
	if (eab->accounts != 0 && r->eab_accounts >= eab->accounts) {
		problem(&r->problem, PR_UNAUTHORIZED, "RFC 8555, 7.3.4: the "
		    "external key has vouched for as many accounts as it "
		    "may");
		return request_refuse(r, true);
	}
	switch (errand_binding(s, r)) {
	case ERRAND_YES:
		return 1;
	case ERRAND_NO:
		problem(&r->problem, PR_UNAUTHORIZED, "RFC 8555, 7.3.4: the "
		    "MAC of the binding does not verify with the external "
		    "key");
		return request_refuse(r, true);
	default:
		request_keep(r);
		return 0;
	}
}

void
new_account_judge(struct signer *s, struct request *r)
{
	if (r->key_owner != 0 && r->key_past) {
		problem(&r->problem, PR_BAD_PUBLIC_KEY, "RFC 8555, 7.3.5: the "
		    "key was once that of an account, which has another "
		    "now");
		request_refuse(r, true);
	} else if (r->key_owner != 0) {
		r->verdict = DONE;
		r->account_result = r->key_owner;
	} else if (r->problem.type != PR_NONE) {
		request_refuse(r, true);
	} else if (binding_judge(s, r) == 1) {
		r->verdict = CREATE_ACCOUNT;
	}
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

/* RFC 8555, 7.3.2 and 7.3.3: `contact`, and that new terms are agreed to. */
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
		r->new_terms = r->account_terms;
		if (s->conf->acme.terms_of_service != NULL && json_is_true(
		    json_object_get(payload, "termsOfServiceAgreed")))
			r->new_terms = s->conf->acme.terms_of_service;
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
		r->new_terms = r->account_terms;
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

static const unsigned char *
key_claimed(const struct request *r)
{
	if (r->verdict == CREATE_ACCOUNT)
		return r->key.thumbprint;
	return r->verdict == CHANGE_ACCOUNT && r->new_key.pkey != NULL ?
	    r->new_key.thumbprint : NULL;
}

bool
account_depends(const struct request *b, const struct request *r)
{
	const unsigned char *one = key_claimed(b), *two = key_claimed(r);

	/* After an act all is judged anew, and no act by what it may change. */
	if (b->verdict == ACT)
		return true;
	if (r->verdict == ACT && (b->verdict == CREATE_ACCOUNT ||
	    b->verdict == CHANGE_ACCOUNT))
		return true;
	if (one != NULL && two != NULL && memcmp(one, two, DIGEST_LEN) == 0)
		return true;
	if (b->verdict == CREATE_ACCOUNT)
		return r->verdict == CREATE_ACCOUNT &&
		    b->asked_eab != NULL && r->asked_eab != NULL &&
		    strcmp(b->asked_eab, r->asked_eab) == 0;
	return (b->verdict == CHANGE_ACCOUNT || b->verdict == END_AUTHZ) &&
	    r->account_id == b->account_id;
}

static void
create_apply(struct signer *s, struct request *r)
{
	const char *eab = r->external == NULL ? NULL : r->binding.kid;
	unsigned char *seal = arena_alloc(r->arena, DIGEST_LEN);

	/* The secret of what a JWS created is the start of its digest. */
	seal_make(&s->seal, "account", seal_account(r->new_id, r->jws.digest,
	    r->key.thumbprint, r->key.canonical, r->new_status,
	    r->new_contact, eab), seal);
	log_info("account=%lld made%s%s", (long long)r->new_id,
	    eab == NULL ? "" : " eab=", eab == NULL ? "" : eab);
	write_row(s, WRITE_ACCOUNT, ARGS(arg_int(r->new_id),
	    arg_bytes(r->jws.digest, SECRET_LEN),
	    arg_bytes(r->key.thumbprint, DIGEST_LEN),
	    arg_text(r->key.canonical), arg_text(r->new_status),
	    arg_text(r->new_contact), arg_text(r->new_terms), arg_text(eab),
	    arg_text(r->external), arg_int(r->id),
	    arg_bytes(seal, DIGEST_LEN)));
}

/* The account as it is from now on; `request` 0: the outcome is another's. */
void
account_change(struct signer *s, struct request *r, int64_t request)
{
	unsigned char *seal = arena_alloc(r->arena, DIGEST_LEN);
	const unsigned char *thumbprint = r->account_thumbprint;
	const char *jwk = r->account_jwk;

	if (r->new_key.pkey != NULL) {
		thumbprint = r->new_key.thumbprint;
		jwk = r->new_key.canonical;
	}
	seal_make(&s->seal, "account", seal_account(r->account_id,
	    r->account_public, thumbprint, jwk, r->new_status,
	    r->new_contact, r->account_eab), seal);
	log_info("account=%lld changed status=%s%s", (long long)r->account_id,
	    r->new_status, r->new_key.pkey == NULL ? "" : " key=new");
	write_row(s, WRITE_CHANGE, ARGS(arg_int(r->account_id),
	    arg_text(r->new_status), arg_text(r->new_contact),
	    arg_text(r->new_terms), arg_bytes(thumbprint, DIGEST_LEN),
	    arg_text(jwk), arg_bytes(seal, DIGEST_LEN),
	    request == 0 ? arg_null() : arg_int(request)));
}

void
account_apply(struct signer *s, struct request *r)
{
	switch (r->verdict) {
	case CREATE_ACCOUNT:
		create_apply(s, r);
		break;
	case CHANGE_ACCOUNT:
		account_change(s, r, r->id);
		break;
	default:
		log_info("authorization=%lld deactivated account=%lld",
		    (long long)r->object_id, (long long)r->account_id);
		write_row(s, WRITE_AUTHZ_END, ARGS(arg_int(r->object_id),
		    arg_int(r->id)));
		break;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of a finalize request (RFC 8555, 7.4).  What is issued follows
 * from two messages under the account's key, the finalize and the new-order
 * whose digest its url holds, from what officers decided and from evidence;
 * from no other column.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../server/conf.h"
#include "../server/ident.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/rules.h"
#include "signer.h"

#define NAMES_MAX	1000	/* of an order; order_authorization.position */
#define COMMON_NAME_MAX	64	/* RFC 5280, A.1: ub-common-name */
#define CERT_ID_MAX	128	/* octets; orders.replaces */

void
proof_clear(struct proof *p)
{
	if (p == NULL)
		return;
	jws_clear(&p->order);
	json_decref(p->payload);
	p->payload = NULL;
}

/* By the key of today, or one that the account had when it made the order:
 * 0, -1 with the problem, or 1: not known now. */
static int
order_verify(struct signer *s, struct request *r, const struct jws *order)
{
	int rc;

	if (jws_verify(order, &r->key, &r->problem) == 0)
		return 0;
	rc = past_verify(s, r, order);
	if (rc == 1)
		r->problem = (struct problem){ 0 };
	return rc == -1 ? 1 : rc - 1;
}

/*
 * The request is the order's: its url holds the order's id and the digest
 * of the new-order JWS, and both are signed by the one account.  Until this
 * is shown the refusal is not the order's end, or a thief could end it.
 */
static int
ownership_prove(struct signer *s, struct request *r, struct proof *proof)
{
	struct problem *p = &r->problem;
	const char *url;

	if (request_open(r) == -1 || account_prove(s, r) == -1)
		return -1;
	if (!r->has_order)
		return problem(p, PR_MALFORMED, "RFC 8555, 7.4: no such order");
	if (jws_parse(r->arena, r->order_body, r->order_body_len,
	    &proof->order, p) == -1)
		return -1;
	url = arena_printf(r->arena, "%s/acme/order/%s/finalize",
	    s->conf->base_url, public_id_print(r->arena, r->object_id,
	    proof->order.digest));
	if (strcmp(r->jws.url, url) != 0)
		return problem(p, PR_UNAUTHORIZED, "RFC 8555, 6.4: url is not "
		    "the finalize URL of the order");
	if (proof->order.kid == NULL ||
	    strcmp(proof->order.kid, r->jws.kid) != 0)
		return problem(p, PR_UNAUTHORIZED, "RFC 8555, 7.4: the order "
		    "is not one of the account");
	url = arena_printf(r->arena, "%s/acme/new-order", s->conf->base_url);
	if (strcmp(proof->order.url, url) != 0)
		return problem(p, PR_UNAUTHORIZED, "RFC 8555, 6.4: the order "
		    "was not made by a new-order request");
	return order_verify(s, r, &proof->order);
}

static int
identifier_read(const json_t *one, struct ident *out, struct problem *p)
{
	const char *type, *value;

	type = json_member_string(one, "type");
	value = json_member_string(one, "value");
	if (type == NULL || value == NULL)
		return problem(p, PR_MALFORMED, "RFC 8555, 7.1.3: an "
		    "identifier needs type and value");
	return ident_parse(type, value, out, p);
}

/* As the certificate would hold it, when it is not too long for a CN. */
static const char *
common_name(struct arena *a, const struct ident *name)
{
	char *text = arena_printf(a, "%s%s", name->wildcard ? "*." : "",
	    name->value);

	return strlen(text) <= COMMON_NAME_MAX ? text : NULL;
}

static int
names_read(struct request *r, struct proof *proof)
{
	const json_t *list;
	size_t i;

	list = json_object_get(proof->payload, "identifiers");
	if (!json_is_array(list) || json_array_size(list) == 0 ||
	    json_array_size(list) > NAMES_MAX)
		return problem(&r->problem, PR_MALFORMED, "RFC 8555, 7.4: "
		    "identifiers must be an array of 1 to %d", NAMES_MAX);
	proof->nnames = json_array_size(list);
	proof->names = arena_alloc(r->arena,
	    proof->nnames * sizeof(*proof->names));
	for (i = 0; i < proof->nnames; i++) {
		if (identifier_read(json_array_get(list, i), &proof->names[i],
		    &r->problem) == -1)
			return -1;
		if (proof->common_name == NULL)
			proof->common_name = common_name(r->arena,
			    &proof->names[i]);
	}
	proof->nnames = ident_sort(proof->names, proof->nnames);
	return 0;
}

/* The certificate that is replaced is the face's matter and the log's
 * (RFC 9773, 5): nothing here depends on it. */
static int
replaces_read(struct request *r, struct proof *proof)
{
	const json_t *v = json_object_get(proof->payload, "replaces");
	const char *text = json_string_value(v);
	size_t i;

	if (v == NULL)
		return 0;
	if (text == NULL || json_string_length(v) > CERT_ID_MAX)
		return problem(&r->problem, PR_MALFORMED, "RFC 9773, 5: "
		    "replaces must be the identifier of a certificate");
	for (i = 0; i < json_string_length(v); i++)
		if (!isalnum((unsigned char)text[i]) &&
		    (text[i] == '\0' || strchr("-_.", text[i]) == NULL))
			return problem(&r->problem, PR_MALFORMED, "RFC 9773, "
			    "4.1: replaces holds other characters than "
			    "base64url and a dot");
	proof->replaces = arena_strdup(r->arena, text);
	return 0;
}

/* The order as the client signed it. */
static int
order_read(struct request *r, struct proof *proof)
{
	char why[128];

	proof->payload = payload_read(&proof->order, &r->problem);
	if (proof->payload == NULL || names_read(r, proof) == -1 ||
	    replaces_read(r, proof) == -1)
		return -1;
	if (profile_dates_read(proof->payload, &proof->dates, why,
	    sizeof(why)) == -1)
		return problem(&r->problem, PR_MALFORMED, "RFC 8555, 7.4: %s",
		    why);
	return 0;
}

/* The profile that the order names, or the one for those that name none. */
static int
profile_read(struct signer *s, struct request *r, struct proof *proof)
{
	const struct rule_subject who = rules_subject(s, r);
	const json_t *v = json_object_get(proof->payload, "profile");
	const char *name = s->conf->acme.default_profile;
	char why[128];

	if (v != NULL && !json_is_string(v))
		return problem(&r->problem, PR_MALFORMED, "profile must be a "
		    "string");
	if (v != NULL)
		name = json_string_value(v);
	proof->policy = policy_find(s, name);
	if (proof->policy == NULL)
		return problem(&r->problem, PR_INVALID_PROFILE, "there is no "
		    "profile %.64s, or it was withdrawn", name);
	/* What it says is not known: the order can wait. */
	if (proof->policy->broken)
		return 0;
	if (!rules_profile(signer_rules(s), &who, name,
	    proof->policy->profile.open))
		return problem(&r->problem, PR_INVALID_PROFILE, "profile %s "
		    "is not open to the account", name);
	if (profile_fits(&proof->policy->profile, proof->names, proof->nnames,
	    why, sizeof(why)) == -1)
		return problem(&r->problem, PR_INVALID_PROFILE, "%s", why);
	return 0;
}

/* An address is one that this CA certifies at all. */
static int
addresses_check(struct signer *s, struct request *r,
    const struct proof *proof)
{
	size_t i;

	for (i = 0; i < proof->nnames; i++)
		if (strcmp(proof->names[i].type, "ip") == 0 &&
		    !ident_within(&proof->names[i],
		    s->conf->policy.ip_identifiers,
		    s->conf->policy.nip_identifiers))
			return problem(&r->problem, PR_REJECTED_IDENTIFIER,
			    "the address %.64s is not one that this CA "
			    "certifies", proof->names[i].value);
	return 0;
}

static int
csr_read(struct request *r, struct proof *proof)
{
	unsigned char *der = NULL;
	const char *text;
	json_t *payload;
	size_t len = 0;
	int rc = -1;

	payload = payload_read(&r->jws, &r->problem);
	if (payload == NULL)
		return -1;
	text = json_member_string(payload, "csr");
	if (text == NULL || b64u_decode(r->arena, text, strlen(text), &der,
	    &len) == -1)
		problem(&r->problem, PR_MALFORMED, "RFC 8555, 7.4: csr must "
		    "be base64url without padding");
	else
		rc = csr_parse(r->arena, der, len, &proof->csr, &r->problem);
	json_decref(payload);
	return rc;
}

#ifdef CHANCERY_TEST_FAULTS
/* A request that ends the process, for the test of the poison queue. */
static void
fault(const struct proof *proof)
{
	size_t i;

	for (i = 0; i < proof->nnames; i++)
		if (strcmp(proof->names[i].value, "abort.fault.test") == 0)
			abort();
}
#else
#define fault(proof)	((void)0)
#endif

/* What may have happened to the order in the meantime: 1 when nothing. */
static int
order_check(struct signer *s, struct request *r)
{
	if (r->order_certificate != 0) {
		r->verdict = DONE;
		r->certificate_result = r->order_certificate;
		return 0;
	}
	if (r->order_busy) {
		request_keep(r);
		return 0;
	}
	if (r->order_rejected) {
		problem(&r->problem, PR_ORDER_NOT_READY, "RFC 8555, 7.4: the "
		    "order is invalid");
		return request_refuse(r, true);
	}
	if (r->order_expires <= s->now) {
		problem(&r->problem, PR_ORDER_NOT_READY, "RFC 8555, 7.1.6: "
		    "the order has expired");
		return request_refuse(r, true);
	}
	return 1;
}

/* The CSR against order, profile and what keys are not taken. */
static int
csr_check(struct signer *s, struct request *r, struct proof *proof)
{
	const struct policy *c = proof->policy;

	if (csr_read(r, proof) == -1 ||
	    csr_names_check(&proof->csr, proof->names, proof->nnames,
	    &r->problem) == -1)
		return -1;
	if ((proof->csr.kind & c->profile.keys) == 0)
		return problem(&r->problem, PR_BAD_CSR, "RFC 8555, 7.4: "
		    "profile %s takes no keys of the kind of the CSR's",
		    c->profile_name);
	return guard_check(s, c, &proof->csr, &r->problem);
}

int
finalize_prove(struct signer *s, struct request *r)
{
	struct proof *proof = arena_alloc(r->arena, sizeof(*proof));
	int rc;

	r->proof = proof;
	rc = ownership_prove(s, r, proof);
	if (rc == -1)
		return request_refuse(r, false);
	if (rc == 1 || !guard_ready(s)) {
		request_keep(r);
		return 0;
	}
	rc = order_check(s, r);
	if (rc != 1)
		return rc;
	if (order_read(r, proof) == -1 || profile_read(s, r, proof) == -1)
		return request_refuse(r, true);
	fault(proof);
	if (policy_idle(s, proof->policy)) {
		problem(&r->problem, PR_SERVER_INTERNAL, "no certificate can "
		    "be issued at present; the operator has been told");
		return request_refuse(r, false);
	}
	if (addresses_check(s, r, proof) == -1 || backing_open(s, r) == -1)
		return request_refuse(r, true);
	if (csr_check(s, r, proof) == -1)
		return request_refuse(r, false);
	r->asked_key = proof->csr.thumbprint;
	return 1;
}

int
finalize_permit(struct signer *s, struct request *r)
{
	/* RFC 8555, 11.1 */
	if (r->key_owner != 0) {
		problem(&r->problem, PR_BAD_CSR, "RFC 8555, 11.1: the key of "
		    "the CSR is an account key");
		return request_refuse(r, false);
	}
	return backing_judge(s, r);
}

void
finalize_judge(struct signer *s, struct request *r)
{
	if (finalize_permit(s, r) == 1)
		issue_make(s, r);
}

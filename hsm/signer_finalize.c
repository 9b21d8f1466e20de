/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of a finalize request (RFC 8555, 7.4).  What is issued follows
 * from two messages under the account's key, the finalize and the new-order
 * whose digest its url holds, and from evidence; from no other column.
 */
#include <stdlib.h>
#include <string.h>

#include "../server/conf.h"
#include "../server/ident.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "signer.h"

#define NAMES_MAX	1000	/* of an order; order_authorization.position */

void
proof_clear(struct proof *p)
{
	if (p == NULL)
		return;
	jws_clear(&p->order);
	json_decref(p->payload);
	p->payload = NULL;
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
	return jws_verify(&proof->order, &r->key, p);
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

/* The order as the client signed it. */
static int
order_read(struct request *r, struct proof *proof)
{
	static const char *const refused[] = { "notBefore", "notAfter",
	    "profile", "replaces" };
	const json_t *list;
	size_t i;

	proof->payload = payload_read(&proof->order, &r->problem);
	if (proof->payload == NULL)
		return -1;
	for (i = 0; i < nitems(refused); i++)
		if (json_object_get(proof->payload, refused[i]) != NULL)
			return problem(&r->problem, PR_MALFORMED, "RFC 8555, "
			    "7.4: orders with %s are not accepted here",
			    refused[i]);
	list = json_object_get(proof->payload, "identifiers");
	if (!json_is_array(list) || json_array_size(list) == 0 ||
	    json_array_size(list) > NAMES_MAX)
		return problem(&r->problem, PR_MALFORMED, "RFC 8555, 7.4: "
		    "identifiers must be an array of 1 to %d", NAMES_MAX);
	proof->nnames = json_array_size(list);
	proof->names = arena_alloc(r->arena,
	    proof->nnames * sizeof(*proof->names));
	for (i = 0; i < proof->nnames; i++)
		if (identifier_read(json_array_get(list, i), &proof->names[i],
		    &r->problem) == -1)
			return -1;
	proof->nnames = ident_sort(proof->names, proof->nnames);
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

static int
not_a_ca_key(struct signer *s, struct request *r, const struct csr *csr)
{
	const struct policy *c = s->policy;

	if ((csr->spki_len == c->spki_len &&
	    memcmp(csr->spki, c->spki, csr->spki_len) == 0) ||
	    (csr->spki_len == c->root_spki_len &&
	    memcmp(csr->spki, c->root_spki, csr->spki_len) == 0))
		return problem(&r->problem, PR_BAD_CSR, "RFC 8555, 7.4: the "
		    "key of the CSR is a key of this CA");
	return 0;
}

/* Each name has evidence, and that is in the log: 1, or 0 decided. */
static int
evidence_judge(struct signer *s, struct request *r)
{
	struct proof *p = r->proof;
	size_t i;

	for (i = 0; i < p->nnames; i++) {
		if (p->evidence[i].id == 0) {
			problem(&r->problem, PR_UNAUTHORIZED, "RFC 8555, 7.4: "
			    "no valid proof of control over %s%.200s by this "
			    "account", p->names[i].wildcard ? "*." : "",
			    p->names[i].value);
			return request_refuse(r, true);
		}
		if (p->evidence[i].index == -1)
			p->evidence[i].index = log_evidence_index(s,
			    p->evidence[i].id);
		if (p->evidence[i].index == -1) {
			r->verdict = KEEP;	/* not in the log yet */
			return 0;
		}
	}
	return 1;
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
		r->verdict = KEEP;
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

int
finalize_prove(struct signer *s, struct request *r)
{
	struct proof *proof = arena_alloc(r->arena, sizeof(*proof));
	int rc;

	r->proof = proof;
	if (ownership_prove(s, r, proof) == -1)
		return request_refuse(r, false);
	rc = order_check(s, r);
	if (rc != 1)
		return rc;
	if (order_read(r, proof) == -1)
		return request_refuse(r, true);
	fault(proof);
	if (s->policy == NULL || s->policy->until < s->now) {
		problem(&r->problem, PR_SERVER_INTERNAL, "no certificate can "
		    "be issued at present; the operator has been told");
		return request_refuse(r, false);
	}
	if (csr_read(r, proof) == -1 ||
	    csr_names_check(&proof->csr, proof->names, proof->nnames,
	    &r->problem) == -1 ||
	    not_a_ca_key(s, r, &proof->csr) == -1)
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
	return evidence_judge(s, r);
}

void
finalize_judge(struct signer *s, struct request *r)
{
	if (finalize_permit(s, r) == 1)
		issue_make(s, r);
}

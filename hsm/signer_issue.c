/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a proven request to the octets that are signed: serial, TBS from the
 * profile, lint, the `intent` entry that announces it.  And the same look at
 * octets that an earlier run announced.
 */
#include <string.h>
#include <time.h>

#include "../db/db.h"
#include "../db/log.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/rules.h"
#include "lint.h"
#include "signer.h"
#include "tbs.h"
#include "validity.h"

#define LATEST_START	(7 * 86400)	/* a logged notBefore may be so old */
#define ID_COUNTER_BITS	11		/* of new_id() in schema.sql */

static json_t *
identifiers_json(struct arena *a, const struct proof *proof)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < proof->nnames; i++) {
		const struct ident *n = &proof->names[i];
		json_t *one = json_object();

		json_object_set_new(one, "type", json_string(n->type));
		json_object_set_new(one, "value", json_string(arena_printf(a,
		    "%s%s", n->wildcard ? "*." : "", n->value)));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *
index_json(struct arena *a, int64_t index)
{
	return index == -1 ? json_null() : log_decimal(a, index);
}

/* One for each name; null where an officer's word stands for it. */
static json_t *
evidence_json(struct arena *a, const struct proof *proof)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < proof->nnames; i++)
		json_array_append_new(list,
		    index_json(a, proof->backing[i].index));
	return list;
}

/* The later looks at CAA that count, or NULL when there are none. */
static json_t *
caa_json(struct arena *a, const struct proof *proof)
{
	json_t *list = NULL;
	size_t i;

	for (i = 0; i < proof->nnames; i++)
		if (proof->backing[i].caa_id != 0) {
			if (list == NULL)
				list = json_array();
			json_array_append_new(list, index_json(a,
			    proof->backing[i].caa_index));
		}
	return list;
}

/* The key that an officer bound the account to, and the version in force. */
static json_t *
binding_json(struct signer *s, struct arena *a, const char *kid)
{
	unsigned char hash[DIGEST_LEN] = { 0 };
	json_t *o = json_object();
	int64_t version;

	version = rules_version(signer_rules(s), "eab", kid, hash);
	json_object_set_new(o, "kid", log_text(a, kid));
	json_object_set_new(o, "version", log_decimal(a, version));
	json_object_set_new(o, "sha256", log_b64u(a, hash, DIGEST_LEN));
	return o;
}

static void
set_if(json_t *o, const char *name, json_t *value)
{
	if (value != NULL)
		json_object_set_new(o, name, value);
}

/* All that an auditor needs to judge the decision without the database. */
static json_t *
intent_members(struct signer *s, const struct request *r,
    const struct proof *proof, const struct issue *i)
{
	const struct policy *c = proof->policy;
	struct arena *a = r->arena;
	json_t *o = json_object();

	json_object_set_new(o, "serial",
	    json_string(hex_encode(a, i->serial, i->serial_len)));
	json_object_set_new(o, "tbs", log_b64u(a, i->tbs, i->tbs_len));
	json_object_set_new(o, "issuer", json_string(c->issuer_name));
	json_object_set_new(o, "issuer_sha256",
	    log_b64u(a, c->issuer_digest, DIGEST_LEN));
	json_object_set_new(o, "profile", json_string(c->profile.name));
	json_object_set_new(o, "profile_sha256",
	    log_b64u(a, c->hash, DIGEST_LEN));
	json_object_set_new(o, "account", json_string(public_id_print(a,
	    r->account_id, r->account_public)));
	json_object_set_new(o, "account_key", json_string(r->account_jwk));
	if (r->account_eab != NULL)
		json_object_set_new(o, "eab",
		    binding_json(s, a, r->account_eab));
	json_object_set_new(o, "order", json_string(public_id_print(a,
	    r->object_id, proof->order.digest)));
	json_object_set_new(o, "identifiers", identifiers_json(a, proof));
	json_object_set_new(o, "validations", evidence_json(a, proof));
	set_if(o, "caa_checks", caa_json(a, proof));
	if (proof->replaces != NULL)
		json_object_set_new(o, "replaces",
		    json_string(proof->replaces));
	json_object_set_new(o, "new_order", json_string(proof->order.compact));
	json_object_set_new(o, "finalize", json_string(r->jws.compact));
	return o;
}

/* A finding blocks: the operator reads each, the client that there was one. */
static int
lint_pass(const struct request *r, const struct proof *proof,
    const struct issue *i, int64_t now)
{
	struct lint_rule found[LINT_MAX];
	const struct policy *c = proof->policy;
	const struct lint_input in = {
		.tbs = i->tbs, .tbs_len = i->tbs_len,
		.issuer = c->issuer,
		.issuer_spki = c->spki, .issuer_spki_len = c->spki_len,
		.profile = &c->profile, .dates = proof->dates,
		.names = proof->names, .nnames = proof->nnames,
		.spki = proof->csr.spki, .spki_len = proof->csr.spki_len,
		.now = now,
	};
	size_t n, k;

	n = lint_check(r->arena, &in, found);
	for (k = 0; k < n; k++)
		log_error("request=%lld lint=%s rule=\"%s\": nothing was "
		    "signed", (long long)r->id, found[k].name,
		    found[k].cites);
	return n == 0 ? 0 : -1;
}

/*
 * What an order asks for is judged as of the moment when it was made, which
 * its id holds: a notBefore that was then in time still is.
 */
static int64_t
dates_moment(const struct signer *s, const struct request *r)
{
	int64_t made = (r->object_id >> ID_COUNTER_BITS) / 1000000;

	if (r->proof->dates.not_before == 0 || made > s->now ||
	    made < s->now - LATEST_START)
		return s->now;
	return made;
}

static int
times_make(struct signer *s, struct request *r, struct tbs_spec *spec)
{
	const struct policy *c = r->proof->policy;
	char why[128] = "notAfter has passed";

	if (profile_times(&c->profile, dates_moment(s, r), c->from, c->until,
	    &r->proof->dates, &spec->not_before, &spec->not_after, why,
	    sizeof(why)) == 0 && spec->not_after > s->now)
		return 0;
	if (r->proof->dates.not_before == 0 &&
	    r->proof->dates.not_after == 0)
		return problem(&r->problem, PR_SERVER_INTERNAL, "the issuer "
		    "is not valid at present");
	return problem(&r->problem, PR_MALFORMED, "RFC 8555, 7.4: %s", why);
}

static int
tbs_make(struct signer *s, struct request *r, const struct proof *proof,
    struct issue *i)
{
	const struct policy *c = proof->policy;
	const struct profile *f = &c->profile;
	struct tbs_spec spec = {
		.issuer = c->name, .issuer_len = c->name_len,
		.spki = proof->csr.spki, .spki_len = proof->csr.spki_len,
		.issuer_spki = c->spki, .issuer_spki_len = c->spki_len,
		.path_len = -1,
		.key_usage = profile_key_usage(f,
		    proof->csr.kind == PROFILE_RSA),
		.eku = f->eku, .policies = f->policies,
		.names = proof->names, .nnames = proof->nnames,
		.ca_issuers_url = f->ca_issuers_url,
	};

	if (times_make(s, r, &spec) == -1)
		return -1;
	spec.subject = tbs_subject(r->arena, f->country, f->organization,
	    f->common_name == CN_FIRST ? proof->common_name : NULL,
	    &spec.subject_len);
	serial_new(spec.serial);
	i->serial = arena_memdup(r->arena, spec.serial, SERIAL_LEN);
	i->serial_len = SERIAL_LEN;
	i->not_before = spec.not_before;
	i->not_after = spec.not_after;
	i->tbs = tbs_build(r->arena, &spec, &i->tbs_len);
	if (i->tbs == NULL ||
	    lint_pass(r, proof, i, dates_moment(s, r)) == -1)
		return problem(&r->problem, PR_SERVER_INTERNAL, "the "
		    "certificate would not have been correct; nothing was "
		    "signed and the operator has been told");
	return 0;
}

static void
issue_fill(const struct request *r, struct issue *i)
{
	const struct policy *c = r->proof->policy;

	i->arena = r->arena;
	i->request = r->id;
	i->order = r->object_id;
	i->account = r->account_id;
	i->issuer_id = c->issuer_id;
	i->profile_id = c->profile_id;
	memcpy(i->key_id, c->key_id, KEY_ID_LEN);
	i->issuer_spki = arena_memdup(r->arena, c->spki, c->spki_len);
	i->issuer_spki_len = c->spki_len;
	memcpy(i->spki_hash, r->proof->csr.spki_hash, DIGEST_LEN);
	/* The certificate's secret: the digest of what asked for it. */
	memcpy(i->public, r->jws.digest, SECRET_LEN);
}

void
issue_make(struct signer *s, struct request *r)
{
	struct issue *i = arena_alloc(r->arena, sizeof(*i));

	issue_fill(r, i);
	if (tbs_make(s, r, r->proof, i) == -1) {
		request_refuse(r, true);
		return;
	}
	i->entry = arena_alloc(r->arena, sizeof(*i->entry));
	if (log_entry_make(r->arena, "intent", s->now,
	    intent_members(s, r, r->proof, i), i->entry) == -1) {
		problem(&r->problem, PR_MALFORMED, "the order and its CSR "
		    "are too large for an entry of the log (%d octets)",
		    LOG_ENTRY_MAX);
		request_refuse(r, true);
		return;
	}
	r->issue = i;
	r->verdict = ISSUE;
}

void
issue_write(struct signer *s, struct request *r)
{
	struct issue *i = r->issue;

	i->intent = write_entry(s, i->entry);
	write_row(s, WRITE_INTENT, ARGS(arg_int(i->intent),
	    arg_int(i->request), arg_int(i->order), arg_int(i->account),
	    arg_int(i->issuer_id), arg_int(i->profile_id),
	    arg_bytes(i->serial, i->serial_len),
	    arg_bytes(i->tbs, i->tbs_len),
	    arg_bytes(i->spki_hash, DIGEST_LEN), arg_int(s->instance)));
}

void
issue_free(struct issue *i)
{
	/* It lives in the arena that it owns. */
	arena_free(i->arena);
}

/* Validity and serial as the octets have them. */
static int
tbs_facts(const struct policy *c, struct issue *i)
{
	const unsigned char none[8] = { 0 }, *der, *at;
	const ASN1_INTEGER *serial;
	X509 *cert = NULL;
	size_t len;
	int rc = -1;

	at = der = tbs_assemble(i->arena, i->tbs, i->tbs_len, c->spki,
	    c->spki_len, none, sizeof(none), &len);
	if (der != NULL)
		cert = d2i_X509(NULL, &at, (long)len);
	if (cert == NULL)
		goto out;
	serial = X509_get0_serialNumber(cert);
	if ((size_t)ASN1_STRING_length(serial) == i->serial_len &&
	    memcmp(ASN1_STRING_get0_data(serial), i->serial,
	    i->serial_len) == 0 &&
	    validity_read(cert, &i->not_before, &i->not_after) == 0)
		rc = 0;
out:
	X509_free(cert);
	return rc;
}

const char *
issue_check(struct signer *s, struct issue *i, const struct request *r)
{
	const struct policy *c = r->proof->policy;
	int64_t now;

	if (i->issuer_id != c->issuer_id || i->profile_id != c->profile_id)
		return "issuer or profile was withdrawn";
	if (tbs_facts(c, i) == -1)
		return "the announced octets are no certificate";
	if (i->not_before < s->now - LATEST_START)
		return "notBefore is too old";
	if (r->proof->dates.not_before == 0 && i->not_before > s->now)
		return "notBefore is later than now";
	/* The moment of the decision. */
	now = r->proof->dates.not_before != 0 ? dates_moment(s, r) :
	    i->not_before + c->profile.backdate;
	if (lint_pass(r, r->proof, i, now) == -1)
		return "the announced octets are not what the request asks";
	issue_fill(r, i);
	return NULL;
}

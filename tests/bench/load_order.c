/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An order: authorizations, finalize, certificate (RFC 8555, 7.4 and 7.5).
 * It asks for what a careful client asks for: six requests when the server
 * answers challenge and finalize with their end, more when it must be polled.
 */
#include <stdio.h>
#include <string.h>

#include "server/enc.h"
#include "server/json.h"
#include "server/mem.h"
#include "load_acme.h"
#include "load_client.h"
#include "load_responder.h"

struct order {
	const char	**names;
	size_t		  nnames;
	const char	 *url;
	json_t		 *object;
	struct request	  csr;
	const char	 *certificate;
	double		  took[STEPS];
};

static const char *
order_payload(struct client *c, const struct order *o)
{
	struct buf b;
	size_t i;

	buf_init(&b, c->arena);
	buf_puts(&b, "{\"identifiers\":[");
	for (i = 0; i < o->nnames; i++)
		buf_printf(&b, "%s{\"type\":\"dns\",\"value\":\"%s\"}",
		    i == 0 ? "" : ",", o->names[i]);
	buf_puts(&b, "]}");
	return (const char *)b.data;
}

static int
create(struct client *c, struct order *o)
{
	o->object = post_for(c, c->new_order, order_payload(c, o), 201);
	if (o->object == NULL)
		return -1;
	if (!plain_url(c->reply.location) ||
	    !plain_url(json_member_string(o->object, "finalize")) ||
	    json_array_size(json_object_get(o->object, "authorizations")) !=
	    o->nnames)
		return fail(c, FAIL_WRONG, "%s: the order lacks its URL, its "
		    "finalize URL or authorizations", c->new_order);
	o->url = arena_strdup(c->arena, c->reply.location);
	return 0;
}

static const json_t *
http01_of(const json_t *authz)
{
	const json_t *challenge;
	size_t i;

	json_array_foreach(json_object_get(authz, "challenges"), i, challenge)
	{
		const char *type = json_member_string(challenge, "type");
		const char *token = json_member_string(challenge, "token");

		if (type != NULL && strcmp(type, "http-01") == 0 &&
		    token != NULL && *token != '\0' &&
		    strspn(token, BASE64URL) == strlen(token) &&
		    plain_url(json_member_string(challenge, "url")))
			return challenge;
	}
	return NULL;
}

/* Say that the challenge can be tried, and wait for the authorization. */
static int
respond(struct client *c, const char *authz, const json_t *challenge)
{
	static const char *const waiting[2] = { "pending", "processing" };
	json_t *o;
	bool valid;

	o = post_for(c, json_member_string(challenge, "url"), "{}", 200);
	if (o == NULL)
		return -1;
	valid = status_is(o, "valid");
	json_decref(o);
	o = poll_for(c, authz, "valid", waiting, !valid);
	json_decref(o);
	return o == NULL ? -1 : 0;
}

static int
prove(struct client *c, struct order *o, const char *url)
{
	struct responder *r = c->shared->responder;
	const json_t *challenge;
	const char *token;
	double began = now_ms();
	json_t *authz;
	int rc = 0;

	if (!plain_url(url))
		return fail(c, FAIL_WRONG, "an authorization has no URL");
	if ((authz = post_for(c, url, "", 200)) == NULL)
		return -1;
	o->took[STEP_AUTHZ] += now_ms() - began;
	began = now_ms();
	if (status_is(authz, "valid"))
		;	/* proven for an order before */
	else if ((challenge = http01_of(authz)) == NULL)
		rc = fail(c, FAIL_WRONG, "%s: no http-01 with token and url",
		    url);
	else {
		token = json_member_string(challenge, "token");
		responder_add(r, token, c->key.thumbprint);
		rc = respond(c, url, challenge);
		responder_remove(r, token);
	}
	json_decref(authz);
	o->took[STEP_CHALLENGE] += now_ms() - began;
	return rc;
}

static int
prove_all(struct client *c, struct order *o)
{
	const json_t *url;
	size_t i;

	json_array_foreach(json_object_get(o->object, "authorizations"), i,
	    url)
		if (prove(c, o, json_string_value(url)) == -1)
			return -1;
	return 0;
}

static int
finalize(struct client *c, struct order *o)
{
	static const char *const waiting[2] = { "processing", "processing" };
	const char *url = json_member_string(o->object, "finalize");
	const char *certificate;
	json_t *done;

	csr_make(c->arena, o->names, o->nnames, &o->csr);
	done = post_for(c, url, arena_printf(c->arena, "{\"csr\":\"%s\"}",
	    b64u_encode(c->arena, o->csr.der, o->csr.len)), 200);
	if (done != NULL && !status_is(done, "valid")) {
		if (!status_is(done, "processing")) {
			json_decref(done);
			return fail(c, FAIL_REFUSED, "%s: %.250s", url,
			    c->reply.body);
		}
		json_decref(done);
		done = poll_for(c, o->url, "valid", waiting, true);
	}
	if (done == NULL)
		return -1;
	certificate = json_member_string(done, "certificate");
	if (plain_url(certificate))
		o->certificate = arena_strdup(c->arena, certificate);
	json_decref(done);
	return o->certificate != NULL ? 0 :
	    fail(c, FAIL_WRONG, "%s: valid, without a certificate", o->url);
}

static int
fetch(struct client *c, struct order *o)
{
	const struct expected expected = {
		.names = o->names, .count = o->nnames,
		.spki = o->csr.spki, .spki_len = o->csr.spki_len,
	};
	char why[200];

	if (post(c, o->certificate, "") == -1)
		return -1;
	if (c->reply.status != 200)
		return refused(c, o->certificate);
	if (strncmp(c->reply.type, "application/pem-certificate-chain", 33)
	    != 0)
		return fail(c, FAIL_WRONG, "%s: a certificate of type %s",
		    o->certificate, c->reply.type);
	if (check_chain(c->check, c->reply.body, c->reply.len, &expected,
	    why, sizeof(why)) == -1)
		return fail(c, FAIL_WRONG, "%s: the certificate is wrong: %s",
		    o->certificate, why);
	return 0;
}

static int
timed(struct client *c, struct order *o, enum step step,
    int (*act)(struct client *, struct order *))
{
	double began = now_ms();
	int rc = act(c, o);

	o->took[step] = now_ms() - began;
	return rc;
}

static void
name_all(struct client *c, struct order *o, unsigned number)
{
	const struct options *opt = c->shared->opt;
	size_t i;

	o->nnames = opt->names;
	o->names = arena_alloc(c->arena, o->nnames * sizeof(*o->names));
	for (i = 0; i < o->nnames; i++)
		o->names[i] = arena_printf(c->arena, "n%zu-%u-%s.%s", i,
		    number, c->shared->run, opt->suffix);
}

static void
count_order(struct client *c, const struct order *o)
{
	int i;

	for (i = 0; i < STEPS; i++)
		samples_add(&c->tally->took[i], o->took[i]);
}

int
client_order(struct client *c, unsigned number, double due, bool measured)
{
	struct order o = { 0 };
	int rc = -1;

	client_begin(c);
	name_all(c, &o, number);
	if (timed(c, &o, STEP_NEW_ORDER, create) == 0 &&
	    prove_all(c, &o) == 0 &&
	    timed(c, &o, STEP_FINALIZE, finalize) == 0 &&
	    timed(c, &o, STEP_CERTIFICATE, fetch) == 0)
		rc = 0;
	o.took[STEP_ORDER] = now_ms() - due;
	json_decref(o.object);
	arena_free(c->arena);
	if (rc == -1)
		return failed(c);
	if (measured)
		count_order(c, &o);
	c->tally->requests = http_requests(c->http) - c->requests;
	c->tally->connections = http_connections(c->http) - c->connections;
	return 0;
}

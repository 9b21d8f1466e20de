/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One order (RFC 8555, 7.4) of the own account.  Its names are granted
 * without proof, so there is no challenge to answer: order, finalize,
 * certificate.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "enc.h"
#include "json.h"
#include "log.h"
#include "proc.h"
#include "renew.h"

#define MEMORY		(16u << 20)
#define NONCE_TRIES	4
#define POLL_MS		60000	/* for the certificate */
#define POLL_LEAST	1	/* seconds between two looks */
#define POLL_MOST	10

struct order {
	const struct conf	*conf;
	struct renew_http	*http;
	const X509		*pinned;
	struct arena		*arena;
	int			 signer;
	const char		*account;
	json_t			*names;		/* owned */
	const char		*nonce;		/* the next one, or NULL */
	const char		*new_nonce, *new_order;		/* URLs */
	bool			 terms;		/* are to be agreed to first */
	char			*why;
};

static int
fail(struct order *o, const char *text)
{
	snprintf(o->why, RENEW_WHY, "%s", text);
	return -1;
}

/* What follows base_url; NULL when it leads anywhere else. */
static const char *
path_of(struct order *o, const char *url)
{
	size_t	len = strlen(o->conf->base_url);

	if (url != NULL && strncmp(url, o->conf->base_url, len) == 0 &&
	    url[len] == '/' && url[strcspn(url, " \r\n")] == '\0')
		return url + len;
	fail(o, "the server named a URL that is not below base_url");
	return NULL;
}

/* ----------------------------------------------------------------- requests */

static int
send_plain(struct order *o, const char *method, const char *url,
    struct renew_reply *r)
{
	const char	*path = path_of(o, url);

	if (path == NULL || renew_http_send(o->http, o->arena, method, path,
	    NULL, o->pinned, r, o->why) == -1)
		return -1;
	if (r->status == 200 || r->status == 204)
		return 0;
	snprintf(o->why, RENEW_WHY, "%s %s: status %u", method, path,
	    r->status);
	return -1;
}

static int
need_nonce(struct order *o)
{
	struct renew_reply	r;

	if (o->nonce != NULL)
		return 0;
	if (send_plain(o, "HEAD", o->new_nonce, &r) == -1)
		return -1;
	o->nonce = r.nonce;
	return o->nonce == NULL ? fail(o, "the server gives no nonce") : 0;
}

/* A flattened JWS (RFC 7515, 7.2.2), signed in the token; NULL: failed. */
static const char *
make_jws(struct order *o, const char *url, const char *payload)
{
	const char	*header, *input, *signature;
	json_t		*object;
	size_t		 len;

	object = json_pack("{s:s, s:s, s:s, s:s}", "alg", "ES256", "kid",
	    o->account, "nonce", o->nonce, "url", url);
	header = json_canonical(o->arena, object, &len);
	json_decref(object);
	header = b64u_encode(o->arena, header, len);
	payload = b64u_encode(o->arena, payload, strlen(payload));
	input = arena_printf(o->arena, "%s.%s", header, payload);
	signature = renew_sign(o->signer, o->arena, input, o->why);
	return signature == NULL ? NULL : arena_printf(o->arena,
	    "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
	    header, payload, signature);
}

static bool
is_error(const char *type, const char *name)
{
	static const char	prefix[] = "urn:ietf:params:acme:error:";

	return type != NULL && strncmp(type, prefix, strlen(prefix)) == 0 &&
	    strcmp(type + strlen(prefix), name) == 0;
}

/* What a problem document says (RFC 9457), as a reason. */
static int
problem_of(struct order *o, const char *path, const struct renew_reply *r,
    bool *bad_nonce)
{
	const char	*why, *type, *detail;
	json_t		*doc = json_read_object(r->body, r->len, &why);

	type = json_member_string(doc, "type");
	detail = json_member_string(doc, "detail");
	*bad_nonce = is_error(type, "badNonce");
	o->terms = is_error(type, "userActionRequired");
	snprintf(o->why, RENEW_WHY, "%s: status %u: %s: %s", path, r->status,
	    type == NULL ? "no problem document" : type,
	    detail == NULL ? "-" : detail);
	json_decref(doc);
	return -1;
}

/* POST, or POST-as-GET with an empty payload.  A bad nonce is no failure
 * (RFC 8555, 6.5). */
static int
post(struct order *o, const char *url, const char *payload,
    struct renew_reply *r)
{
	const char	*path = path_of(o, url), *body;
	bool		 bad_nonce = true;
	int		 i;

	for (i = 0; path != NULL && bad_nonce && i < NONCE_TRIES; i++) {
		if (need_nonce(o) == -1 ||
		    (body = make_jws(o, url, payload)) == NULL ||
		    renew_http_send(o->http, o->arena, "POST", path, body,
		    o->pinned, r, o->why) == -1)
			return -1;
		o->nonce = r->nonce;
		if (r->status == 200 || r->status == 201)
			return 0;
		problem_of(o, path, r, &bad_nonce);
	}
	return -1;
}

/* Wait `seconds`, or less when we are to end: then -1. */
static int
pause_for(struct order *o, unsigned seconds)
{
	struct pollfd	p = { .fd = proc_stop_fd(), .events = POLLIN };

	if (seconds < POLL_LEAST)
		seconds = POLL_LEAST;
	if (seconds > POLL_MOST)
		seconds = POLL_MOST;
	if (poll(&p, 1, (int)seconds * 1000) == -1 && errno != EINTR)
		return fail(o, "poll failed");
	return proc_stopping() ? fail(o, "stopped") : 0;
}

/* ---------------------------------------------------------------- the order */

static int
read_directory(struct order *o)
{
	struct renew_reply	 r;
	const char		*why, *nonce, *order;
	json_t			*doc;

	if (send_plain(o, "GET", arena_printf(o->arena, "%s/directory",
	    o->conf->base_url), &r) == -1)
		return -1;
	doc = json_read_object(r.body, r.len, &why);
	nonce = json_member_string(doc, "newNonce");
	order = json_member_string(doc, "newOrder");
	if (nonce != NULL && order != NULL) {
		o->new_nonce = arena_strdup(o->arena, nonce);
		o->new_order = arena_strdup(o->arena, order);
	}
	json_decref(doc);
	return o->new_order == NULL ? fail(o, "the directory is not one") : 0;
}

static const char *
order_payload(struct order *o)
{
	json_t		*list = json_array(), *value, *payload;
	const char	*name;
	size_t		 i, len;
	char		*text;

	json_array_foreach(o->names, i, value) {
		name = json_string_value(value);
		/* No DNS name ends in a digit or has a colon. */
		json_array_append_new(list, json_pack("{s:s, s:s}", "type",
		    strchr(name, ':') != NULL || strspn(name, "0123456789.")
		    == strlen(name) ? "ip" : "dns", "value", name));
	}
	payload = json_pack("{s:o}", "identifiers", list);
	if (o->conf->renew.profile != NULL)
		json_object_set_new(payload, "profile",
		    json_string(o->conf->renew.profile));
	text = json_canonical(o->arena, payload, &len);
	json_decref(payload);
	return text;
}

/* What an order object says; strings in the arena. */
struct order_facts {
	const char	*status, *finalize, *certificate, *detail;
};

static int
read_order(struct order *o, const struct renew_reply *r,
    struct order_facts *f)
{
	const char	*why, *text;
	json_t		*doc = json_read_object(r->body, r->len, &why);
	size_t		 i;
	const struct {
		const char	*name;
		const char	**to;
	} members[] = {
		{ "status", &f->status },
		{ "finalize", &f->finalize },
		{ "certificate", &f->certificate },
	};

	memset(f, 0, sizeof(*f));
	for (i = 0; i < nitems(members); i++)
		if ((text = json_member_string(doc, members[i].name)) != NULL)
			*members[i].to = arena_strdup(o->arena, text);
	text = json_member_string(json_object_get(doc, "error"), "detail");
	f->detail = text == NULL ? "-" : arena_strdup(o->arena, text);
	json_decref(doc);
	return f->status == NULL ? fail(o, "an order has no status") : 0;
}

static int
wrong_status(struct order *o, const struct order_facts *f)
{
	if (strcmp(f->status, "pending") == 0)
		return fail(o, "a name of the listener must be proven first "
		    "(the EAB key \"own\" must allow all of them without: "
		    "\"prevalidated\")");
	snprintf(o->why, RENEW_WHY, "the order is %s: %s", f->status,
	    f->detail);
	return -1;
}

/* Until the order is valid. */
static int
await(struct order *o, const char *url, struct renew_reply *r,
    struct order_facts *f)
{
	long long	until = proc_monotonic_ms() + POLL_MS;

	for (;;) {
		if (read_order(o, r, f) == -1)
			return -1;
		if (strcmp(f->status, "valid") == 0)
			return 0;
		if (strcmp(f->status, "processing") != 0)
			return wrong_status(o, f);
		if (proc_monotonic_ms() > until)
			return fail(o, "the order is not processed in time");
		if (pause_for(o, r->retry_after) == -1 ||
		    post(o, url, "", r) == -1)
			return -1;
	}
}

/* The terms are our own: when they are new, the account agrees to them. */
static int
new_order(struct order *o, struct renew_reply *r)
{
	const char	*payload = order_payload(o);

	if (post(o, o->new_order, payload, r) == 0)
		return 0;
	if (!o->terms || post(o, o->account,
	    "{\"termsOfServiceAgreed\":true}", r) == -1)
		return -1;
	log_info("agreed to the terms of service for the own account");
	return post(o, o->new_order, payload, r);
}

/* Order and finalize: the PEM chain. */
static int
obtain(struct order *o, const unsigned char *csr, size_t len,
    struct renew_reply *r)
{
	struct order_facts	 f;
	const char		*url;

	if (new_order(o, r) == -1)
		return -1;
	if ((url = r->location) == NULL)
		return fail(o, "the order has no Location");
	if (read_order(o, r, &f) == -1)
		return -1;
	if (strcmp(f.status, "ready") != 0 || f.finalize == NULL)
		return wrong_status(o, &f);
	if (post(o, f.finalize, arena_printf(o->arena, "{\"csr\":\"%s\"}",
	    b64u_encode(o->arena, csr, len)), r) == -1 ||
	    await(o, url, r, &f) == -1)
		return -1;
	if (f.certificate == NULL)
		return fail(o, "the order has no certificate");
	return post(o, f.certificate, "", r);
}

/* With a new key: order, check, and put it in place. */
static int
renew_with(struct order *o, EVP_PKEY *key, BIO *pem)
{
	struct renew_reply	 r;
	unsigned char		*csr;
	char			 host[256], *data;
	size_t			 len;
	long			 n;

	if (json_array_size(o->names) == 0)
		return fail(o, "no name is granted to the own account (the "
		    "EAB key \"own\": \"prevalidated\")");
	if (renew_csr(o->arena, key, o->names, &csr, &len) == -1)
		return fail(o, "OpenSSL makes no request for these names");
	if (read_directory(o) == -1 || obtain(o, csr, len, &r) == -1)
		return -1;
	renew_host(o->conf->base_url, host, sizeof(host));
	if (renew_check(r.body, r.len, key, host, renew_http_trust(o->http),
	    o->why) == -1)
		return -1;
	n = BIO_get_mem_data(pem, &data);
	return renew_store(o->conf, data, (size_t)n, r.body, r.len, o->why);
}

int
renew_order(const struct conf *conf, struct renew_http *http,
    const X509 *pinned, char *why)
{
	struct order	 o = { .conf = conf, .http = http, .pinned = pinned,
	    .signer = -1, .why = why };
	EVP_PKEY	*key = NULL;
	BIO		*pem = NULL;
	int		 rc = -1;

	o.arena = arena_new(MEMORY);
	o.signer = renew_sign_open(conf, o.arena, &o.account, &o.names, why);
	if (o.signer == -1)
		goto out;
	if ((key = renew_key(&pem)) == NULL)
		fail(&o, "OpenSSL makes no key");
	else
		rc = renew_with(&o, key, pem);
out:
	EVP_PKEY_free(key);
	BIO_free(pem);
	json_decref(o.names);
	if (o.signer != -1)
		close(o.signer);
	arena_free(o.arena);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate: what RFC 8555, 6 demands of every request is checked here, once,
 * in this order: resource, method, Content-Type, form of the JWS, nonce, url,
 * key, signature, standing of the account, form of the payload, terms.
 */
#include <string.h>
#include <strings.h>

#include "account_cache.h"
#include "acme.h"
#include "conf.h"
#include "json.h"
#include "keyring.h"
#include "mem.h"
#include "nonce.h"
#include "db/queries-acme.h"

#define CONTENT_TYPE	"application/jose+json"

/* -------------------------------------------------------- for every reply */

/*
 * Does the reply carry a nonce?  All do but what is simply read by GET: such
 * a reply may be cached, and a client that reads the directory before it can
 * keep nonces must not be handed one (ruby-acme-client fails on it).
 */
static bool
nonce_fits(const struct http_request *http, const struct http_reply *reply)
{
	static const char *const read[] = { "GET", "HEAD", "OPTIONS" };
	size_t i;

	if (http->method == NULL || http->path == NULL ||
	    reply->status >= 400 ||
	    strcmp(http->path, "/acme/new-nonce") == 0)
		return true;
	for (i = 0; i < nitems(read); i++)
		if (strcmp(http->method, read[i]) == 0)
			return false;
	return true;
}

void
acme_decorate(const struct http_request *http, struct http_reply *reply)
{
	const char *base = acme_conf()->base_url;

	if (nonce_fits(http, reply)) {
		http_header(reply, "Replay-Nonce", "%s",
		    nonce_make(reply->arena));
		http_header(reply, "Cache-Control", "no-store");
	}
	if (http->path == NULL || strcmp(http->path, "/directory") != 0)
		http_header(reply, "Link", "<%s/directory>;rel=\"index\"",
		    base);
	http_header(reply, "Access-Control-Allow-Origin", "*");
	http_header(reply, "Access-Control-Expose-Headers",
	    "Link, Replay-Nonce, Location, Retry-After");
}

/* ------------------------------------------------------------------ method */

static const char *
methods_print(const struct resource *r)
{
	static const char *const text[] = {
		[METHOD_GET] = "GET, HEAD, OPTIONS",
		[METHOD_POST] = "POST, OPTIONS",
		[METHOD_GET | METHOD_POST] = "GET, HEAD, POST, OPTIONS",
	};

	return text[r->methods];
}

/* A CORS preflight carries no JWS (RFC 8555, 6.1). */
static int
options_reply(struct acme_req *req)
{
	http_header(req->reply, "Allow", "%s", methods_print(req->resource));
	http_header(req->reply, "Access-Control-Allow-Methods", "%s",
	    methods_print(req->resource));
	http_header(req->reply, "Access-Control-Allow-Headers",
	    "Content-Type");
	http_header(req->reply, "Access-Control-Max-Age", "86400");
	req->reply->status = 204;
	return 0;
}

static int
method_refuse(struct acme_req *req)
{
	http_header(req->reply, "Allow", "%s", methods_print(req->resource));
	return problem_status(&req->problem, 405, PR_MALFORMED,
	    "RFC 8555, 6.3: the resource is asked for by %s",
	    methods_print(req->resource));
}

/* -------------------------------------------------------------------- POST */

/* RFC 8555, 6.2.  RFC 7515, 9.2.1 defines no parameters for this type, so
 * none are accepted. */
static int
content_type_check(struct acme_req *req)
{
	const char *type = http_request_header(req->http, "Content-Type");

	if (type == NULL || strcasecmp(type, CONTENT_TYPE) != 0)
		return problem_status(&req->problem, 415, PR_MALFORMED,
		    "RFC 8555, 6.2: Content-Type is not " CONTENT_TYPE);
	return 0;
}

/* RFC 8555, 6.5: spent by this request, whatever becomes of it. */
static int
nonce_check(struct acme_req *req)
{
	unsigned char raw[NONCE_LEN];
	struct rows *rows = NULL;
	bool fresh = false;

	if (req->jws.nonce == NULL)
		return problem(&req->problem, PR_BAD_NONCE,
		    "RFC 8555, 6.5.2: the JWS has no nonce");
	switch (nonce_use(req->arena, req->jws.nonce, raw)) {
	case NONCE_FRESH:
		fresh = true;
		break;
	case NONCE_FOREIGN:
		if (acme_query(req, Q_NONCE_SPEND, &rows,
		    ARGS(arg_bytes(raw, sizeof(raw)))) == -1)
			return -1;
		fresh = rows_count(rows) == 1;
		rows_free(rows);
		break;
	case NONCE_BAD:
		break;
	}
	if (!fresh)
		return problem(&req->problem, PR_BAD_NONCE,
		    "RFC 8555, 6.5: the nonce was used before or is not ours");
	return 0;
}

/* RFC 8555, 6.4: octet for octet what was handed out, which has no query. */
static int
url_check(struct acme_req *req)
{
	const char *base = req->conf->base_url;
	size_t len = strlen(base);

	if (req->http->query != NULL || req->jws.url == NULL ||
	    strncmp(req->jws.url, base, len) != 0 ||
	    strcmp(req->jws.url + len, req->http->path) != 0)
		return problem(&req->problem, PR_UNAUTHORIZED,
		    "RFC 8555, 6.4: url is not the URL of the request");
	return 0;
}

/* 1 found, 0 not, or -1. */
static int
account_find(struct acme_req *req, int64_t id)
{
	req->remembered = account_cache_get(req->arena, id, &req->account);
	return req->remembered ? 1 : account_by_id(req, id, &req->account);
}

/* The account that kid names: its URL as it was handed out. */
static int
account_load(struct acme_req *req)
{
	const char *base = req->conf->base_url, *kid = req->jws.kid;
	static const char path[] = "/acme/account/";
	unsigned char public[SECRET_LEN];
	size_t len = strlen(base);
	int64_t id;
	int found = 0;

	if (strncmp(kid, base, len) == 0 &&
	    strncmp(kid + len, path, sizeof(path) - 1) == 0) {
		kid += len + sizeof(path) - 1;
		if (public_id_parse(kid, strlen(kid), &id, public) == 0)
			found = account_find(req, id);
	}
	if (found == -1)
		return -1;
	if (found == 0 ||
	    !octets_equal(public, req->account.public, SECRET_LEN))
		return problem(&req->problem, PR_ACCOUNT_DOES_NOT_EXIST,
		    "RFC 8555, 6.2: kid is not the URL of an account");
	return keyring_key(req->arena, req->account.jwk, &req->key,
	    &req->problem);
}

/* RFC 8555, 6.2: jwk where a new key speaks, kid everywhere else. */
static int
key_load(struct acme_req *req)
{
	if (req->resource->auth == AUTH_KEY) {
		if (req->jws.jwk == NULL)
			return problem(&req->problem, PR_MALFORMED,
			    "RFC 8555, 6.2: this request is signed with jwk, "
			    "not kid");
		return jwk_parse(req->arena, req->jws.jwk, &req->key,
		    &req->problem);
	}
	if (req->jws.kid == NULL)
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 6.2: this request is signed with kid, not jwk");
	return account_load(req);
}

/* The key that we remember may be the one before a change that another node
 * answered (RFC 8555, 7.3.5). */
static int
signature_check(struct acme_req *req)
{
	const char *known = req->account.jwk;

	if (jws_verify(&req->jws, &req->key, &req->problem) == 0)
		return 0;
	if (!req->remembered ||
	    account_by_id(req, req->account.id, &req->account) != 1 ||
	    strcmp(req->account.jwk, known) == 0)
		return -1;
	jwk_clear(&req->key);
	if (keyring_key(req->arena, req->account.jwk, &req->key,
	    &req->problem) == -1)
		return -1;
	return jws_verify(&req->jws, &req->key, &req->problem);
}

/* RFC 8555, 7.3.6 */
static int
standing_check(struct acme_req *req)
{
	if (req->resource->auth == AUTH_KEY || req->account.valid)
		return 0;
	return problem_status(&req->problem, 401, PR_UNAUTHORIZED,
	    "RFC 8555, 7.3.6: the account is %s", req->account.status);
}

static int
payload_load(struct acme_req *req)
{
	const char *why = NULL;

	if (req->jws.payload_len == 0) {
		if (req->resource->payload & PAYLOAD_EMPTY)
			return 0;
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 6.3: the resource takes no POST-as-GET; its "
		    "payload is a JSON object");
	}
	if ((req->resource->payload & PAYLOAD_OBJECT) == 0)
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 6.3: the resource is read by POST-as-GET, "
		    "whose payload is empty");
	req->payload = json_read_object(req->jws.payload,
	    req->jws.payload_len, &why);
	if (req->payload == NULL)
		return problem(&req->problem, PR_MALFORMED,
		    "RFC 8555, 6.2: the payload is not a JSON object: %s",
		    why);
	return 0;
}

static int
post(struct acme_req *req)
{
	if (content_type_check(req) == -1 ||
	    jws_parse(req->arena, req->http->body, req->http->body_len,
	    &req->jws, &req->problem) == -1 ||
	    nonce_check(req) == -1 ||
	    url_check(req) == -1 ||
	    key_load(req) == -1 ||
	    signature_check(req) == -1 ||
	    standing_check(req) == -1 ||
	    payload_load(req) == -1)
		return -1;
	if (req->resource->terms && req->payload != NULL &&
	    terms_check(req) == -1)
		return -1;
	return req->resource->handler(req);
}

/* ---------------------------------------------------------------- dispatch */

static int
dispatch(struct acme_req *req)
{
	const char *method = req->http->method;

	req->resource = resource_find(req);
	if (req->resource == NULL)
		return acme_not_found(req);
	if (strcmp(method, "OPTIONS") == 0)
		return options_reply(req);
	if (strcmp(method, "POST") == 0 &&
	    (req->resource->methods & METHOD_POST))
		return post(req);
	if ((strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) &&
	    (req->resource->methods & METHOD_GET))
		return req->resource->handler(req);
	return method_refuse(req);
}

void
acme_handle(const struct http_request *http, struct http_reply *reply)
{
	struct acme_req req = { 0 };

	req.conf = acme_conf();
	req.arena = http->arena;
	req.http = http;
	req.reply = reply;
	if (dispatch(&req) == -1) {
		http_problem(reply, &req.problem);
		if (reply->status == 503)
			acme_retry_after(&req, 5);
	}
	json_decref(req.payload);
	jwk_clear(&req.key);
	jws_clear(&req.jws);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resources of the server (RFC 8555, 7.1) in one table.  The directory
 * is printed from it, so it advertises what there is and nothing else.
 */
#include <string.h>

#include "acme.h"
#include "acme_rules.h"
#include "conf.h"

#define NAME_MAX_LEN	128	/* of a "+" */
#define ANY	PAYLOAD_EMPTY | PAYLOAD_OBJECT

static int	directory(struct acme_req *);
static int	nonce_new(struct acme_req *);
static bool	pre_authorization(const struct conf *);

static const struct resource resources[] = {
	{ NULL, "/directory", METHOD_GET | METHOD_POST, PAYLOAD_EMPTY,
	    AUTH_ACCOUNT, false, directory, NULL },
	{ "newNonce", "/acme/new-nonce", METHOD_GET | METHOD_POST,
	    PAYLOAD_EMPTY, AUTH_ACCOUNT, false, nonce_new, NULL },
	{ "newAccount", "/acme/new-account", METHOD_POST, PAYLOAD_OBJECT,
	    AUTH_KEY, false, account_new, NULL },
	{ "newOrder", "/acme/new-order", METHOD_POST, PAYLOAD_OBJECT,
	    AUTH_ACCOUNT, true, order_new, NULL },
	{ "newAuthz", "/acme/new-authz", METHOD_POST, PAYLOAD_OBJECT,
	    AUTH_ACCOUNT, true, authz_new, pre_authorization },
	{ "keyChange", "/acme/key-change", METHOD_POST, PAYLOAD_OBJECT,
	    AUTH_ACCOUNT, false, key_change, NULL },
	{ "renewalInfo", "/acme/renewal-info/+", METHOD_GET, 0,
	    AUTH_ACCOUNT, false, renewal_info, NULL },
	{ NULL, "/acme/terms", METHOD_GET, 0, AUTH_ACCOUNT, false, terms_get,
	    terms_offered },
	{ NULL, "/acme/account/*", METHOD_POST, ANY, AUTH_ACCOUNT, false,
	    account_post, NULL },
	{ NULL, "/acme/orders/*", METHOD_POST, PAYLOAD_EMPTY, AUTH_ACCOUNT,
	    false, account_orders, NULL },
	{ NULL, "/acme/orders/*/+", METHOD_POST, PAYLOAD_EMPTY,
	    AUTH_ACCOUNT, false, account_orders, NULL },
	{ NULL, "/acme/order/*", METHOD_POST, PAYLOAD_EMPTY, AUTH_ACCOUNT,
	    false, order_post, NULL },
	{ NULL, "/acme/order/*/finalize", METHOD_POST, PAYLOAD_OBJECT,
	    AUTH_ACCOUNT, true, order_finalize, NULL },
	{ NULL, "/acme/authz/*", METHOD_POST, ANY, AUTH_ACCOUNT, false,
	    authz_post, NULL },
	{ NULL, "/acme/challenge/*/+", METHOD_POST, ANY, AUTH_ACCOUNT, true,
	    challenge_post, NULL },
	{ NULL, "/acme/certificate/*", METHOD_POST, PAYLOAD_EMPTY,
	    AUTH_ACCOUNT, false, certificate_post, NULL },
	{ NULL, "/acme/certificate/*/+", METHOD_POST, PAYLOAD_EMPTY,
	    AUTH_ACCOUNT, false, certificate_post, NULL },
};

/* Does the path match, segment for segment?  Takes the parameters. */
static bool
path_match(struct acme_req *req, const char *pattern)
{
	const char *path = req->http->path;
	size_t len;

	for (; *pattern != '\0'; pattern++) {
		len = strcspn(path, "/");
		if (*pattern == '*') {
			if (public_id_parse(path, len, &req->id, req->public)
			    == -1)
				return false;
		} else if (*pattern == '+') {
			if (len == 0 || len > NAME_MAX_LEN)
				return false;
			req->name = arena_strndup(req->arena, path, len);
		} else if (*path == *pattern)
			len = 1;
		else
			return false;
		path += len;
	}
	return *path == '\0';
}

static bool
offered(const struct resource *r, const struct conf *conf)
{
	return r->offered == NULL || r->offered(conf);
}

static bool
pre_authorization(const struct conf *conf)
{
	return conf->acme.pre_authorization;
}

const struct resource *
resource_find(struct acme_req *req)
{
	size_t i;

	for (i = 0; i < nitems(resources); i++)
		if (path_match(req, resources[i].path))
			return offered(&resources[i], req->conf) ?
			    &resources[i] : NULL;
	return NULL;
}

/* ----------------------------------------------------------- the directory */

static void
meta_text(json_t *meta, const char *name, const char *value)
{
	if (value != NULL)
		json_object_set_new(meta, name, json_string(value));
}

/* draft-ietf-acme-profiles, 3: what there is, and what for. */
static json_t *
profiles_print(struct acme_req *req)
{
	json_t *doc = json_object();
	size_t i, n;
	const struct acme_profile **list = acme_profiles(req, &n);

	for (i = 0; i < n; i++)
		meta_text(doc, list[i]->name, list[i]->body.description);
	return doc;
}

/* RFC 8555, 7.1.1; caaIdentities is what the validator looks for. */
static json_t *
meta_make(struct acme_req *req)
{
	const struct conf *conf = req->conf;
	const struct strings *caa = &conf->validator.caa_identities;
	json_t *meta = json_object(), *list;
	size_t i;

	meta_text(meta, "termsOfService", conf->acme.terms_of_service);
	meta_text(meta, "website", conf->acme.website);
	if (caa->n > 0) {
		list = json_array();
		for (i = 0; i < caa->n; i++)
			json_array_append_new(list, json_string(caa->v[i]));
		json_object_set_new(meta, "caaIdentities", list);
	}
	if (conf->acme.external_account_required)
		json_object_set_new(meta, "externalAccountRequired",
		    json_true());
	json_object_set_new(meta, "profiles", profiles_print(req));
	return meta;
}

/* Of a resource with a name behind it, the URL that a client appends it
 * to (RFC 9773, 4.1). */
static char *
resource_url(struct acme_req *req, const struct resource *r)
{
	size_t len = strlen(r->path);

	if (len > 2 && strcmp(r->path + len - 2, "/+") == 0)
		len -= 2;
	return arena_printf(req->arena, "%s%.*s", req->conf->base_url,
	    (int)len, r->path);
}

static int
directory(struct acme_req *req)
{
	const struct resource *r;
	json_t *doc = json_object();

	for (r = resources; r < resources + nitems(resources); r++)
		if (r->name != NULL && offered(r, req->conf))
			meta_text(doc, r->name, resource_url(req, r));
	json_object_set_new(doc, "meta", meta_make(req));
	return acme_reply_json(req, 200, doc);
}

/* RFC 8555, 7.2: HEAD 200, GET and POST-as-GET 204; the nonce itself is on
 * every reply. */
static int
nonce_new(struct acme_req *req)
{
	req->reply->status = strcmp(req->http->method, "HEAD") == 0 ? 200 :
	    204;
	return 0;
}

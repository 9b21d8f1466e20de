/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resources of the server (RFC 8555, 7.1) in one table.  The directory
 * is printed from it, so it advertises what there is and nothing else.
 */
#include <string.h>

#include "acme.h"
#include "conf.h"

static int	directory(struct acme_req *);
static int	nonce_new(struct acme_req *);

static const struct resource resources[] = {
	{ NULL, "/directory", METHOD_GET | METHOD_POST, PAYLOAD_EMPTY,
	    AUTH_ACCOUNT, directory },
	{ "newNonce", "/acme/new-nonce", METHOD_GET | METHOD_POST,
	    PAYLOAD_EMPTY, AUTH_ACCOUNT, nonce_new },
	{ "newAccount", "/acme/new-account", METHOD_POST, PAYLOAD_OBJECT,
	    AUTH_KEY, account_new },
	{ "newOrder", "/acme/new-order", METHOD_POST, PAYLOAD_OBJECT,
	    AUTH_ACCOUNT, order_new },
	{ NULL, "/acme/account/*", METHOD_POST,
	    PAYLOAD_EMPTY | PAYLOAD_OBJECT, AUTH_ACCOUNT, account_post },
	{ NULL, "/acme/order/*", METHOD_POST, PAYLOAD_EMPTY,
	    AUTH_ACCOUNT, order_post },
	{ NULL, "/acme/order/*/finalize", METHOD_POST, PAYLOAD_OBJECT,
	    AUTH_ACCOUNT, order_finalize },
	{ NULL, "/acme/authz/*", METHOD_POST, PAYLOAD_EMPTY | PAYLOAD_OBJECT,
	    AUTH_ACCOUNT, authz_post },
	{ NULL, "/acme/challenge/*/+", METHOD_POST,
	    PAYLOAD_EMPTY | PAYLOAD_OBJECT, AUTH_ACCOUNT, challenge_post },
	{ NULL, "/acme/certificate/*", METHOD_POST, PAYLOAD_EMPTY,
	    AUTH_ACCOUNT, certificate_post },
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
			if (len == 0 || len > 32)
				return false;
			req->method = arena_strndup(req->arena, path, len);
		} else if (*path == *pattern)
			len = 1;
		else
			return false;
		path += len;
	}
	return *path == '\0';
}

const struct resource *
resource_find(struct acme_req *req)
{
	size_t i;

	for (i = 0; i < nitems(resources); i++)
		if (path_match(req, resources[i].path))
			return &resources[i];
	return NULL;
}

/* ----------------------------------------------------------- the directory */

static void
meta_text(json_t *meta, const char *name, const char *value)
{
	if (value != NULL)
		json_object_set_new(meta, name, json_string(value));
}

/* RFC 8555, 7.1.1; caaIdentities is what the validator looks for. */
static json_t *
meta_make(const struct conf *conf)
{
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
	return meta;
}

static int
directory(struct acme_req *req)
{
	json_t *doc = json_object(), *meta;
	size_t i;

	for (i = 0; i < nitems(resources); i++)
		if (resources[i].name != NULL)
			meta_text(doc, resources[i].name,
			    arena_printf(req->arena, "%s%s",
			    req->conf->base_url, resources[i].path));
	meta = meta_make(req->conf);
	if (json_object_size(meta) > 0)
		json_object_set(doc, "meta", meta);
	json_decref(meta);
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

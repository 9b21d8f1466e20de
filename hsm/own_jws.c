/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of what may be signed with the own account's key: which URL, and
 * which members its payload has.  A header or payload that holds anything
 * else is refused, so that nothing can be hidden in it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../server/enc.h"
#include "../server/json.h"
#include "../server/mem.h"
#include "own_jws.h"

#define MEMORY		(1u << 20)
#define NONCE_MAX	128

/* base_url, `front`, then an id and `back` where there is a back. */
static const struct {
	const char	*front;
	const char	*back;		/* NULL: the URL ends before an id */
	const char	*members[3];	/* none: POST-as-GET (RFC 8555, 6.3) */
} allowed[] = {
	{ "/acme/new-order", NULL, { "identifiers", "profile", NULL } },
	{ "/acme/order/", "", { NULL } },
	{ "/acme/order/", "/finalize", { "csr", NULL } },
	{ "/acme/authz/", "", { NULL } },
	{ "/acme/certificate/", "", { NULL } },
};

static int
no(char *why, size_t whylen, const char *text)
{
	snprintf(why, whylen, "%s", text);
	return -1;
}

static bool
path_fits(const char *path, const char *front, const char *back)
{
	unsigned char	secret[SECRET_LEN];
	int64_t		id;
	size_t		len = strlen(front);

	if (back == NULL)
		return strcmp(path, front) == 0;
	return strncmp(path, front, len) == 0 &&
	    strlen(path + len) == PUBLIC_ID_LEN + strlen(back) &&
	    public_id_parse(path + len, PUBLIC_ID_LEN, &id, secret) == 0 &&
	    strcmp(path + len + PUBLIC_ID_LEN, back) == 0;
}

/* The members that a URL's payload may have, or NULL. */
static const char *const *
members_of(const char *base_url, const char *account, const char *url)
{
	/* Its own terms, once they are new (RFC 8555, 7.3.3). */
	static const char *const	terms[] = { "termsOfServiceAgreed",
	    NULL };
	size_t				len = strlen(base_url), i;

	if (strcmp(url, account) == 0)
		return terms;
	if (strncmp(url, base_url, len) != 0)
		return NULL;
	for (i = 0; i < nitems(allowed); i++)
		if (path_fits(url + len, allowed[i].front, allowed[i].back))
			return allowed[i].members;
	return NULL;
}

static bool
only(json_t *object, const char *const *names)
{
	const char	*name;
	json_t		*value;
	size_t		 i;

	json_object_foreach(object, name, value) {
		for (i = 0; names[i] != NULL; i++)
			if (strcmp(names[i], name) == 0)
				break;
		if (names[i] == NULL)
			return false;
	}
	return true;
}

static json_t *
object_of(struct arena *a, const char *text, size_t len)
{
	unsigned char	*raw;
	const char	*why;
	size_t		 rawlen;

	if (b64u_decode(a, text, len, &raw, &rawlen) == -1)
		return NULL;
	return json_read_object(raw, rawlen, &why);
}

static bool
is_nonce(struct arena *a, const char *text)
{
	unsigned char	*raw;
	size_t		 len;

	return text != NULL && strlen(text) <= NONCE_MAX &&
	    b64u_decode(a, text, strlen(text), &raw, &len) == 0 && len > 0;
}

/* RFC 8555, 6.2, for this one account; the URL, or NULL. */
static const char *
check_header(struct arena *a, json_t *header, const char *account, char *why,
    size_t whylen)
{
	static const char *const names[] = { "alg", "kid", "nonce", "url",
	    NULL };
	const char *alg, *kid, *url;

	alg = json_member_string(header, "alg");
	kid = json_member_string(header, "kid");
	url = json_member_string(header, "url");
	if (!only(header, names) || alg == NULL || kid == NULL || url == NULL)
		no(why, whylen, "the header does not hold alg, kid, nonce, "
		    "url and no more");
	else if (strcmp(alg, "ES256") != 0)
		no(why, whylen, "alg is not ES256");
	else if (strcmp(kid, account) != 0)
		no(why, whylen, "kid is not the own account");
	else if (!is_nonce(a, json_member_string(header, "nonce")))
		no(why, whylen, "there is no nonce");
	else
		return url;
	return NULL;
}

static int
check_payload(struct arena *a, const char *text, const char *const *members,
    char *why, size_t whylen)
{
	json_t	*payload;
	bool	 fits;

	if (members[0] == NULL)
		return text[0] == '\0' ? 0 : no(why, whylen,
		    "this URL is read only (POST-as-GET)");
	if ((payload = object_of(a, text, strlen(text))) == NULL)
		return no(why, whylen, "the payload is not an object");
	fits = json_object_size(payload) > 0 && only(payload, members);
	json_decref(payload);
	return fits ? 0 : no(why, whylen, "the payload has members that it "
	    "may not have");
}

int
own_jws_check(const char *base_url, const char *account, const char *input,
    size_t len, char *why, size_t whylen)
{
	struct arena	*a = arena_new(MEMORY);
	const char	*dot = memchr(input, '.', len), *url;
	const char *const *members;
	json_t		*header = NULL;
	int		 rc = -1;

	if (strlen(input) != len || dot == NULL ||
	    (header = object_of(a, input, (size_t)(dot - input))) == NULL) {
		no(why, whylen, "this is not the signing input of a JWS");
		goto out;
	}
	url = check_header(a, header, account, why, whylen);
	if (url == NULL)
		goto out;
	if ((members = members_of(base_url, account, url)) == NULL) {
		no(why, whylen, "nothing is signed for this URL");
		goto out;
	}
	rc = check_payload(a, dot + 1, members, why, whylen);
out:
	json_decref(header);
	arena_free(a);
	return rc;
}

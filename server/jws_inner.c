/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two messages that carry a JWS inside another (RFC 8555, 7.3.4 and
 * 7.3.5), judged by what they say of each other.  The ACME face does it to
 * answer early, the signer to decide.
 */
#include <string.h>

#include "json.h"
#include "jws.h"
#include "mem.h"
#include "problem.h"

#define KID_MAX	128	/* of rules_body.c, too */

/* Payload of an inner JWS as an object; NULL with the problem. */
static json_t *
payload_read(const struct jws *jws, const char *cites, struct problem *p)
{
	const char *why = "";
	json_t *o;

	o = json_read_object(jws->payload, jws->payload_len, &why);
	if (o == NULL)
		problem(p, PR_MALFORMED, "%s: the payload of the inner JWS is "
		    "not acceptable: %s", cites, why);
	return o;
}

int
jws_binding(struct arena *a, const json_t *body, const char *url,
    const struct jwk *key, struct jws *jws, struct problem *p)
{
	struct jwk bound = { 0 };
	json_t *payload;
	int rc;

	if (jws_parse_inner(a, body, JWS_BINDING, url, jws, p) == -1)
		return -1;
	if (*jws->kid == '\0' || strlen(jws->kid) > KID_MAX)
		return problem(p, PR_MALFORMED, "RFC 8555, 7.3.4: kid of the "
		    "binding is not that of a key");
	payload = payload_read(jws, "RFC 8555, 7.3.4", p);
	if (payload == NULL)
		return -1;
	/* Parameters are compared, not octets. */
	rc = jwk_parse(a, payload, &bound, p);
	if (rc == 0 && memcmp(bound.thumbprint, key->thumbprint,
	    DIGEST_LEN) != 0)
		rc = problem(p, PR_MALFORMED, "RFC 8555, 7.3.4: the binding "
		    "is for another account key");
	jwk_clear(&bound);
	json_decref(payload);
	return rc;
}

/* {"account": URL, "oldKey": JWK} and nothing else that we look at. */
static int
change_check(struct arena *a, const json_t *payload, const char *account,
    const unsigned char old[DIGEST_LEN], struct problem *p)
{
	const char *named = json_member_string(payload, "account");
	struct jwk key = { 0 };
	int rc;

	if (named == NULL || strcmp(named, account) != 0)
		return problem(p, PR_MALFORMED, "RFC 8555, 7.3.5: account is "
		    "not the one that signed the request");
	if (!json_is_object(json_object_get(payload, "oldKey")))
		return problem(p, PR_MALFORMED, "RFC 8555, 7.3.5: oldKey is "
		    "missing or not an object");
	rc = jwk_parse(a, json_object_get(payload, "oldKey"), &key, p);
	if (rc == -1 || memcmp(key.thumbprint, old, DIGEST_LEN) != 0)
		rc = problem(p, PR_MALFORMED, "RFC 8555, 7.3.5: oldKey is not "
		    "the key of the account");
	jwk_clear(&key);
	return rc;
}

int
jws_key_change(struct arena *a, const json_t *body, const char *url,
    const char *account, const unsigned char old[DIGEST_LEN],
    struct jwk *key, struct problem *p)
{
	json_t *payload = NULL;
	struct jws jws;
	int rc = -1;

	memset(key, 0, sizeof(*key));
	if (jws_parse_inner(a, body, JWS_KEY_CHANGE, url, &jws, p) == -1 ||
	    jwk_parse(a, jws.jwk, key, p) == -1 ||
	    jws_verify(&jws, key, p) == -1 ||
	    (payload = payload_read(&jws, "RFC 8555, 7.3.5", p)) == NULL)
		goto out;
	rc = change_check(a, payload, account, old, p);
out:
	json_decref(payload);
	jws_clear(&jws);
	return rc;
}

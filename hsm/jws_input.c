/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signing input of a JWS as the token worker judges it.  Neither a
 * TBSCertificate nor a checkpoint can be one: base64url and a dot hold
 * neither a newline nor DER's first octet.
 */
#include <string.h>

#include "../server/enc.h"
#include "../server/json.h"
#include "../server/mem.h"
#include "jws_input.h"

#define MEMORY	(1u << 20)

const char *
jws_input_alg(const char *kind)
{
	if (strcmp(kind, "P-256") == 0)
		return "ES256";
	if (strcmp(kind, "P-384") == 0)
		return "ES384";
	return strncmp(kind, "RSA-", 4) == 0 ? "RS256" : NULL;
}

static const char *
judge_header(struct arena *a, const char *text, size_t len, const char *alg)
{
	const char *said, *why, *objection = NULL;
	unsigned char *octets;
	json_t *header;
	size_t n;

	if (b64u_decode(a, text, len, &octets, &n) == -1 ||
	    (header = json_read_object(octets, n, &why)) == NULL)
		return "its header is not a JSON object (RFC 7515, 4)";
	said = json_member_string(header, "alg");
	if (said == NULL || strcmp(said, alg) != 0)
		objection = "its alg is not that of the key";
	else if (json_member_string(header, "url") == NULL ||
	    (json_object_get(header, "kid") == NULL) ==
	    (json_object_get(header, "jwk") == NULL))
		objection = "its header lacks url, or kid or jwk (RFC 8555, "
		    "6.2)";
	json_decref(header);
	return objection;
}

const char *
jws_input_objection(const void *octets, size_t len, const char *kind)
{
	const char *text = octets, *dot, *alg = jws_input_alg(kind), *why;
	unsigned char *payload;
	struct arena *a;
	size_t n, head;

	if (alg == NULL)
		return "such a key signs no JWS";
	if ((dot = len == 0 ? NULL : memchr(text, '.', len)) == NULL)
		return "these octets are not the signing input of a JWS";
	a = arena_new(MEMORY);
	head = (size_t)(dot - text);
	if ((why = judge_header(a, text, head, alg)) == NULL &&
	    b64u_decode(a, dot + 1, len - head - 1, &payload, &n) == -1)
		why = "its payload is not base64url (RFC 7515, 5.1)";
	arena_free(a);
	return why;
}

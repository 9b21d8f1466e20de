/* SPDX-License-Identifier: Apache-2.0 */
/* Any body: parsed, and what was parsed printed again, is the same; and never
 * a binding or a key change of a key that nobody has. */
#include "fuzz.h"

#include "server/json.h"
#include "server/jws.h"
#include "server/problem.h"

/* A key that was accepted has one text, which gives the same key again. */
static void
check_key(struct arena *a, const struct jws *jws)
{
	struct problem p = { 0 };
	struct jwk jwk, again;

	if (jwk_parse(a, jws->jwk, &jwk, &p) == 0) {
		assert(jwk_parse_text(a, jwk.canonical, &again, &p) == 0);
		assert(strcmp(again.canonical, jwk.canonical) == 0);
		assert(memcmp(again.thumbprint, jwk.thumbprint,
		    DIGEST_LEN) == 0);
		jwk_clear(&again);
		jws_verify(jws, &jwk, &p);
	} else {
		assert(p.type == PR_BAD_PUBLIC_KEY);
	}
	jwk_clear(&jwk);
}

static void
check_parts(struct arena *a, const struct jws *jws)
{
	size_t n = strlen(jws->signing_input);
	const char *payload;

	assert(strncmp(jws->compact, jws->signing_input, n) == 0);
	assert(strcmp(jws->compact + n + 1, b64u_encode(a, jws->signature,
	    jws->signature_len)) == 0);
	payload = strchr(jws->signing_input, '.') + 1;
	assert(strcmp(payload, b64u_encode(a, jws->payload,
	    jws->payload_len)) == 0);
	assert((jws->kid == NULL) != (jws->jwk == NULL));
	assert(jws->url != NULL && jws->alg != NULL);
}

/* The same octets as the inner JWS of a binding and of a key change. */
static void
check_inner(struct arena *a, const uint8_t *data, size_t len)
{
	static const unsigned char old[DIGEST_LEN];
	const char *url = "https://ca.test/acme/key-change", *why;
	json_t *body = json_read_object(data, len, &why);
	struct jwk key = { 0 };
	struct problem p = { 0 };
	struct jws jws;

	if (body == NULL)
		return;
	if (jws_parse_inner(a, body, JWS_BINDING, url, &jws, &p) == 0)
		assert(jws.kid != NULL && jws.jwk == NULL &&
		    jws.nonce == NULL && strncmp(jws.alg, "HS", 2) == 0);
	jws_clear(&jws);
	/* Nothing has this thumbprint. */
	p = (struct problem){ 0 };
	assert(jws_binding(a, body, url, &key, &jws, &p) == -1);
	assert(p.type != PR_NONE);
	jws_clear(&jws);
	p = (struct problem){ 0 };
	assert(jws_key_change(a, body, url, "https://ca.test/a", old, &key,
	    &p) == -1);
	assert(p.type != PR_NONE);
	jwk_clear(&key);
	json_decref(body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct problem p = { 0 };
	struct arena *a;
	struct jws jws;

	a = arena_new(FUZZ_LIMIT);
	if (jws_parse(a, data, len, &jws, &p) == 0) {
		check_parts(a, &jws);
		if (jws.jwk != NULL)
			check_key(a, &jws);
	} else {
		assert(p.type != PR_NONE && p.detail[0] != '\0');
	}
	json_decref(problem_json(&p));
	jws_clear(&jws);
	check_inner(a, data, len);
	arena_free(a);
	return 0;
}

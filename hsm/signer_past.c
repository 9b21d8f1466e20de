/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orders from before a key change (RFC 8555, 7.3.5): they are still the
 * account's, and signed by a key that it has no more.  That it had it is
 * proven by the key changes themselves: each was signed by the new key, which
 * named the old one, and by the old.  So no row is believed, only the chain
 * of signatures that begins at the sealed key of today.
 */
#include <string.h>

#include "../db/db.h"
#include "db/queries-signer.h"
#include "../server/conf.h"
#include "../server/json.h"
#include "../server/mem.h"
#include "signer.h"

#define STEP_MEMORY	(4u << 20)	/* for one key change */

/* The key that a key change gave up, as the change says it. */
static int
old_key(struct arena *a, const struct jws *outer, const json_t *body,
    struct jwk *key)
{
	struct problem p = { 0 };
	struct jws inner = { 0 };
	const char *why;
	json_t *payload = NULL;
	int rc = -1;

	if (jws_parse_inner(a, body, JWS_KEY_CHANGE, outer->url, &inner,
	    &p) == 0)
		payload = json_read_object(inner.payload, inner.payload_len,
		    &why);
	if (payload != NULL)
		rc = jwk_parse(a, json_object_get(payload, "oldKey"), key,
		    &p);
	json_decref(payload);
	jws_clear(&inner);
	return rc;
}

/*
 * Is this a change to the key with the thumbprint `now`?  Then the key before
 * it in *key: 1, else 0.
 */
static int
change_verify(struct arena *a, const struct jws *outer, const char *url,
    const char *account, const unsigned char now[DIGEST_LEN], struct jwk *key)
{
	struct problem p = { 0 };
	struct jwk next = { 0 };
	const char *why;
	json_t *body;
	int rc = 0;

	body = json_read_object(outer->payload, outer->payload_len, &why);
	if (body != NULL && outer->kid != NULL &&
	    strcmp(outer->kid, account) == 0 &&
	    strcmp(outer->url, url) == 0 &&
	    old_key(a, outer, body, key) == 0 &&
	    jws_key_change(a, body, url, account, key->thumbprint, &next,
	    &p) == 0 && memcmp(next.thumbprint, now, DIGEST_LEN) == 0 &&
	    jws_verify(outer, key, &p) == 0)
		rc = 1;
	jwk_clear(&next);
	json_decref(body);
	return rc;
}

/* One step back along the chain: 1 this key signed it, 0 not.  What a step
 * reads is as long as a request, so it does not stay. */
static int
step(struct signer *s, struct request *r, const struct rows *rows, size_t i,
    const struct jws *order, unsigned char now[DIGEST_LEN])
{
	struct arena *a = arena_new(STEP_MEMORY);
	const char *url = arena_printf(a, "%s/acme/key-change",
	    s->conf->base_url);
	struct problem p = { 0 };
	struct jws outer = { 0 };
	struct jwk key = { 0 };
	const unsigned char *text;
	size_t len;
	int rc = 0;

	text = row_bytes(rows, i, 0, &len);
	if (jws_parse(a, text, len, &outer, &p) == 0 &&
	    change_verify(a, &outer, url, r->jws.kid, now, &key) == 1) {
		memcpy(now, key.thumbprint, DIGEST_LEN);
		rc = jws_verify(order, &key, &p) == 0;
	}
	jwk_clear(&key);
	jws_clear(&outer);
	arena_free(a);
	return rc;
}

int
past_verify(struct signer *s, struct request *r, const struct jws *order)
{
	unsigned char now[DIGEST_LEN];
	struct rows *rows = NULL;
	size_t i;
	int rc = 0;

	if (db_query(s->db, Q_KEY_CHANGES, &rows,
	    ARGS(arg_int(r->account_id))) == -1)
		return -1;
	memcpy(now, r->key.thumbprint, DIGEST_LEN);
	for (i = 0; i < rows_count(rows) && rc == 0; i++)
		rc = step(s, r, rows, i, order, now);
	rows_free(rows);
	return rc;
}

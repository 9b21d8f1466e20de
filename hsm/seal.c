/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals: which members of a row are sealed, and their MAC.  All of a row
 * that the signer acts on is in it, the row's id and table too, so that a
 * sealed row can be neither changed nor put in another's place.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../server/json.h"
#include "../server/mem.h"
#include "seal.h"

#define SEAL_MEMORY	(4u << 20)	/* for one row as JSON */

/* The value as a decimal string: JSON numbers hold 53 bits only. */
static json_t *
decimal(int64_t i)
{
	return json_sprintf("%" PRId64, i);
}

static json_t *
octets(struct arena *arena, const void *data, size_t len)
{
	return json_string(b64u_encode(arena, data, len));
}

static void
set(json_t *row, const char *name, json_t *value)
{
	int rv = json_object_set_new(row, name, value);

	/* Fails without memory or for text that is not UTF-8, which the
	 * database does not store. */
	assert(rv == 0);
	(void)rv;
}

void
seal_make(const struct seal_key *key, const char *table, json_t *row,
    unsigned char out[DIGEST_LEN])
{
	struct arena *arena = arena_new(SEAL_MEMORY);
	struct buf b;
	size_t len;
	char *text;

	text = json_canonical(arena, row, &len);
	json_decref(row);
	buf_init(&b, arena);
	buf_add(&b, table, strlen(table) + 1);
	buf_add(&b, text, len);
	hmac_sha256(key->key, sizeof(key->key), b.data, b.len, out);
	arena_free(arena);
}

bool
seal_holds(const struct seal_key *key, const char *table, json_t *row,
    const unsigned char *seal, size_t len)
{
	unsigned char want[DIGEST_LEN];

	seal_make(key, table, row, want);
	return len == sizeof(want) && octets_equal(want, seal, sizeof(want));
}

json_t *
seal_account(int64_t id, const unsigned char *public,
    const unsigned char *thumbprint, const char *jwk, const char *status,
    const char *contact, const char *eab)
{
	struct arena *arena = arena_new(SEAL_MEMORY);
	json_t *row = json_object();

	set(row, "id", decimal(id));
	set(row, "public", octets(arena, public, SECRET_LEN));
	set(row, "thumbprint", octets(arena, thumbprint, DIGEST_LEN));
	set(row, "jwk", json_string(jwk));
	set(row, "status", json_string(status));
	set(row, "contact", json_string(contact));
	if (eab != NULL)
		set(row, "eab", json_string(eab));
	arena_free(arena);
	return row;
}

json_t *
seal_issuer(int64_t id, const char *name, const void *der, size_t der_len,
    const void *root, size_t root_len, const void *key_id, size_t key_id_len)
{
	struct arena *arena = arena_new(SEAL_MEMORY);
	json_t *row = json_object();

	set(row, "id", decimal(id));
	set(row, "name", json_string(name));
	set(row, "certificate", octets(arena, der, der_len));
	set(row, "root", octets(arena, root, root_len));
	set(row, "key_id", octets(arena, key_id, key_id_len));
	arena_free(arena);
	return row;
}

json_t *
seal_profile(int64_t id, const char *name, int64_t version, int64_t issuer_id,
    const char *body)
{
	json_t *row = json_object();

	set(row, "id", decimal(id));
	set(row, "name", json_string(name));
	set(row, "version", decimal(version));
	set(row, "issuer_id", decimal(issuer_id));
	set(row, "body", json_string(body));
	return row;
}

json_t *
seal_directive(int64_t id, const char *kind, const char *name,
    int64_t version, const char *body)
{
	json_t *row = json_object();

	set(row, "id", decimal(id));
	set(row, "kind", json_string(kind));
	set(row, "name", json_string(name));
	set(row, "version", decimal(version));
	set(row, "body", json_string(body));
	return row;
}

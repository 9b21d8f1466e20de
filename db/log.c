/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the issuance log: made, hashed and appended.  The octets made
 * here are final; they are what a leaf hash, and later a signed head, stands
 * for.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "db.h"
#include "log.h"

#define ENTRY_VERSION	1
#define SALT_LEN	16

int
log_entry_make(struct arena *arena, const char *kind, int64_t time,
    json_t *members, struct log_entry *entry)
{
	static const char *const ours[] = { "kind", "version", "time", "salt" };
	unsigned char salt[SALT_LEN];
	char seconds[24];
	size_t i;
	int bad = 0;

	for (i = 0; i < nitems(ours); i++)
		assert(json_object_get(members, ours[i]) == NULL);
	random_octets(salt, sizeof(salt));
	snprintf(seconds, sizeof(seconds), "%" PRId64, time);
	bad |= json_object_set_new(members, "kind", json_string(kind));
	bad |= json_object_set_new(members, "version",
	    json_integer(ENTRY_VERSION));
	bad |= json_object_set_new(members, "time", json_string(seconds));
	bad |= json_object_set_new(members, "salt",
	    json_string(b64u_encode(arena, salt, sizeof(salt))));
	assert(bad == 0);
	entry->kind = kind;
	entry->text = json_canonical(arena, members, &entry->len);
	json_decref(members);
	if (entry->len > LOG_ENTRY_MAX)
		return -1;
	log_leaf_hash(entry->text, entry->len, entry->leaf_hash);
	return 0;
}

void
log_leaf_hash(const void *entry, size_t len, unsigned char out[DIGEST_LEN])
{
	static const unsigned char leaf = 0x00;	/* RFC 6962, 2.1 */
	EVP_MD_CTX *ctx;

	ctx = EVP_MD_CTX_new();
	if (ctx == NULL ||
	    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, &leaf, 1) != 1 ||
	    EVP_DigestUpdate(ctx, entry, len) != 1 ||
	    EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		die(EXIT_FAILED, "SHA-256 does not work in this OpenSSL");
	EVP_MD_CTX_free(ctx);
}

int64_t
log_head(const struct rows *rows)
{
	int64_t size = rows_count(rows) == 1 ? row_int(rows, 0, 0) : -1;

	if (size < 0)
		log_error("the log has no head: the database is damaged; "
		    "restore it from a backup");
	return size < 0 ? -1 : size;
}

int64_t
log_append(struct db *db, int q_lock, int q_append,
    const struct log_entry *entry)
{
	struct rows *rows = NULL;
	int64_t index;

	if (db_query(db, q_lock, &rows, NO_ARGS) == -1)
		return -1;
	index = log_head(rows);
	rows_free(rows);
	if (index == -1)
		return -1;
	if (db_query(db, q_append, NULL, ARGS(arg_int(index),
	    arg_text(entry->kind), arg_bytes(entry->text, entry->len),
	    arg_bytes(entry->leaf_hash, DIGEST_LEN))) == -1)
		return -1;
	return index;
}

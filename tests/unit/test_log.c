/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db/log.c: entries are canonical, salted and bounded; leaf hashes are those
 * of RFC 6962; appending takes its index from the locked head.  The database
 * is a few functions here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../db/log.c"

enum { Q_LOCK, Q_APPEND };

static int64_t head_size;
static size_t head_rows;
static int failing;
static struct arg appended[4];

struct rows {
	int	unused;
};
static struct rows head;

int
db_query(struct db *db, int q, struct rows **out, const struct arg *args,
    size_t nargs)
{
	(void)db;
	if (q == failing)
		return -1;
	if (q == Q_LOCK) {
		assert_int_equal(nargs, 0);
		*out = &head;
		return 0;
	}
	assert_int_equal(q, Q_APPEND);
	assert_int_equal(nargs, 4);
	memcpy(appended, args, sizeof(appended));
	return 0;
}

size_t
rows_count(const struct rows *rows)
{
	assert_ptr_equal(rows, &head);
	return head_rows;
}

int64_t
row_int(const struct rows *rows, size_t row, int column)
{
	assert_ptr_equal(rows, &head);
	assert_int_equal(row, 0);
	assert_int_equal(column, 0);
	return head_size;
}

void
rows_free(struct rows *rows)
{
	assert_true(rows == NULL || rows == &head);
}

static void
make(struct arena *arena, struct log_entry *entry)
{
	json_t *members = json_pack("{s:s, s:s}", "serial", "00ff",
	    "order", "9007199254740993");

	assert_int_equal(log_entry_make(arena, "issued", 1700000000, members,
	    entry), 0);
}

/* Leaf hashes of the inputs that certificate-transparency logs test with. */
static void
test_leaf_hash(void **state)
{
	static const struct {
		const char	*entry;
		size_t		 len;
		const char	*hash;
	} vectors[] = {
		{ "", 0, "6e340b9cffb37a989ca544e6bb780a2c"
		    "78901d3fb33738768511a30617afa01d" },
		{ "\x00", 1, "96a296d224f285c67bee93c30f8a3091"
		    "57f0daa35dc5b87e410b78630a09cfc7" },
		{ "\x10", 1, "0298d122906dcfc10892cb53a7399"
		    "2fc5b9f493ea4c9badb27b791b4127a7fe7" },
		{ "\x20\x21", 2, "07506a85fd9dd2f120eb694f86011e5b"
		    "b4662e5c415a62917033d4a9624487e7" },
		{ "\x30\x31", 2, "bc1a0643b12e4d2d7c77918f44e0f4f7"
		    "9a838b6cf9ec5b5c283e1f4d88599e6b" },
		{ "@ABC", 4, "4271a26be0d8a84f0bd54c8c302e7cb3"
		    "a3b5d1fa6780a40bcce2873477dab658" },
		{ "PQRSTUVW", 8, "b08693ec2e721597130641e8211e7eed"
		    "ccb4c26413963eee6c1e2ed16ffb1a5f" },
	};
	struct arena *arena = arena_new(65536);
	unsigned char hash[DIGEST_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(vectors); i++) {
		log_leaf_hash(vectors[i].entry, vectors[i].len, hash);
		assert_string_equal(hex_encode(arena, hash, sizeof(hash)),
		    vectors[i].hash);
	}
	arena_free(arena);
}

static void
test_entry(void **state)
{
	static const char before[] = "{\"kind\":\"issued\","
	    "\"order\":\"9007199254740993\",\"salt\":\"";
	static const char after[] = "\",\"serial\":\"00ff\","
	    "\"time\":\"1700000000\",\"version\":1}";
	struct arena *arena = arena_new(65536);
	unsigned char hash[DIGEST_LEN];
	struct log_entry entry;
	size_t salt = strlen(before);

	(void)state;
	make(arena, &entry);
	assert_string_equal(entry.kind, "issued");
	assert_int_equal(entry.len, salt + 22 + strlen(after));
	assert_memory_equal(entry.text, before, salt);
	assert_memory_equal(entry.text + salt + 22, after, strlen(after));
	log_leaf_hash(entry.text, entry.len, hash);
	assert_memory_equal(entry.leaf_hash, hash, sizeof(hash));
	arena_free(arena);
}

/* Two entries with the same members do not have the same hash. */
static void
test_salt(void **state)
{
	struct arena *arena = arena_new(65536);
	struct log_entry one, two;

	(void)state;
	make(arena, &one);
	make(arena, &two);
	assert_memory_not_equal(one.leaf_hash, two.leaf_hash, DIGEST_LEN);
	arena_free(arena);
}

/* The greatest entry that fits, and one octet more. */
static void
test_limit(void **state)
{
	struct arena *arena = arena_new(4 << 20);
	struct log_entry entry;
	size_t room;
	char *text;

	(void)state;
	assert_int_equal(log_entry_make(arena, "issued", 1, json_pack("{s:s}",
	    "a", ""), &entry), 0);
	room = LOG_ENTRY_MAX - entry.len;
	text = arena_alloc(arena, room + 2);
	memset(text, 'x', room);
	assert_int_equal(log_entry_make(arena, "issued", 1, json_pack("{s:s}",
	    "a", text), &entry), 0);
	assert_int_equal(entry.len, LOG_ENTRY_MAX);
	text[room] = 'x';
	assert_int_equal(log_entry_make(arena, "issued", 1, json_pack("{s:s}",
	    "a", text), &entry), -1);
	arena_free(arena);
}

static void
test_append(void **state)
{
	struct arena *arena = arena_new(65536);
	struct log_entry entry;

	(void)state;
	make(arena, &entry);
	failing = -1;
	head_rows = 1;
	head_size = 41;
	assert_int_equal(log_append(NULL, Q_LOCK, Q_APPEND, &entry), 41);
	assert_int_equal(appended[0].type, ARG_INT);
	assert_int_equal(appended[0].i, 41);
	assert_string_equal(appended[1].p, "issued");
	assert_ptr_equal(appended[2].p, entry.text);
	assert_int_equal(appended[2].len, entry.len);
	assert_ptr_equal(appended[3].p, entry.leaf_hash);
	assert_int_equal(appended[3].len, DIGEST_LEN);
	failing = Q_LOCK;
	assert_int_equal(log_append(NULL, Q_LOCK, Q_APPEND, &entry), -1);
	failing = Q_APPEND;
	assert_int_equal(log_append(NULL, Q_LOCK, Q_APPEND, &entry), -1);
	failing = -1;
	head_rows = 0;
	assert_int_equal(log_append(NULL, Q_LOCK, Q_APPEND, &entry), -1);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaf_hash),
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_salt),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_append),
	};

	return cmocka_run_group_tests_name("db/log", tests, NULL, NULL);
}

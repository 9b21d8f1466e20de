/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm/seal.c: seals are the HMAC-SHA-256 that another implementation makes
 * of the same row, and no changed row keeps its seal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../hsm/seal.c"

#define ID	4611686018427387904	/* 2^62: not exact as a JSON number */

static struct seal_key key;
static unsigned char public[SECRET_LEN];
static unsigned char thumbprint[DIGEST_LEN];
static unsigned char key_id[16];

static int
setup(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(key.key); i++)
		key.key[i] = (unsigned char)i;
	memset(public, 1, sizeof(public));
	memset(thumbprint, 2, sizeof(thumbprint));
	memset(key_id, 3, sizeof(key_id));
	return 0;
}

static json_t *
account(int64_t id, const char *status, const char *contact)
{
	return seal_account(id, public, thumbprint, "{\"crv\":\"P-256\"}",
	    status, contact, NULL);
}

static void
assert_seal(const char *table, json_t *row, const char *want)
{
	struct arena *arena = arena_new(65536);
	unsigned char seal[DIGEST_LEN];

	seal_make(&key, table, json_incref(row), seal);
	assert_string_equal(hex_encode(arena, seal, sizeof(seal)), want);
	assert_true(seal_holds(&key, table, row, seal, sizeof(seal)));
	arena_free(arena);
}

/* Made with Python's json and hmac modules. */
static void
test_known(void **state)
{
	(void)state;
	assert_seal("account", account(ID, "valid", "[\"mailto:a@b.c\"]"),
	    "878fd6ac45d6a104472e2edeb434e9540f31ecc8d2a06ded894782ae8a56eedc");
	assert_seal("account", seal_account(ID, public, thumbprint,
	    "{\"crv\":\"P-256\"}", "valid", "[]", "k1"),
	    "72e9b78418613324af21694ccafa5740b7cfe46833bf508ebef3f800cc26b15e");
	assert_seal("directive", seal_directive(ID, "eab", "k1", 3,
	    "{\"accounts\":1,\"expires\":0}"),
	    "9813d6086a55787109d7dd81e4eda4fdc7c2842727029a1f93f68310e27c0a96");
	assert_seal("profile", seal_profile(7, "default", 1, 6,
	    "{\"a\":\"\\\\\xc3\xa9\"}"),
	    "ed6050d3539a31f8c1997d1f68df7d661382f9ecadd1fee24142740e052f7897");
	assert_seal("issuer", seal_issuer(6, "i1", "\x30\x00", 2,
	    "\x30\x01\x05", 3, key_id, sizeof(key_id)),
	    "fba19bcffd7802f97ae85c2b3fb8760c78cf31953988c9878924b840aab8477e");
}

static void
test_changed(void **state)
{
	unsigned char seal[DIGEST_LEN], other[DIGEST_LEN];
	struct seal_key another = key;

	(void)state;
	seal_make(&key, "account", account(ID, "deactivated", "[]"), seal);
	assert_true(seal_holds(&key, "account",
	    account(ID, "deactivated", "[]"), seal, sizeof(seal)));
	/* bound by a key that it was not bound by */
	assert_false(seal_holds(&key, "account", seal_account(ID, public,
	    thumbprint, "{\"crv\":\"P-256\"}", "deactivated", "[]", "k1"),
	    seal, sizeof(seal)));
	/* another status, id (the next that a double can hold is far), text */
	assert_false(seal_holds(&key, "account", account(ID, "valid", "[]"),
	    seal, sizeof(seal)));
	assert_false(seal_holds(&key, "account",
	    account(ID + 1, "deactivated", "[]"), seal, sizeof(seal)));
	assert_false(seal_holds(&key, "account",
	    account(ID, "deactivated", "[ ]"), seal, sizeof(seal)));
	/* another table, key, length, octet */
	assert_false(seal_holds(&key, "accounts",
	    account(ID, "deactivated", "[]"), seal, sizeof(seal)));
	another.key[31] ^= 1;
	assert_false(seal_holds(&another, "account",
	    account(ID, "deactivated", "[]"), seal, sizeof(seal)));
	assert_false(seal_holds(&key, "account",
	    account(ID, "deactivated", "[]"), seal, sizeof(seal) - 1));
	assert_false(seal_holds(&key, "account",
	    account(ID, "deactivated", "[]"), seal, 0));
	memcpy(other, seal, sizeof(other));
	other[DIGEST_LEN - 1] ^= 0x80;
	assert_false(seal_holds(&key, "account",
	    account(ID, "deactivated", "[]"), other, sizeof(other)));
}

/* What stands in a text member cannot pass for another member. */
static void
test_members_do_not_run_together(void **state)
{
	unsigned char one[DIGEST_LEN], two[DIGEST_LEN];

	(void)state;
	seal_make(&key, "profile", seal_profile(1, "a", 1, 2, "b"), one);
	seal_make(&key, "profile", seal_profile(1, "a\",\"x\":\"", 1, 2, "b"),
	    two);
	assert_memory_not_equal(one, two, sizeof(one));
	seal_make(&key, "directive", seal_directive(1, "eab", "b", 1, "null"),
	    one);
	seal_make(&key, "directive", seal_directive(1, "ea", "bb", 1, "null"),
	    two);
	assert_memory_not_equal(one, two, sizeof(one));
	seal_make(&key, "profile", seal_profile(1, "a", 12, 2, "b"), one);
	seal_make(&key, "profile", seal_profile(1, "a", 1, 22, "b"), two);
	assert_memory_not_equal(one, two, sizeof(one));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_members_do_not_run_together),
	};

	return cmocka_run_group_tests_name("hsm/seal", tests, setup, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nonces (RFC 8555, 6.5): each passes once, in any order; no other text
 * passes; another start's are known as such; old ones end.
 */
#include "unit.h"

#include "server/nonce.c"

static const unsigned char key[DIGEST_LEN] = "a key for all nodes";
static const unsigned char other_key[DIGEST_LEN] = "a key of somebody else";

static enum nonce_verdict
use(struct arena *a, const char *text)
{
	unsigned char raw[NONCE_LEN];

	return nonce_use(a, text, raw);
}

static void
test_once(void **unused)
{
	struct arena *a = arena_new(1 << 20);
	char *made[100];
	size_t i;

	(void)unused;
	nonce_start(key);
	for (i = 0; i < nitems(made); i++) {
		made[i] = nonce_make(a);
		assert_int_equal(strlen(made[i]), 43);
	}
	for (i = nitems(made); i > 0; i--)
		assert_int_equal(use(a, made[i - 1]), NONCE_FRESH);
	for (i = 0; i < nitems(made); i++)
		assert_int_equal(use(a, made[i]), NONCE_BAD);
	nonce_stop();
	arena_free(a);
}

static void
test_forged(void **unused)
{
	struct arena *a = arena_new(1 << 20);
	char *text;
	size_t i;

	(void)unused;
	nonce_start(key);
	text = nonce_make(a);
	for (i = 0; i < 42; i++) {
		text[i] = text[i] == 'A' ? 'B' : 'A';
		assert_int_equal(use(a, text), NONCE_BAD);
		text = nonce_make(a);
	}
	assert_int_equal(use(a, ""), NONCE_BAD);
	assert_int_equal(use(a, "AAAA"), NONCE_BAD);
	assert_int_equal(use(a, "no base64url!"), NONCE_BAD);
	nonce_stop();
	arena_free(a);
}

/* After a restart: known, and the octets that PostgreSQL is to spend. */
static void
test_foreign(void **unused)
{
	struct arena *a = arena_new(1 << 20);
	unsigned char raw[NONCE_LEN], *decoded;
	char *old;
	size_t len;

	(void)unused;
	nonce_start(key);
	old = nonce_make(a);
	nonce_stop();
	nonce_start(key);
	assert_int_equal(nonce_use(a, old, raw), NONCE_FOREIGN);
	assert_int_equal(b64u_decode(a, old, strlen(old), &decoded, &len), 0);
	assert_memory_equal(raw, decoded, NONCE_LEN);
	nonce_stop();
	nonce_start(other_key);
	assert_int_equal(use(a, old), NONCE_BAD);
	nonce_stop();
	arena_free(a);
}

/* The bit of a nonce is another's after WINDOW more: then it is refused,
 * and the new owner of the bit is not. */
static void
test_window(void **unused)
{
	struct arena *a = arena_new(1 << 20);
	char *spent, *kept, *later;

	(void)unused;
	nonce_start(key);
	spent = nonce_make(a);
	kept = nonce_make(a);
	assert_int_equal(use(a, spent), NONCE_FRESH);
	state.next = WINDOW;
	later = nonce_make(a);
	assert_int_equal(use(a, spent), NONCE_BAD);
	assert_int_equal(use(a, later), NONCE_FRESH);
	assert_int_equal(use(a, kept), NONCE_FRESH);
	state.next = WINDOW + 2;
	assert_int_equal(use(a, kept), NONCE_BAD);
	nonce_stop();
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What surrounds a token without being one: the form of checkpoints, the
 * judgement of attributes, PIN files, and the kept copies of SoftHSM's files.
 */
#include "tests/unit/unit.h"

#include <sys/stat.h>

#include "hsm/attributes.c"
#include "hsm/checkpoint.c"
#include "hsm/pin.c"
#include "hsm/softhsm.c"
#include "server/enc.h"

#define HASH	"qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo="

static void
checkpoints(void **state)
{
	static const char *const good[] = {
		"ca.example/log\n0\n" HASH "\n",
		"ca.example/log\n1234567890\n" HASH "\nextension\n",
	};
	static const char *const bad[] = {
		"", "\n", "o\n", "o\n1\n", "o\n1\n" HASH,
		"\n1\n" HASH "\n", "o\n01\n" HASH "\n", "o\n-1\n" HASH "\n",
		"o\n1\n" HASH "=\n", "o\n1\n" HASH "\n\n",
		"o\n1\n" HASH "\nx", "o\n12345678901234567890\n" HASH "\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(good); i++)
		assert_true(checkpoint_is((const unsigned char *)good[i],
		    strlen(good[i])));
	for (i = 0; i < nitems(bad); i++)
		assert_false(checkpoint_is((const unsigned char *)bad[i],
		    strlen(bad[i])));
	assert_false(checkpoint_is((const unsigned char *)"o\0\n1\n" HASH "\n",
	    6 + strlen(HASH)));
}

static void
attributes(void **state)
{
	static const struct { signed char a[5]; bool fine; } t[] = {
		{ { 1, 0, 1, 1, 1 }, true },
		{ { 1, 0, 1, 1, 0 }, true },	/* LOCAL: not every module */
		{ { 1, 0, 1, 1, -1 }, true },
		{ { 0, 0, 1, 1, 1 }, false },
		{ { 1, 1, 1, 1, 1 }, false },
		{ { 1, 0, 0, 1, 1 }, false },
		{ { 1, 0, 1, 0, 1 }, false },
		{ { -1, 0, 1, 1, 1 }, false },
		{ { 1, -1, 1, 1, 1 }, false },
		{ { 1, 0, -1, 1, 1 }, false },
		{ { 1, 0, 1, -1, 1 }, false },
	};
	struct token_key key = { .label = "x" };
	size_t i;

	(void)state;
	for (i = 0; i < nitems(t); i++) {
		key.sensitive = t[i].a[0];
		key.extractable = t[i].a[1];
		key.always_sensitive = t[i].a[2];
		key.never_extractable = t[i].a[3];
		key.local = t[i].a[4];
		assert_int_equal(key_objection(&key) == NULL, t[i].fine);
	}
}

/* A new folder, and a file in it. */
static char *
folder(struct arena *a)
{
	char *path = arena_strdup(a, "/tmp/chancery-test-XXXXXX");

	assert_non_null(mkdtemp(path));
	return path;
}

static char *
put(struct arena *a, const char *dir, const char *name, const char *text,
    unsigned mode)
{
	char *path = arena_printf(a, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static const char *
get(struct arena *a, const char *dir, const char *name)
{
	char *text = arena_alloc(a, 256);
	FILE *f = fopen(arena_printf(a, "%s/%s", dir, name), "r");

	if (f == NULL)
		return NULL;
	text[fread(text, 1, 255, f)] = '\0';
	fclose(f);
	return text;
}

static void
clean(struct arena *a, const char *dir)
{
	assert_int_equal(system(arena_printf(a, "rm -rf %s", dir)), 0);
}

static void
pins(void **state)
{
	static const struct { const char *text; unsigned mode; int rv; } t[] = {
		{ "1234\n", 0600, 0 }, { "1234", 0400, 0 },
		{ "1234\r\nmore\n", 0600, 0 }, { "1234\n", 0640, -1 },
		{ "1234\n", 0604, -1 }, { "", 0600, -1 },
		{ "\n1234\n", 0600, -1 },
	};
	struct arena *a = *state;
	char *dir = folder(a), *file, *memory, pin[PIN_MAX], why[256];
	struct stat st, other;
	size_t i;

	for (i = 0; i < nitems(t); i++) {
		file = put(a, dir, "pin", t[i].text, t[i].mode);
		assert_int_equal(pin_read(file, pin, &st, why, sizeof(why)),
		    t[i].rv);
		if (t[i].rv == 0)
			assert_string_equal(pin, "1234");
		assert_int_equal(unlink(file), 0);
	}
	assert_int_equal(pin_read(file, pin, &st, why, sizeof(why)), -1);
	assert_int_equal(pin_read(dir, pin, &st, why, sizeof(why)), -1);
	memory = arena_printf(a, "%s/refused", dir);
	other = st;
	other.st_mtim.tv_nsec ^= 1;
	assert_false(pin_was_refused(memory, &st));
	pin_note_refused(memory, &st);
	assert_true(pin_was_refused(memory, &st));
	assert_false(pin_was_refused(memory, &other));
	assert_false(pin_was_refused(NULL, &st));
	clean(a, dir);
}

static void
copies(void **state)
{
	struct arena *a = *state;
	char *dir = folder(a), *token, why[256];

	token = arena_printf(a, "%s/token", dir);
	assert_int_equal(mkdir(token, 0700), 0);
	/* A folder without a token is left alone. */
	assert_int_equal(softhsm_guard(dir, why, sizeof(why)), 0);
	assert_null(get(a, token, KEEP));
	put(a, token, OBJECT, "one", 0600);
	assert_int_equal(softhsm_guard(dir, why, sizeof(why)), 0);
	assert_string_equal(get(a, token, KEEP), "one");
	put(a, token, OBJECT, "two", 0600);
	assert_int_equal(softhsm_guard(dir, why, sizeof(why)), 0);
	assert_string_equal(get(a, token, KEEP), "two");
	/* Emptied, then gone: restored; the copy stays. */
	put(a, token, OBJECT, "", 0600);
	assert_int_equal(softhsm_guard(dir, why, sizeof(why)), 0);
	assert_string_equal(get(a, token, OBJECT), "two");
	assert_string_equal(get(a, token, KEEP), "two");
	assert_null(get(a, token, FRESH));
	assert_int_equal(softhsm_guard("/nonexistent", why, sizeof(why)), -1);
	clean(a, dir);
}

static void
tokendirs(void **state)
{
	static const struct { const char *text, *dir; } t[] = {
		{ "directories.tokendir = /a/b\n", "/a/b" },
		{ "# x\n directories.tokendir=/a \t\nlog.level = ERROR", "/a" },
		{ "directories.tokendir = /a # why\n", "/a" },
		{ "#directories.tokendir = /a\n", NULL },
		{ "directories.tokendir =\n", NULL },
		{ "directories.tokendirs = /a\n", NULL },
		{ "", NULL },
	};
	struct arena *a = *state;
	char *dir = folder(a), *file, found[64], why[256];
	size_t i;

	for (i = 0; i < nitems(t); i++) {
		file = put(a, dir, "conf", t[i].text, 0600);
		assert_int_equal(softhsm_tokendir(file, found, sizeof(found),
		    why, sizeof(why)), t[i].dir == NULL ? -1 : 0);
		if (t[i].dir != NULL)
			assert_string_equal(found, t[i].dir);
	}
	clean(a, dir);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		UNIT(checkpoints),
		UNIT(attributes),
		UNIT(pins),
		UNIT(copies),
		UNIT(tokendirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

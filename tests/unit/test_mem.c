/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas, buffers, and what happens when memory ends; lines of log.c. */
#include "unit.h"

#include "server/mem.c"
#include "server/log.c"

static void
test_alignment(void **state)
{
	size_t i;

	for (i = 1; i < 200; i++)
		assert_int_equal((uintptr_t)arena_alloc(*state, i) %
		    _Alignof(max_align_t), 0);
}

static void
test_zeroed_and_apart(void **state)
{
	unsigned char *p[300];
	size_t i, j;

	for (i = 0; i < nitems(p); i++) {
		p[i] = arena_alloc(*state, 1000);
		for (j = 0; j < 1000; j++)
			assert_int_equal(p[i][j], 0);
		memset(p[i], (int)(i % 251 + 1), 1000);
	}
	for (i = 0; i < nitems(p); i++) {
		for (j = 0; j < 1000; j++)
			assert_int_equal(p[i][j], i % 251 + 1);
	}
}

static void
test_copies(void **state)
{
	struct arena *a = *state;

	assert_string_equal(arena_strdup(a, "one"), "one");
	assert_string_equal(arena_strndup(a, "three", 2), "th");
	assert_string_equal(arena_strndup(a, "two\0x", 5), "two");
	assert_string_equal(arena_strndup(a, NULL, 0), "");
	assert_memory_equal(arena_memdup(a, "a\0b", 3), "a\0b", 3);
	assert_non_null(arena_memdup(a, NULL, 0));
	assert_string_equal(arena_printf(a, "%d-%s", 7, "x"), "7-x");
	assert_int_equal(strlen(arena_printf(a, "%9000d", 1)), 9000);
}

static void
test_buffer(void **state)
{
	struct buf b;
	size_t i;

	buf_init(&b, *state);
	assert_string_equal(b.data, "");
	for (i = 0; i < 5000; i++)
		buf_printf(&b, "%04zu,", i);
	assert_int_equal(b.len, 25000);
	assert_int_equal(b.data[25000], 0);
	for (i = 0; i < 5000; i++)
		assert_int_equal(atoi((char *)b.data + 5 * i), i);
	buf_add(&b, "\0\1", 2);
	buf_add(&b, NULL, 0);
	buf_puts(&b, "end");
	assert_int_equal(b.len, 25005);
	assert_memory_equal(b.data + 25000, "\0\1end\0", 6);
	b.len = 2;
	buf_puts(&b, "x");
	assert_string_equal(b.data, "00x");
}

/* Each length around the first capacity, so that the NUL has its place. */
static void
test_buffer_edges(void **state)
{
	static const char text[200] = "";
	struct buf b;
	size_t i;

	for (i = 0; i < sizeof(text); i++) {
		buf_init(&b, *state);
		buf_add(&b, text, i);
		assert_int_equal(b.len, i);
		assert_true(b.cap > b.len);
	}
}

static void
exceed(void *arg)
{
	struct arena *a = arena_new(10000);
	size_t i;

	for (i = 0; i < *(size_t *)arg; i++)
		arena_alloc(a, 1000);
	arena_free(a);
}

static void
test_limit(void **state)
{
	char text[512];
	size_t n = 9;
	int status;

	(void)state;
	status = unit_child(exceed, &n, text, sizeof(text));
	assert_int_equal(WEXITSTATUS(status), 77);
	n = 11;
	status = unit_child(exceed, &n, text, sizeof(text));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_FAILED);
	assert_non_null(strstr(text, "limit of 10000 octets"));
}

static void
exceed_at_once(void *arg)
{
	(void)arg;
	arena_alloc(arena_new(10000), SIZE_MAX - 4);
}

static void
exceed_buffer(void *arg)
{
	struct buf b;

	(void)arg;
	buf_init(&b, arena_new(10000));
	buf_add(&b, "", SIZE_MAX - 8);
}

static void
test_overflow(void **state)
{
	char text[512];

	(void)state;
	assert_int_equal(WEXITSTATUS(unit_child(exceed_at_once, NULL, text,
	    sizeof(text))), EXIT_FAILED);
	assert_int_equal(WEXITSTATUS(unit_child(exceed_buffer, NULL, text,
	    sizeof(text))), EXIT_FAILED);
}

static void
test_heap(void **state)
{
	char *s;

	(void)state;
	s = xstrdup("text");
	assert_string_equal(s, "text");
	free(s);
	s = xcalloc(0, 5);
	assert_non_null(s);
	free(s);
	s = xcalloc(3, 5);
	assert_memory_equal(s, (char[15]){ 0 }, 15);
	free(s);
	arena_free(NULL);
}

/* Messages. */

static void
speak(void *arg)
{
	unsetenv("JOURNAL_STREAM");
	log_open("test");
	log_info("%s", (const char *)arg);
	log_warn("w");
	log_error("e=%d", 5);
	die(EXIT_MISUSE, "last");
}

static void
test_lines(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "plain", "plain" },
		{ "a\nb\r\tc\033[1m\177", "a\\x0ab\\x0d\\x09c\\x1b[1m\\x7f" },
		{ "\302\205x\302\233\302\240",
		    "\\xc2\\x85x\\xc2\\x9b\302\240" },
		{ "M\303\274nchen \302", "M\303\274nchen \302" },
	};
	char text[512], want[512];
	size_t i;
	int status;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		status = unit_child(speak, (void *)rows[i].in, text,
		    sizeof(text));
		snprintf(want, sizeof(want), "test: %s\ntest: warning: w\n"
		    "test: error: e=5\ntest: error: last\n", rows[i].out);
		assert_string_equal(text, want);
		assert_int_equal(WEXITSTATUS(status), EXIT_MISUSE);
	}
}

static void
speak_to_journal(void *arg)
{
	struct stat st;
	char stream[64];

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu",
	    (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino + *(unsigned *)arg);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("test");
	log_info("i");
	log_warn("w");
	die(EXIT_OPERATOR, "e");
}

static void
test_priorities(void **state)
{
	char text[512];
	unsigned other = 0;

	(void)state;
	assert_int_equal(WEXITSTATUS(unit_child(speak_to_journal, &other,
	    text, sizeof(text))), EXIT_OPERATOR);
	assert_string_equal(text,
	    "<6>test: i\n<4>test: warning: w\n<3>test: error: e\n");
	other = 1;
	unit_child(speak_to_journal, &other, text, sizeof(text));
	assert_string_equal(text,
	    "test: i\ntest: warning: w\ntest: error: e\n");
}

static void
speak_long(void *arg)
{
	static char text[3 * TEXT_MAX];

	memset(text, *(char *)arg, sizeof(text) - 1);
	log_open("a-process-whose-name-is-far-too-long-to-be-true");
	log_info("%s", text);
}

static void
test_long_lines(void **state)
{
	char text[9000], c = 'x';
	size_t n;

	(void)state;
	unit_child(speak_long, &c, text, sizeof(text));
	n = strlen(text);
	assert_true(n > TEXT_MAX && n < 4096 && text[n - 1] == '\n');
	c = '\n';
	unit_child(speak_long, &c, text, sizeof(text));
	n = strlen(text);
	assert_true(n > 3900 && n <= 4096);
	assert_ptr_equal(strchr(text, '\n'), text + n - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_alignment),
		UNIT(test_zeroed_and_apart),
		UNIT(test_copies),
		UNIT(test_buffer),
		UNIT(test_buffer_edges),
		UNIT(test_limit),
		UNIT(test_overflow),
		UNIT(test_heap),
		UNIT(test_lines),
		UNIT(test_priorities),
		UNIT(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test starts from: cmocka with what it wants included
 * first, an arena for each test in *state, and a way to see a process end.
 * A test program includes the .c file that it tests, statics and all.
 */
#ifndef CHANCERY_UNIT_H
#define CHANCERY_UNIT_H

#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/mem.h"

#define UNIT_LIMIT	(4 * 1024 * 1024)

/* An entry of the list of tests, with an arena as its *state. */
#define UNIT(f) \
	cmocka_unit_test_setup_teardown(f, unit_setup, unit_teardown)

static inline int
unit_setup(void **state)
{
	*state = arena_new(UNIT_LIMIT);
	return 0;
}

static inline int
unit_teardown(void **state)
{
	arena_free(*state);
	return 0;
}

/* The text in *state's arena as octets: "00ff" and the like. */
static inline unsigned char *
unit_unhex(struct arena *a, const char *hex, size_t *len)
{
	unsigned char *out;
	unsigned v;
	size_t i;

	*len = strlen(hex) / 2;
	out = arena_alloc(a, *len + 1);
	for (i = 0; i < *len; i++) {
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		out[i] = (unsigned char)v;
	}
	return out;
}

/*
 * Run `f` in a child with its stderr in `text`; the wait status.  The child
 * ends with 77 when `f` returns.
 */
static inline int
unit_child(void (*f)(void *), void *arg, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fd[1], STDERR_FILENO);
		f(arg);
		_exit(77);
	}
	close(fd[1]);
	while (len + 1 < size &&
	    (n = read(fd[0], text + len, size - len - 1)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

#endif

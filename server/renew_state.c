/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the listener's certificate is to be renewed, and the file that tells
 * so: state_dir/listener/renewal.json.  It outlives a crash, so that one that
 * comes back does not begin to try as if nothing had been.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "json.h"
#include "mem.h"
#include "renew.h"

#define FIRST_WAIT	5	/* seconds after the first failure; doubles */
#define LAST_WAIT	3600
#define SETTLE		60	/* between two that ended well */
#define MEMORY		(256 * 1024)
#define FILE_MAX	8192

const char *
renew_when(int64_t seconds, char text[RENEW_TEXT])
{
	time_t		t = (time_t)seconds;
	struct tm	tm;

	if (seconds == 0 || gmtime_r(&t, &tm) == NULL)
		return strcpy(text, "never");
	strftime(text, RENEW_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return text;
}

/* `before` its end, but never in the first two thirds of its time: one that
 * lives for six days is not due when it is made. */
int64_t
renew_due(int64_t from, int64_t until, int64_t before)
{
	int64_t	third = (until - from) / 3;

	return until - (before < third ? before : third);
}

/* Doubles with each failure, but fits in what is left several times. */
static int64_t
pause_after(unsigned failures, int64_t left)
{
	int64_t	wait = FIRST_WAIT;

	while (--failures > 0 && wait < LAST_WAIT)
		wait *= 2;
	if (wait > LAST_WAIT)
		wait = LAST_WAIT;
	if (left > 0 && wait > left / 8)
		wait = left / 8;
	return wait < FIRST_WAIT ? FIRST_WAIT : wait;
}

int64_t
renew_next(const struct renew_state *s, const struct renew_facts *f,
    int64_t before, int64_t now)
{
	int64_t	due = f->there && f->fits ?
	    renew_due(f->from, f->until, before) : 0, earliest = 0;

	/* A clock that was set back must not keep us waiting. */
	if (s->attempt > 0 && s->attempt <= now)
		earliest = s->attempt + (s->failures == 0 ? SETTLE :
		    pause_after(s->failures, f->there ? f->until - now : 0));
	return due > earliest ? due : earliest;
}

static char *
path_of(struct arena *a, const struct conf *conf)
{
	return arena_printf(a, "%s/listener/renewal.json", conf->state_dir);
}

static int64_t
member_int(const json_t *o, const char *name)
{
	json_int_t	n = json_integer_value(json_object_get(o, name));

	return n < 0 ? 0 : n;
}

/* What cannot be read is as if nothing had been. */
void
renew_state_load(const struct conf *conf, struct renew_state *s)
{
	struct arena	*a = arena_new(MEMORY);
	char		 text[FILE_MAX];
	const char	*why;
	ssize_t		 n = 0;
	json_t		*o;
	int		 fd;

	memset(s, 0, sizeof(*s));
	fd = open(path_of(a, conf), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd != -1) {
		n = read(fd, text, sizeof(text));
		close(fd);
	}
	o = n <= 0 ? NULL : json_read_object(text, (size_t)n, &why);
	s->attempt = member_int(o, "attempt_seconds");
	s->success = member_int(o, "success_seconds");
	s->failures = (unsigned)member_int(o, "failures");
	if (s->failures > 1000)
		s->failures = 1000;
	json_decref(o);
	arena_free(a);
}

static void
set_time(json_t *o, const char *name, int64_t at)
{
	char	text[RENEW_TEXT];

	json_object_set_new(o, name, json_string(renew_when(at, text)));
}

int
renew_state_store(const struct conf *conf, const struct renew_state *s,
    const struct renew_facts *f, int64_t next, char *why)
{
	struct arena	*a = arena_new(MEMORY);
	json_t		*o = json_object();
	size_t		 len;
	char		*text;
	int		 rc;

	if (f->there) {
		json_object_set_new(o, "serial", json_string(f->serial));
		set_time(o, "not_after", f->until);
	}
	set_time(o, "next_attempt", next);
	set_time(o, "last_attempt", s->attempt);
	set_time(o, "last_success", s->success);
	json_object_set_new(o, "attempt_seconds", json_integer(s->attempt));
	json_object_set_new(o, "success_seconds", json_integer(s->success));
	json_object_set_new(o, "failures", json_integer(s->failures));
	if (s->problem[0] != '\0')
		json_object_set_new(o, "problem", json_string(s->problem));
	text = json_pretty(a, o, &len);
	json_decref(o);
	rc = renew_write(path_of(a, conf), text, len, false, why);
	arena_free(a);
	return rc;
}

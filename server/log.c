/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message, one line, one write(2): lines of several threads and of all
 * processes that share stderr never mix.  What would break a line or speak
 * to a terminal is escaped, so that no foreign text can forge a message.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/* A line fits into PIPE_BUF, so that a pipe takes it whole or not at all. */
#define TEXT_MAX	1000
#define LINE_LEN_MAX	(64 + 4 * TEXT_MAX)

enum level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO };

/* Priorities of syslog(3), as sd-daemon(3) wants them in front of a line. */
static const struct {
	const char	*priority;
	const char	*word;
} levels[] = {
	[LEVEL_ERROR] = { "<3>", "error: " },
	[LEVEL_WARN] = { "<4>", "warning: " },
	[LEVEL_INFO] = { "<6>", "" },
};

static char process_name[32] = "chancery";
static bool to_journal;

/*
 * JOURNAL_STREAM names the file that stderr was connected to; it is inherited
 * by children whose stderr goes elsewhere, so it is compared (systemd.exec(5)).
 */
static bool
stderr_is_journal(void)
{
	struct stat st;
	const char *stream;
	char own[64];

	stream = getenv("JOURNAL_STREAM");
	if (stream == NULL || fstat(STDERR_FILENO, &st) == -1)
		return false;
	snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	return strcmp(stream, own) == 0;
}

void
log_open(const char *process)
{
	snprintf(process_name, sizeof(process_name), "%s", process);
	to_journal = stderr_is_journal();
}

/*
 * How many octets at `s` are a control character: ASCII, or Unicode's C1 as
 * UTF-8 (C2 80 - C2 9F).
 */
static size_t
control_length(const unsigned char *s)
{
	if (s[0] < 0x20 || s[0] == 0x7f)
		return 1;
	return s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f ? 2 : 0;
}

static size_t
escape(char *out, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)text;
	size_t n = 0, bad;

	while (*s != '\0') {
		bad = control_length(s);
		if (bad == 0)
			out[n++] = (char)*s++;
		for (; bad > 0; bad--, s++) {
			out[n++] = '\\';
			out[n++] = 'x';
			out[n++] = digits[*s >> 4];
			out[n++] = digits[*s & 15];
		}
	}
	return n;
}

static void
write_line(const char *line, size_t len)
{
	ssize_t n;

	do {
		n = write(STDERR_FILENO, line, len);
	} while (n == -1 && errno == EINTR);
}

static void
emit(enum level level, const char *fmt, va_list ap)
{
	char text[TEXT_MAX], line[LINE_LEN_MAX];
	int saved = errno;
	int n;
	size_t len;

	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		snprintf(text, sizeof(text), "%s", fmt);
	n = snprintf(line, 64, "%s%s: %s",
	    to_journal ? levels[level].priority : "", process_name,
	    levels[level].word);
	len = (size_t)n;
	len += escape(line + len, text);
	line[len++] = '\n';
	write_line(line, len);
	errno = saved;
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LEVEL_WARN, fmt, ap);
	va_end(ap);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LEVEL_ERROR, fmt, ap);
	va_end(ap);
}

/*
 * Leaves without the handlers of atexit(3): other threads still run, and a
 * library torn down under them would turn the exit code into a signal.
 */
void
die(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LEVEL_ERROR, fmt, ap);
	va_end(ap);
	fflush(stdout);
	_exit(code);
}

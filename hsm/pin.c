/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a PIN, and remembering the PIN file (by device, inode and time of
 * change, never by its content) whose PIN was refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../server/log.h"
#include "pin.h"

#define STATE_LEN	128

int
pin_read(const char *file, char pin[PIN_MAX], struct stat *st, char *why,
    size_t whylen)
{
	ssize_t n = -1;
	int fd;

	memset(pin, 0, PIN_MAX);
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 || fstat(fd, st) == -1 ||
	    (n = read(fd, pin, PIN_MAX - 1)) == -1)
		snprintf(why, whylen, "cannot read the PIN file %s: %s (the "
		    "token's user must own it)", file, strerror(errno));
	if (fd != -1)
		close(fd);
	if (n == -1)
		return -1;
	pin[strcspn(pin, "\r\n")] = '\0';
	if (!S_ISREG(st->st_mode))
		snprintf(why, whylen, "the PIN file %s is not a regular file",
		    file);
	else if ((st->st_mode & 077) != 0)
		snprintf(why, whylen, "the PIN file %s is open to others: "
		    "chmod 600 it", file);
	else if (pin[0] == '\0')
		snprintf(why, whylen, "the PIN file %s is empty: write the "
		    "PIN on its first line", file);
	else
		return 0;
	return -1;
}

static void
describe(const struct stat *st, char text[STATE_LEN])
{
	snprintf(text, STATE_LEN, "%lu %lu %lld.%09ld\n",
	    (unsigned long)st->st_dev, (unsigned long)st->st_ino,
	    (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

bool
pin_was_refused(const char *memory, const struct stat *st)
{
	char text[STATE_LEN], seen[STATE_LEN] = "";
	FILE *f;

	if (memory == NULL || (f = fopen(memory, "re")) == NULL)
		return false;
	describe(st, text);
	if (fgets(seen, sizeof(seen), f) == NULL)
		seen[0] = '\0';
	fclose(f);
	return strcmp(text, seen) == 0;
}

void
pin_note_refused(const char *memory, const struct stat *st)
{
	char text[STATE_LEN];
	FILE *f;

	if (memory == NULL)
		return;
	if ((f = fopen(memory, "we")) == NULL) {
		log_warn("cannot remember the refused PIN in %s: %s", memory,
		    strerror(errno));
		return;
	}
	describe(st, text);
	fputs(text, f);
	fclose(f);
}

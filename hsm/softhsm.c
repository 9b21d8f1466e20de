/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kept copies of SoftHSM's token files (softhsm.h says why).  File by
 * file: written under another name, synchronised, renamed; an empty file is
 * never copied over a good one.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../server/log.h"
#include "softhsm.h"

#define OBJECT		"token.object"
#define KEEP		"token.object.keep"
#define FRESH		"token.object.keep.new"
#define OBJECT_MAX	65536
#define LOCK_SECONDS	60
#define KEYWORD		"directories.tokendir"

/* The value of `line` when its keyword is the one we want, or NULL. */
static char *
value_of(char *line)
{
	char *p, *end;

	p = line + strspn(line, " \t");
	if (strncmp(p, KEYWORD, strlen(KEYWORD)) != 0)
		return NULL;
	p += strlen(KEYWORD);
	p += strspn(p, " \t");
	if (*p++ != '=')
		return NULL;
	p += strspn(p, " \t");
	p[strcspn(p, "#\r\n")] = '\0';
	for (end = p + strlen(p); end > p &&
	    isspace((unsigned char)end[-1]); end--)
		end[-1] = '\0';
	return *p == '\0' ? NULL : p;
}

int
softhsm_tokendir(const char *conf, char *dir, size_t dirlen, char *why,
    size_t whylen)
{
	char line[4096], *value;
	bool found = false;
	FILE *f;

	if ((f = fopen(conf, "re")) == NULL) {
		snprintf(why, whylen, "cannot read %s: %s (softhsm_conf)",
		    conf, strerror(errno));
		return -1;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		if ((value = value_of(line)) == NULL)
			continue;
		found = snprintf(dir, dirlen, "%s", value) < (int)dirlen;
	}
	fclose(f);
	if (!found)
		snprintf(why, whylen, "%s has no line \"%s = DIRECTORY\": add "
		    "it", conf, KEYWORD);
	return found ? 0 : -1;
}

int
softhsm_lock(const char *path, char *why, size_t whylen)
{
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		snprintf(why, whylen, "cannot open %s: %s (the token's user "
		    "must own it)", path, strerror(errno));
		return -1;
	}
	alarm(LOCK_SECONDS);
	while (flock(fd, LOCK_EX) == -1 && errno == EINTR)
		;
	alarm(0);
	return fd;
}

/* Octets of a small file; 0 when absent or empty, -1 on an error. */
static ssize_t
read_small(int dir, const char *name, unsigned char *data)
{
	ssize_t n;
	int fd;

	if ((fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return errno == ENOENT ? 0 : -1;
	n = read(fd, data, OBJECT_MAX);
	close(fd);
	if (n == OBJECT_MAX) {
		errno = EFBIG;
		return -1;
	}
	return n;
}

static int
write_small(int dir, const char *name, const unsigned char *data, size_t len)
{
	int fd, rv = -1;

	fd = openat(dir, FRESH, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	if (write(fd, data, len) == (ssize_t)len && fsync(fd) == 0)
		rv = renameat(dir, FRESH, dir, name);
	close(fd);
	if (rv == 0)
		rv = fsync(dir);
	return rv;
}

/* One token; 0 also where there is none. */
static int
guard_token(int dir, const char *name, char *why, size_t whylen)
{
	static unsigned char object[OBJECT_MAX], keep[OBJECT_MAX];
	ssize_t nobject, nkeep;

	nobject = read_small(dir, OBJECT, object);
	nkeep = read_small(dir, KEEP, keep);
	if (nobject == -1 || nkeep == -1)
		goto fail;
	if (nobject == 0 && nkeep > 0) {
		log_warn("SoftHSM token %s was cut off in a login; restored "
		    "from " KEEP, name);
		if (write_small(dir, OBJECT, keep, (size_t)nkeep) == -1)
			goto fail;
	} else if (nobject > 0 && (nobject != nkeep ||
	    memcmp(object, keep, (size_t)nobject) != 0)) {
		if (write_small(dir, KEEP, object, (size_t)nobject) == -1)
			goto fail;
	}
	return 0;
fail:
	snprintf(why, whylen, "cannot keep a copy of SoftHSM's %s/" OBJECT
	    ": %s (the token's user must own it)", name, strerror(errno));
	return -1;
}

int
softhsm_guard(const char *path, char *why, size_t whylen)
{
	struct dirent *entry;
	int fd, rv = 0;
	DIR *dir;

	if ((dir = opendir(path)) == NULL) {
		snprintf(why, whylen, "cannot read SoftHSM's tokendir %s: %s "
		    "(the token's user must own it)", path, strerror(errno));
		return -1;
	}
	while (rv == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC |
		    O_DIRECTORY | O_NOFOLLOW);
		if (fd == -1)
			continue;
		rv = guard_token(fd, entry->d_name, why, whylen);
		close(fd);
	}
	closedir(dir);
	return rv;
}

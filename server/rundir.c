/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run directory: run_dir itself, one directory for each process in it,
 * the lock that keeps a second chanceryd out, the socket for reports.
 */
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "spawn.h"

static int	lock_fd = -1;

static void
failed(const struct conf *conf, const char *name)
{
	die(EXIT_FAILED, "%s%s%s: %s (run_dir in %s must be a directory that "
	    "this user may write to)", conf->run_dir,
	    name[0] == '\0' ? "" : "/", name, strerror(errno), conf->file);
}

static int
open_run_dir(const struct conf *conf)
{
	struct stat	st;
	mode_t		mode = conf->acme.user == NULL ? 0700 : 0755;
	int		fd;

	if (mkdir(conf->run_dir, mode) == -1 && errno != EEXIST)
		failed(conf, "");
	fd = open(conf->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		failed(conf, "");
	if (st.st_uid != geteuid())
		die(EXIT_FAILED, "%s belongs to another user (choose another "
		    "run_dir in %s, or remove it)", conf->run_dir,
		    conf->file);
	if (fchmod(fd, mode) == -1)
		failed(conf, "");
	return fd;
}

/* One chanceryd for a run directory; the lock lives as long as we do. */
static void
lock(const struct conf *conf, int dir)
{
	static const char	name[] = "chanceryd.pid";
	struct stat		held, there;
	char			number[32] = "";
	int			n;

	for (;;) {
		lock_fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC |
		    O_NOFOLLOW, 0644);
		if (lock_fd == -1)
			failed(conf, name);
		if (flock(lock_fd, LOCK_EX | LOCK_NB) == -1)
			break;
		/* The last one may have removed the file that we opened. */
		if (fstat(lock_fd, &held) == 0 &&
		    fstatat(dir, name, &there, 0) == 0 &&
		    held.st_ino == there.st_ino) {
			n = snprintf(number, sizeof(number), "%ld\n",
			    (long)getpid());
			if (ftruncate(lock_fd, 0) == -1 ||
			    fchmod(lock_fd, 0644) == -1 ||
			    write(lock_fd, number, (size_t)n) != n)
				failed(conf, name);
			return;
		}
		close(lock_fd);
	}
	if (read(lock_fd, number, sizeof(number) - 1) <= 0)
		strcpy(number, "unknown");
	number[strcspn(number, "\n")] = '\0';
	die(EXIT_FAILED, "already running on %s as process %s (stop that one "
	    "first, or choose another run_dir)", conf->run_dir, number);
}

/* Sockets of an earlier run would look as if somebody listened. */
static void
remove_sockets(int dir)
{
	const struct dirent	*entry;
	DIR			*stream;
	struct stat		 st;
	int			 copy;

	if ((copy = dup(dir)) == -1 || (stream = fdopendir(copy)) == NULL)
		return;
	while ((entry = readdir(stream)) != NULL)
		if (fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
		    0 && S_ISSOCK(st.st_mode))
			unlinkat(dir, entry->d_name, 0);
	closedir(stream);
}

static void
make_process_dir(const struct conf *conf, int dir, const struct program *p)
{
	const struct passwd	*pw;
	const struct group	*gr;
	int			 fd;

	if (mkdirat(dir, p->name, 0700) == -1 && errno != EEXIST)
		failed(conf, p->name);
	fd = openat(dir, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (fd == -1)
		failed(conf, p->name);
	remove_sockets(fd);
	if (p->user != NULL) {
		pw = getpwnam(p->user);
		gr = getgrnam(conf->group);
		if (pw == NULL || gr == NULL ||
		    fchown(fd, pw->pw_uid, gr->gr_gid) == -1 ||
		    fchmod(fd, 0750) == -1)
			failed(conf, p->name);
	}
	close(fd);
}

/*
 * Where the listener's certificate is renewed, when it is in the place that
 * is meant for that.  The ceremony makes it; here it is given to the user of
 * chancery-renew, who writes there.
 */
static void
make_listener_dir(const struct conf *conf)
{
	const struct passwd	*pw;
	const struct group	*gr;
	char			 path[4096];
	size_t			 len = strlen(conf->state_dir);
	int			 fd;

	snprintf(path, sizeof(path), "%s/listener", conf->state_dir);
	if (strncmp(conf->acme.tls_certificate, conf->state_dir, len) != 0 ||
	    strncmp(conf->acme.tls_certificate + len, "/listener/", 10) != 0 ||
	    (mkdir(path, 0700) == -1 && errno != EEXIST))
		return;		/* no state_dir: chancery-acme says so */
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		die(EXIT_FAILED, "%s: %s (it must be a directory)", path,
		    strerror(errno));
	if (conf->renew.user != NULL) {
		pw = getpwnam(conf->renew.user);
		gr = getgrnam(conf->group);
		if (pw == NULL || gr == NULL ||
		    fchown(fd, pw->pw_uid, gr->gr_gid) == -1 ||
		    fchmod(fd, 0750) == -1)
			die(EXIT_FAILED, "%s: %s (state_dir in %s must be "
			    "ours to arrange)", path, strerror(errno),
			    conf->file);
	}
	close(fd);
}

static int
notify_socket(const struct conf *conf)
{
	struct sockaddr_un	 un = { .sun_family = AF_UNIX };
	const struct group	*gr;
	int			 fd, one = 1;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/notify",
	    conf->run_dir);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 || (unlink(un.sun_path) == -1 && errno != ENOENT) ||
	    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) ==
	    -1 || bind(fd, (struct sockaddr *)&un, sizeof(un)) == -1 ||
	    chmod(un.sun_path, 0660) == -1)
		failed(conf, "notify");
	if (conf->acme.user != NULL &&
	    ((gr = getgrnam(conf->group)) == NULL ||
	    chown(un.sun_path, 0, gr->gr_gid) == -1))
		failed(conf, "notify");
	return fd;
}

int
rundir_open(const struct conf *conf, const struct program programs[PROGRAMS])
{
	int	dir = open_run_dir(conf), i;

	lock(conf, dir);
	for (i = 0; i < PROGRAMS; i++)
		make_process_dir(conf, dir, &programs[i]);
	close(dir);
	make_listener_dir(conf);
	return notify_socket(conf);
}

void
rundir_close(const struct conf *conf)
{
	static const char *const names[] = { "notify", "chanceryd.pid" };
	char	path[256];
	size_t	i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", conf->run_dir,
		    names[i]);
		unlink(path);
	}
	close(lock_fd);
}

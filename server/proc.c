/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The beginning and the end of a long-running process.  What needs files or
 * name services later (the supervisor's socket, numbers of our users) is
 * taken here, because the sandbox comes next.
 */
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "mem.h"
#include "proc.h"

#define CONF_DEFAULT	SYSCONFDIR "/chancery.conf"
#define BACKLOG		64

static volatile sig_atomic_t	stopping;
static int			stop_fd = -1;
static int			notify_fd = -1;

static struct {
	const char	*name;
	uid_t		 uid;
} users[CONF_PROCESSES];
static size_t			nusers;

static void
on_stop(int sig)
{
	static const uint64_t	one = 1;
	int			saved = errno;

	(void)sig;
	stopping = 1;
	if (write(stop_fd, &one, sizeof(one)) == -1)
		stopping = 1;	/* the counter is full: readable already */
	errno = saved;
}

static void
signals(void)
{
	struct sigaction	sa = { .sa_flags = SA_RESTART };

	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_fd == -1)
		die(EXIT_FAILED, "no file descriptors: %s", strerror(errno));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	sa.sa_handler = on_stop;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigemptyset(&sa.sa_mask);
	sigprocmask(SIG_SETMASK, &sa.sa_mask, NULL);
}

/* sd_notify(3): connected now, so that the sandbox need not allow it. */
static void
notify_open(void)
{
	struct sockaddr_un	 un = { .sun_family = AF_UNIX };
	const char		*path = getenv("NOTIFY_SOCKET");
	size_t			 len;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	len = strlen(path);
	if (len >= sizeof(un.sun_path))
		return;
	memcpy(un.sun_path, path, len);
	if (path[0] == '@')
		un.sun_path[0] = '\0';	/* abstract, see unix(7) */
	unsetenv("NOTIFY_SOCKET");
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify_fd != -1 && connect(notify_fd, (struct sockaddr *)&un,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == -1) {
		log_warn("supervisor's socket: %s", strerror(errno));
		close(notify_fd);
		notify_fd = -1;
	}
}

/* Started by chanceryd: end when it ends.  True when so. */
static bool
supervised(void)
{
	const char	*parent = getenv("CHANCERY_SUPERVISED");

	if (parent == NULL)
		return false;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != (pid_t)strtol(parent, NULL, 10))
		exit(EXIT_FAILED);	/* it ended before prctl(2) */
	unsetenv("CHANCERY_SUPERVISED");
	return true;
}

static int
user_number(const char *name)
{
	struct passwd	*pw;
	size_t		 i;

	if (name == NULL)
		return 0;
	for (i = 0; i < nusers; i++)
		if (strcmp(users[i].name, name) == 0)
			return 0;
	if (nusers == nitems(users) || (pw = getpwnam(name)) == NULL)
		return -1;
	users[nusers].name = name;
	users[nusers++].uid = pw->pw_uid;
	return 0;
}

static const char *
users_learn(const struct conf *conf)
{
	const char *const names[] = {
		conf->acme.user, conf->validator.user, conf->resolver.user,
		conf->probe.user, conf->signer.user, conf->token.user,
		conf->publisher.user, conf->renew.user
	};
	size_t	i;

	for (i = 0; i < nitems(names); i++)
		if (user_number(names[i]) == -1)
			return names[i];
	return NULL;
}

static const char *
options(const char *process, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	const char	*file = CONF_DEFAULT;
	int		 ch;

	opterr = 0;
	while ((ch = getopt_long(argc, argv, "c:hV", longs, NULL)) != -1)
		switch (ch) {
		case 'c':
			file = optarg;
			break;
		case 'h':
			printf("usage: %s [-c file]\n"
			    "       %s -h | -V\n"
			    "The file is %s unless told otherwise; "
			    "see chancery.conf(5).\n", process, process,
			    CONF_DEFAULT);
			exit(0);
		case 'V':
			printf("%s %s\n", process, VERSION);
			exit(0);
		default:
			die(EXIT_MISUSE, "option \"%s\" is unknown or lacks "
			    "its value (see %s -h)", argv[optind - 1],
			    process);
		}
	if (optind < argc)
		die(EXIT_MISUSE, "argument \"%s\" is not understood "
		    "(see %s -h)", argv[optind], process);
	return file;
}

const struct conf *
proc_start(const char *process, int argc, char **argv)
{
	const struct conf	*conf;
	const char		*file, *missing;
	char			 why[1024];
	int			 code = EXIT_FAILED;

	log_open(process);
	file = options(process, argc, argv);
	if (supervised())
		code = EXIT_OPERATOR;
	umask(077);
	signals();
	if ((conf = conf_load(file, why, sizeof(why))) == NULL)
		die(code, "%s", why);
	if ((missing = users_learn(conf)) != NULL)
		die(code, "user \"%s\" named in %s does not exist (create it, "
		    "or correct the name)", missing, file);
	notify_open();
	return conf;
}

bool
proc_stopping(void)
{
	return stopping != 0;
}

int
proc_stop_fd(void)
{
	return stop_fd;
}

void
proc_ready(void)
{
	static const char	message[] = "READY=1";

	if (notify_fd != -1 && send(notify_fd, message, strlen(message),
	    MSG_NOSIGNAL) == -1)
		log_warn("supervisor's socket: %s", strerror(errno));
}

long long
proc_monotonic_ms(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int
socket_path(const struct conf *conf, const char *dir, const char *name,
    struct sockaddr_un *un)
{
	int	n;

	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	n = snprintf(un->sun_path, sizeof(un->sun_path), "%s/%s/%s",
	    conf->run_dir, dir, name);
	if (n > 0 && (size_t)n < sizeof(un->sun_path))
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

int
proc_bind(const struct conf *conf, const char *dir, const char *name, int type)
{
	struct sockaddr_un	un;
	int			fd = -1, rc = -1;

	if (socket_path(conf, dir, name, &un) == -1)
		goto out;
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		goto out;
	if (unlink(un.sun_path) == -1 && errno != ENOENT)
		goto out;
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) == -1 ||
	    chmod(un.sun_path, 0660) == -1)
		goto out;
	if (type == SOCK_SEQPACKET && listen(fd, BACKLOG) == -1)
		goto out;
	rc = fd;
out:
	if (rc == -1) {
		log_error("socket %s/%s/%s: %s (is the directory there, and "
		    "this user's?)", conf->run_dir, dir, name,
		    strerror(errno));
		if (fd != -1)
			close(fd);
	}
	return rc;
}

int
proc_connect(const struct conf *conf, const char *dir, const char *name)
{
	struct sockaddr_un	un;
	int			fd, saved;

	if (socket_path(conf, dir, name, &un) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

bool
proc_peer_is(int fd, const char *user)
{
	struct ucred	peer;
	socklen_t	len = sizeof(peer);
	size_t		i;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
		return false;
	if (user == NULL)
		return peer.uid == getuid();
	for (i = 0; i < nusers; i++)
		if (strcmp(users[i].name, user) == 0)
			return peer.uid == users[i].uid;
	return false;
}

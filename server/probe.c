/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-probe: a zygote that the validator connects to once for each
 * challenge.  It accepts, forks a child for the connection and reaps; it
 * reads nothing from anybody and touches nothing of TLS, so that every child
 * starts from the same small, clean memory.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "probe.h"
#include "proc.h"
#include "sandbox.h"

#define FIRST_FD	3	/* after the standard ones */

struct zygote {
	const struct conf	*conf;
	int			 listener;
	int			 deaths;	/* signalfd: SIGCHLD */
	unsigned		 children;
	unsigned		 max;
};

static int
watch_deaths(void)
{
	sigset_t	set;
	int		fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1 ||
	    (fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) == -1)
		die(EXIT_FAILED, "signalfd: %s", strerror(errno));
	return fd;
}

static void
reap(struct zygote *z)
{
	struct signalfd_siginfo	info;
	int			status;
	pid_t			pid;

	while (read(z->deaths, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		z->children--;
		if (WIFSIGNALED(status))
			log_warn("probe child=%d died signal=%d", (int)pid,
			    WTERMSIG(status));
	}
}

static void
serve(struct zygote *z, int fd)
{
	sigset_t	none;
	pid_t		pid;

	pid = fork();
	if (pid == -1) {
		log_error("fork: %s", strerror(errno));
		return;
	}
	if (pid > 0) {
		z->children++;
		return;
	}
	/* Nothing of the zygote's stays within the child's reach. */
	if ((fd > FIRST_FD &&
	    close_range(FIRST_FD, (unsigned)fd - 1, 0) == -1) ||
	    close_range((unsigned)fd + 1, ~0u, 0) == -1)
		_exit(1);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	probe_child(fd);
}

static void
accept_one(struct zygote *z)
{
	int	fd;

	fd = accept4(z->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd == -1)
		return;
	if (proc_peer_is(fd, z->conf->validator.user))
		serve(z, fd);
	else
		log_warn("probe refused a connection that is not from the "
		    "validator's user");
	close(fd);
}

static void
loop(struct zygote *z)
{
	while (!proc_stopping()) {
		struct pollfd p[] = {
			{ .fd = proc_stop_fd(), .events = POLLIN },
			{ .fd = z->deaths, .events = POLLIN },
			{ .fd = z->children < z->max ? z->listener : -1,
			    .events = POLLIN },
		};

		if (poll(p, 3, -1) == -1 && errno != EINTR)
			die(EXIT_FAILED, "poll: %s", strerror(errno));
		if (p[1].revents != 0)
			reap(z);
		if (p[2].revents != 0)
			accept_one(z);
	}
}

int
main(int argc, char **argv)
{
	static struct zygote	z;

	z.conf = proc_start("chancery-probe", argc, argv);
	/* Twice the challenges: one that ends while its next one begins. */
	z.max = 2 * z.conf->validator.concurrency;
	z.listener = proc_bind(z.conf, "probe", "socket", SOCK_SEQPACKET);
	if (z.listener == -1)
		return EXIT_FAILED;
	z.deaths = watch_deaths();
	sandbox_enter(SANDBOX_PROBE, NULL, NULL);
	proc_ready();
	loop(&z);
	return 0;
}

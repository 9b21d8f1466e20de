/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-probe: a zygote that the validator connects to once for each
 * challenge.  It accepts, forks a child for the connection, kills what is
 * left of it when the validator hangs up (a child in a host's hands may not
 * want to go) and reaps; it reads nothing from anybody and touches nothing of
 * TLS, so that every child starts from the same small, clean memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "mem.h"
#include "probe.h"
#include "proc.h"
#include "sandbox.h"

#define FIRST_FD	3	/* after the standard ones */

#define OURS		3	/* of what is polled, before the children */

struct child {
	pid_t	pid;
	int	fd;		/* its connection; -1 when it was killed */
};

struct zygote {
	const struct conf	*conf;
	int			 listener;
	int			 deaths;	/* signalfd: SIGCHLD */
	int			 null;		/* /dev/null */
	struct child		*children;
	struct pollfd		*polled;
	unsigned		 nchildren;
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

/* Our copy of its connection would keep the validator from seeing it end. */
static void
forget(struct zygote *z, pid_t pid)
{
	for (unsigned i = 0; i < z->nchildren; i++)
		if (z->children[i].pid == pid) {
			if (z->children[i].fd != -1)
				close(z->children[i].fd);
			z->children[i] = z->children[--z->nchildren];
			return;
		}
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
		forget(z, pid);
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
			log_warn("probe child=%d died signal=%d", (int)pid,
			    WTERMSIG(status));
		else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
			log_warn("probe child=%d ended status=%d", (int)pid,
			    WEXITSTATUS(status));
	}
}

/* The validator hung up: nobody listens to this child any more. */
static void
end_children(struct zygote *z, const struct pollfd *p)
{
	for (unsigned i = 0; i < z->nchildren; i++)
		if (p[i].revents != 0 && z->children[i].fd != -1) {
			kill(z->children[i].pid, SIGKILL);
			close(z->children[i].fd);
			z->children[i].fd = -1;
		}
}

/* Nothing of the zygote's stays within the child's reach, not its log; and
 * the child does not outlive it. */
static void
leave_zygote(const struct zygote *z, int fd)
{
	sigset_t	none;

#ifndef CHANCERY_RELAXED_SANDBOX
	/* dup(2) takes the lowest number that is free. */
	for (int n = STDOUT_FILENO; n <= STDERR_FILENO; n++)
		if (close(n) == -1 || dup(z->null) != n)
			_exit(1);
#else
	(void)z;
#endif
	if ((fd > FIRST_FD &&
	    close_range(FIRST_FD, (unsigned)fd - 1, 0) == -1) ||
	    close_range((unsigned)fd + 1, ~0u, 0) == -1)
		_exit(1);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		_exit(1);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0 when there is a child, which the connection belongs to. */
static int
serve(struct zygote *z, int fd)
{
	pid_t	pid = fork();

	if (pid == -1) {
		log_error("fork: %s", strerror(errno));
		return -1;
	}
	if (pid == 0) {
		leave_zygote(z, fd);
		probe_child(fd);
	}
	z->children[z->nchildren++] = (struct child){ pid, fd };
	return 0;
}

static void
accept_one(struct zygote *z)
{
	int	fd;

	fd = accept4(z->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd == -1)
		return;
	if (!proc_peer_is(fd, z->conf->validator.user))
		log_warn("probe refused a connection that is not from the "
		    "validator's user");
	else if (serve(z, fd) == 0)
		return;
	close(fd);
}

static void
loop(struct zygote *z)
{
	struct pollfd	*p = z->polled;
	unsigned	 n;

	while (!proc_stopping()) {
		n = z->nchildren;
		p[0] = (struct pollfd){ proc_stop_fd(), POLLIN, 0 };
		p[1] = (struct pollfd){ z->deaths, POLLIN, 0 };
		p[2] = (struct pollfd){ n < z->max ? z->listener : -1,
		    POLLIN, 0 };
		/* No events: their ends are told in any case. */
		for (unsigned i = 0; i < n; i++)
			p[OURS + i] = (struct pollfd){ z->children[i].fd, 0,
			    0 };
		if (poll(p, OURS + n, -1) == -1 && errno != EINTR)
			die(EXIT_FAILED, "poll: %s", strerror(errno));
		end_children(z, p + OURS);
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
	z.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (z.null == -1)
		die(EXIT_FAILED, "/dev/null: %s", strerror(errno));
	z.children = xcalloc(z.max, sizeof(*z.children));
	z.polled = xcalloc(z.max + OURS, sizeof(*z.polled));
	sandbox_enter(SANDBOX_PROBE, NULL, NULL);
	proc_ready();
	loop(&z);
	return 0;
}

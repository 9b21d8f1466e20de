/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chanceryd: starts all processes of the appliance, starts again what failed,
 * says when all are ready, and stops them in the reverse order.  It keeps no
 * state but its children: what they do is in PostgreSQL.
 */
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "mem.h"
#include "proc.h"
#include "spawn.h"

#define BACKOFF_MIN_MS	100
#define BACKOFF_MAX_MS	5000
#define SETTLED_MS	2000	/* up for so long: the backoff starts anew */
#define STOP_MS		10000	/* from SIGTERM to SIGKILL */
#define PATIENCE_MS	10000	/* between two lines on who is not ready */
#define LOOK_MS		20	/* for the sockets that a process needs */

enum state { WAITING, RUNNING, READY, ENDED };

struct child {
	const struct program	*program;
	char			 name[40];	/* "chancery-token 2" */
	enum state		 state;
	pid_t			 pid;		/* 0: none */
	long long		 started;
	long long		 due;		/* when WAITING */
	unsigned		 backoff;
};

static const struct conf	*conf;
static struct child		*children;
static size_t			 nchildren;
static bool			 was_ready;	/* all of them, once */
static bool			 failed;

static void
children_make(const struct program programs[PROGRAMS])
{
	struct child	*c;
	unsigned	 i, j;

	for (i = 0; i < PROGRAMS; i++)
		nchildren += programs[i].count;
	c = children = xcalloc(nchildren, sizeof(*children));
	for (i = 0; i < PROGRAMS; i++)
		for (j = 0; j < programs[i].count; j++, c++) {
			c->program = &programs[i];
			if (programs[i].count == 1)
				snprintf(c->name, sizeof(c->name),
				    "chancery-%s", programs[i].name);
			else
				snprintf(c->name, sizeof(c->name),
				    "chancery-%s %u", programs[i].name,
				    j + 1);
		}
}

/* The sockets it connects to at its start are there. */
static bool
may_start(const struct child *c)
{
	const char *const	*need;
	char			 path[256];

	for (need = c->program->needs; *need != NULL; need++) {
		snprintf(path, sizeof(path), "%s/%s", conf->run_dir, *need);
		if (access(path, F_OK) == -1)
			return false;
	}
	return true;
}

/* Start what is due; milliseconds until something else is, or -1. */
static int
start_due(void)
{
	struct child	*c;
	long long	 now = proc_monotonic_ms(), wait = -1, left;

	for (c = children; c < children + nchildren; c++) {
		if (c->state != WAITING)
			continue;
		left = c->due - now;
		if (left <= 0 && !may_start(c))
			left = LOOK_MS;
		if (left <= 0) {
			c->pid = spawn(conf, c->program);
			if (c->pid != -1) {
				c->state = RUNNING;
				c->started = now;
				continue;
			}
			log_error("%s: fork: %s", c->name, strerror(errno));
			c->pid = 0;
			c->due = now + BACKOFF_MAX_MS;
			left = BACKOFF_MAX_MS;
		}
		if (wait == -1 || left < wait)
			wait = left;
	}
	return (int)wait;
}

static void
describe(int status, char *text, size_t len)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		snprintf(text, len, "was killed by its sandbox: it made a "
		    "system call that it may not make");
	else if (WIFSIGNALED(status))
		snprintf(text, len, "was killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, len, "ended with exit status %d",
		    WEXITSTATUS(status));
}

static void
restart_later(struct child *c, bool at_once, const char *how)
{
	long long	now = proc_monotonic_ms();

	if (now - c->started >= SETTLED_MS)
		c->backoff = 0;
	c->due = now;
	c->state = WAITING;
	/* It recycles itself: only one that does nothing else is slowed. */
	if (at_once && now - c->started >= BACKOFF_MIN_MS)
		return;
	if (c->backoff == 0)
		c->backoff = BACKOFF_MIN_MS;
	else if (c->backoff < BACKOFF_MAX_MS / 2)
		c->backoff *= 2;
	else
		c->backoff = BACKOFF_MAX_MS;
	c->due += c->backoff;
	if (!at_once)
		log_warn("%s %s; it is started again in %u ms", c->name, how,
		    c->backoff);
}

static void
ended(struct child *c, int status)
{
	char	how[128];
	bool	clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	describe(status, how, sizeof(how));
	c->pid = 0;
	c->state = ENDED;
	if (failed)
		return;		/* one reason was told */
	if (proc_stopping()) {
		/* SIGTERM kills one that had only just begun. */
		if (!clean && !(WIFSIGNALED(status) &&
		    WTERMSIG(status) == SIGTERM))
			log_warn("%s %s while stopping", c->name, how);
		return;
	}
	if (!was_ready && !clean) {
		log_error("%s %s before all were ready: stopping (its "
		    "reason is above)", c->name, how);
		failed = true;
		return;
	}
	if (WIFEXITED(status) && (WEXITSTATUS(status) == EXIT_OPERATOR ||
	    WEXITSTATUS(status) == EXIT_MISUSE)) {
		log_error("%s %s and is not started again (its reason is "
		    "above; mend it, then restart chanceryd)", c->name, how);
		return;
	}
	restart_later(c, clean, how);
}

static void
reap(void)
{
	struct child	*c;
	pid_t		 pid;
	int		 status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (c = children; c < children + nchildren; c++)
			if (c->pid == pid) {
				ended(c, status);
				break;
			}
}

/* The process id that the kernel vouches for. */
static pid_t
sender_of(struct msghdr *msg)
{
	struct cmsghdr	*cmsg;
	struct ucred	 cred;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(msg, cmsg))
		if (cmsg->cmsg_level == SOL_SOCKET &&
		    cmsg->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&cred, CMSG_DATA(cmsg), sizeof(cred));
			return cred.pid;
		}
	return 0;
}

static void
take_reports(int notify)
{
	char		 text[256], control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec	 iov = { text, sizeof(text) - 1 };
	struct msghdr	 msg;
	struct child	*c;
	ssize_t		 n;
	pid_t		 pid;
	int		 i;

	for (i = 0; i < 64; i++) {
		memset(&msg, 0, sizeof(msg));
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		if ((n = recvmsg(notify, &msg, MSG_CMSG_CLOEXEC)) == -1)
			return;
		text[n] = '\0';
		pid = sender_of(&msg);
		if (strstr(text, "READY=1") == NULL || pid == 0)
			continue;
		for (c = children; c < children + nchildren; c++)
			if (c->pid == pid && c->state == RUNNING)
				c->state = READY;
	}
}

/* Say once that all are ready; remind who is not while that lasts. */
static void
judge(long long *remind)
{
	const struct child	*c, *late = NULL;

	if (was_ready)
		return;
	for (c = children; c < children + nchildren; c++)
		if (c->state != READY)
			late = c;
	if (late == NULL) {
		was_ready = true;
		log_info("ready: %s/directory", conf->base_url);
		proc_ready();
	} else if (proc_monotonic_ms() >= *remind) {
		log_info("still waiting for %s", late->name);
		*remind = proc_monotonic_ms() + PATIENCE_MS;
	}
}

static void
drain_signals(int fd)
{
	struct signalfd_siginfo	info;

	while (read(fd, &info, sizeof(info)) > 0)
		continue;
	reap();
}

/* Wait for reports, ends of children, SIGTERM, or `ms`. */
static void
wait_for_news(int notify, int child_fd, int ms)
{
	struct pollfd	p[3] = {
		{ .fd = child_fd, .events = POLLIN },
		{ .fd = notify, .events = POLLIN },
		{ .fd = proc_stopping() ? -1 : proc_stop_fd(),
		  .events = POLLIN },
	};

	if (poll(p, nitems(p), ms) == -1 && errno != EINTR)
		die(EXIT_FAILED, "poll: %s", strerror(errno));
	/* Reports first: a process may report and end at once. */
	take_reports(notify);
	drain_signals(child_fd);
}

static void
stop(struct child *c, int notify, int child_fd)
{
	long long	deadline = proc_monotonic_ms() + STOP_MS, left;

	if (c->pid == 0)
		return;
	kill(c->pid, SIGTERM);
	while (c->pid != 0) {
		left = deadline - proc_monotonic_ms();
		if (left <= 0) {
			log_warn("%s does not stop: killed", c->name);
			kill(c->pid, SIGKILL);
			left = 1000;
			deadline += left;
		}
		wait_for_news(notify, child_fd, (int)left);
	}
}

static void
supervise(int notify, int child_fd)
{
	long long	remind = proc_monotonic_ms() + PATIENCE_MS;
	int		wait;

	while (!proc_stopping() && !failed) {
		wait = start_due();
		if (!was_ready && (wait == -1 || wait > PATIENCE_MS))
			wait = PATIENCE_MS;
		wait_for_news(notify, child_fd, wait);
		judge(&remind);
	}
}

int
main(int argc, char **argv)
{
	struct program	programs[PROGRAMS];
	sigset_t	set;
	size_t		i;
	int		notify, child_fd;

	conf = proc_start("chanceryd", argc, argv);
	spawn_prepare(conf, programs);
	notify = rundir_open(conf, programs);
	children_make(programs);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	child_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (child_fd == -1)
		die(EXIT_FAILED, "signalfd: %s", strerror(errno));
	supervise(notify, child_fd);
	if (!failed)
		log_info("stopping");
	for (i = nchildren; i > 0; i--)
		stop(&children[i - 1], notify, child_fd);
	rundir_close(conf);
	if (!failed)
		log_info("stopped");
	return failed ? EXIT_FAILED : 0;
}

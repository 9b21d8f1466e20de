/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token worker of our own, for the ceremony: started on a socket pair, as
 * the owner of the token's PIN file when we are root, so that the vendor's
 * module runs with no more rights than it will have later.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../server/conf.h"
#include "../server/mem.h"
#include "tokens_int.h"
#include "tokenwire.h"

#define START_EXTRA_MS	10000	/* others may hold the token's lock */

/* Root becomes the owner of the PIN file; 0 or -1. */
static int
become_owner(const char *pin_file)
{
	struct passwd *pw;
	struct stat st;

	if (geteuid() != 0 || stat(pin_file, &st) == -1 || st.st_uid == 0)
		return 0;
	if ((pw = getpwuid(st.st_uid)) == NULL ||
	    initgroups(pw->pw_name, pw->pw_gid) == -1 ||
	    setgid(pw->pw_gid) == -1)
		return -1;
	return setuid(st.st_uid);
}

static void __attribute__((noreturn))
run_worker(const struct conf *conf, const struct conf_token *token,
    const char *path, int fd)
{
	const char *argv[] = { "chancery-token", WIRE_CEREMONY, token->module,
	    token->label, token->pin_file,
	    token->softhsm_conf == NULL ? "" : token->softhsm_conf,
	    "-c", conf->file, NULL };

	if (fd == WIRE_CEREMONY_FD)
		fcntl(fd, F_SETFD, 0);
	else
		dup2(fd, WIRE_CEREMONY_FD);
	if (become_owner(token->pin_file) == 0)
		execv(path, (char *const *)argv);
	_exit(127);
}

/* Why there is no worker, from what it said and how it ended. */
static void
explain(pid_t pid, const char *said, const char *path, char *why,
    size_t whylen)
{
	int status = 0;

	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (said != NULL)
		snprintf(why, whylen, "%s", said);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(why, whylen, "the PKCS#11 module did not answer "
		    "within token.deadline: check the device");
	else if (WIFSIGNALED(status))
		snprintf(why, whylen, "%s was ended by signal %d, in the "
		    "PKCS#11 module most likely", path, WTERMSIG(status));
	else if (WEXITSTATUS(status) == 127)
		snprintf(why, whylen, "cannot run %s as the owner of the PIN "
		    "file: check libexec_dir and permissions", path);
	else
		snprintf(why, whylen, "%s ended before it was ready (code %d)",
		    path, WEXITSTATUS(status));
}

struct tokens *
tokens_start(const struct conf *conf, const struct conf_token *token,
    char *why, size_t whylen)
{
	char path[4096], *said = NULL;
	struct wire_answer a;
	struct pollfd pfd;
	int fd[2], ms;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/chancery-token", conf->libexec_dir);
	if (access(path, X_OK) == -1) {
		snprintf(why, whylen, "cannot run %s: %s; set libexec_dir",
		    path, strerror(errno));
		return NULL;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) == -1 ||
	    (pid = fork()) == -1) {
		snprintf(why, whylen, "cannot start %s: %s", path,
		    strerror(errno));
		return NULL;
	}
	if (pid == 0)
		run_worker(conf, token, path, fd[1]);
	close(fd[1]);
	pfd = (struct pollfd){ .fd = fd[0], .events = POLLIN };
	ms = (int)conf->token.deadline_ms * 4 + START_EXTRA_MS;
	if (poll(&pfd, 1, ms) != 1)
		kill(pid, SIGTERM);
	else if (wire_hear(fd[0], &a, NULL, 0) == 0) {
		if (a.status == WIRE_DONE)
			return tokens_adopt(conf, fd[0], pid);
		said = a.why;
	}
	close(fd[0]);
	explain(pid, said, path, why, whylen);
	return NULL;
}

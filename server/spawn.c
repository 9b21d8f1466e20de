/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From chanceryd to a process of its own user: identity, capabilities,
 * descriptors and environment, then exec.  The only code that has privileges
 * and gives them up.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "mem.h"
#include "spawn.h"

extern char **environ;

static void
program_path(const struct conf *conf, const struct program *p, char *path,
    size_t len)
{
	if ((size_t)snprintf(path, len, "%s/chancery-%s", conf->libexec_dir,
	    p->name) >= len)
		die(EXIT_FAILED, "libexec_dir is too long (correct %s)",
		    conf->file);
}

void
spawn_prepare(const struct conf *conf, struct program programs[PROGRAMS])
{
	const struct program	table[PROGRAMS] = {
		{ "resolver", conf->resolver.user, 1, false, { NULL } },
		{ "probe", conf->probe.user, 1, false, { NULL } },
		{ "token", conf->token.user, conf->token.workers, false,
		    { "signer/token", NULL } },
		{ "signer", conf->signer.user, 1, false, { NULL } },
		{ "validator", conf->validator.user, 1, false,
		    { "resolver/socket", "probe/socket", NULL } },
		{ "acme", conf->acme.user, 1, true, { NULL } },
		{ "publisher", conf->publisher.user, 1, true, { NULL } },
		{ "renew", conf->renew.user, 1, false,
		    { "signer/account", "acme/bell", NULL } },
	};
	const struct program	*p;
	char			 path[4096];

	if (geteuid() != 0 && conf->acme.user != NULL)
		die(EXIT_FAILED, "%s names users to run as, which only root "
		    "can become (start as root, or remove the \"user\" "
		    "lines)", conf->file);
	if (geteuid() == 0 && conf->acme.user == NULL)
		die(EXIT_FAILED, "%s names no users and root is not to be "
		    "one (add a \"user\" line to every process, or start as "
		    "an ordinary user)", conf->file);
	if (conf->acme.user != NULL && getgrnam(conf->group) == NULL)
		die(EXIT_FAILED, "group \"%s\" named in %s does not exist "
		    "(create it, or correct the name)", conf->group,
		    conf->file);
	memcpy(programs, table, sizeof(table));
	for (p = programs; p < programs + PROGRAMS; p++) {
		program_path(conf, p, path, sizeof(path));
		if (access(path, X_OK) == -1)
			die(EXIT_FAILED, "%s: %s (install it, or correct "
			    "libexec_dir in %s)", path, strerror(errno),
			    conf->file);
	}
}

/* Before the user is changed: nothing beyond `keep` can ever be had again. */
static int
bound_capabilities(int keep)
{
	int	cap;

	for (cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (cap != keep && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) ==
		    -1 && errno != EINVAL)
			return -1;
	return 0;
}

/* Keep one capability over exec without being root (capabilities(7)). */
static int
keep_capability(int cap)
{
	struct __user_cap_header_struct	head = {
		_LINUX_CAPABILITY_VERSION_3, 0
	};
	struct __user_cap_data_struct	data[2];

	memset(data, 0, sizeof(data));
	data[CAP_TO_INDEX(cap)].effective = CAP_TO_MASK(cap);
	data[CAP_TO_INDEX(cap)].permitted = CAP_TO_MASK(cap);
	data[CAP_TO_INDEX(cap)].inheritable = CAP_TO_MASK(cap);
	if (syscall(SYS_capset, &head, data) == -1)
		return -1;
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
}

static int
become(const struct conf *conf, const struct program *p)
{
	const struct group	*gr;
	const struct passwd	*pw;
	gid_t			 gid;
	int			 keep;

	if (p->user == NULL)
		return 0;
	errno = ENOENT;
	if ((gr = getgrnam(conf->group)) == NULL)
		return -1;
	gid = gr->gr_gid;
	if ((pw = getpwnam(p->user)) == NULL)
		return -1;
	keep = p->low_ports ? CAP_NET_BIND_SERVICE : -1;
	if (bound_capabilities(keep) == -1 ||
	    prctl(PR_SET_KEEPCAPS, keep != -1, 0, 0, 0) == -1 ||
	    initgroups(p->user, gid) == -1 ||
	    setresgid(gid, gid, gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		return -1;
	return keep == -1 ? 0 : keep_capability(keep);
}

/* libpq would listen to these instead of to chancery.conf. */
static void
clean_environment(void)
{
	char	name[256], **e = environ;
	size_t	len;

	while (*e != NULL) {
		len = strcspn(*e, "=");
		if (strncmp(*e, "PG", 2) != 0 || len >= sizeof(name)) {
			e++;
			continue;
		}
		memcpy(name, *e, len);
		name[len] = '\0';
		unsetenv(name);
		e = environ;
	}
}

static void
exec_child(const struct conf *conf, const struct program *p, pid_t parent)
	__attribute__((noreturn));

static void
exec_child(const struct conf *conf, const struct program *p, pid_t parent)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	char		 path[4096], text[256], *argv[4];
	sigset_t	 none;
	int		 null;

	/* Its own group: a terminal's ^C is for chanceryd, who stops it. */
	setpgid(0, 0);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDONLY);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1)
		die(EXIT_FAILED, "/dev/null: %s", strerror(errno));
	close_range(3, ~0U, 0);
	clean_environment();
	snprintf(text, sizeof(text), "%s/notify", conf->run_dir);
	setenv("NOTIFY_SOCKET", text, 1);
	snprintf(text, sizeof(text), "%ld", (long)parent);
	setenv("CHANCERY_SUPERVISED", text, 1);
	if (become(conf, p) == -1)
		die(EXIT_OPERATOR, "cannot become user %s for chancery-%s: %s",
		    p->user, p->name, strerror(errno));
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	program_path(conf, p, path, sizeof(path));
	argv[0] = path;
	argv[1] = (char *)(uintptr_t)"-c";
	argv[2] = (char *)(uintptr_t)conf->file;
	argv[3] = NULL;
	execv(path, argv);
	die(EXIT_OPERATOR, "%s: %s (can user %s reach it?)", path,
	    strerror(errno), p->user == NULL ? "this one" : p->user);
}

pid_t
spawn(const struct conf *conf, const struct program *p)
{
	pid_t	parent = getpid(), pid;

	pid = fork();
	if (pid == 0)
		exec_child(conf, p, parent);
	return pid;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox from inside, as a thief would try it: each attempt is made in
 * a child of its own, and must end the way the tables say.  A sanitizer
 * build has no list of system calls: there only the rest is tried.
 */
#include "unit.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>

#include <signal.h>
#include <time.h>

#include "server/sandbox.c"

static const struct {
	enum sandbox_role	 role;
	const char		*name;
} roles[] = {
	{ SANDBOX_ACME, "acme" },
	{ SANDBOX_VALIDATOR, "validator" },
	{ SANDBOX_RESOLVER, "resolver" },
	{ SANDBOX_PROBE, "probe" },
	{ SANDBOX_PROBE_CHILD, "probe child" },
	{ SANDBOX_SIGNER, "signer" },
	{ SANDBOX_TOKEN, "token" },
	{ SANDBOX_TOKEN_VENDOR, "token of a vendor" },
	{ SANDBOX_PUBLISHER, "publisher" },
	{ SANDBOX_RENEW, "renew" },
};

struct attempt {
	enum sandbox_role	role;
	void			(*act)(void);
};

static void
in_sandbox(void *arg)
{
	const struct attempt	*a = arg;

	sandbox_enter(a->role, NULL, NULL);
	a->act();
	_exit(0);
}

/* The wait status of a child that tried. */
static int
try(enum sandbox_role role, void (*act)(void))
{
	struct attempt	a = { role, act };
	char		text[1024];

	return unit_child(in_sandbox, &a, text, sizeof(text));
}

static void
do_nothing(void)
{
	char		*p = malloc(300000);
	struct timespec	 ts;

	if (p == NULL || clock_gettime(CLOCK_REALTIME, &ts) == -1)
		_exit(1);
	free(p);
}

static void
see_limits(void)
{
	struct rlimit	r;

	if (getrlimit(RLIMIT_CORE, &r) == -1 || r.rlim_max != 0)
		_exit(1);
}

static void
test_enters(void **state)
{
	size_t	i;
	int	status;

	(void)state;
	for (i = 0; i < nitems(roles); i++) {
		status = try(roles[i].role, do_nothing);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			fail_msg("%s: status %x", roles[i].name, status);
		status = try(roles[i].role, see_limits);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			fail_msg("%s: limits %x", roles[i].name, status);
	}
}

#ifndef CHANCERY_RELAXED_SANDBOX

static void
try_exec(void)
{
	char	*const argv[] = { NULL };

	execve("/bin/true", argv, argv);
}

static void
try_ptrace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void
try_setuid(void)
{
	if (setuid(0) == -1)
		_exit(1);
}

static void
try_mount(void)
{
	syscall(SYS_mount, "x", "/", "tmpfs", 0, NULL);
}

static void
try_packet(void)
{
	(void)socket(AF_PACKET, SOCK_RAW, 0);
}

static void
try_inet(void)
{
	if (socket(AF_INET, SOCK_STREAM, 0) == -1)
		_exit(1);
}

static void
try_unix(void)
{
	if (socket(AF_UNIX, SOCK_STREAM, 0) == -1)
		_exit(1);
}

static void
try_accept(void)
{
	(void)accept4(-1, NULL, NULL, 0);
}

static void
try_epoll(void)
{
	if (epoll_create1(0) == -1)
		_exit(1);
}

static void
try_fork(void)
{
	if (fork() == -1)
		_exit(1);
}

static void
try_new_user(void)
{
	syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
}

static void
try_code(void)
{
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		_exit(1);
}

static void
try_read(void)
{
	if (open("/etc/shadow", O_RDONLY) == -1 &&
	    open("/etc/hostname", O_RDONLY) == -1)
		_exit(1);
}

static void
try_write(void)
{
	if (open("/tmp/chancery-sandbox", O_WRONLY | O_CREAT, 0600) == -1)
		_exit(1);
}

static void
try_kill(void)
{
	kill(getppid(), 0);
}

/* What must come of it in every role but `but`: killed, or refused. */
static void
all_but(const char *what, void (*act)(void), unsigned but)
{
	size_t	i;
	int	status;
	bool	stopped;

	for (i = 0; i < nitems(roles); i++) {
		status = try(roles[i].role, act);
		stopped = (WIFSIGNALED(status) &&
		    WTERMSIG(status) == SIGSYS) ||
		    (WIFEXITED(status) && WEXITSTATUS(status) == 1);
		if (stopped == ((but & (1u << roles[i].role)) != 0))
			fail_msg("%s of %s: status %x", what, roles[i].name,
			    status);
	}
}

static void
test_never(void **state)
{
	(void)state;
	all_but("execve", try_exec, 0);
	all_but("ptrace", try_ptrace, 0);
	all_but("setuid", try_setuid, 0);
	all_but("mount", try_mount, 0);
	all_but("user namespace", try_new_user, 0);
	all_but("kill", try_kill, PROBE);
}

static void
test_sockets(void **state)
{
	(void)state;
	all_but("packet socket", try_packet, VENDOR);
	all_but("inet socket", try_inet, INTERNET | VENDOR);
	all_but("unix socket", try_unix, DATABASE | TOKEN | RENEW);
	all_but("accept", try_accept, HTTP | RESOLVER | PROBE | SIGNER |
	    VENDOR);
	all_but("epoll", try_epoll, SIGNER | RESOLVER | VENDOR);
}

static void
test_processes(void **state)
{
	(void)state;
	all_but("fork", try_fork, PROBE);
	all_but("new code", try_code, VENDOR);
}

static bool
has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

static void
test_files(void **state)
{
	(void)state;
	if (!has_landlock()) {
		printf("# this kernel has no Landlock\n");
		return;
	}
	all_but("reading", try_read, 0);
	all_but("writing", try_write, 0);
}

/* What a caller lists stays reachable, what lies beside it does not. */
static void
read_listed(void *arg)
{
	const char *const paths[] = { "/etc/hostname", NULL };

	(void)arg;
	sandbox_enter(SANDBOX_SIGNER, paths, NULL);
	if (open("/etc/hostname", O_RDONLY) == -1)
		_exit(1);
	if (open("/etc/hostname", O_RDWR) != -1 ||
	    open("/etc/hosts", O_RDONLY) != -1)
		_exit(2);
	_exit(0);
}

static void
test_listed(void **state)
{
	char	text[256];
	int	status;

	(void)state;
	if (access("/etc/hostname", R_OK) == -1 || !has_landlock())
		return;
	status = unit_child(read_listed, NULL, text, sizeof(text));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The filter that the zygote made narrows its children. */
static void
in_zygote(void *arg)
{
	int	status;
	pid_t	pid;

	(void)arg;
	sandbox_enter(SANDBOX_PROBE, NULL, NULL);
	if ((pid = fork()) == 0) {
		sandbox_enter(SANDBOX_PROBE_CHILD, NULL, NULL);
		fork();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) == -1 || !WIFSIGNALED(status) ||
	    WTERMSIG(status) != SIGSYS)
		_exit(1);
	_exit(0);
}

static void
test_zygote(void **state)
{
	char	text[256];
	int	status;

	(void)state;
	status = unit_child(in_zygote, NULL, text, sizeof(text));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#endif /* CHANCERY_RELAXED_SANDBOX */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_enters),
#ifndef CHANCERY_RELAXED_SANDBOX
		UNIT(test_never), UNIT(test_sockets), UNIT(test_processes),
		UNIT(test_files), UNIT(test_listed), UNIT(test_zygote),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

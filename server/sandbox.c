/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel grants to each process, in three tables: system calls,
 * those of them whose arguments matter, and resources; files come from the
 * caller.  With db/roles.sql this is the whole of what a process may do.  A
 * call that is not in the tables kills the process, which chanceryd reports.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <seccomp.h>

#include "log.h"
#include "mem.h"
#include "sandbox.h"

#define ACME		(1u << SANDBOX_ACME)
#define VALIDATOR	(1u << SANDBOX_VALIDATOR)
#define RESOLVER	(1u << SANDBOX_RESOLVER)
#define PROBE		(1u << SANDBOX_PROBE)
#define CHILD		(1u << SANDBOX_PROBE_CHILD)
#define SIGNER		(1u << SANDBOX_SIGNER)
#define SOFTHSM		(1u << SANDBOX_TOKEN)
#define VENDOR		(1u << SANDBOX_TOKEN_VENDOR)
#define TOKEN		(SOFTHSM | VENDOR)
#define PUBLISHER	(1u << SANDBOX_PUBLISHER)
#define RENEW		(1u << SANDBOX_RENEW)
#define ALL		(ACME | VALIDATOR | RESOLVER | PROBE | CHILD | \
			 SIGNER | TOKEN | PUBLISHER | RENEW)
#define HTTP		(ACME | PUBLISHER)
#define DATABASE	(HTTP | VALIDATOR | SIGNER)
/* They dial; what listens has its sockets before it enters. */
#define INTERNET	(RESOLVER | PROBE | CHILD | RENEW)
#define THREADS		(HTTP | VALIDATOR | RESOLVER | SIGNER | TOKEN)

#ifndef CHANCERY_RELAXED_SANDBOX

#ifndef PR_SET_VMA
#define PR_SET_VMA	0x53564d41	/* Linux 5.17 */
#endif

/* System calls whatever their arguments. */
static const struct {
	unsigned	 roles;
	const char	*calls;
} grants[] = {
	{ ALL & ~CHILD, "read write readv writev close lseek fstat newfstatat "
	    "stat brk munmap mremap madvise futex sched_yield membarrier rseq "
	    "set_robust_list sched_getaffinity getcpu uname sysinfo "
	    "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending "
	    "rt_sigtimedwait sigaltstack tgkill restart_syscall exit exit_group "
	    "clock_gettime clock_getres clock_nanosleep nanosleep "
	    "gettimeofday time times getrusage getrandom getpid gettid "
	    "getppid getuid geteuid getgid getegid getresuid getresgid "
	    "poll ppoll select pselect6 fcntl dup pipe2 eventfd2 "
	    "recvfrom recvmsg sendto sendmsg shutdown getsockopt "
	    "getsockname getpeername" },
	{ ALL & ~CHILD, "setsockopt openat access faccessat faccessat2 "
	    "readlink readlinkat lstat statx getdents64 pread64" },
	/* Of libevent, which libunbound waits with, and of the signer. */
	{ SIGNER | RESOLVER | VENDOR, "epoll_create1 epoll_ctl epoll_wait "
	    "epoll_pwait epoll_pwait2 timerfd_create timerfd_settime" },
	/* A short list: the kernel translates it anew for every child. */
	{ CHILD, "read write close fstat newfstatat brk munmap mremap madvise "
	    "futex rt_sigaction rt_sigprocmask rt_sigreturn tgkill "
	    "restart_syscall exit exit_group clock_gettime gettimeofday time "
	    "getrandom getpid gettid sysinfo sched_getaffinity sched_yield "
	    "poll ppoll recvfrom sendto getsockopt getpeername" },
	{ DATABASE | RESOLVER | INTERNET | TOKEN, "connect" },
	{ HTTP | RESOLVER | PROBE | SIGNER, "accept4 accept" },
	{ RESOLVER, "bind pipe socketpair sendmmsg recvmmsg" },
	{ PROBE, "wait4 waitid kill fork socketpair prctl seccomp prlimit64 "
	    "setrlimit landlock_create_ruleset landlock_add_rule "
	    "landlock_restrict_self alarm setitimer close_range bind" },
	/* SoftHSM keeps its objects in files, others have their caches. */
	{ TOKEN, "open creat unlink unlinkat rename renameat renameat2 mkdir "
	    "mkdirat rmdir ftruncate truncate fsync fdatasync flock chmod "
	    "fchmod fchmodat umask pwrite64 getcwd statfs fstatfs msync "
	    "mlock munlock alarm setitimer" },
	/* It writes the listener's key and certificate. */
	{ RENEW, "unlink unlinkat rename renameat renameat2 fchmod fsync "
	    "fsetxattr" },
	/* A vendor's module loads more of itself, drives devices, dials. */
	{ VENDOR, "mmap mprotect ioctl socket bind listen accept accept4 "
	    "socketpair prlimit64 semget semop semctl shmget shmat shmdt "
	    "shmctl" },
};

/* System calls bounded by one argument: allowed, or refused without a kill. */
struct bound {
	unsigned	 roles;
	const char	*call;
	unsigned	 arg;
	uint64_t	 mask;		/* 0: equal to value */
	uint64_t	 value;
	int		 error;		/* 0: allowed */
};

#define NAMESPACES	(CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | \
			 CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
			 CLONE_NEWCGROUP)

static const struct bound bounds[] = {
	/* No new code: nothing is mapped executable any more. */
	{ ALL & ~VENDOR, "mmap", 2, PROT_EXEC, 0, 0 },
	{ ALL & ~VENDOR, "mprotect", 2, PROT_EXEC, 0, 0 },
	{ ALL & ~VENDOR, "mmap", 2, PROT_EXEC, PROT_EXEC, EACCES },
	{ ALL & ~VENDOR, "prlimit64", 2, 0, 0, 0 },
	{ DATABASE | SOFTHSM | RENEW, "socket", 0, 0, AF_UNIX, 0 },
	{ INTERNET, "socket", 0, 0, AF_INET, 0 },
	{ INTERNET, "socket", 0, 0, AF_INET6, 0 },
	/* getaddrinfo(3) and getifaddrs(3) do without it. */
	{ ALL & ~VENDOR & ~CHILD, "socket", 0, 0, AF_NETLINK, EAFNOSUPPORT },
	{ RESOLVER | PROBE, "socket", 0, 0, AF_UNIX, EAFNOSUPPORT },
	{ CHILD, "openat", 2, O_ACCMODE, O_RDONLY, EACCES },
	/* glibc falls back from clone3, whose flags cannot be seen here. */
	{ ALL & ~CHILD, "clone3", 0, UINT64_MAX, 0, ENOSYS },
	{ THREADS, "clone", 0, CLONE_THREAD | NAMESPACES, CLONE_THREAD, 0 },
	{ PROBE, "clone", 0, CLONE_THREAD | NAMESPACES, 0, 0 },
	{ ALL & ~VENDOR & ~CHILD, "ioctl", 1, 0, TCGETS, ENOTTY },
	{ ALL & ~VENDOR & ~CHILD, "ioctl", 1, 0, FIONBIO, 0 },
	{ ALL & ~VENDOR & ~CHILD, "ioctl", 1, 0, FIONREAD, 0 },
	{ ALL & ~PROBE & ~CHILD, "prctl", 0, 0, PR_SET_NAME, 0 },
	/* glibc's malloc may name its mappings. */
	{ ALL & ~PROBE, "prctl", 0, 0, PR_SET_VMA, EINVAL },
	{ TOKEN, "fork", 0, UINT64_MAX, 0, EPERM },
};

/* Open files, and octets of private memory (stacks count). */
#define MIB	((rlim_t)1024 * 1024)
static const struct {
	rlim_t	files, memory;
} limits[] = {
	[SANDBOX_ACME] = { 16384, 8192 * MIB },
	[SANDBOX_VALIDATOR] = { 4096, 512 * MIB },
	[SANDBOX_RESOLVER] = { 4096, 1024 * MIB },
	[SANDBOX_PROBE] = { 4096, 256 * MIB },
	[SANDBOX_PROBE_CHILD] = { 64, 128 * MIB },
	[SANDBOX_SIGNER] = { 1024, 2048 * MIB },
	[SANDBOX_TOKEN] = { 1024, 1024 * MIB },
	[SANDBOX_TOKEN_VENDOR] = { 1024, 4096 * MIB },
	[SANDBOX_PUBLISHER] = { 16384, 4096 * MIB },
	[SANDBOX_RENEW] = { 64, 256 * MIB },
};

/* What the C library may look for in any of them. */
static const char *const everywhere[] = {
	"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/localtime",
	"/usr/share/zoneinfo", "/dev/null", "/dev/urandom", NULL
};

/* Rights of later ABIs than Debian 12's header knows. */
#define RIGHT_REFER	(UINT64_C(1) << 13)	/* ABI 2 */
#define RIGHT_TRUNCATE	(UINT64_C(1) << 14)	/* ABI 3 */

#define RIGHTS_READ	((uint64_t)LANDLOCK_ACCESS_FS_READ_FILE | \
			 LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_WRITE	((uint64_t)LANDLOCK_ACCESS_FS_WRITE_FILE | \
			 LANDLOCK_ACCESS_FS_REMOVE_FILE | \
			 LANDLOCK_ACCESS_FS_REMOVE_DIR | \
			 LANDLOCK_ACCESS_FS_MAKE_REG | \
			 LANDLOCK_ACCESS_FS_MAKE_DIR | \
			 RIGHT_REFER | RIGHT_TRUNCATE)
#define RIGHTS_OF_FILES	((uint64_t)LANDLOCK_ACCESS_FS_READ_FILE | \
			 LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_TRUNCATE)
#define RIGHTS_ABI1	((UINT64_C(1) << 13) - 1)

static void
allow_beneath(int ruleset, const char *const *paths, uint64_t rights)
{
	struct landlock_path_beneath_attr	rule;
	struct stat				st;

	for (; paths != NULL && *paths != NULL; paths++) {
		memset(&rule, 0, sizeof(rule));
		rule.parent_fd = open(*paths, O_PATH | O_CLOEXEC);
		if (rule.parent_fd == -1 || fstat(rule.parent_fd, &st) == -1)
			continue;	/* not there: nothing to allow */
		rule.allowed_access = rights;
		if (!S_ISDIR(st.st_mode))
			rule.allowed_access &= RIGHTS_OF_FILES;
		if (syscall(SYS_landlock_add_rule, ruleset,
		    LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == -1)
			die(EXIT_OPERATOR, "landlock: %s: %s", *paths,
			    strerror(errno));
		close(rule.parent_fd);
	}
}

static void
landlock(const char *const *read, const char *const *write)
{
	struct landlock_ruleset_attr	attr = { RIGHTS_ABI1 };
	long				abi;
	int				ruleset;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		log_info("this kernel has no Landlock: files are guarded by "
		    "permissions alone");
		return;
	}
	if (abi >= 2)
		attr.handled_access_fs |= RIGHT_REFER;
	if (abi >= 3)
		attr.handled_access_fs |= RIGHT_TRUNCATE;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr,
	    sizeof(attr), 0);
	if (ruleset == -1)
		die(EXIT_OPERATOR, "landlock: %s", strerror(errno));
	allow_beneath(ruleset, everywhere, RIGHTS_READ);
	allow_beneath(ruleset, read, RIGHTS_READ & attr.handled_access_fs);
	allow_beneath(ruleset, write,
	    (RIGHTS_READ | RIGHTS_WRITE) & attr.handled_access_fs);
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) == -1)
		die(EXIT_OPERATOR, "landlock: %s", strerror(errno));
	close(ruleset);
}

static void
limit(int what, rlim_t value)
{
	struct rlimit	r;

	if (getrlimit(what, &r) == -1 || r.rlim_max <= value)
		value = r.rlim_max;
	r.rlim_cur = r.rlim_max = value;
	if (setrlimit(what, &r) == -1)
		die(EXIT_OPERATOR, "resource limit %d: %s", what,
		    strerror(errno));
}

static int
grant_all(scmp_filter_ctx ctx, const char *calls)
{
	char	 copy[1024], *rest = copy, *name;
	int	 number;

	assert(strlen(calls) < sizeof(copy));
	strcpy(copy, calls);
	while ((name = strsep(&rest, " ")) != NULL) {
		number = seccomp_syscall_resolve_name(name);
		/* Some are not on every architecture. */
		if (number == __NR_SCMP_ERROR)
			continue;
		if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 0) != 0)
			return -1;
	}
	return 0;
}

static int
grant_bound(scmp_filter_ctx ctx, const struct bound *b)
{
	struct scmp_arg_cmp	cmp;
	uint32_t		action = SCMP_ACT_ALLOW;
	int			number;

	number = seccomp_syscall_resolve_name(b->call);
	if (number == __NR_SCMP_ERROR)
		return 0;
	if (b->error != 0)
		action = SCMP_ACT_ERRNO((uint32_t)b->error);
	if (b->mask == UINT64_MAX)
		return seccomp_rule_add(ctx, action, number, 0);
	if (b->mask == 0)
		cmp = SCMP_CMP64(b->arg, SCMP_CMP_EQ, b->value, 0);
	else
		cmp = SCMP_CMP64(b->arg, SCMP_CMP_MASKED_EQ, b->mask,
		    b->value);
	return seccomp_rule_add(ctx, action, number, 1, cmp);
}

static void	refused(int error) __attribute__((noreturn));

static void
refused(int error)
{
	die(EXIT_OPERATOR, "seccomp: %s (the kernel must have it)",
	    strerror(error < 0 ? -error : error));
}

static scmp_filter_ctx
filter_of(enum sandbox_role role)
{
	scmp_filter_ctx	ctx;
	size_t		i;
	int		rc;

	if ((ctx = seccomp_init(SCMP_ACT_KILL_PROCESS)) == NULL)
		refused(ENOMEM);
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	/* A tree: the kernel tries out each call when it takes the filter. */
	if (rc == 0 && role == SANDBOX_PROBE_CHILD)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (i = 0; rc == 0 && i < nitems(grants); i++)
		if ((grants[i].roles & (1u << role)) != 0)
			rc = grant_all(ctx, grants[i].calls);
	for (i = 0; rc == 0 && i < nitems(bounds); i++)
		if ((bounds[i].roles & (1u << role)) != 0)
			rc = grant_bound(ctx, &bounds[i]);
	if (rc != 0)
		refused(rc);
	return ctx;
}

/* The children's filter, made once by the zygote: half a millisecond. */
static struct sock_filter	child_program[BPF_MAXINSNS];
static struct sock_fprog	child_filter = { 0, child_program };

static void
prepare_children(void)
{
	scmp_filter_ctx	ctx = filter_of(SANDBOX_PROBE_CHILD);
	ssize_t		n;
	int		fd, rc;

	if ((fd = memfd_create("filter", MFD_CLOEXEC)) == -1)
		refused(errno);
	if ((rc = seccomp_export_bpf(ctx, fd)) != 0)
		refused(rc);
	n = pread(fd, child_program, sizeof(child_program), 0);
	if (n <= 0)
		refused(errno);
	child_filter.len = (unsigned short)((size_t)n /
	    sizeof(child_program[0]));
	close(fd);
	seccomp_release(ctx);
}

static void
system_calls(enum sandbox_role role)
{
	scmp_filter_ctx	ctx;
	int		rc;

	if (role == SANDBOX_PROBE_CHILD && child_filter.len != 0) {
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
		    &child_filter) == -1)
			refused(errno);
		return;
	}
	if (role == SANDBOX_PROBE)
		prepare_children();
	ctx = filter_of(role);
	if ((rc = seccomp_load(ctx)) != 0)
		refused(rc);
	seccomp_release(ctx);
}

#endif /* CHANCERY_RELAXED_SANDBOX */

/*
 * The low ports are bound: nothing that comes later needs a capability.  A
 * child of the probe has none to drop, nor the system call.
 */
static int
drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		_LINUX_CAPABILITY_VERSION_3, 0
	};
	struct __user_cap_data_struct data[2];

	memset(data, 0, sizeof(data));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1)
		return -1;
	return (int)syscall(SYS_capset, &head, data);
}

void
sandbox_enter(enum sandbox_role role, const char *const *read,
    const char *const *write)
{
	static const struct rlimit	none = { 0, 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    setrlimit(RLIMIT_CORE, &none) == -1 ||
	    (role != SANDBOX_PROBE_CHILD && drop_capabilities() == -1))
		die(EXIT_OPERATOR, "sandbox: %s", strerror(errno));
#ifdef CHANCERY_RELAXED_SANDBOX
	(void)read;
	(void)write;
#else
	limit(RLIMIT_NOFILE, limits[role].files);
	limit(RLIMIT_DATA, limits[role].memory);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		die(EXIT_OPERATOR, "sandbox: %s", strerror(errno));
	/* A child opens no files at all, and comes by the hundred. */
	if (role != SANDBOX_PROBE_CHILD)
		landlock(read, write);
	system_calls(role);
#endif
}

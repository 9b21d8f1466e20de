/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disposable child of chancery-probe: it serves one challenge, in a
 * sandbox narrower than the zygote's, and is gone with its answer, or when
 * the validator hangs up.  Whoever takes it over can only answer for its own
 * challenge.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fetch.h"
#include "mem.h"
#include "probe.h"
#include "sandbox.h"

#define CHILD_SECONDS	120	/* no dialogue lasts that long */
#define IDLE_MS		60000	/* until the next message */

static const struct {
	int	what;
	rlim_t	value;
} limits[] = {
	{ RLIMIT_CPU, 5 },
	{ RLIMIT_NOFILE, 32 },
	{ RLIMIT_FSIZE, 0 },
#ifndef CHANCERY_RELAXED_SANDBOX
	{ RLIMIT_AS, 256u << 20 },
#endif
};

static void
set_limits(void)
{
	for (size_t i = 0; i < nitems(limits); i++) {
		struct rlimit r = { limits[i].value, limits[i].value };

		if (setrlimit((__rlimit_resource_t)limits[i].what, &r) == -1)
			_exit(1);
	}
}

/* The next message, whole and with its texts ended; -1 at the end. */
static int
next_request(int fd, struct probe_request *q)
{
	struct pollfd	p = { .fd = fd, .events = POLLIN };
	ssize_t		n;

	if (poll(&p, 1, IDLE_MS) != 1)
		return -1;
	do
		n = recv(fd, q, sizeof(*q), MSG_TRUNC);
	while (n == -1 && errno == EINTR);
	if (n != (ssize_t)sizeof(*q) || q->kind >= PROBE_KINDS)
		return -1;
	q->hop.host[sizeof(q->hop.host) - 1] = '\0';
	q->hop.target[sizeof(q->hop.target) - 1] = '\0';
	return 0;
}

void
probe_child(int fd)
{
	static struct probe_request	q;
	static struct probe_reply	r;

	alarm(CHILD_SECONDS);
	set_limits();
	sandbox_enter(SANDBOX_PROBE_CHILD, NULL, NULL);
	do {
		if (next_request(fd, &q) == -1)
			break;
		fetch(&q, &r);
		if (send(fd, &r, sizeof(r), MSG_NOSIGNAL) != sizeof(r))
			_exit(1);
	} while (r.outcome != PROBE_ANSWER);	/* which ends the challenge */
	_exit(0);
}

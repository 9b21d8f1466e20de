/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doorbells between the processes of one host.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf.h"
#include "doorbell.h"
#include "proc.h"

#define APART_MS	2	/* at least, between two calls to take */

/* The one that doorbell_ring() sends from; opened once, never closed. */
static int ringer = -1;

void
doorbell_ringer(void)
{
	if (ringer == -1)
		ringer = socket(AF_UNIX,
		    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int
doorbell_open(const struct conf *conf, const char *process)
{
	doorbell_ringer();
	return proc_bind(conf, process, "bell", SOCK_DGRAM);
}

void
doorbell_take(int fd)
{
	static long long	last;
	struct timespec		pause = { 0, 0 };
	long long		since;
	char			octet;
	int			i;

	since = proc_monotonic_ms() - last;
	if (since >= 0 && since < APART_MS) {
		pause.tv_nsec = (APART_MS - since) * 1000000L;
		nanosleep(&pause, NULL);
	}
	/* Bounded: a ringer who never stops does not keep us here. */
	for (i = 0; i < 1024; i++)
		if (recv(fd, &octet, sizeof(octet), MSG_DONTWAIT) == -1)
			break;
	last = proc_monotonic_ms();
}

bool
doorbell_wait(int fd, int ms)
{
	struct pollfd	p[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = proc_stop_fd(), .events = POLLIN },
	};

	if (poll(p, 2, ms) <= 0 || (p[0].revents & POLLIN) == 0)
		return false;
	doorbell_take(fd);
	return true;
}

void
doorbell_ring(const struct conf *conf, const char *process)
{
	struct sockaddr_un	un = { .sun_family = AF_UNIX };
	int			n;

	n = snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s/bell",
	    conf->run_dir, process);
	if (ringer == -1 || n < 0 || (size_t)n >= sizeof(un.sun_path))
		return;
	/* Full: it will wake anyway.  Nobody there: its sweep finds it. */
	(void)sendto(ringer, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL,
	    (const struct sockaddr *)&un, sizeof(un));
}

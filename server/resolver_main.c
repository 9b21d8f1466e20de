/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-resolver: takes the validator's questions and hands out answers
 * from DNS (server/resolver.h).  It holds no state worth keeping and is
 * recycled often: after RECYCLE_ANSWERS or RECYCLE_MS it takes no more
 * connections, finishes, and leaves with status 0, for the supervisor to
 * start a fresh one.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "mem.h"
#include "proc.h"
#include "resolver.h"
#include "sandbox.h"

#define CLIENTS_MAX	512
#define RECYCLE_ANSWERS	20000
#define RECYCLE_MS	(30 * 60 * 1000LL)
#define DRAIN_MS	15000
#define FIRST_CLIENT	4		/* in what is polled */

struct client {
	int			 fd;	/* -1: free */
	struct dns_query	*query;	/* under way, or NULL */
	struct resolve_question	 question;
};

static struct {
	const struct conf	*conf;
	int			 listener;	/* -1 while draining */
	unsigned long		 answers;
	long long		 started;
	struct client		 clients[CLIENTS_MAX];
	size_t			 nclients;
} self = { .listener = -1 };

static void
drop(struct client *c)
{
	if (c->query != NULL)
		dns_cancel(c->query);
	close(c->fd);
	*c = self.clients[--self.nclients];
}

static struct client *
client_of(int fd)
{
	for (size_t i = 0; i < self.nclients; i++)
		if (self.clients[i].fd == fd)
			return &self.clients[i];
	return NULL;
}

static void
answered(int fd, const struct resolve_answer *a)
{
	struct client	*c = client_of(fd);

	self.answers++;
	if (c == NULL)
		return;
	c->query = NULL;
	if (send(fd, a, sizeof(*a), MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    sizeof(*a))
		drop(c);
}

static bool
is_question(const struct resolve_question *q)
{
	static const uint32_t types[] = {
		RESOLVE_A, RESOLVE_AAAA, RESOLVE_TXT, RESOLVE_CAA
	};

	if (memchr(q->name, '\0', sizeof(q->name)) == NULL ||
	    q->name[0] == '\0')
		return false;
	for (size_t i = 0; i < nitems(types); i++)
		if (types[i] == q->type)
			return true;
	return false;
}

static void
take_question(struct client *c)
{
	struct resolve_question	*q = &c->question;
	ssize_t			 n;

	n = recv(c->fd, q, sizeof(*q), MSG_DONTWAIT | MSG_TRUNC);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(*q) || c->query != NULL || !is_question(q)) {
		drop(c);
		return;
	}
	c->query = dns_ask(c->fd, q);
	if (c->query == NULL)
		drop(c);
}

static void
accept_client(void)
{
	int	fd;

	fd = accept4(self.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1)
		return;
	if (!proc_peer_is(fd, self.conf->validator.user)) {
		log_warn("refused a connection that is not from the "
		    "validator's user");
		close(fd);
		return;
	}
	self.clients[self.nclients++] = (struct client){ .fd = fd };
}

static void
serve(const struct pollfd *p, size_t n)
{
	/* From the end: drop() moves the last client, seen already. */
	for (size_t i = n; i-- > 0;)
		if (p[i].revents & POLLIN)
			take_question(&self.clients[i]);
		else if (p[i].revents != 0)
			drop(&self.clients[i]);
}

/* Wait for something to do, and do it. */
static void
turn(int ms)
{
	static struct pollfd	p[FIRST_CLIENT + CLIENTS_MAX];
	size_t			n = self.nclients;
	int			dns[DNS_FDS];

	dns_fds(dns);
	p[0] = (struct pollfd){ proc_stop_fd(), POLLIN, 0 };
	p[1] = (struct pollfd){ n < CLIENTS_MAX ? self.listener : -1,
	    POLLIN, 0 };
	p[2] = (struct pollfd){ dns[0], POLLIN, 0 };
	p[3] = (struct pollfd){ dns[1], POLLIN, 0 };
	for (size_t i = 0; i < n; i++)
		p[FIRST_CLIENT + i] = (struct pollfd){ self.clients[i].fd,
		    POLLIN, 0 };
	if (poll(p, (nfds_t)(FIRST_CLIENT + n), ms) == -1 && errno != EINTR)
		die(EXIT_FAILED, "poll: %s", strerror(errno));
	serve(p + FIRST_CLIENT, n);
	if (p[2].revents != 0 || p[3].revents != 0)
		dns_process();
	if (p[1].revents != 0)
		accept_client();
}

static bool
spent(void)
{
	return self.answers >= RECYCLE_ANSWERS ||
	    (self.answers > 0 &&
	    proc_monotonic_ms() - self.started >= RECYCLE_MS);
}

/* Finish what was begun, take nothing new. */
static void
drain(void)
{
	long long	end = proc_monotonic_ms() + DRAIN_MS;

	close(self.listener);
	self.listener = -1;
	while (!proc_stopping() && self.nclients > 0 &&
	    proc_monotonic_ms() < end)
		turn(100);
	log_info("recycled after answers=%lu", self.answers);
}

/* The files that each new context reads. */
static const char *const *
anchors(void)
{
	const struct conf	*c = self.conf;
	const char		**files;

	files = xcalloc(c->resolver.trust_anchors.n + 2, sizeof(*files));
	files[0] = c->resolver.trust_anchor;
	for (size_t i = 0; i < c->resolver.trust_anchors.n; i++)
		files[i + 1] = c->resolver.trust_anchors.v[i];
	return files;
}

int
main(int argc, char **argv)
{
	self.conf = proc_start("chancery-resolver", argc, argv);
	self.started = proc_monotonic_ms();
	dns_open(self.conf, answered);
	self.listener = proc_bind(self.conf, "resolver", "socket",
	    SOCK_SEQPACKET);
	if (self.listener == -1)
		return EXIT_FAILED;
	sandbox_enter(SANDBOX_RESOLVER, anchors(), NULL);
	proc_ready();
	while (!proc_stopping() && !spent())
		turn(60000);
	if (!proc_stopping())
		drain();
	/* The context's thread goes with the process. */
	_exit(0);
}

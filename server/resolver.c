/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-resolver: answers the validator's questions from DNS, validated
 * by DNSSEC, with libunbound (the only module that sees it).  It holds no
 * state worth keeping and is recycled often: after RECYCLE_ANSWERS or
 * RECYCLE_MS it takes no more connections, finishes, and leaves with status
 * 0, for the supervisor to start a fresh one.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unbound.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "mem.h"
#include "proc.h"
#include "resolve.h"
#include "sandbox.h"

#define CLIENTS_MAX	512
#define RECYCLE_ANSWERS	20000
#define RECYCLE_MS	(30 * 60 * 1000LL)
#define DRAIN_MS	15000
#define CLASS_IN	1

struct client {
	int			 fd;	/* -1: free */
	int			 query;	/* libunbound's number */
	bool			 busy;
	struct resolve_question	 question;
};

static struct {
	const struct conf	*conf;
	struct ub_ctx		*dns;
	int			 listener;	/* -1 while draining */
	unsigned long		 answers;
	long long		 started;
	struct client		 clients[CLIENTS_MAX];
	size_t			 nclients;
} self = { .listener = -1 };

/*
 * Answers may not outlive a change by much: an applicant who corrects a
 * record must not fail again because of our memory.
 */
static const struct {
	const char	*name;
	const char	*value;
} options[] = {
	{ "qname-minimisation:", "yes" },
	{ "harden-glue:", "yes" },
	{ "harden-dnssec-stripped:", "yes" },
	{ "harden-below-nxdomain:", "yes" },
	{ "cache-max-ttl:", "60" },
	{ "cache-max-negative-ttl:", "1" },
	{ "msg-cache-size:", "4m" },
	{ "rrset-cache-size:", "8m" },
	{ "edns-buffer-size:", "1232" },
	{ "do-not-query-localhost:", "no" },
	{ "use-syslog:", "no" },
	{ "verbosity:", "0" },
};

static void
check(int code, const char *what, const char *about)
{
	if (code != 0)
		die(EXIT_FAILED, "resolver %s \"%s\": %s (see [resolver] in "
		    "the configuration)", what, about, ub_strerror(code));
}

/* Without modules that validate, every answer is "insecure". */
static void
use_trust_anchor(const char *file)
{
	if (file == NULL) {
		check(ub_ctx_set_option(self.dns, "module-config:",
		    "iterator"), "option", "module-config");
		return;
	}
	if (access(file, R_OK) == -1)
		die(EXIT_FAILED, "resolver trust_anchor %s: %s (install "
		    "dns-root-data or correct the path)", file,
		    strerror(errno));
	check(ub_ctx_set_option(self.dns, "module-config:",
	    "validator iterator"), "option", "module-config");
	check(ub_ctx_add_ta_file(self.dns, file), "trust_anchor", file);
}

/* libunbound wants "addr@port". */
static void
use_forwarder(const char *forward)
{
	struct sockaddr_storage	ss;
	socklen_t		len;
	char			host[NI_MAXHOST], port[NI_MAXSERV];
	char			text[NI_MAXHOST + NI_MAXSERV + 2];

	if (forward == NULL)
		return;
	if (conf_address(forward, &ss, &len) == -1 ||
	    getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port,
	    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		die(EXIT_FAILED, "resolver forward \"%s\" is not "
		    "\"address:port\"", forward);
	snprintf(text, sizeof(text), "%s@%s", host, port);
	check(ub_ctx_set_fwd(self.dns, text), "forward", forward);
}

/* A name and all below it, answered by one address. */
static void
use_local(const struct local_zone *z)
{
	char	line[512];

	check(ub_ctx_zone_add(self.dns, z->name, "redirect"), "local zone",
	    z->name);
	snprintf(line, sizeof(line), "%s. 1 IN %s %s", z->name,
	    strchr(z->address, ':') == NULL ? "A" : "AAAA", z->address);
	check(ub_ctx_data_add(self.dns, line), "local address", z->address);
}

static void
open_dns(void)
{
	const struct conf	*c = self.conf;

	self.dns = ub_ctx_create();
	if (self.dns == NULL)
		die(EXIT_FAILED, "libunbound gives no context");
	check(ub_ctx_debugout(self.dns, NULL), "option", "debugout");
	for (size_t i = 0; i < nitems(options); i++)
		check(ub_ctx_set_option(self.dns, options[i].name,
		    options[i].value), "option", options[i].name);
	use_trust_anchor(c->resolver.trust_anchor);
	use_forwarder(c->resolver.forward);
	/* A thread, not a process: it begins after the sandbox. */
	check(ub_ctx_async(self.dns, 1), "option", "async");
	/* Last: the first zone ends the time for options.  libunbound would
	 * answer for .test itself (RFC 6761, 6.2); a forwarder knows it. */
	if (c->resolver.forward != NULL)
		check(ub_ctx_zone_add(self.dns, "test", "transparent"),
		    "forwarded zone", "test");
	for (size_t i = 0; i < c->resolver.nlocal; i++)
		use_local(&c->resolver.local[i]);
}

static void
drop(struct client *c)
{
	if (c->busy)
		ub_cancel(self.dns, c->query);
	close(c->fd);
	*c = self.clients[--self.nclients];
}

static uint32_t
status_of(int err, const struct ub_result *r)
{
	if (err != 0)
		return RESOLVE_FAILED;
	if (r->bogus)
		return RESOLVE_BOGUS;
	if (r->nxdomain)
		return RESOLVE_NXDOMAIN;
	return r->rcode == 0 ? RESOLVE_OK : RESOLVE_SERVFAIL;
}

static void
copy_records(const struct ub_result *r, struct resolve_answer *a)
{
	size_t	used = 0;

	if (!r->havedata)
		return;
	for (size_t i = 0; r->data[i] != NULL; i++) {
		size_t len = (size_t)r->len[i];

		if (i == RESOLVE_RECORDS || len > RESOLVE_DATA - used) {
			a->status = RESOLVE_TOO_LONG;
			a->count = 0;
			return;
		}
		memcpy(a->data + used, r->data[i], len);
		a->len[a->count++] = (uint32_t)len;
		used += len;
	}
}

/* libunbound's sentence holds names from outside. */
static void
copy_reason(const char *why, char *out, size_t len)
{
	size_t	i;

	for (i = 0; why != NULL && why[i] != '\0' && i + 1 < len; i++)
		out[i] = why[i] >= 0x20 && why[i] < 0x7f ? why[i] : '?';
	out[i] = '\0';
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
answer(void *arg, int err, struct ub_result *r)
{
	static struct resolve_answer	 a;
	struct client			*c = client_of((int)(intptr_t)arg);

	if (c != NULL) {
		memset(&a, 0, sizeof(a));
		a.question = c->question;
		a.status = status_of(err, r);
		if (r != NULL) {
			a.rcode = (uint32_t)r->rcode;
			a.secure = r->secure != 0;
			copy_reason(r->why_bogus, a.why, sizeof(a.why));
		}
		if (a.status == RESOLVE_OK)
			copy_records(r, &a);
		c->busy = false;
		self.answers++;
		if (send(c->fd, &a, sizeof(a), MSG_NOSIGNAL | MSG_DONTWAIT) !=
		    sizeof(a))
			drop(c);
	}
	ub_resolve_free(r);
}

static bool
is_question(const struct resolve_question *q)
{
	static const uint32_t types[] = {
		RESOLVE_A, RESOLVE_AAAA, RESOLVE_CAA
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
	int			 err;

	n = recv(c->fd, q, sizeof(*q), MSG_DONTWAIT | MSG_TRUNC);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(*q) || c->busy || !is_question(q)) {
		drop(c);
		return;
	}
	err = ub_resolve_async(self.dns, q->name, (int)q->type, CLASS_IN,
	    (void *)(intptr_t)c->fd, answer, &c->query);
	if (err != 0) {
		log_error("libunbound: %s", ub_strerror(err));
		drop(c);
		return;
	}
	c->busy = true;
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
	static struct pollfd	p[3 + CLIENTS_MAX];
	size_t			n = self.nclients;

	p[0] = (struct pollfd){ proc_stop_fd(), POLLIN, 0 };
	p[1] = (struct pollfd){ ub_fd(self.dns), POLLIN, 0 };
	p[2] = (struct pollfd){ n < CLIENTS_MAX ? self.listener : -1,
	    POLLIN, 0 };
	for (size_t i = 0; i < n; i++)
		p[3 + i] = (struct pollfd){ self.clients[i].fd, POLLIN, 0 };
	if (poll(p, (nfds_t)(3 + n), ms) == -1 && errno != EINTR)
		die(EXIT_FAILED, "poll: %s", strerror(errno));
	serve(p + 3, n);
	if (p[1].revents != 0)
		ub_process(self.dns);
	if (p[2].revents != 0)
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

int
main(int argc, char **argv)
{
	static const char	*files[] = { NULL, NULL };

	self.conf = proc_start("chancery-resolver", argc, argv);
	self.started = proc_monotonic_ms();
	open_dns();
	self.listener = proc_bind(self.conf, "resolver", "socket",
	    SOCK_SEQPACKET);
	if (self.listener == -1)
		return EXIT_FAILED;
	files[0] = self.conf->resolver.trust_anchor;
	sandbox_enter(SANDBOX_RESOLVER, files, NULL);
	proc_ready();
	while (!proc_stopping() && !spent())
		turn(60000);
	if (!proc_stopping())
		drain();
	/* The context's thread goes with the process. */
	_exit(0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers from DNS, validated by DNSSEC, with libunbound (the only module
 * that sees it).  A context is a memory: a new one takes over after
 * MEMORY_MS, the former one ends with the last question that it was asked.
 * libunbound's own limit on TTLs would not do: it also falsifies the TTL
 * that CAA is bound to (RFC 8659; BR 4.2.2.1).
 */
#include <sys/mman.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unbound.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "mem.h"
#include "proc.h"
#include "resolver.h"

#define MEMORY_MS	60000
#define CLASS_IN	1
#define TTL_MAX		604800		/* what evidence can say */

struct memory {
	struct ub_ctx	*dns;		/* NULL: none */
	unsigned	 pending;
	long long	 born;
};

struct dns_query {
	struct memory		*memory;
	int			 number;	/* libunbound's */
	int			 who;
	struct resolve_question	 question;
};

static struct {
	const struct conf	*conf;
	dns_answered		*answered;
	struct memory		 memories[2];
	struct memory		*current;
	char			 zones[32];	/* path of a file, or "" */
} self;

static const struct {
	const char	*name;
	const char	*value;
} options[] = {
	{ "qname-minimisation:", "yes" },
	{ "harden-glue:", "yes" },
	{ "harden-dnssec-stripped:", "yes" },
	{ "harden-below-nxdomain:", "yes" },
	{ "cache-max-ttl:", "604800" },
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

static void
option(struct ub_ctx *dns, const char *name, const char *value)
{
	check(ub_ctx_set_option(dns, name, value), "option", name);
}

/* libunbound wants "addr@port". */
static void
print_server(const char *address, char *text, size_t len)
{
	struct sockaddr_storage	ss;
	socklen_t		sslen;
	char			host[NI_MAXHOST], port[NI_MAXSERV];

	if (conf_address(address, &ss, &sslen) == -1 ||
	    getnameinfo((struct sockaddr *)&ss, sslen, host, sizeof(host),
	    port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		die(EXIT_FAILED, "resolver: \"%s\" is not \"address:port\"",
		    address);
	snprintf(text, len, "%s@%s", host, port);
}

/* Several entries of one name are servers of one zone. */
static void
print_zones(FILE *f, const char *kind, const struct dns_zone *zones, size_t n)
{
	char	server[NI_MAXHOST + NI_MAXSERV + 2];
	size_t	k;

	for (size_t i = 0; i < n; i++) {
		for (k = 0; strcmp(zones[k].name, zones[i].name) != 0; k++)
			;
		if (k < i)
			continue;
		fprintf(f, "%s-zone:\n\tname: \"%s\"\n", kind, zones[i].name);
		for (k = i; k < n; k++) {
			if (strcmp(zones[k].name, zones[i].name) != 0)
				continue;
			print_server(zones[k].address, server, sizeof(server));
			fprintf(f, "\t%s-addr: %s\n", kind, server);
		}
	}
}

/*
 * libunbound takes zones that others answer for from a file only: one
 * without a name, which each new context reads again.
 */
static void
write_zones(void)
{
	const struct conf	*c = self.conf;
	FILE			*f;
	int			 fd;

	if (c->resolver.nforward_zones + c->resolver.nstub_zones == 0)
		return;
	fd = memfd_create("zones", MFD_CLOEXEC);
	if (fd == -1 || (f = fdopen(fd, "w")) == NULL)
		die(EXIT_FAILED, "zones of the resolver: %s",
		    strerror(errno));
	print_zones(f, "forward", c->resolver.forward_zones,
	    c->resolver.nforward_zones);
	print_zones(f, "stub", c->resolver.stub_zones,
	    c->resolver.nstub_zones);
	if (fflush(f) != 0)
		die(EXIT_FAILED, "zones of the resolver: %s",
		    strerror(errno));
	snprintf(self.zones, sizeof(self.zones), "/proc/self/fd/%d", fd);
}

static void
use_anchor_file(struct ub_ctx *dns, const char *file)
{
	if (access(file, R_OK) == -1)
		die(EXIT_FAILED, "resolver trust anchor %s: %s (install "
		    "dns-root-data or correct the path)", file,
		    strerror(errno));
	check(ub_ctx_add_ta_file(dns, file), "trust anchor", file);
}

static void
use_trust(struct ub_ctx *dns)
{
	const struct conf	*c = self.conf;

	option(dns, "module-config:", "validator iterator");
	use_anchor_file(dns, c->resolver.trust_anchor);
	for (size_t i = 0; i < c->resolver.trust_anchors.n; i++)
		use_anchor_file(dns, c->resolver.trust_anchors.v[i]);
	for (size_t i = 0; i < c->resolver.insecure.n; i++)
		option(dns, "domain-insecure:", c->resolver.insecure.v[i]);
}

static void
use_forwarder(struct ub_ctx *dns)
{
	const char	*forward = self.conf->resolver.forward;
	char		 server[NI_MAXHOST + NI_MAXSERV + 2];

	if (forward == NULL)
		return;
	print_server(forward, server, sizeof(server));
	check(ub_ctx_set_fwd(dns, server), "forward", forward);
}

/*
 * libunbound would answer for some names itself, .test among them (RFC 6761,
 * 6.2): not where somebody was named who knows them.
 */
static void
use_asked_zones(struct ub_ctx *dns, const struct dns_zone *zones, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(ub_ctx_zone_add(dns, zones[i].name, "transparent"),
		    "zone", zones[i].name);
}

/* A name and all below it, answered by one address. */
static void
use_local(struct ub_ctx *dns, const struct local_zone *z)
{
	char	line[512];

	check(ub_ctx_zone_add(dns, z->name, "redirect"), "local zone",
	    z->name);
	snprintf(line, sizeof(line), "%s. 1 IN %s %s", z->name,
	    strchr(z->address, ':') == NULL ? "A" : "AAAA", z->address);
	check(ub_ctx_data_add(dns, line), "local address", z->address);
}

/* Zones come last: the first one ends the time for options. */
static struct ub_ctx *
new_context(void)
{
	const struct conf	*c = self.conf;
	struct ub_ctx		*dns = ub_ctx_create();

	if (dns == NULL)
		die(EXIT_FAILED, "libunbound gives no context");
	check(ub_ctx_debugout(dns, NULL), "option", "debugout");
	for (size_t i = 0; i < nitems(options); i++)
		option(dns, options[i].name, options[i].value);
	use_trust(dns);
	use_forwarder(dns);
	if (self.zones[0] != '\0')
		check(ub_ctx_config(dns, self.zones), "zones", self.zones);
	/* A thread, not a process: it begins with the first question. */
	check(ub_ctx_async(dns, 1), "option", "async");
	if (c->resolver.forward != NULL)
		check(ub_ctx_zone_add(dns, "test", "transparent"),
		    "forwarded zone", "test");
	use_asked_zones(dns, c->resolver.forward_zones,
	    c->resolver.nforward_zones);
	use_asked_zones(dns, c->resolver.stub_zones, c->resolver.nstub_zones);
	for (size_t i = 0; i < c->resolver.nlocal; i++)
		use_local(dns, &c->resolver.local[i]);
	return dns;
}

static void
forget(struct memory *m)
{
	if (m->dns == NULL || m == self.current || m->pending > 0)
		return;
	ub_ctx_delete(m->dns);
	m->dns = NULL;
}

/* Begin to forget: at most one former context is being finished. */
static void
renew(void)
{
	struct memory	*next;
	long long	 now = proc_monotonic_ms();

	next = &self.memories[self.current == &self.memories[0]];
	if (self.current != NULL &&
	    (now - self.current->born < MEMORY_MS || next->dns != NULL))
		return;
	next->dns = new_context();
	next->born = now;
	self.current = next;
	forget(&self.memories[next == &self.memories[0]]);
}

void
dns_open(const struct conf *conf, dns_answered *answered)
{
	self.conf = conf;
	self.answered = answered;
	write_zones();
	renew();
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

/* libunbound's sentences and names hold what comes from outside. */
static void
copy_text(const char *text, char *out, size_t len)
{
	size_t	i;

	for (i = 0; text != NULL && text[i] != '\0' && i + 1 < len; i++)
		out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	out[i] = '\0';
}

static void
fill(struct resolve_answer *a, const struct ub_result *r)
{
	a->rcode = (uint32_t)r->rcode;
	a->secure = r->secure != 0;
	a->ttl = r->ttl < 0 ? 0 : r->ttl > TTL_MAX ? TTL_MAX :
	    (uint32_t)r->ttl;
	copy_text(r->why_bogus, a->why, sizeof(a->why));
	if (r->canonname != NULL && strcmp(r->canonname, r->qname) != 0)
		copy_text(r->canonname, a->canonical, sizeof(a->canonical));
	if (a->status == RESOLVE_OK)
		copy_records(r, a);
}

static void
answer(void *arg, int err, struct ub_result *r)
{
	static struct resolve_answer	 a;
	struct dns_query		*q = arg;

	memset(&a, 0, sizeof(a));
	a.question = q->question;
	a.status = status_of(err, r);
	if (r != NULL)
		fill(&a, r);
	q->memory->pending--;
	self.answered(q->who, &a);
	free(q);
	ub_resolve_free(r);
}

struct dns_query *
dns_ask(int who, const struct resolve_question *question)
{
	struct dns_query	*q = xcalloc(1, sizeof(*q));
	int			 err;

	renew();
	q->memory = self.current;
	q->who = who;
	q->question = *question;
	err = ub_resolve_async(q->memory->dns, q->question.name,
	    (int)question->type, CLASS_IN, q, answer, &q->number);
	if (err != 0) {
		log_error("libunbound: %s", ub_strerror(err));
		free(q);
		return NULL;
	}
	q->memory->pending++;
	return q;
}

void
dns_cancel(struct dns_query *q)
{
	ub_cancel(q->memory->dns, q->number);
	q->memory->pending--;
	free(q);
}

void
dns_fds(int fds[DNS_FDS])
{
	for (size_t i = 0; i < DNS_FDS; i++)
		fds[i] = self.memories[i].dns == NULL ? -1 :
		    ub_fd(self.memories[i].dns);
}

void
dns_process(void)
{
	for (size_t i = 0; i < DNS_FDS; i++) {
		if (self.memories[i].dns != NULL)
			ub_process(self.memories[i].dns);
		forget(&self.memories[i]);
	}
}

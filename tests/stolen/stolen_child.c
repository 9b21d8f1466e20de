/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child of chancery-probe that somebody took over, for tests: linked into a
 * chancery-probe in place of server/probe_child.c.  It enters the same sandbox
 * first, and what it does then is the first label of the name that it is to
 * visit: "flood-1234.test" floods.  Any other name it serves honestly.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/fetch.h"
#include "server/mem.h"
#include "server/sandbox.h"

#define MANY	20000

static struct probe_request	q;
static struct probe_reply	r;

static void
tell(int fd, const void *data, size_t len)
{
	if (send(fd, data, len, MSG_NOSIGNAL) == -1)
		_exit(0);
}

/* As if everything had gone well. */
static void
claim(const char *body)
{
	memset(&r, 0, sizeof(r));
	r.outcome = PROBE_ANSWER;
	r.status = 200;
	memcpy(r.peer, q.addr, sizeof(r.peer));
	r.body_len = (uint32_t)strlen(body);
	memcpy(r.body, body, r.body_len);
	r.facts = (struct alpn_facts){ .version = 0x0304, .selected = 1,
	    .sans = 1, .names = 1, .name_type = 2, .ids = 1, .critical = 1,
	    .id_len = PROBE_ID_LEN };
	r.facts.name_len = (uint32_t)strlen(q.hop.host);
	memcpy(r.facts.name, q.hop.host, r.facts.name_len);
}

static void
point_to(const char *host, const char *target, uint32_t port)
{
	claim("");
	r.outcome = PROBE_REDIRECT;
	r.status = 302;
	r.next.port = port;
	memcpy(r.next.host, host, strlen(host));
	memcpy(r.next.target, target, strlen(target));
}

/* The token is in the request; the thumbprint is nowhere. */
static void
guess(int fd)
{
	claim(strrchr(q.hop.target, '/') + 1);
	tell(fd, &r, sizeof(r));
}

/* What the host says, again and again: for all challenges that there are. */
static void
repeat(int fd)
{
	fetch(&q, &r);
	for (int i = 0; i < 100; i++)
		tell(fd, &r, sizeof(r));
}

static void
flood(int fd)
{
	claim("flood");
	memset(r.body, 'A', sizeof(r.body));
	r.body_len = sizeof(r.body);
	for (;;)
		tell(fd, &r, sizeof(r));
}

static void
hang(int fd)
{
	sigset_t	all;

	(void)fd;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (;;)
		poll(NULL, 0, -1);
}

/* As "hang", after an answer that ends the challenge. */
static void
linger(int fd)
{
	claim("linger");
	tell(fd, &r, sizeof(r));
	hang(fd);
}

static void
garbage(int fd)
{
	static unsigned char	octets[3 * sizeof(r)];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t len = 0; len < sizeof(octets); len += 1 + len / 3)
		tell(fd, octets, len);
}

/* Of the right size, and nothing in it is what it should be. */
static void
ones(int fd)
{
	memset(&r, 0xff, sizeof(r));
	for (;;)
		tell(fd, &r, sizeof(r));
}

static void
unended(int fd)
{
	claim("");
	r.outcome = PROBE_REDIRECT;
	memset(&r.next, 'a', sizeof(r.next));
	r.next.https = 0;
	r.next.port = 0;
	memcpy(r.next.target, "/", 1);
	tell(fd, &r, sizeof(r));
}

static void
loopback(int fd)
{
	point_to("127.0.0.1", "/", 0);
	tell(fd, &r, sizeof(r));
}

static void
split(int fd)
{
	point_to("evil.test", "/\r\nHost: other.test", 0);
	tell(fd, &r, sizeof(r));
}

static void
shadow(int fd)
{
	point_to("\"; DROP TABLE evidence; --", "/", 0);
	tell(fd, &r, sizeof(r));
}

static void
ssh(int fd)
{
	point_to(q.hop.host, "/", 22);
	tell(fd, &r, sizeof(r));
}

static void
elsewhere(int fd)
{
	fetch(&q, &r);
	r.peer[15] ^= 1;
	tell(fd, &r, sizeof(r));
}

static void
shout(int fd)
{
	for (int i = 0; i < MANY; i++)
		if (write(STDERR_FILENO, "STOLEN\n", 7) == -1 ||
		    write(STDOUT_FILENO, "STOLEN\n", 7) == -1)
			break;
	guess(fd);
}

static void
die_at_once(int fd)
{
	(void)fd;
	raise(SIGSEGV);
}

/* What is left of the world: each of these ends the child. */
static void
open_file(int fd)
{
	FILE	*f = fopen("/tmp/stolen", "w");

	claim(f == NULL ? "refused" : "written");
	tell(fd, &r, sizeof(r));
}

static void
use_unix(int fd)
{
	claim(socket(AF_UNIX, SOCK_SEQPACKET, 0) == -1 ? "refused" : "had");
	tell(fd, &r, sizeof(r));
}

static void
breed(int fd)
{
	while (fork() != -1)
		;
	tell(fd, &r, sizeof(r));
}

static void
murder(int fd)
{
	kill(getppid(), SIGKILL);
	tell(fd, &r, sizeof(r));
}

static void
take_over(int fd)
{
	execl("/bin/sh", "sh", "-c", "true", (char *)NULL);
	tell(fd, &r, sizeof(r));
}

static const struct {
	const char	*label;
	void		(*act)(int);
} acts[] = {
	{ "guess-", guess }, { "repeat-", repeat }, { "flood-", flood },
	{ "hang-", hang }, { "linger-", linger }, { "garbage-", garbage },
	{ "ones-", ones }, { "unended-", unended },
	{ "loopback-", loopback }, { "split-", split },
	{ "shadow-", shadow }, { "ssh-", ssh }, { "elsewhere-", elsewhere },
	{ "shout-", shout }, { "crash-", die_at_once },
	{ "file-", open_file }, { "unix-", use_unix }, { "breed-", breed },
	{ "murder-", murder }, { "shell-", take_over },
};

void
probe_child(int fd)
{
	sandbox_enter(SANDBOX_PROBE_CHILD, NULL, NULL);
	do {
		if (recv(fd, &q, sizeof(q), 0) != (ssize_t)sizeof(q))
			break;
		for (size_t i = 0; i < nitems(acts); i++)
			if (strncmp(q.hop.host, acts[i].label,
			    strlen(acts[i].label)) == 0) {
				acts[i].act(fd);
				_exit(0);
			}
		fetch(&q, &r);
		tell(fd, &r, sizeof(r));
	} while (r.outcome != PROBE_ANSWER);
	_exit(0);
}

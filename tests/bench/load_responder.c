/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread and one epoll set.  A connection is given one answer and is
 * closed; tokens are in a hash table under a lock, for the workers add them
 * while the thread reads.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/log.h"
#include "server/mem.h"
#include "load_responder.h"

#define PREFIX		"GET /.well-known/acme-challenge/"
#define BUCKETS		4096
#define REQUEST_MAX	4096

struct answer {
	struct answer	*next;
	char		*token;
	char		*thumbprint;
};

struct peer {
	int	 fd;
	size_t	 len;
	char	 text[REQUEST_MAX];
};

struct responder {
	int		 fd, epoll;
	pthread_mutex_t	 lock;
	struct answer	*bucket[BUCKETS];
};

static struct answer **
bucket_of(struct responder *r, const char *token, size_t len)
{
	uint32_t h = 2166136261u;	/* FNV-1a */

	while (len-- > 0)
		h = (h ^ (unsigned char)*token++) * 16777619u;
	return &r->bucket[h % BUCKETS];
}

void
responder_add(struct responder *r, const char *token, const char *thumbprint)
{
	struct answer *a, **at;

	a = xcalloc(1, sizeof(*a));
	a->token = xstrdup(token);
	a->thumbprint = xstrdup(thumbprint);
	pthread_mutex_lock(&r->lock);
	at = bucket_of(r, token, strlen(token));
	a->next = *at;
	*at = a;
	pthread_mutex_unlock(&r->lock);
}

void
responder_remove(struct responder *r, const char *token)
{
	struct answer **at, *a;

	pthread_mutex_lock(&r->lock);
	at = bucket_of(r, token, strlen(token));
	while ((a = *at) != NULL && strcmp(a->token, token) != 0)
		at = &a->next;
	if (a != NULL)
		*at = a->next;
	pthread_mutex_unlock(&r->lock);
	if (a != NULL) {
		free(a->token);
		free(a->thumbprint);
		free(a);
	}
}

/* The key authorization for a token, empty when it is not ours. */
static void
look_up(struct responder *r, const char *token, size_t len, char *out,
    size_t size)
{
	struct answer *a;

	out[0] = '\0';
	pthread_mutex_lock(&r->lock);
	for (a = *bucket_of(r, token, len); a != NULL; a = a->next)
		if (strlen(a->token) == len &&
		    memcmp(a->token, token, len) == 0)
			snprintf(out, size, "%s.%s", a->token, a->thumbprint);
	pthread_mutex_unlock(&r->lock);
}

static void
hang_up(struct peer *p)
{
	close(p->fd);
	free(p);
}

static void
reply(struct responder *r, struct peer *p)
{
	char body[512] = "", text[1024];
	const char *token = p->text + strlen(PREFIX);
	int n;

	if (strncmp(p->text, PREFIX, strlen(PREFIX)) == 0)
		look_up(r, token, strcspn(token, " "), body, sizeof(body));
	n = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n"
	    "Content-Type: application/octet-stream\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
	    body[0] != '\0' ? "200 OK" : "404 Not Found", strlen(body), body);
	/* A socket that was just accepted takes so few octets at once. */
	if (send(p->fd, text, (size_t)n, MSG_NOSIGNAL) == n)
		shutdown(p->fd, SHUT_WR);
}

/* Whoever asks is answered at the end of the header. */
static void
hear(struct responder *r, struct peer *p)
{
	ssize_t n;

	n = recv(p->fd, p->text + p->len, sizeof(p->text) - 1 - p->len, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(p);
		return;
	}
	p->len += (size_t)n;
	p->text[p->len] = '\0';
	if (strstr(p->text, "\r\n\r\n") != NULL)
		reply(r, p);
	else if (p->len < sizeof(p->text) - 1)
		return;
	hang_up(p);
}

static void
greet(struct responder *r)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct peer *p;
	int fd;

	while ((fd = accept4(r->fd, NULL, NULL,
	    SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
		p = xcalloc(1, sizeof(*p));
		p->fd = fd;
		ev.data.ptr = p;
		if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &ev) == -1)
			hang_up(p);
	}
}

static void *
serve(void *arg)
{
	struct responder *r = arg;
	struct epoll_event ev[64];
	int i, n;

	for (;;) {
		n = epoll_wait(r->epoll, ev, nitems(ev), -1);
		for (i = 0; i < n; i++) {
			if (ev[i].data.ptr == NULL)
				greet(r);
			else
				hear(r, ev[i].data.ptr);
		}
	}
	return NULL;
}

static int
listen_at(const char *address, const char *port)
{
	static const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
	};
	static const int on = 1;
	struct addrinfo *info = NULL;
	int fd, rc;

	if ((rc = getaddrinfo(address, port, &hints, &info)) != 0)
		die(EXIT_OPERATOR, "--listen %s, port %s: %s", address, port,
		    gai_strerror(rc));
	fd = socket(info->ai_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd == -1 || bind(fd, info->ai_addr, info->ai_addrlen) == -1 ||
	    listen(fd, 1024) == -1)
		die(EXIT_OPERATOR, "cannot answer challenges at %s port %s: "
		    "%s: free it or give another --http-port", address, port,
		    strerror(errno));
	freeaddrinfo(info);
	return fd;
}

struct responder *
responder_start(const char *address, const char *port)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct responder *r;
	pthread_t thread;

	r = xcalloc(1, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	r->fd = listen_at(address, port);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll == -1 ||
	    epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->fd, &ev) == -1 ||
	    pthread_create(&thread, NULL, serve, r) != 0)
		die(EXIT_FAILED, "the responder does not start: %s",
		    strerror(errno));
	pthread_detach(thread);
	return r;
}

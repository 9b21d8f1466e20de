/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The asking side of the token workers: connections that come and go, one
 * question under way on each, a deadline on every answer.  A worker that is
 * late, dies or breaks the protocol loses its connection; the job that it
 * had is given once more, to another.  The ceremony's own worker is started
 * by tokens_start.c.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../server/conf.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "eab.h"
#include "tokens_int.h"
#include "tokenwire.h"

#define WORKERS_MAX	64
#define EVENTS_MAX	16
#define KEYS_MAX	1024	/* that a worker may say it has */
#define TRIES_MAX	2	/* of a job whose worker was lost */
#define LATE_MS		500	/* the worker ends itself first */
#define GENERATE_MS	300000	/* RSA in a slow device */

struct worker {
	int		 fd;
	size_t		 job;		/* index, or NO_JOB */
	long long	 deadline;
};

#define NO_JOB	SIZE_MAX

struct tokens {
	const struct conf	*conf;
	int			 listen_fd;	/* -1 at the ceremony */
	int			 epoll_fd;
	pid_t			 pid;		/* the ceremony's own worker */
	struct worker		 worker[WORKERS_MAX];
	size_t			 nworkers;
	enum token_state	 state;
};

/* Jobs of one tokens_sign(). */
struct batch {
	struct token_job	*job;
	size_t			 count;
	size_t			 next;		/* none waits before it */
	unsigned char		*tries;
	bool			*over;
};

static void
note_state(struct tokens *t)
{
	static const char *const names[] = { "down", "degraded", "up" };
	unsigned expected = t->pid > 0 ? 1 : t->conf->token.workers;
	enum token_state state;

	state = t->nworkers == 0 ? TOKENS_DOWN :
	    t->nworkers < expected ? TOKENS_DEGRADED : TOKENS_UP;
	if (state == t->state)
		return;
	t->state = state;
	if (t->pid > 0)
		return;
	(state == TOKENS_UP ? log_info : log_warn)("token state=%s "
	    "workers=%zu of=%u", names[state], t->nworkers, expected);
}

static void
watch(struct tokens *t, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &event) == -1)
		die(EXIT_FAILED, "epoll_ctl: %s", strerror(errno));
}

static struct tokens *
tokens_new(const struct conf *conf, int listen_fd, pid_t pid)
{
	struct tokens *t = xcalloc(1, sizeof(*t));

	t->conf = conf;
	t->listen_fd = listen_fd;
	t->pid = pid;
	t->state = TOKENS_DOWN;
	if ((t->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		die(EXIT_FAILED, "epoll_create1: %s", strerror(errno));
	if (listen_fd != -1)
		watch(t, listen_fd);
	return t;
}

static void
add_worker(struct tokens *t, int fd)
{
	t->worker[t->nworkers++] = (struct worker){ fd, NO_JOB, 0 };
	watch(t, fd);
}

struct tokens *
tokens_listen(const struct conf *conf)
{
	int fd;

	fd = proc_bind(conf, "signer", "token", SOCK_SEQPACKET);
	if (fd == -1)
		die(EXIT_FAILED, "the token workers cannot reach us without "
		    "%s/signer/token", conf->run_dir);
	return tokens_new(conf, fd, 0);
}

struct tokens *
tokens_adopt(const struct conf *conf, int fd, pid_t pid)
{
	struct tokens *t = tokens_new(conf, -1, pid);

	add_worker(t, fd);
	note_state(t);
	return t;
}

/* The last takes the place of the one that goes. */
static void
drop_worker(struct tokens *t, struct worker *w, const char *why)
{
	if (t->pid == 0)
		log_warn("token worker dropped: %s", why);
	close(w->fd);
	*w = t->worker[--t->nworkers];
}

void
tokens_free(struct tokens *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->nworkers; i++)
		close(t->worker[i].fd);
	if (t->listen_fd != -1)
		close(t->listen_fd);
	close(t->epoll_fd);
	while (t->pid > 0 && waitpid(t->pid, NULL, 0) == -1 && errno == EINTR)
		;
	free(t);
}

int
tokens_fd(const struct tokens *t)
{
	return t->epoll_fd;
}

enum token_state
tokens_state(const struct tokens *t)
{
	return t->state;
}

static void
accept_workers(struct tokens *t)
{
	int fd;

	while ((fd = accept4(t->listen_fd, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK)) != -1) {
		if (!proc_peer_is(fd, t->conf->token.user)) {
			log_warn("token connection refused: not user %s",
			    t->conf->token.user == NULL ? "of ours" :
			    t->conf->token.user);
			close(fd);
		} else if (t->nworkers == WORKERS_MAX) {
			log_warn("token connection refused: %d are connected",
			    WORKERS_MAX);
			close(fd);
		} else
			add_worker(t, fd);
	}
}

static struct worker *
find_worker(struct tokens *t, int fd)
{
	size_t i;

	for (i = 0; i < t->nworkers; i++)
		if (t->worker[i].fd == fd)
			return &t->worker[i];
	return NULL;
}

int
wire_ask(int fd, struct wire_question *q, const void *data, size_t len)
{
	struct iovec iov[2] = { { q, sizeof(*q) }, { (void *)data, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (len > WIRE_DATA_MAX)
		return -1;
	q->version = WIRE_VERSION;
	q->len = (uint32_t)len;
	return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    (ssize_t)(sizeof(*q) + len) ? 0 : -1;
}

int
wire_hear(int fd, struct wire_answer *a, void *data, size_t cap)
{
	struct iovec iov[2] = { { a, sizeof(*a) }, { data, cap } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	n = recvmsg(fd, &msg, MSG_DONTWAIT);
	if (n < (ssize_t)sizeof(*a) || (msg.msg_flags & MSG_TRUNC) != 0 ||
	    a->version != WIRE_VERSION || a->status > WIRE_FAILED ||
	    (size_t)n != sizeof(*a) + a->len)
		return -1;
	a->why[WIRE_WHY_LEN - 1] = '\0';
	return 0;
}

/* The job of a worker that is lost: again, or over. */
static void
lose_job(struct batch *b, size_t i, const char *why)
{
	if (b == NULL || i == NO_JOB)
		return;
	snprintf(b->job[i].why, sizeof(b->job[i].why), "%s", why);
	if (b->tries[i] >= TRIES_MAX)
		b->over[i] = true;
	else if (i < b->next)
		b->next = i;
}

/* A worker became readable: its answer, its end, or a word out of turn. */
static void
hear_worker(struct tokens *t, struct worker *w, struct batch *b)
{
	struct token_job *job;
	struct wire_answer a;
	size_t i = w->job;

	if (b == NULL || i == NO_JOB) {
		drop_worker(t, w, "connection closed");
		return;
	}
	job = &b->job[i];
	if (wire_hear(w->fd, &a, job->sig, sizeof(job->sig)) == -1) {
		drop_worker(t, w, "connection lost during a signature");
		lose_job(b, i, "the token worker was lost");
		return;
	}
	w->job = NO_JOB;
	if (a.status == WIRE_FAILED) {
		drop_worker(t, w, a.why);
		lose_job(b, i, a.why);
		return;
	}
	b->over[i] = true;
	if (a.status == WIRE_DONE && a.len > 0) {
		job->sig_len = a.len;
		job->done = true;
		job->why[0] = '\0';
	} else
		snprintf(job->why, sizeof(job->why), "%.*s",
		    (int)sizeof(job->why) - 1, a.why);
}

/* Wait for `ms` at most and handle what happened. */
static void
attend(struct tokens *t, int ms, struct batch *b)
{
	struct epoll_event event[EVENTS_MAX];
	struct worker *w;
	int i, n;

	n = epoll_wait(t->epoll_fd, event, EVENTS_MAX, ms);
	for (i = 0; i < n; i++) {
		if (event[i].data.fd == t->listen_fd)
			accept_workers(t);
		else if ((w = find_worker(t, event[i].data.fd)) != NULL)
			hear_worker(t, w, b);
	}
	note_state(t);
}

void
tokens_tend(struct tokens *t)
{
	attend(t, 0, NULL);
}

static size_t
next_job(struct batch *b, const struct tokens *t)
{
	size_t i, n;

	for (i = b->next; i < b->count; i++) {
		if (b->over[i])
			continue;
		for (n = 0; n < t->nworkers && t->worker[n].job != i; n++)
			;
		if (n == t->nworkers)
			return i;
	}
	return NO_JOB;
}

/* A question to each worker that is idle; the number of those under way. */
static size_t
hand_out(struct tokens *t, struct batch *b)
{
	struct wire_question q = { .kind = WIRE_SIGN };
	size_t i, n, busy = 0;
	struct worker *w;

	for (n = 0; n < t->nworkers; n++) {
		w = &t->worker[n];
		if (w->job == NO_JOB) {
			if ((i = next_job(b, t)) == NO_JOB)
				continue;
			q.purpose = b->job[i].purpose;
			memcpy(q.key_id, b->job[i].key_id, KEY_ID_LEN);
			b->tries[i]++;
			w->job = i;
			b->next = i + 1;
			w->deadline = proc_monotonic_ms() +
			    t->conf->token.deadline_ms + LATE_MS;
			if (wire_ask(w->fd, &q, b->job[i].tbs,
			    b->job[i].tbs_len) == -1) {
				drop_worker(t, w, "connection lost");
				lose_job(b, i, "the token worker was lost");
				n--;
				continue;
			}
		}
		busy++;
	}
	return busy;
}

/* Drop those that are late; milliseconds until the next would be. */
static int
drop_late(struct tokens *t, struct batch *b)
{
	long long left, least = 1000, now = proc_monotonic_ms();
	size_t i, n;

	for (n = 0; n < t->nworkers; n++) {
		if ((i = t->worker[n].job) == NO_JOB)
			continue;
		left = t->worker[n].deadline - now;
		if (left <= 0) {
			drop_worker(t, &t->worker[n--], "deadline passed");
			lose_job(b, i, "the token's deadline passed");
		} else if (left < least)
			least = left;
	}
	return (int)least;
}

size_t
tokens_sign(struct tokens *t, struct token_job *jobs, size_t count)
{
	struct batch b = { .job = jobs, .count = count };
	size_t i, done = 0;

	b.tries = xcalloc(count, sizeof(*b.tries));
	b.over = xcalloc(count, sizeof(*b.over));
	for (i = 0; i < count; i++) {
		jobs[i].done = false;
		jobs[i].sig_len = 0;
		snprintf(jobs[i].why, sizeof(jobs[i].why),
		    "no token worker answers");
	}
	tokens_tend(t);
	while (hand_out(t, &b) > 0)
		attend(t, drop_late(t, &b), &b);
	note_state(t);
	for (i = 0; i < count; i++)
		done += jobs[i].done;
	free(b.tries);
	free(b.over);
	return done;
}

/*
 * One question to one worker.  Octets of the answer; -1 with `why`, and
 * `*again` when another worker may know better.
 */
static ssize_t
question(struct tokens *t, struct wire_question *q, const void *data,
    size_t len, void *out, size_t cap, uint32_t *total, char *why,
    size_t whylen, bool *again)
{
	struct worker *w = &t->worker[0];
	struct wire_answer a;
	struct pollfd pfd;
	int ms;

	*again = false;
	tokens_tend(t);
	if (t->nworkers == 0) {
		snprintf(why, whylen, "no token worker answers");
		return -1;
	}
	ms = q->kind == WIRE_GENERATE ? GENERATE_MS :
	    (int)t->conf->token.deadline_ms + LATE_MS;
	pfd = (struct pollfd){ .fd = w->fd, .events = POLLIN };
	if (wire_ask(w->fd, q, data, len) == -1 || poll(&pfd, 1, ms) != 1 ||
	    wire_hear(w->fd, &a, out, cap) == -1) {
		drop_worker(t, w, "no answer in time, or connection lost");
		snprintf(why, whylen, "the token did not answer in time");
		*again = t->nworkers > 0;
		return -1;
	}
	if (a.status == WIRE_DONE) {
		if (total != NULL)
			*total = a.count;
		return (ssize_t)a.len;
	}
	snprintf(why, whylen, "%s", a.why);
	if (a.status == WIRE_FAILED) {
		drop_worker(t, w, a.why);
		*again = t->nworkers > 0;
	}
	return -1;
}

/* A question that is asked again while other workers may know better. */
static ssize_t
insist(struct tokens *t, enum wire_kind kind, const void *data, size_t len,
    void *out, size_t cap, char *why, size_t whylen)
{
	struct wire_question q = { .kind = kind };
	bool again;
	ssize_t n;

	do {
		n = question(t, &q, data, len, out, cap, NULL, why, whylen,
		    &again);
	} while (again);
	return n;
}

static int
derived(ssize_t n, char *why, size_t whylen)
{
	if (n == DIGEST_LEN)
		return 0;
	if (n != -1)
		snprintf(why, whylen, "the token derived %zd octets", n);
	return -1;
}

int
tokens_derive(struct tokens *t, const char *label,
    unsigned char out[DIGEST_LEN], char *why, size_t whylen)
{
	return derived(insist(t, WIRE_DERIVE, label, strlen(label), out,
	    DIGEST_LEN, why, whylen), why, whylen);
}

int
tokens_eab_key(struct tokens *t, const char *kid,
    unsigned char out[DIGEST_LEN], char *why, size_t whylen)
{
	return derived(insist(t, WIRE_EAB_KEY, kid, strlen(kid), out,
	    DIGEST_LEN, why, whylen), why, whylen);
}

int
tokens_eab_verify(struct tokens *t, const char *kid, const char *alg,
    const void *input, size_t len, const unsigned char *mac, size_t mac_len,
    char *why, size_t whylen)
{
	const struct eab_question q = { kid, alg, mac, mac_len, input, len };
	unsigned char *message = xcalloc(1, WIRE_DATA_MAX), holds = 0;
	size_t size = eab_pack(&q, message, WIRE_DATA_MAX);
	ssize_t n;

	if (size == 0) {
		free(message);
		return 0;	/* too long to be one of ours */
	}
	n = insist(t, WIRE_EAB_VERIFY, message, size, &holds, sizeof(holds),
	    why, whylen);
	free(message);
	if (n == sizeof(holds))
		return holds == 1;
	if (n != -1)
		snprintf(why, whylen, "the token worker is of another version");
	return -1;
}

/* What a worker says of a key, made safe to print. */
static int
key_accept(struct token_key *key, ssize_t n, char *why, size_t whylen)
{
	if (n == -1)
		return -1;
	if (n != (ssize_t)sizeof(*key) || key->spki_len > sizeof(key->spki)) {
		snprintf(why, whylen, "the token worker is of another version");
		return -1;
	}
	key->label[sizeof(key->label) - 1] = '\0';
	key->kind[sizeof(key->kind) - 1] = '\0';
	return 0;
}

struct token_key *
tokens_keys(struct tokens *t, struct arena *arena, size_t *count, char *why,
    size_t whylen)
{
	struct wire_question q = { .kind = WIRE_KEY };
	struct token_key key, *keys = NULL;
	uint32_t i, total;
	bool again;
	ssize_t n;

	for (i = 0, total = 1; i < total; i++) {
		q.purpose = i;
		memset(&key, 0, sizeof(key));
		n = question(t, &q, NULL, 0, &key, sizeof(key), &total, why,
		    whylen, &again);
		if (n == 0 && i == 0 && total == 0)
			break;
		if (key_accept(&key, n, why, whylen) == -1)
			return NULL;
		if (keys == NULL && total > KEYS_MAX) {
			snprintf(why, whylen, "the token worker says that "
			    "there are %u keys", total);
			return NULL;
		}
		if (keys == NULL)
			keys = arena_alloc(arena, total * sizeof(*keys));
		else if (total != *count) {
			snprintf(why, whylen, "the token's keys change");
			return NULL;
		}
		*count = total;
		keys[i] = key;
	}
	if (keys == NULL) {
		*count = 0;
		keys = arena_alloc(arena, sizeof(*keys));
	}
	return keys;
}

int
tokens_generate(struct tokens *t, const char *kind, const char *label,
    struct token_key *key, char *why, size_t whylen)
{
	struct wire_question q = { .kind = WIRE_GENERATE };
	char text[sizeof(key->kind) + sizeof(key->label)];
	size_t klen = strlen(kind) + 1, llen = strlen(label) + 1;
	bool again;
	ssize_t n;

	if (klen > sizeof(key->kind) || llen > sizeof(key->label)) {
		snprintf(why, whylen, "kind or label of the key is too long");
		return -1;
	}
	memcpy(text, kind, klen);
	memcpy(text + klen, label, llen);
	n = question(t, &q, text, klen + llen, key, sizeof(*key), NULL, why,
	    whylen, &again);
	return key_accept(key, n, why, whylen);
}

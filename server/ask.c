/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to chancery-resolver and to a child of chancery-probe.  The
 * helpers face strangers and may be in their hands: nothing here trusts a
 * length, and an answer counts for the question of its connection only.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "conf.h"
#include "proc.h"

#define PAUSE_MS	50	/* between two attempts to connect */
#define GRACE_MS	500	/* for a helper to answer at its own deadline */

static void
nap(long ms)
{
	struct timespec	t = { 0, ms * 1000000L };

	nanosleep(&t, NULL);
}

/* Connect to a helper, waiting for it while it is restarted. */
static int
reach(const struct conf *conf, const char *helper, long long deadline)
{
	int	fd;

	while ((fd = proc_connect(conf, helper, "socket")) == -1) {
		if (proc_monotonic_ms() >= deadline)
			return -1;
		nap(PAUSE_MS);
	}
	return fd;
}

/* One message there, one of exactly `len` octets back. */
static enum ask_result
exchange(int fd, const void *out, size_t outlen, void *in, size_t len,
    long long deadline)
{
	struct pollfd	p = { .fd = fd, .events = POLLIN };
	long long	left;
	ssize_t		n;
	int		ready;

	if (send(fd, out, outlen, MSG_NOSIGNAL) != (ssize_t)outlen)
		return ASK_GONE;
	do {
		left = deadline - proc_monotonic_ms();
		if (left <= 0)
			return ASK_LATE;
		ready = poll(&p, 1, (int)left);
	} while (ready == 0 || (ready == -1 && errno == EINTR));
	n = recv(fd, in, len, MSG_DONTWAIT | MSG_TRUNC);
	return ready == 1 && n == (ssize_t)len ? ASK_DONE : ASK_GONE;
}

/* The answer is to this question and its records lie within it. */
static int
answer_check(const struct resolve_question *q, struct resolve_answer *a)
{
	size_t	used = 0;

	if (memcmp(&a->question, q, sizeof(*q)) != 0 ||
	    a->status >= RESOLVE_STATUSES || a->count > RESOLVE_RECORDS)
		return -1;
	for (size_t i = 0; i < a->count; i++) {
		if (a->len[i] > RESOLVE_DATA - used)
			return -1;
		used += a->len[i];
	}
	a->why[sizeof(a->why) - 1] = '\0';
	a->canonical[sizeof(a->canonical) - 1] = '\0';
	return 0;
}

enum ask_result
ask_resolver(const struct conf *conf, int *fd, enum resolve_type type,
    const char *name, long long deadline, struct resolve_answer *a)
{
	struct resolve_question	q;
	enum ask_result		rc = ASK_LATE;

	memset(&q, 0, sizeof(q));
	q.type = (uint32_t)type;
	strncpy(q.name, name, sizeof(q.name) - 1);
	while (*fd != -1 || (*fd = reach(conf, "resolver", deadline)) != -1) {
		rc = exchange(*fd, &q, sizeof(q), a, sizeof(*a), deadline);
		if (rc == ASK_DONE && answer_check(&q, a) == -1)
			rc = ASK_GONE;
		if (rc == ASK_DONE)
			return rc;
		ask_close(fd);
		if (rc != ASK_GONE || proc_monotonic_ms() >= deadline)
			return rc;
		nap(PAUSE_MS);
	}
	return ASK_LATE;
}

void
ask_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

const unsigned char *
ask_record(const struct resolve_answer *a, size_t i, size_t *len)
{
	const unsigned char	*p = a->data;

	for (size_t k = 0; k < i; k++)
		p += a->len[k];
	*len = a->len[i];
	return p;
}

int
ask_probe_open(const struct conf *conf, long long deadline)
{
	return reach(conf, "probe", deadline);
}

enum ask_result
ask_probe(int fd, const struct probe_request *q, long long deadline,
    struct probe_reply *r)
{
	enum ask_result	rc;

	rc = exchange(fd, q, sizeof(*q), r, sizeof(*r), deadline + GRACE_MS);
	if (rc != ASK_DONE)
		return rc;
	if (r->outcome >= PROBE_OUTCOMES || r->body_len > PROBE_BODY_MAX ||
	    r->next.port > 65535 || r->status > 999 ||
	    r->facts.id_len > UINT16_MAX || r->facts.name_len > UINT16_MAX)
		return ASK_GONE;
	r->next.host[sizeof(r->next.host) - 1] = '\0';
	r->next.target[sizeof(r->next.target) - 1] = '\0';
	return ASK_DONE;
}

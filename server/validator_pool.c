/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for validations, which are nearly all waiting.  Two lists under
 * one lock, and an eventfd that the main thread polls.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "mem.h"
#include "validator_pool.h"

#define STACK		(256 * 1024)
#define ARENA_MAX	(4 * 1024 * 1024)

struct pool {
	const struct conf		*conf;
	const struct address_policy	*policy;
	pthread_mutex_t			 lock;
	pthread_cond_t			 work;
	struct job			*waiting;
	struct job			*done;
	int				 fd;
};

struct job *
job_new(void)
{
	struct job	*j = xcalloc(1, sizeof(*j));

	j->arena = arena_new(ARENA_MAX);
	return j;
}

void
job_free(struct job *j)
{
	arena_free(j->arena);
	free(j);
}

static void
finished(struct pool *p, struct job *j)
{
	const uint64_t	one = 1;

	pthread_mutex_lock(&p->lock);
	j->next = p->done;
	p->done = j;
	pthread_mutex_unlock(&p->lock);
	if (write(p->fd, &one, sizeof(one)) == -1 && errno != EAGAIN)
		log_error("eventfd: %s", strerror(errno));
}

static void *
work(void *arg)
{
	struct pool	*p = arg;
	struct job	*j;

	for (;;) {
		pthread_mutex_lock(&p->lock);
		while (p->waiting == NULL)
			pthread_cond_wait(&p->work, &p->lock);
		j = p->waiting;
		p->waiting = j->next;
		pthread_mutex_unlock(&p->lock);
		validate(p->conf, p->policy, j->arena, &j->challenge,
		    &j->verdict);
		finished(p, j);
	}
	return NULL;
}

/* Signals are the main thread's. */
static int
start_threads(struct pool *p, unsigned threads)
{
	pthread_attr_t	attr;
	pthread_t	thread;
	sigset_t	all, old;
	int		err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	for (unsigned i = 0; i < threads && err == 0; i++)
		err = pthread_create(&thread, &attr, work, p);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

struct pool *
pool_start(const struct conf *conf, const struct address_policy *policy,
    unsigned threads)
{
	struct pool	*p = xcalloc(1, sizeof(*p));
	int		 err;

	p->conf = conf;
	p->policy = policy;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->fd == -1)
		die(EXIT_FAILED, "eventfd: %s", strerror(errno));
	err = start_threads(p, threads);
	if (err != 0)
		die(EXIT_FAILED, "%u threads: %s (lower validator "
		    "concurrency)", threads, strerror(err));
	return p;
}

int
pool_fd(const struct pool *p)
{
	return p->fd;
}

void
pool_give(struct pool *p, struct job *j)
{
	pthread_mutex_lock(&p->lock);
	j->next = p->waiting;
	p->waiting = j;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

struct job *
pool_take(struct pool *p)
{
	struct job	*done;
	uint64_t	 count;

	if (read(p->fd, &count, sizeof(count)) == -1)
		count = 0;	/* nobody finished; the list may say else */
	pthread_mutex_lock(&p->lock);
	done = p->done;
	p->done = NULL;
	pthread_mutex_unlock(&p->lock);
	return done;
}

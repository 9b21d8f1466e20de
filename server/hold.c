/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiters and their dispatcher.  A waiter lives on the stack of its thread
 * and in the list while it waits.  A ring that comes between INSERT and
 * registration is lost; the sweep finds the row then.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "conf.h"
#include "doorbell.h"
#include "hold.h"
#include "mem.h"
#include "pool.h"
#include "proc.h"
#include "db/queries-acme.h"

#define SWEEP_MS	250
#define SWEEP_BUSY_MS	100	/* while somebody waits */
#define LIST_MAX	(4 * 1024 * 1024)

struct waiter {
	enum hold_kind	 kind;
	int64_t		 id;
	bool		 seen;
	struct arena	*arena;		/* of the thread, which sleeps */
	struct arrival	*arrival;
	pthread_cond_t	 cond;
	struct waiter	*next;
	struct waiter	**back;		/* what points to us */
};

static const char *const who[HOLD_KINDS] = {
	[HOLD_OUTCOME] = "signer",
	[HOLD_EVIDENCE] = "validator",
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct waiter *waiters;
static bool ended;

static void
enter(struct waiter *w)
{
	pthread_mutex_lock(&lock);
	w->next = waiters;
	w->back = &waiters;
	if (waiters != NULL)
		waiters->back = &w->next;
	waiters = w;
	pthread_mutex_unlock(&lock);
}

bool
hold_wait(const struct conf *conf, enum hold_kind kind, int64_t id,
    unsigned ms, struct arena *arena, struct arrival *arrival)
{
	struct waiter w = { .kind = kind, .id = id, .arena = arena,
	    .arrival = arrival };
	struct timespec end;

	pthread_cond_init(&w.cond, NULL);
	enter(&w);
	doorbell_ring(conf, who[kind]);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += (long)(ms % 1000) * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	pthread_mutex_lock(&lock);
	while (!w.seen && !ended)
		if (pthread_cond_clockwait(&w.cond, &lock, CLOCK_MONOTONIC,
		    &end) != 0)
			break;
	*w.back = w.next;
	if (w.next != NULL)
		w.next->back = w.back;
	pthread_mutex_unlock(&lock);
	pthread_cond_destroy(&w.cond);
	return w.seen;
}

/* The ids of all who wait for a kind, as a PostgreSQL array. */
static bool
list_print(struct buf *b, enum hold_kind kind)
{
	const char *separator = "{";
	const struct waiter *w;
	bool any = false;

	pthread_mutex_lock(&lock);
	for (w = waiters; w != NULL; w = w->next) {
		if (w->kind != kind)
			continue;
		buf_printf(b, "%s%" PRId64, separator, w->id);
		separator = ",";
		any = true;
	}
	pthread_mutex_unlock(&lock);
	buf_puts(b, any ? "}" : "{}");
	return any;
}

static const char *
text_copy(struct arena *arena, const struct rows *rows, size_t i, int column)
{
	return row_null(rows, i, column) ? NULL :
	    arena_strdup(arena, row_text(rows, i, column));
}

static int64_t
int_or_zero(const struct rows *rows, size_t i, int column)
{
	return row_null(rows, i, column) ? 0 : row_int(rows, i, column);
}

/* The columns of Q_ARRIVED behind kind and id. */
static void
arrival_take(struct waiter *w, const struct rows *rows, size_t i)
{
	const unsigned char *secret;
	size_t len;

	*w->arrival = (struct arrival){
		.good = row_bool(rows, i, 2),
		.problem = text_copy(w->arena, rows, i, 3),
		.account_id = int_or_zero(rows, i, 4),
		.certificate_id = int_or_zero(rows, i, 5),
		.method = text_copy(w->arena, rows, i, 7),
		.at = int_or_zero(rows, i, 8),
	};
	if (row_null(rows, i, 6))
		return;
	secret = row_bytes(rows, i, 6, &len);
	if (len == SECRET_LEN)
		memcpy(w->arrival->certificate_public, secret, SECRET_LEN);
}

static void
wake(const struct rows *rows, size_t i)
{
	enum hold_kind kind = (enum hold_kind)row_int(rows, i, 0);
	int64_t id = row_int(rows, i, 1);
	struct waiter *w;

	pthread_mutex_lock(&lock);
	for (w = waiters; w != NULL; w = w->next)
		if (w->kind == kind && w->id == id && !w->seen) {
			arrival_take(w, rows, i);
			w->seen = true;
			pthread_cond_signal(&w->cond);
		}
	pthread_mutex_unlock(&lock);
}

/* Ask for all at once; true when somebody waits. */
static bool
ask(void)
{
	struct buf ids[HOLD_KINDS];
	struct rows *rows = NULL;
	struct arena *arena;
	bool any = false;
	size_t i;

	arena = arena_new(LIST_MAX);
	for (i = 0; i < HOLD_KINDS; i++) {
		buf_init(&ids[i], arena);
		any |= list_print(&ids[i], (enum hold_kind)i);
	}
	if (any && pool_query(Q_ARRIVED, &rows,
	    ARGS(arg_text((const char *)ids[HOLD_OUTCOME].data),
	    arg_text((const char *)ids[HOLD_EVIDENCE].data))) == DB_OK)
		for (i = 0; i < rows_count(rows); i++)
			wake(rows, i);
	rows_free(rows);
	arena_free(arena);
	return any;
}

void
hold_dispatch(int bell)
{
	bool busy = false;

	while (!proc_stopping()) {
		doorbell_wait(bell, busy ? SWEEP_BUSY_MS : SWEEP_MS);
		busy = ask();
	}
}

void
hold_end(void)
{
	struct waiter *w;

	pthread_mutex_lock(&lock);
	ended = true;
	for (w = waiters; w != NULL; w = w->next)
		pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: orders certificates from an ACME server with many workers, checks
 * each of them, and says how long everything took.  The exit status is 0
 * only when nothing was wrong, lost or slower than asked.
 *
 * In a closed loop a worker begins an order when its last one has ended.  In
 * an open loop (--rate) orders are due at fixed times, and an order's time
 * counts from then, so that a server that stalls does not hide it.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/enc.h"
#include "server/log.h"
#include "server/mem.h"
#include "load.h"
#include "load_acme.h"
#include "load_check.h"
#include "load_link.h"
#include "load_report.h"
#include "load_responder.h"

#define TELL_MAX	10	/* failures that are printed */
#define WARMUP_BASE	3000000000u	/* numbers of orders not measured */

struct worker {
	struct shared		*shared;
	pthread_t		 thread;
	pthread_barrier_t	*start;
	struct tally		 tally;
	double			 ended;
};

double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void
sleep_until(double ms)
{
	struct timespec t;

	t.tv_sec = (time_t)(ms / 1e3);
	t.tv_nsec = (long)((ms - (double)t.tv_sec * 1e3) * 1e6);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) ==
	    EINTR)
		;
}

void
tell_failure(enum failure kind, const char *text)
{
	static const char *const kinds[FAIL_KINDS] = {
		"transport", "refused", "wrong", "lost"
	};
	static atomic_uint told;

	if (atomic_fetch_add(&told, 1) < TELL_MAX)
		log_warn("%s: %s", kinds[kind], text);
}

/* ---------------------------------------------------------------- workers */

/* The next order and when it is due; false: this worker is done. */
static bool
next_order(struct shared *s, unsigned *number, double *due)
{
	const struct options *o = s->opt;

	if (atomic_load(&s->stop))
		return false;
	*number = atomic_fetch_add(&s->next, 1);
	if (o->orders > 0 && *number >= o->orders)
		return false;
	*due = o->rate > 0 ? s->began + *number * 1000.0 / o->rate : now_ms();
	if (o->orders == 0 && *due >= s->began + o->seconds * 1000)
		return false;
	if (*due > now_ms())
		sleep_until(*due);
	return true;
}

static void *
work(void *arg)
{
	static atomic_uint warmed;
	struct worker *w = arg;
	struct shared *s = w->shared;
	struct client *c;
	unsigned i, number;
	double due;
	bool good;

	c = client_new(s, &w->tally);
	good = client_enrol(c) == 0;
	for (i = 0; good && i < s->opt->warmup; i++)
		good = client_order(c, WARMUP_BASE +
		    atomic_fetch_add(&warmed, 1), now_ms(), false) == 0;
	client_mark(c);
	pthread_barrier_wait(w->start);
	pthread_barrier_wait(w->start);
	while (good && next_order(s, &number, &due))
		client_order(c, number, due, true);
	w->ended = now_ms();
	client_free(c);
	return NULL;
}

/* The difference of two readings, in `after`. */
static void
proc_since(struct proc_list *after, const struct proc_list *before)
{
	size_t i;

	for (i = 0; i < after->count; i++)
		after->at[i].cpu_ms -= before->at[i].cpu_ms;
}

static void
run(struct shared *s, struct result *r)
{
	const struct options *o = s->opt;
	struct proc_list before = o->procs;
	pthread_barrier_t start;
	struct worker *w;
	double ended = 0, cpu;
	unsigned i;

	pthread_barrier_init(&start, NULL, o->workers + 1);
	w = xcalloc(o->workers, sizeof(*w));
	for (i = 0; i < o->workers; i++) {
		w[i].shared = s;
		w[i].start = &start;
		if ((errno = pthread_create(&w[i].thread, NULL, work,
		    &w[i])) != 0)
			die(EXIT_FAILED, "worker %u does not start: %s", i,
			    strerror(errno));
	}
	pthread_barrier_wait(&start);
	proc_read(&before, 0);
	cpu = proc_own_cpu();
	s->began = now_ms();
	pthread_barrier_wait(&start);
	for (i = 0; i < o->workers; i++) {
		pthread_join(w[i].thread, NULL);
		if (w[i].ended > ended)
			ended = w[i].ended;
	}
	r->own_cpu_ms = proc_own_cpu() - cpu;
	r->procs = before;
	proc_read(&r->procs, 1);
	proc_since(&r->procs, &before);
	r->seconds = (ended - s->began) / 1000;
	for (i = 0; i < o->workers; i++)
		result_join(r, &w[i].tally);
	result_sort(r);
	free(w);
}

/* ---------------------------------------------------------------- options */

static void
usage(FILE *to)
{
	fputs(
"usage: load --directory URL [option]...\n"
"  --directory URL     of the ACME server\n"
"  --cafile FILE       anchors of its TLS (the system's)\n"
"  --roots FILE|any    anchors of what it issues (those of --cafile);\n"
"                      any: the chain as it is served is enough\n"
"  --workers N         at the same time (1)\n"
"  --orders N          of all workers; or\n"
"  --seconds N         begin orders for so long (10)\n"
"  --warmup N          orders of each worker before, not measured (0)\n"
"  --rate N            open loop: N orders a second are due\n"
"  --names N           in each order (1)\n"
"  --suffix NAME       that names end in (load.test)\n"
"  --key ES256|RS256   of the accounts (ES256)\n"
"  --new-connections   one for each request\n"
"  --http-port PORT    where challenges are answered (80)\n"
"  --listen ADDRESS    on this address (127.0.0.1)\n"
"  --poll MS           before the first poll, when not told (10)\n"
"  --deadline SECONDS  in which an order ends, or is lost (30)\n"
"  --max-p99 MS        fail when the p99 of an order is over this\n"
"  --pid NAME=PID      measure this process too; again for more\n"
"  --json FILE         results, - is standard output\n"
"  -h, -V              this, the version\n", to);
}

enum {
	O_DIRECTORY = 256, O_CAFILE, O_ROOTS, O_WORKERS, O_ORDERS, O_SECONDS,
	O_WARMUP, O_RATE, O_NAMES, O_SUFFIX, O_KEY, O_NEW, O_PORT, O_LISTEN,
	O_POLL, O_DEADLINE, O_P99, O_PID, O_JSON
};

static const struct option long_options[] = {
	{ "directory", required_argument, NULL, O_DIRECTORY },
	{ "cafile", required_argument, NULL, O_CAFILE },
	{ "roots", required_argument, NULL, O_ROOTS },
	{ "workers", required_argument, NULL, O_WORKERS },
	{ "orders", required_argument, NULL, O_ORDERS },
	{ "seconds", required_argument, NULL, O_SECONDS },
	{ "warmup", required_argument, NULL, O_WARMUP },
	{ "rate", required_argument, NULL, O_RATE },
	{ "names", required_argument, NULL, O_NAMES },
	{ "suffix", required_argument, NULL, O_SUFFIX },
	{ "key", required_argument, NULL, O_KEY },
	{ "new-connections", no_argument, NULL, O_NEW },
	{ "http-port", required_argument, NULL, O_PORT },
	{ "listen", required_argument, NULL, O_LISTEN },
	{ "poll", required_argument, NULL, O_POLL },
	{ "deadline", required_argument, NULL, O_DEADLINE },
	{ "max-p99", required_argument, NULL, O_P99 },
	{ "pid", required_argument, NULL, O_PID },
	{ "json", required_argument, NULL, O_JSON },
	{ 0 }
};

static double
number(const char *text, double min, double max)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || !(v >= min && v <= max))
		die(EXIT_MISUSE, "%s is not a number from %g to %g", text,
		    min, max);
	return v;
}

static void
take_text(struct options *o, int which, const char *text)
{
	const struct {
		int		  which;
		const char	**to;
	} texts[] = {
		{ O_DIRECTORY, &o->directory }, { O_CAFILE, &o->cafile },
		{ O_SUFFIX, &o->suffix }, { O_PORT, &o->port },
		{ O_LISTEN, &o->listen }, { O_JSON, &o->json },
		{ O_ROOTS, &o->roots }, { O_KEY, &o->alg },
	};
	size_t i;

	for (i = 0; i < nitems(texts); i++)
		if (texts[i].which == which)
			*texts[i].to = text;
	if (which == O_PID && proc_add(&o->procs, text) == -1)
		die(EXIT_MISUSE, "--pid wants NAME=PID, at most %d times",
		    PROC_MAX);
}

static void
take_number(struct options *o, int which, const char *text)
{
	const struct {
		int		 which;
		unsigned	*to;
		double		 min, max;
	} whole[] = {
		{ O_WORKERS, &o->workers, 1, 1024 },
		{ O_ORDERS, &o->orders, 1, 1e9 },
		{ O_WARMUP, &o->warmup, 0, 1e6 },
		{ O_NAMES, &o->names, 1, 100 },
		{ O_POLL, &o->poll, 1, 60000 },
	};
	const struct {
		int		 which;
		double		*to, min, max;
	} real[] = {
		{ O_SECONDS, &o->seconds, 0.1, 1e6 },
		{ O_RATE, &o->rate, 0.01, 1e6 },
		{ O_DEADLINE, &o->deadline, 0.1, 1e5 },
		{ O_P99, &o->max_p99, 0.01, 1e9 },
	};
	size_t i;

	for (i = 0; i < nitems(whole); i++)
		if (whole[i].which == which)
			*whole[i].to = (unsigned)number(text, whole[i].min,
			    whole[i].max);
	for (i = 0; i < nitems(real); i++)
		if (real[i].which == which)
			*real[i].to = number(text, real[i].min, real[i].max);
}

static void
take_options(struct options *o, int argc, char **argv)
{
	int which;

	while ((which = getopt_long(argc, argv, "hV", long_options, NULL)) !=
	    -1) {
		if (which == 'h' || which == '?') {
			usage(which == 'h' ? stdout : stderr);
			exit(which == 'h' ? 0 : EXIT_MISUSE);
		}
		if (which == 'V') {
			puts("load " VERSION);
			exit(0);
		}
		if (which == O_NEW) {
			o->keep = false;
			continue;
		}
		take_text(o, which, optarg);
		if (optarg != NULL)
			take_number(o, which, optarg);
	}
	o->any_root = o->roots != NULL && strcmp(o->roots, "any") == 0;
	if (o->roots == NULL)
		o->roots = o->cafile;
	if (optind != argc || o->directory == NULL || o->roots == NULL)
		die(EXIT_MISUSE, "load wants --directory, and --cafile or "
		    "--roots: see load -h");
	if (strcmp(o->alg, "ES256") != 0 && strcmp(o->alg, "RS256") != 0)
		die(EXIT_MISUSE, "--key is ES256 or RS256, not %s", o->alg);
}

int
main(int argc, char **argv)
{
	struct options o = {
		.alg = "ES256", .suffix = "load.test", .listen = "127.0.0.1",
		.port = "80", .workers = 1, .names = 1, .seconds = 10,
		.keep = true, .deadline = 30, .poll = 10,
	};
	struct shared shared = { .opt = &o };
	struct result result = { .opt = &o };
	unsigned char random[4];

	log_open("load");
	take_options(&o, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	random_octets(random, sizeof(random));
	snprintf(shared.run, sizeof(shared.run), "%02x%02x%02x%02x",
	    random[0], random[1], random[2], random[3]);
	shared.tls = link_context(o.cafile);
	if (!o.any_root)
		shared.roots = check_anchors(o.roots);
	shared.responder = responder_start(o.listen, o.port);
	run(&shared, &result);
	if (o.json == NULL || strcmp(o.json, "-") != 0)
		report_table(&result);
	if (o.json != NULL && report_json(&result) == -1)
		die(EXIT_OPERATOR, "cannot write %s", o.json);
	SSL_CTX_free(shared.tls);
	X509_STORE_free(shared.roots);
	return result_failures(&result) > 0 || result_slow(&result) ||
	    result.sum.took[STEP_ORDER].count == 0 ? EXIT_FAILED : 0;
}

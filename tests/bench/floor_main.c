/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor: measures what an order cannot do without, on this machine and now,
 * and prints what could be reached if nothing else cost anything.
 */
#include <sys/resource.h>

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/log.h"
#include "server/mem.h"
#include "floor.h"

static double
seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
cpu_of(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double
cpu_now(void)
{
	return cpu_of(RUSAGE_THREAD) + cpu_of(RUSAGE_CHILDREN);
}

struct price
price_of(double seconds, int (*once)(void *), void *arg)
{
	double began, cpu, wall = 0;
	unsigned long count;
	int i;

	for (i = 0; i < 20; i++)	/* caches, tables, first faults */
		once(arg);
	began = seconds_now();
	cpu = cpu_now();
	for (count = 0; wall < seconds; count++) {
		once(arg);
		wall = seconds_now() - began;
	}
	cpu = cpu_now() - cpu;
	return (struct price){ cpu * 1e6 / (double)count,
	    wall * 1e6 / (double)count };
}

static void
usage(FILE *to)
{
	fputs(
"usage: floor --module M --label L --pin-file F [option]...\n"
"  --module FILE       the PKCS#11 module\n"
"  --label LABEL       of the token; SOFTHSM2_CONF says where it is\n"
"  --key LABEL         of its P-256 key (chancery-issuing)\n"
"  --pin-file FILE     the token's PIN\n"
"  --cores N           that the server may use (all)\n"
"  --client-ms MS      CPU time of the client for an order, when it shares\n"
"                      these cores (0)\n"
"  --seconds S         for each measurement (1)\n"
"  --json FILE         results, - is standard output\n"
"  -h, -V              this, the version\n"
"The database is where libpq's environment says: PGHOST, PGUSER and so on.\n",
	    to);
}

struct options {
	struct token_options	 token;
	double			 seconds, cores, client_ms;
	const char		*json;
};

static double
number(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || !(v >= 0 && v < 1e9))
		die(EXIT_MISUSE, "%s is not a number", text);
	return v;
}

static void
take_options(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "module", required_argument, NULL, 'm' },
		{ "label", required_argument, NULL, 'l' },
		{ "key", required_argument, NULL, 'k' },
		{ "pin-file", required_argument, NULL, 'p' },
		{ "json", required_argument, NULL, 'j' },
		{ "cores", required_argument, NULL, 'c' },
		{ "client-ms", required_argument, NULL, 'e' },
		{ "seconds", required_argument, NULL, 's' },
		{ 0 }
	};
	const struct {
		int		  which;
		const char	**to;
	} texts[] = {
		{ 'm', &o->token.module }, { 'l', &o->token.label },
		{ 'k', &o->token.key }, { 'p', &o->token.pin_file },
		{ 'j', &o->json },
	};
	int which;
	size_t i;

	while ((which = getopt_long(argc, argv, "hV", names, NULL)) != -1) {
		if (which == 'h' || which == '?') {
			usage(which == 'h' ? stdout : stderr);
			exit(which == 'h' ? 0 : EXIT_MISUSE);
		}
		if (which == 'V') {
			puts("floor " VERSION);
			exit(0);
		}
		for (i = 0; i < nitems(texts); i++)
			if (texts[i].which == which)
				*texts[i].to = optarg;
		if (which == 'c' || which == 'e' || which == 's')
			*(which == 'c' ? &o->cores : which == 'e' ?
			    &o->client_ms : &o->seconds) = number(optarg);
	}
	if (optind != argc || o->token.module == NULL ||
	    o->token.label == NULL || o->token.pin_file == NULL)
		die(EXIT_MISUSE, "floor wants --module, --label and "
		    "--pin-file: see floor -h");
}

static void
measure(const struct options *o, struct floor *f)
{
	size_t i;

	f->price[ITEM_FORK] = price_fork(o->seconds);
	f->price[ITEM_GET] = price_get(o->seconds);
	f->price[ITEM_TLS] = price_tls(o->seconds);
	f->price[ITEM_VERIFY_FRONT] = price_verify(o->seconds);
	f->price[ITEM_VERIFY_SIGNER] = f->price[ITEM_VERIFY_FRONT];
	f->price[ITEM_VERIFY_ISSUED] = f->price[ITEM_VERIFY_FRONT];
	f->price[ITEM_CSR] = price_csr(o->seconds);
	f->price[ITEM_SIGN] = price_sign(o->seconds, &o->token);
	for (i = 0; i < f->ncommits; i++)
		measure_commits(o->seconds, &f->commits[i]);
}

int
main(int argc, char **argv)
{
	struct commits commits[] = {
		{ .workers = 1 }, { .workers = 8 }, { .workers = 32 },
	};
	struct options o = {
		.token.key = "chancery-issuing", .seconds = 1,
		.cores = (double)sysconf(_SC_NPROCESSORS_ONLN),
	};
	struct floor f = { .commits = commits, .ncommits = nitems(commits) };

	log_open("floor");
	take_options(&o, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	f.cores = o.cores < 1 ? 1 : (unsigned)o.cores;
	f.client_us = o.client_ms * 1e3;
	measure(&o, &f);
	if (o.json == NULL || strcmp(o.json, "-") != 0)
		floor_print(&f);
	if (o.json != NULL && floor_json(&f, o.json) == -1)
		die(EXIT_OPERATOR, "cannot write %s", o.json);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formula, for an order of one name proven by http-01 under ES256: it
 * counts what must happen, not what we happen to do.  Changing it is an act
 * that RESULTS.md explains.
 *
 * Three things bound a closed loop of W workers, and the floor is the least:
 *
 *	processor	cores / CPU time of an order, commits included
 *	commits		commits a second with W connections / 5
 *	latency		W / the time of one order when nobody else is there
 *
 * They do not add up: while one order waits for the disk another one has the
 * processor.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "server/mem.h"
#include "floor.h"

#define COMMITS		5

static const struct {
	const char	*name;
	unsigned	 count;
	const char	*why;
} items[ITEMS] = {
	[ITEM_VERIFY_FRONT] = { "verify JWS in front", 6, "new-order, authz, "
	    "challenge, authz, finalize, certificate: each once" },
	[ITEM_VERIFY_SIGNER] = { "verify JWS in signer", 2,
	    "new-order and finalize: the signer believes nobody" },
	[ITEM_VERIFY_ISSUED] = { "verify signature", 1,
	    "of the certificate, before it is released" },
	[ITEM_CSR] = { "CSR", 1,
	    "parse it, decode its key, verify its signature" },
	[ITEM_SIGN] = { "C_Sign", 1, "in the token" },
	[ITEM_GET] = { "HTTP GET", 1, "of the key authorization" },
	[ITEM_FORK] = { "fork and exit", 1, "a probe child of its own" },
	[ITEM_TLS] = { "TLS records", 6, "a request and a reply, kept "
	    "connection" },
};

static const char commit_why[] =
    "order, client is ready, evidence, request, intent with the result";

struct bounds {
	double		 cpu_us;
	double		 processor, commits, latency, least;
	const char	*by;
};

/* Of one order, without its commits. */
static struct price
order_price(const struct floor *f)
{
	struct price sum = { f->client_us, f->client_us };
	int i;

	for (i = 0; i < ITEMS; i++) {
		sum.cpu_us += items[i].count * f->price[i].cpu_us;
		sum.wall_us += items[i].count * f->price[i].wall_us;
	}
	return sum;
}

static struct bounds
bounds_at(const struct floor *f, const struct commits *c)
{
	struct price order = order_price(f);
	struct bounds b;

	b.cpu_us = order.cpu_us + COMMITS * c->cpu_us;
	b.processor = f->cores * 1e6 / b.cpu_us;
	b.commits = c->per_second / COMMITS;
	b.latency = c->workers * 1e6 / (order.wall_us +
	    COMMITS * 1e6 / f->commits[0].per_second);
	b.least = b.processor;
	b.by = "processor";
	if (b.commits < b.least) {
		b.least = b.commits;
		b.by = "commits";
	}
	if (b.latency < b.least) {
		b.least = b.latency;
		b.by = "latency";
	}
	return b;
}

void
floor_print(const struct floor *f)
{
	struct bounds b;
	size_t i;

	printf("The floor of an ES256 http-01 order of one name, %u cores\n"
	    "%-22s %6s %9s %9s  %s\n", f->cores, "what must happen", "times",
	    "CPU us", "wall us", "which");
	for (i = 0; i < ITEMS; i++)
		printf("%-22s %6u %9.1f %9.1f  %s\n", items[i].name,
		    items[i].count, f->price[i].cpu_us, f->price[i].wall_us,
		    items[i].why);
	printf("%-22s %6u %9.1f %9.1f  %s\n", "durable commit", COMMITS,
	    f->commits[0].cpu_us, 1e6 / f->commits[0].per_second, commit_why);
	if (f->client_us > 0)
		printf("%-22s %6u %9.1f %9.1f  %s\n", "the client", 1,
		    f->client_us, f->client_us, "shares these cores");
	printf("orders/s = min(cores / CPU of an order, commits/s / %u, "
	    "W / wall time of an order)\n", COMMITS);
	for (i = 0; i < f->ncommits; i++) {
		b = bounds_at(f, &f->commits[i]);
		printf("%3u workers: %7.1f orders/s by %s (%.3f ms CPU: %.1f;"
		    " %.0f commits/s: %.1f; latency: %.1f)\n",
		    f->commits[i].workers, b.least, b.by, b.cpu_us / 1e3,
		    b.processor, f->commits[i].per_second, b.commits,
		    b.latency);
	}
}

static json_t *
json_items(const struct floor *f)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < ITEMS; i++)
		json_array_append_new(all, json_pack("{s:s, s:i, s:f, s:f}",
		    "what", items[i].name, "count", (int)items[i].count,
		    "cpu_us", f->price[i].cpu_us, "wall_us",
		    f->price[i].wall_us));
	json_array_append_new(all, json_pack("{s:s, s:i, s:f, s:f}", "what",
	    "durable commit", "count", COMMITS, "cpu_us",
	    f->commits[0].cpu_us, "wall_us", 1e6 / f->commits[0].per_second));
	return all;
}

int
floor_json(const struct floor *f, const char *file)
{
	json_t *rows = json_array(), *all;
	struct bounds b;
	size_t i;
	int rc;

	for (i = 0; i < f->ncommits; i++) {
		b = bounds_at(f, &f->commits[i]);
		json_array_append_new(rows, json_pack("{s:i, s:f, s:f, s:f,"
		    " s:f, s:f, s:f, s:f, s:s}",
		    "workers", (int)f->commits[i].workers,
		    "orders_per_second", b.least, "cpu_ms_per_order",
		    b.cpu_us / 1e3, "commits_per_second",
		    f->commits[i].per_second, "commit_cpu_us",
		    f->commits[i].cpu_us, "processor_bound", b.processor,
		    "commit_bound", b.commits, "latency_bound", b.latency,
		    "by", b.by));
	}
	all = json_pack("{s:i, s:f, s:o, s:o}", "cores", (int)f->cores,
	    "client_ms_per_order", f->client_us / 1e3, "items",
	    json_items(f), "rows", rows);
	rc = strcmp(file, "-") == 0 ?
	    json_dumpf(all, stdout, JSON_INDENT(1)) :
	    json_dump_file(all, file, JSON_INDENT(1));
	json_decref(all);
	return rc;
}

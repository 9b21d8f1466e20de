/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing.  What is "an order" here has ended with a checked certificate;
 * the requests and the CPU time of those that failed are in the sums too.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "server/mem.h"
#include "load_report.h"

static const char *const step_names[STEPS] = {
	[STEP_NEW_ORDER] = "newOrder",
	[STEP_AUTHZ] = "authz",
	[STEP_CHALLENGE] = "challenge",
	[STEP_FINALIZE] = "finalize",
	[STEP_CERTIFICATE] = "certificate",
	[STEP_ORDER] = "order",
};

static const char *const failure_names[FAIL_KINDS] = {
	[FAIL_TRANSPORT] = "transport",
	[FAIL_REFUSED] = "refused",
	[FAIL_WRONG] = "wrong",
	[FAIL_LOST] = "lost",
};

static const double percents[] = { 50, 95, 99 };

void
result_join(struct result *r, struct tally *t)
{
	int i;

	for (i = 0; i < STEPS; i++) {
		samples_join(&r->sum.took[i], &t->took[i]);
		samples_free(&t->took[i]);
	}
	for (i = 0; i < FAIL_KINDS; i++)
		r->sum.failed[i] += t->failed[i];
	r->sum.requests += t->requests;
	r->sum.connections += t->connections;
	r->sum.bad_nonces += t->bad_nonces;
	r->sum.deferrals += t->deferrals;
	r->sum.polls += t->polls;
}

void
result_sort(struct result *r)
{
	int i;

	for (i = 0; i < STEPS; i++)
		samples_sort(&r->sum.took[i]);
}

unsigned long
result_failures(const struct result *r)
{
	unsigned long n = 0;
	int i;

	for (i = 0; i < FAIL_KINDS; i++)
		n += r->sum.failed[i];
	return n;
}

bool
result_slow(const struct result *r)
{
	return r->opt->max_p99 > 0 && samples_percentile(
	    &r->sum.took[STEP_ORDER], 99) > r->opt->max_p99;
}

static size_t
orders(const struct result *r)
{
	return r->sum.took[STEP_ORDER].count;
}

static double
each(const struct result *r, double total)
{
	return orders(r) == 0 ? 0 : total / (double)orders(r);
}

static double
per_second(const struct result *r)
{
	return r->seconds > 0 ? (double)orders(r) / r->seconds : 0;
}

/* Processes of one name are shown as one: is this the first of its name? */
static bool
first_of_name(const struct proc_list *l, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++)
		if (strcmp(l->at[j].name, l->at[i].name) == 0)
			return false;
	return true;
}

static struct proc
sum_of_name(const struct proc_list *l, const char *name)
{
	struct proc sum = { 0 };
	size_t i;

	for (i = 0; i < l->count; i++) {
		if (strcmp(l->at[i].name, name) != 0)
			continue;
		sum.cpu_ms += l->at[i].cpu_ms;
		sum.rss_kb += l->at[i].rss_kb;
		sum.pss_kb += l->at[i].pss_kb;
	}
	return sum;
}

/* ------------------------------------------------------------------ table */

static void
table_head(const struct result *r)
{
	const struct options *o = r->opt;

	printf("%s: %u workers, %s, orders of %u name%s, %s, ", o->directory,
	    o->workers, o->alg, o->names, o->names == 1 ? "" : "s",
	    o->keep ? "kept connections" : "a connection for each request");
	if (o->rate > 0)
		printf("%g orders a second offered\n", o->rate);
	else
		printf("closed loop\n");
	printf("%zu orders in %.2f s: %.1f orders/s; an order took %.2f "
	    "requests, %.2f connections\n", orders(r), r->seconds,
	    per_second(r), each(r, (double)r->sum.requests),
	    each(r, (double)r->sum.connections));
}

static void
table_steps(const struct result *r)
{
	size_t i, p;

	printf("%-12s %9s %9s %9s\n", "ms", "p50", "p95", "p99");
	for (i = 0; i < STEPS; i++) {
		printf("%-12s", step_names[i]);
		for (p = 0; p < nitems(percents); p++)
			printf(" %9.2f", samples_percentile(&r->sum.took[i],
			    percents[p]));
		printf("\n");
	}
}

static void
table_processes(const struct result *r)
{
	struct proc p;
	size_t i;

	printf("%-20s %12s %9s\n", "process", "CPU ms/order", "RSS MB");
	printf("%-20s %12.3f\n", "this generator", each(r, r->own_cpu_ms));
	for (i = 0; i < r->procs.count; i++) {
		if (!first_of_name(&r->procs, i))
			continue;
		p = sum_of_name(&r->procs, r->procs.at[i].name);
		printf("%-20s %12.3f %9.1f\n", r->procs.at[i].name,
		    each(r, p.cpu_ms), p.rss_kb / 1024);
	}
}

void
report_table(const struct result *r)
{
	int i;

	table_head(r);
	table_steps(r);
	table_processes(r);
	printf("polls %lu, badNonce %lu, asked to wait %lu; failures:",
	    r->sum.polls, r->sum.bad_nonces, r->sum.deferrals);
	for (i = 0; i < FAIL_KINDS; i++)
		printf(" %s %lu%s", failure_names[i], r->sum.failed[i],
		    i + 1 < FAIL_KINDS ? "," : "\n");
	if (result_slow(r))
		printf("too slow: p99 of an order is %.1f ms, over %.1f\n",
		    samples_percentile(&r->sum.took[STEP_ORDER], 99),
		    r->opt->max_p99);
}

/* ------------------------------------------------------------------- JSON */

static json_t *
json_steps(const struct result *r)
{
	json_t *all = json_object(), *o;
	char name[16];
	size_t i, p;

	for (i = 0; i < STEPS; i++) {
		o = json_object();
		for (p = 0; p < nitems(percents); p++) {
			snprintf(name, sizeof(name), "p%.0f_ms", percents[p]);
			json_object_set_new(o, name, json_real(
			    samples_percentile(&r->sum.took[i], percents[p])));
		}
		json_object_set_new(all, step_names[i], o);
	}
	return all;
}

static json_t *
json_failures(const struct result *r)
{
	json_t *o = json_object();
	int i;

	for (i = 0; i < FAIL_KINDS; i++)
		json_object_set_new(o, failure_names[i],
		    json_integer((json_int_t)r->sum.failed[i]));
	return o;
}

static json_t *
json_processes(const struct result *r)
{
	json_t *all = json_object();
	struct proc p;
	size_t i;

	for (i = 0; i < r->procs.count; i++) {
		p = sum_of_name(&r->procs, r->procs.at[i].name);
		json_object_set_new(all, r->procs.at[i].name, json_pack(
		    "{s:f, s:f, s:f}", "cpu_ms_per_order",
		    each(r, p.cpu_ms), "rss_mb", p.rss_kb / 1024, "pss_mb",
		    p.pss_kb / 1024));
	}
	return all;
}

int
report_json(const struct result *r)
{
	const struct options *o = r->opt;
	json_t *all;
	int rc;

	all = json_pack("{s:s, s:i, s:s, s:i, s:s, s:f, s:i, s:f, s:f, s:f,"
	    " s:f, s:f, s:i, s:i, s:i, s:b, s:o, s:o, s:o}",
	    "directory", o->directory, "workers", (int)o->workers,
	    "key", o->alg, "names", (int)o->names,
	    "connections", o->keep ? "kept" : "new", "rate", o->rate,
	    "orders", (int)orders(r), "seconds", r->seconds,
	    "orders_per_second", per_second(r),
	    "requests_per_order", each(r, (double)r->sum.requests),
	    "connections_per_order", each(r, (double)r->sum.connections),
	    "generator_cpu_ms_per_order", each(r, r->own_cpu_ms),
	    "polls", (int)r->sum.polls, "bad_nonces", (int)r->sum.bad_nonces,
	    "deferrals", (int)r->sum.deferrals, "slow", (int)result_slow(r),
	    "failures", json_failures(r), "steps", json_steps(r),
	    "processes", json_processes(r));
	if (strcmp(o->json, "-") == 0)
		rc = json_dumpf(all, stdout, JSON_INDENT(1));
	else
		rc = json_dump_file(all, o->json, JSON_INDENT(1));
	json_decref(all);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `chanceryctl init`: the key ceremony, step by step.  Each step either was
 * done by an earlier run, which the log or a token tells, or is done now.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../admin/ctl.h"
#include "../db/db.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "ceremony.h"
#define QUERIES_TABLE
#include "db/queries-owner.h"

#define CEREMONY_MEMORY	(16u << 20)

void
say(const struct ceremony *c, const char *fmt, ...)
{
	va_list ap;

	if (c->json)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* Options and the file; ends the program when they are not understood. */
static const char *
words(struct ceremony *c, int argc, char **argv)
{
	const char *file = NULL;
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--dry-run") == 0)
			c->dry_run = true;
		else if (strcmp(argv[i], "--json") == 0)
			c->json = true;
		else if (argv[i][0] == '-' || file != NULL)
			die(EXIT_MISUSE, "init: \"%s\" is not understood "
			    "(usage: chanceryctl init [--dry-run] [--json] "
			    "FILE)", argv[i]);
		else
			file = argv[i];
	}
	if (file == NULL)
		die(EXIT_MISUSE, "init: the ceremony's file is missing "
		    "(usage: chanceryctl init [--dry-run] [--json] FILE)");
	return file;
}

static const char *
days(struct ceremony *c, int64_t seconds)
{
	return arena_printf(c->arena, "%lld days",
	    (long long)(seconds / 86400));
}

static void
describe(struct ceremony *c)
{
	size_t i;

	say(c, "Root      %s, %s, %s", c->plan.root.common_name,
	    c->plan.root.key, days(c, c->plan.root.validity));
	say(c, "Issuing   %s (\"%s\"), %s, %s", c->plan.issuing.common_name,
	    c->plan.issuing.name, c->plan.issuing.key,
	    days(c, c->plan.issuing.validity));
	for (i = 0; i < c->plan.nprofiles; i++)
		say(c, "Profile   %s, %s", c->plan.profile[i].fixed.name,
		    days(c, c->plan.profile[i].fixed.validity));
	say(c, "Officer   %s, key in %s", c->plan.officer.name,
	    c->plan.officer.key_file != NULL ? c->plan.officer.key_file :
	    c->plan.officer.public_key_file);
	for (i = 0; i < c->plan.listener.n; i++)
		say(c, "Listener  %s, %s", c->plan.listener.v[i],
		    days(c, c->plan.listener_validity));
	say(c, "File      SHA-256 %s", c->plan.digest);
}

/* The host in base_url must be one of the listener's names. */
static int
check_listener(const struct ceremony *c)
{
	const char *host = c->conf->base_url + strlen("https://");
	size_t i, len = strcspn(host, ":/");

	if (*host == '[')		/* RFC 3986, 3.2.2 */
		len = strcspn(++host, "]");

	for (i = 0; i < c->plan.listener.n; i++)
		if (strlen(c->plan.listener.v[i]) == len &&
		    strncmp(c->plan.listener.v[i], host, len) == 0)
			return 0;
	log_error("listener.names lacks \"%.*s\", the host of base_url in %s: "
	    "clients would refuse the certificate", (int)len, host,
	    c->conf->file);
	return -1;
}

/* Everything up to the stored issuer. */
static int
make_issuer(struct ceremony *c)
{
	say(c, "\n1. Tokens");
	if (keys_open_tokens(c, true) == -1)
		return -1;
	say(c, "  \"%s\" and \"%s\": PINs accepted", c->plan.token.label,
	    c->conf->token.on.label);
	say(c, "\n2. Keys");
	if (keys_make(c) == -1)
		return -1;
	if (officer_key(c) == -1)
		return -1;
	if (c->dry_run)
		return 0;
	say(c, "\n3. Certificates");
	if (ca_begin(c) == -1)
		return -1;
	say(c, "  what will be signed is entry %lld of the log",
	    (long long)c->begun);
	if (ca_sign(c) == -1 || ca_store(c) == -1)
		return -1;
	say(c, "  root and issuing certificate signed, verified and stored");
	return officer_file(c);
}

/* The listener, when it has no certificate; then the files. */
static int
finish(struct ceremony *c)
{
	say(c, "\n4. Listener");
	if (listener_ready(c))
		say(c, "  has its certificate");
	else {
		if (c->issuing_token == NULL &&
		    (keys_open_tokens(c, false) == -1 || keys_make(c) == -1))
			return -1;
		if (listener_issue(c) == -1)
			return -1;
		say(c, "  certificate issued and logged");
	}
	say(c, "\n5. Files");
	if (record_files(c) == -1)
		return -1;
	say(c, "  %s/root.pem, issuing.pem, ceremony-record.txt\n  %s",
	    c->conf->state_dir, c->conf->acme.tls_certificate);
	return 0;
}

static int
ceremony(struct ceremony *c, const char **result)
{
	bool there;

	if (ca_load(c) == -1)
		return -1;
	there = c->done != -1;
	*result = there ? "already initialised" : c->dry_run ? "dry run" :
	    "initialised";
	if (!there && make_issuer(c) == -1)
		return -1;
	if (c->dry_run) {
		say(c, there ? "\nThis CA is initialised; nothing would be "
		    "made but what is missing of the listener." :
		    "\nNothing was made.  Without --dry-run: the keys above, "
		    "the two certificates, the log's first entries, the "
		    "profiles, the CA's own account, the listener's key and "
		    "certificate, the files below %s.",
		    c->conf->state_dir);
		return 0;
	}
	if (finish(c) == -1)
		return -1;
	say(c, "\nRoot SHA-256 %s\n%s", json_member_string(
	    json_object_get(c->record, "root"), "sha256"),
	    there ? "This CA was initialised before; nothing of it was "
	    "changed." : "Done.  Print the record, compare, sign; take the "
	    "root's token away.");
	return 0;
}

int
cmd_init(const struct conf *conf, int argc, char **argv)
{
	struct ceremony c = { .conf = conf, .begun = -1, .done = -1 };
	const char *file = words(&c, argc, argv), *result = "failed";
	char why[512], *text;
	json_t *summary;
	size_t len;
	int rv = -1;

	c.arena = arena_new(CEREMONY_MEMORY);
	if (plan_read(file, &c.plan, why, sizeof(why)) == -1)
		die(EXIT_FAILED, "%s", why);
	describe(&c);
	c.db = db_open(conf, conf->database.owner, queries_owner,
	    Q_OWNER_COUNT, why, sizeof(why));
	if (c.db == NULL)
		log_error("%s", why);
	else if (check_listener(&c) == 0)
		rv = ceremony(&c, &result);
	if (rv == 0 && c.json) {
		summary = record_summary(&c, result);
		text = json_pretty(c.arena, summary, &len);
		printf("%.*s", (int)len, text);
		json_decref(summary);
	}
	tokens_free(c.root_token);
	tokens_free(c.issuing_token);
	json_decref(c.record);
	if (c.db != NULL)
		db_close(c.db);
	arena_free(c.arena);
	return rv == 0 ? 0 : EXIT_FAILED;
}

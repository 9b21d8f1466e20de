/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-acme: the face of the CA towards ACME clients (RFC 8555).  This
 * file starts it: database, nonces, ports, sandbox; then its main thread is
 * the dispatcher of held requests, until the end.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "acme.h"
#include "acme_rules.h"
#include "conf.h"
#include "doorbell.h"
#include "hold.h"
#include "ident.h"
#include "log.h"
#include "nonce.h"
#include "pool.h"
#include "proc.h"
#include "sandbox.h"
#define QUERIES_TABLE
#include "db/queries-acme.h"

#define ROLE		"chancery_acme"
#define DRAIN_MS	8000	/* the supervisor kills after ten seconds */

static const struct conf *conf;
static int bell = -1;

const struct conf *
acme_conf(void)
{
	return conf;
}

/* The key that all nodes share; whoever starts first makes it. */
static void
nonces_start(void)
{
	unsigned char fresh[DIGEST_LEN];
	struct rows *rows = NULL;
	const unsigned char *key;
	size_t len = 0;

	random_octets(fresh, sizeof(fresh));
	if (pool_query(Q_NONCE_KEY_MAKE, NULL,
	    ARGS(arg_bytes(fresh, sizeof(fresh)))) != DB_OK ||
	    pool_query(Q_NONCE_KEY, &rows, NO_ARGS) != DB_OK ||
	    rows_count(rows) != 1)
		die(EXIT_FAILED, "cannot have the key of the nonces from the "
		    "database");
	key = row_bytes(rows, 0, 0, &len);
	if (len != DIGEST_LEN)
		die(EXIT_FAILED, "the key of the nonces in the database has "
		    "%zu octets instead of %d", len, DIGEST_LEN);
	nonce_start(key);
	rows_free(rows);
	OPENSSL_cleanse(fresh, sizeof(fresh));
}

/* Of files that others replace: the new ones have to be reached, too. */
static char *
folder_of(const char *path)
{
	char *copy = xstrdup(path);

	copy[strrchr(path, '/') - path + 1] = '\0';
	return copy;
}

/* The ports are ours, so no other chancery-acme runs and the bell may be
 * made anew. */
static void
listening(void)
{
	char *folder[] = { folder_of(conf->acme.tls_certificate),
	    folder_of(conf->acme.tls_key) };
	const char *const read[] = { folder[0], folder[1], NULL };

	bell = doorbell_open(conf, "acme");
	if (bell == -1)
		exit(EXIT_FAILED);
	sandbox_enter(SANDBOX_ACME, read, NULL);
	free(folder[0]);
	free(folder[1]);
}

static struct http *
listen_start(void)
{
	const struct http_config config = {
		.listen = conf->acme.listen.v,
		.nlisten = conf->acme.listen.n,
		.tls_certificate = conf->acme.tls_certificate,
		.tls_key = conf->acme.tls_key,
		.workers = conf->acme.workers,
		.per_address = conf->acme.per_address,
		.proxies = conf->acme.trusted_proxies,
		.nproxies = conf->acme.ntrusted_proxies,
		.body_max = JWS_MAX,
		.handler = acme_handle,
		.decorate = acme_decorate,
		.listening = listening,
	};

	/* RFC 8555, 6.1: over HTTPS and nothing else. */
	if (conf->acme.tls_certificate == NULL || conf->acme.tls_key == NULL)
		die(EXIT_OPERATOR, "%s: acme.tls_certificate and acme.tls_key "
		    "are needed: ACME is HTTPS only", conf->file);
	return http_start(&config);
}

static void
suffixes_start(void)
{
	const char *file = conf->policy.public_suffixes;

	if (file != NULL && ident_suffixes(file) == -1)
		die(EXIT_OPERATOR, "policy.public_suffixes: %s cannot be read "
		    "as a list of public suffixes", file);
}

int
main(int argc, char **argv)
{
	struct http *http;

	conf = proc_start("chancery-acme", argc, argv);
	pool_start(conf, ROLE, queries_acme, Q_ACME_COUNT,
	    conf->acme.connections);
	nonces_start();
	ident_own(conf->base_url);
	suffixes_start();
	acme_rules_start();
	http = listen_start();
	proc_ready();
	log_info("serving %s/directory", conf->base_url);
	hold_dispatch(bell);
	hold_end();
	http_stop(http, DRAIN_MS);
	pool_stop();
	acme_rules_stop();
	nonce_stop();
	return 0;
}

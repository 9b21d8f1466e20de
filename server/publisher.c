/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-publisher: plain HTTP for what anybody may fetch: root and issuing
 * certificates and a landing page.  All of it is made in memory from the
 * database once a minute; a request touches nothing else, so the database may
 * be away.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/x509.h>

#include "../db/db.h"
#include "conf.h"
#include "doorbell.h"
#include "enc.h"
#include "http.h"
#include "landing.h"
#include "log.h"
#include "mem.h"
#include "proc.h"
#include "sandbox.h"
#define QUERIES_TABLE
#include "db/queries-publisher.h"

#define REFRESH_MS	60000
#define DRAIN_MS	2000
#define SITE_MAX	(4 * 1024 * 1024)
#define WORKERS		64
#define PER_ADDRESS	32
#define BODY_MAX	1024		/* a GET has none */
#define HTTP_DATE	"%a, %d %b %Y %H:%M:%S GMT"	/* RFC 9110, 5.6.7 */

struct resource {
	const char	*path;
	const char	*type;
	const char	*policy;	/* Content-Security-Policy or NULL */
	const void	*body;
	size_t		 len;
	char		 etag[2 * DIGEST_LEN + 3];
	time_t		 modified;
};

/* Everything served, as of one look at the database. */
struct site {
	struct arena	*arena;
	struct resource	*v;
	size_t		 n;
};

static const struct conf	*conf;
static struct site		 site;
static pthread_rwlock_t		 site_lock = PTHREAD_RWLOCK_INITIALIZER;
static time_t			 started;

static void
add(struct site *s, const char *path, const char *type, const void *body,
    size_t len, time_t modified)
{
	struct resource	*r = &s->v[s->n++];
	unsigned char	 digest[DIGEST_LEN];

	r->path = path;
	r->type = type;
	r->body = body;
	r->len = len;
	r->modified = modified;
	sha256(body, len, digest);
	snprintf(r->etag, sizeof(r->etag), "\"%s\"",
	    hex_encode(s->arena, digest, sizeof(digest)));
}

/* A certificate as NAME.pem and NAME.crt (RFC 5280, 4.2.2.1 wants DER). */
static void
add_certificate(struct site *s, const char *name, const unsigned char *der,
    size_t len, time_t modified)
{
	const char	*pem;

	der = arena_memdup(s->arena, der, len);
	pem = pem_encode(s->arena, "CERTIFICATE", der, len);
	add(s, arena_printf(s->arena, "%s.pem", name),
	    "application/x-pem-file", pem, strlen(pem), modified);
	add(s, arena_printf(s->arena, "%s.crt", name),
	    "application/pkix-cert", der, len, modified);
}

static const char *
fingerprint(struct arena *arena, const unsigned char *der, size_t len)
{
	unsigned char	digest[DIGEST_LEN];
	struct buf	out;
	size_t		i;

	sha256(der, len, digest);
	buf_init(&out, arena);
	for (i = 0; i < sizeof(digest); i++)
		buf_printf(&out, "%s%02X", i == 0 ? "" : ":", digest[i]);
	return (const char *)out.data;
}

/* Subject's common name and last day of a certificate. */
static void
describe(struct arena *arena, struct landing *l, const unsigned char *der,
    size_t len)
{
	const unsigned char	*p = der;
	char			 name[256] = "", date[64] = "";
	struct tm		 tm;
	X509			*x;

	if ((x = d2i_X509(NULL, &p, (long)len)) != NULL) {
		X509_NAME_get_text_by_NID(X509_get_subject_name(x),
		    NID_commonName, name, sizeof(name));
		if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1)
			strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	}
	X509_free(x);
	l->subject = arena_strdup(arena, name);
	l->valid_until = arena_strdup(arena, date);
}

static void
add_landing(struct site *s, const struct rows *rows,
    const unsigned char *root, size_t len)
{
	const char	**names;
	struct landing	  l;
	struct buf	  out;
	size_t		  i;

	memset(&l, 0, sizeof(l));
	l.nissuers = rows_count(rows);
	names = arena_alloc(s->arena, l.nissuers * sizeof(*names));
	for (i = 0; i < l.nissuers; i++)
		names[i] = arena_strdup(s->arena, row_text(rows, i, 0));
	l.issuers = names;
	describe(s->arena, &l, root, len);
	l.fingerprint = fingerprint(s->arena, root, len);
	l.directory = arena_printf(s->arena, "%s/directory", conf->base_url);
	l.url = conf->publisher.url;
	buf_init(&out, s->arena);
	landing_print(&out, &l);
	add(s, "/", "text/html; charset=utf-8", out.data, out.len, started);
	s->v[s->n - 1].policy = landing_policy(s->arena);
}

static void
site_make(struct site *s, const struct rows *rows)
{
	const unsigned char	*der;
	time_t			 modified;
	size_t			 i, len;

	s->arena = arena_new(SITE_MAX);
	s->v = arena_alloc(s->arena,
	    (2 * rows_count(rows) + 3) * sizeof(*s->v));
	s->n = 0;
	for (i = 0; i < rows_count(rows); i++) {
		modified = (time_t)row_int(rows, i, 3);
		if (i == 0) {
			der = row_bytes(rows, i, 2, &len);
			add_certificate(s, "/root", der, len, modified);
			add_landing(s, rows, der, len);
		}
		der = row_bytes(rows, i, 1, &len);
		add_certificate(s, arena_printf(s->arena, "/issuers/%s",
		    row_text(rows, i, 0)), der, len, modified);
	}
}

/* Look at the database and change what is served; -1 when it cannot. */
static int
refresh(struct db *db)
{
	struct rows	*rows;
	struct site	 fresh, old;

	if (db_query(db, Q_PUBLISHER_ISSUERS, &rows, NO_ARGS) == -1)
		return -1;
	site_make(&fresh, rows);
	rows_free(rows);
	pthread_rwlock_wrlock(&site_lock);
	old = site;
	site = fresh;
	pthread_rwlock_unlock(&site_lock);
	arena_free(old.arena);
	return 0;
}

/* RFC 9110, 13.2.2: If-None-Match decides, else If-Modified-Since. */
static bool
unchanged(const struct http_request *req, const struct resource *r)
{
	const char	*value;
	struct tm	 tm = { 0 };

	value = http_request_header(req, "If-None-Match");
	if (value != NULL)
		return strcmp(value, "*") == 0 ||
		    strstr(value, r->etag) != NULL;
	value = http_request_header(req, "If-Modified-Since");
	return value != NULL && strptime(value, HTTP_DATE, &tm) != NULL &&
	    r->modified <= timegm(&tm);
}

static void
say(struct http_reply *reply, int status, const char *text)
{
	reply->status = status;
	reply->type = "text/plain; charset=utf-8";
	reply->body = text;
	reply->body_len = strlen(text);
}

static void
serve(const struct http_request *req, struct http_reply *reply,
    const struct resource *r)
{
	char		date[64];
	struct tm	tm;

	strftime(date, sizeof(date), HTTP_DATE, gmtime_r(&r->modified, &tm));
	http_header(reply, "ETag", "%s", r->etag);
	http_header(reply, "Last-Modified", "%s", date);
	http_header(reply, "Cache-Control", "max-age=300");
	if (r->policy != NULL)
		http_header(reply, "Content-Security-Policy", "%s",
		    r->policy);
	if (unchanged(req, r)) {
		reply->status = 304;
		return;
	}
	reply->type = r->type;
	reply->body = arena_memdup(req->arena, r->body, r->len);
	reply->body_len = r->len;
}

static void
handle(const struct http_request *req, struct http_reply *reply)
{
	size_t	i;

	http_header(reply, "X-Content-Type-Options", "nosniff");
	http_header(reply, "Referrer-Policy", "no-referrer");
	if (strcmp(req->method, "GET") != 0 &&
	    strcmp(req->method, "HEAD") != 0) {
		http_header(reply, "Allow", "GET, HEAD");
		say(reply, 405, "Only GET and HEAD are answered here.\n");
		return;
	}
	pthread_rwlock_rdlock(&site_lock);
	for (i = 0; i < site.n; i++)
		if (strcmp(site.v[i].path, req->path) == 0) {
			serve(req, reply, &site.v[i]);
			break;
		}
	if (i == site.n)
		say(reply, 404, "There is nothing of this name.\n");
	pthread_rwlock_unlock(&site_lock);
}

static void
listening(void)
{
	sandbox_enter(SANDBOX_PUBLISHER, NULL, NULL);
}

static struct http *
serve_start(void)
{
	const struct http_config config = {
		.listen = conf->publisher.listen.v,
		.nlisten = conf->publisher.listen.n,
		.workers = WORKERS,
		.per_address = PER_ADDRESS,
		.body_max = BODY_MAX,
		.handler = handle,
		.listening = listening,
	};

	return http_start(&config);
}

static struct db *
connect_database(char *why, size_t whylen)
{
	return db_open(conf, "chancery_publisher", queries_publisher,
	    Q_PUBLISHER_COUNT, why, whylen);
}

/* Every minute, or when the bell rings; a lost database is asked anew. */
static void
follow(struct db *db, int bell)
{
	char	why[1024];

	while (!proc_stopping()) {
		doorbell_wait(bell, REFRESH_MS);
		if (proc_stopping())
			break;
		if (db != NULL && !db_alive(db)) {
			db_close(db);
			db = NULL;
		}
		if (db == NULL &&
		    (db = connect_database(why, sizeof(why))) == NULL)
			log_warn("%s; serving what was read before", why);
		else
			refresh(db);
	}
	db_close(db);
}

int
main(int argc, char **argv)
{
	struct http	*http;
	struct db	*db;
	char		 why[1024];
	int		 bell;

	conf = proc_start("chancery-publisher", argc, argv);
	started = time(NULL);
	if ((db = connect_database(why, sizeof(why))) == NULL)
		die(EXIT_FAILED, "%s", why);
	if (refresh(db) == -1)
		die(EXIT_FAILED, "the issuers cannot be read (the database's "
		    "words are above)");
	if (site.n == 0)
		die(EXIT_OPERATOR, "there is no issuer yet (hold the "
		    "ceremony: chanceryctl init)");
	if ((bell = doorbell_open(conf, "publisher")) == -1)
		return EXIT_FAILED;
	http = serve_start();
	proc_ready();
	follow(db, bell);
	http_stop(http, DRAIN_MS);
	return 0;
}

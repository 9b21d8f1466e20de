/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of a listener: the context, and the pair of certificate and key that
 * each handshake takes from here.  An SSL_CTX that is in use cannot be given
 * another certificate safely, an SSL can: so the pair is held beside it.
 */
#include <sys/stat.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "http_tls.h"
#include "log.h"
#include "mem.h"

#define LOOK_SECONDS	2
#define CHAIN_MAX	16

/* A leaf, its key, and what is above it. */
struct pair {
	X509		*leaf;
	EVP_PKEY	*key;
	STACK_OF(X509)	*chain;
};

/* Which state of the files; a change of any of this is a change. */
struct mark {
	struct {
		dev_t		device;
		ino_t		inode;
		off_t		size;
		struct timespec	modified, changed;
	} file[2];
};

struct http_tls {
	const char	*certificate, *key;	/* the files */
	SSL_CTX		*context;
	pthread_mutex_t	 lock;			/* of pair, stopping */
	pthread_cond_t	 stop;
	struct pair	 pair;
	bool		 stopping, watched;
	pthread_t	 thread;
	struct mark	 taken, seen;	/* the last tried, the last look */
};

static void
pair_clear(struct pair *p)
{
	X509_free(p->leaf);
	EVP_PKEY_free(p->key);
	sk_X509_pop_free(p->chain, X509_free);
	memset(p, 0, sizeof(*p));
}

/* ----------------------------------------------------------------- reading */

static int
why_openssl(char *why, size_t whylen, const char *file, const char *advice)
{
	unsigned long e = ERR_peek_error();
	const char *reason = ERR_SYSTEM_ERROR(e) ?
	    strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);

	/* The first of the queue is the cause of the others. */
	snprintf(why, whylen, "%s: %s; %s", file, reason == NULL ?
	    "no PEM data" : reason, advice);
	ERR_clear_error();
	return -1;
}

static int
read_chain(const char *file, struct pair *p, char *why, size_t whylen)
{
	FILE *f;
	X509 *x;

	p->chain = sk_X509_new_null();
	if (p->chain == NULL || (f = fopen(file, "re")) == NULL) {
		snprintf(why, whylen, "%s: %s; it must be a PEM chain, leaf "
		    "first", file, strerror(errno));
		return -1;
	}
	p->leaf = PEM_read_X509(f, NULL, NULL, NULL);
	while (p->leaf != NULL && sk_X509_num(p->chain) < CHAIN_MAX &&
	    (x = PEM_read_X509(f, NULL, NULL, NULL)) != NULL)
		if (sk_X509_push(p->chain, x) == 0)
			X509_free(x);
	fclose(f);
	if (p->leaf == NULL)
		return why_openssl(why, whylen, file,
		    "it must be a PEM chain, leaf first");
	/* After the last one; but a certificate that is damaged is not that. */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return why_openssl(why, whylen, file,
		    "the chain is damaged");
	ERR_clear_error();
	return 0;
}

/* No passphrase is asked for: nobody is there. */
static int
no_passphrase(char *buf, int size, int rwflag, void *user)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)user;
	return -1;
}

/* The key in the file that is the leaf's. */
static int
read_key(const char *file, const char *certificate, struct pair *p,
    char *why, size_t whylen)
{
	bool any = false;
	FILE *f;

	if ((f = fopen(file, "re")) == NULL) {
		snprintf(why, whylen, "%s: %s; it must be the PEM key of %s",
		    file, strerror(errno), certificate);
		return -1;
	}
	while ((p->key = PEM_read_PrivateKey(f, NULL, no_passphrase,
	    NULL)) != NULL) {
		any = true;
		if (X509_check_private_key(p->leaf, p->key) == 1)
			break;
		EVP_PKEY_free(p->key);
	}
	fclose(f);
	if (p->key != NULL) {
		ERR_clear_error();
		return 0;
	}
	if (!any)
		return why_openssl(why, whylen, file, "it must be a PEM key "
		    "without a passphrase");
	snprintf(why, whylen, "%s: key values mismatch; it must be the PEM "
	    "key of %s", file, certificate);
	ERR_clear_error();
	return -1;
}

/* What OpenSSL would refuse at a handshake (a key too weak) it refuses here. */
static int
try_pair(SSL_CTX *context, const struct pair *p, const char *file, char *why,
    size_t whylen)
{
	SSL *ssl = SSL_new(context);
	int ok;

	ok = ssl != NULL && SSL_use_cert_and_key(ssl, p->leaf, p->key,
	    p->chain, 1) == 1;
	SSL_free(ssl);
	return ok ? 0 : why_openssl(why, whylen, file,
	    "TLS does not do with it");
}

static int
pair_read(const struct http_tls *t, struct pair *p, char *why, size_t whylen)
{
	ERR_clear_error();
	memset(p, 0, sizeof(*p));
	if (read_chain(t->certificate, p, why, whylen) == 0 &&
	    read_key(t->key, t->certificate, p, why, whylen) == 0 &&
	    try_pair(t->context, p, t->certificate, why, whylen) == 0)
		return 0;
	pair_clear(p);
	return -1;
}

static void
look(const struct http_tls *t, struct mark *m)
{
	const char *const names[] = { t->certificate, t->key };
	struct stat st;
	size_t i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < nitems(names); i++) {
		if (stat(names[i], &st) == -1)
			continue;
		m->file[i].device = st.st_dev;
		m->file[i].inode = st.st_ino;
		m->file[i].size = st.st_size;
		m->file[i].modified = st.st_mtim;
		m->file[i].changed = st.st_ctim;
	}
}

/* ---------------------------------------------------------------- swapping */

static void
pair_tell(const struct pair *p, char *text, size_t len)
{
	char serial[48] = "";
	struct tm tm = { 0 };
	BIGNUM *bn;
	char *hex;

	bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(p->leaf), NULL);
	hex = bn == NULL ? NULL : BN_bn2hex(bn);
	snprintf(serial, sizeof(serial), "%s", hex == NULL ? "?" : hex);
	OPENSSL_free(hex);
	BN_free(bn);
	ASN1_TIME_to_tm(X509_get0_notAfter(p->leaf), &tm);
	snprintf(text, len, "serial=%s not_after=%04d-%02d-%02dT"
	    "%02d:%02d:%02dZ", serial, tm.tm_year + 1900, tm.tm_mon + 1,
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* One that has ended is no better than the one that we have. */
static bool
worse(const struct pair *next, const struct pair *now)
{
	return X509_cmp_current_time(X509_get0_notAfter(next->leaf)) < 0 &&
	    X509_cmp_current_time(X509_get0_notAfter(now->leaf)) > 0;
}

static void
swap(struct http_tls *t)
{
	char why[512] = "", text[128];
	struct pair next, old;

	if (pair_read(t, &next, why, sizeof(why)) == 0 &&
	    worse(&next, &t->pair)) {
		snprintf(why, sizeof(why), "%s has expired", t->certificate);
		pair_clear(&next);
	}
	if (why[0] != '\0') {
		log_error("the new TLS certificate is not used: %s (the old "
		    "one stays in use)", why);
		return;
	}
	pthread_mutex_lock(&t->lock);
	old = t->pair;
	t->pair = next;
	pthread_mutex_unlock(&t->lock);
	if (X509_cmp(old.leaf, next.leaf) != 0) {
		pair_tell(&next, text, sizeof(text));
		log_info("TLS certificate replaced: %s", text);
	}
	pair_clear(&old);
}

/* Files that still change are left alone until the next look. */
void
http_tls_look(struct http_tls *t)
{
	struct mark now;
	bool still;

	look(t, &now);
	still = memcmp(&now, &t->seen, sizeof(now)) == 0;
	t->seen = now;
	if (!still || memcmp(&now, &t->taken, sizeof(now)) == 0)
		return;
	t->taken = now;
	swap(t);
}

static void *
watch(void *arg)
{
	struct http_tls *t = arg;
	struct timespec until;
	bool stopping = false;

	while (!stopping) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += LOOK_SECONDS;
		pthread_mutex_lock(&t->lock);
		if (!t->stopping)
			pthread_cond_timedwait(&t->stop, &t->lock, &until);
		stopping = t->stopping;
		pthread_mutex_unlock(&t->lock);
		if (!stopping)
			http_tls_look(t);
	}
	return NULL;
}

void
http_tls_watch(struct http_tls *t)
{
	if (pthread_create(&t->thread, NULL, watch, t) != 0)
		die(EXIT_FAILED, "no thread for the TLS certificate: %s",
		    strerror(errno));
	t->watched = true;
}

/* ------------------------------------------------------------------ serving */

/* At each full handshake: the pair of this moment. */
static int
give_pair(SSL *ssl, void *arg)
{
	struct http_tls *t = arg;
	struct pair p;
	int ok;

	pthread_mutex_lock(&t->lock);
	p.leaf = t->pair.leaf;
	p.key = t->pair.key;
	X509_up_ref(p.leaf);
	EVP_PKEY_up_ref(p.key);
	p.chain = X509_chain_up_ref(t->pair.chain);
	pthread_mutex_unlock(&t->lock);
	/* The context's own is of the start, perhaps of another kind of key. */
	SSL_certs_clear(ssl);
	ok = p.chain != NULL && SSL_use_cert_and_key(ssl, p.leaf, p.key,
	    p.chain, 1) == 1;
	pair_clear(&p);
	return ok;
}

/* RFC 7301, 3.2: HTTP/1.1, or an alert to who offers only other protocols. */
static int
alpn_select(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned inlen, void *arg)
{
	static const unsigned char http11[] = "\x08http/1.1";

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)out, outlen, http11,
	    sizeof(http11) - 1, in, inlen) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *
context_new(void)
{
	static const unsigned char session[] = "chancery";
	SSL_CTX *tls;

	tls = SSL_CTX_new(TLS_server_method());
	if (tls == NULL ||
	    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_session_id_context(tls, session,
	    sizeof(session) - 1) != 1)
		die(EXIT_FAILED, "OpenSSL does not do TLS");
	SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	    SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_alpn_select_cb(tls, alpn_select, NULL);
	return tls;
}

struct http_tls *
http_tls_new(const char *certificate, const char *key)
{
	struct http_tls *t = xcalloc(1, sizeof(*t));
	char why[512] = "";

	t->certificate = certificate;
	t->key = key;
	t->context = context_new();
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->stop, NULL);
	look(t, &t->taken);
	t->seen = t->taken;
	if (pair_read(t, &t->pair, why, sizeof(why)) == -1)
		die(EXIT_OPERATOR, "cannot use the TLS certificate: %s", why);
	/* CivetWeb and OpenSSL want one there before the first handshake. */
	if (SSL_CTX_use_cert_and_key(t->context, t->pair.leaf, t->pair.key,
	    t->pair.chain, 1) != 1)
		die(EXIT_FAILED, "OpenSSL does not do TLS");
	SSL_CTX_set_cert_cb(t->context, give_pair, t);
	return t;
}

SSL_CTX *
http_tls_context(struct http_tls *t)
{
	return t->context;
}

void
http_tls_free(struct http_tls *t)
{
	if (t == NULL)
		return;
	if (t->watched) {
		pthread_mutex_lock(&t->lock);
		t->stopping = true;
		pthread_cond_signal(&t->stop);
		pthread_mutex_unlock(&t->lock);
		pthread_join(t->thread, NULL);
	}
	SSL_CTX_free(t->context);
	pair_clear(&t->pair);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->stop);
	free(t);
}

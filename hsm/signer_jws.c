/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The own account's signatures: who may ask (the user of chancery-renew, a
 * few connections), for what (own_jws.c), how often.  A question holds up the
 * signer for one signature of the token, so there is a measure to them.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../db/db.h"
#include "db/queries-signer.h"
#include "../server/conf.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "../server/renewwire.h"
#include "own_jws.h"
#include "signer.h"
#include "signer_jws.h"
#include "tokenwire.h"

#define MEMORY		(4u << 20)
#define CONNECTIONS	4
#define MEASURE		120	/* signatures ... */
#define MEASURE_MS	60000	/* ... in a minute */
#define SPKI_P256	91	/* octets; the last 64 are x and y */

static int		 listen_fd = -1, epoll_fd = -1;
static int		 client[CONNECTIONS];
static size_t		 nclients;
static unsigned		 signatures;	/* since `since` */
static long long	 since;

/* The account, once it is known; heap. */
static char		*account;	/* its URL */
static char		*jwk;		/* canonical */
static unsigned char	 key_id[KEY_ID_LEN];

static void
watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == -1)
		die(EXIT_FAILED, "epoll_ctl: %s", strerror(errno));
}

void
jws_open(struct signer *s)
{
	listen_fd = proc_bind(s->conf, RENEW_SOCKET_DIR, RENEW_SOCKET_NAME,
	    SOCK_SEQPACKET);
	if (listen_fd == -1)
		die(EXIT_FAILED, "chancery-renew cannot reach us without "
		    "%s/" RENEW_SOCKET_DIR "/" RENEW_SOCKET_NAME,
		    s->conf->run_dir);
	if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		die(EXIT_FAILED, "epoll_create1: %s", strerror(errno));
	watch(listen_fd);
}

int
jws_fd(void)
{
	return epoll_fd;
}

/* A thief of chancery-renew cannot flood the log: the first, and a count. */
static void
tell_refusal(const char *why)
{
	static long long told;
	static unsigned count;
	long long now = proc_monotonic_ms();

	count++;
	if (told != 0 && now - told < MEASURE_MS)
		return;
	log_warn("not signed with the own account's key: %s (count=%u)", why,
	    count);
	told = now;
	count = 0;
}

/* ------------------------------------------------------------- the account */

/* The own account's key in the token: 1, or 0 with `why`. */
static int
find_key(struct signer *s, struct arena *a, const struct token_key **out,
    char *why, size_t whylen)
{
	struct token_key *keys;
	size_t i, count;

	keys = tokens_keys(s->tokens, a, &count, why, whylen);
	if (keys == NULL)
		return 0;
	for (i = 0; i < count; i++)
		if (strcmp(keys[i].label, KEY_LABEL_ACCOUNT) == 0 &&
		    strcmp(keys[i].kind, "P-256") == 0 &&
		    keys[i].spki_len == SPKI_P256) {
			*out = &keys[i];
			return 1;
		}
	snprintf(why, whylen, "the token has no key %s on P-256",
	    KEY_LABEL_ACCOUNT);
	return 0;
}

/* RFC 7638, 3: the members in their order. */
static char *
print_jwk(struct arena *a, const struct token_key *key)
{
	const unsigned char *x = key->spki + SPKI_P256 - 64;

	return arena_printf(a, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\","
	    "\"y\":\"%s\"}", b64u_encode(a, x, 32), b64u_encode(a, x + 32,
	    32));
}

/* Its row by the key's thumbprint: the URL, or NULL. */
static char *
find_url(struct signer *s, struct arena *a, const char *text)
{
	unsigned char thumbprint[DIGEST_LEN];
	const unsigned char *public;
	struct rows *rows = NULL;
	char *url = NULL;
	size_t len;

	sha256(text, strlen(text), thumbprint);
	if (db_query(s->db, Q_OWN_ACCOUNT, &rows, ARGS(arg_bytes(thumbprint,
	    sizeof(thumbprint)))) == -1)
		return NULL;
	if (rows_count(rows) == 1) {
		public = row_bytes(rows, 0, 1, &len);
		if (len == SECRET_LEN)
			url = arena_printf(a, "%s/acme/account/%s",
			    s->conf->base_url, public_id_print(a,
			    row_int(rows, 0, 0), public));
	}
	rows_free(rows);
	return url;
}

static int
learn(struct signer *s, struct arena *a, char *why, size_t whylen)
{
	const struct token_key *key = NULL;
	const char *url, *text;

	if (account != NULL)
		return 0;
	if (find_key(s, a, &key, why, whylen) == 0)
		return -1;
	text = print_jwk(a, key);
	if ((url = find_url(s, a, text)) == NULL) {
		snprintf(why, whylen, "no account has the key %s of the "
		    "token", KEY_LABEL_ACCOUNT);
		return -1;
	}
	memcpy(key_id, key->id, KEY_ID_LEN);
	jwk = xstrdup(text);
	account = xstrdup(url);
	return 0;
}

/* ------------------------------------------------------------ the questions */

/* Of what an officer granted without proof, the names that are no pattern. */
static json_t *
plain_names(const char *body)
{
	const char *why, *text;
	json_t *directive, *value, *names = json_array();
	size_t i;

	directive = json_read_object(body, strlen(body), &why);
	json_array_foreach(json_object_get(directive, "prevalidated"), i,
	    value) {
		text = json_string_value(value);
		if (text != NULL && text[0] != '.' && strchr(text, '/') ==
		    NULL)
			json_array_append(names, value);
	}
	json_decref(directive);
	return names;
}

/* Advice for chancery-renew, not authority: so no seal is looked at. */
static int
answer_who(struct signer *s, struct arena *a, struct buf *out, char *why,
    size_t whylen)
{
	struct rows *rows = NULL;
	json_t *answer;
	size_t len;
	char *text;

	if (db_query(s->db, Q_OWN_NAMES, &rows, NO_ARGS) == -1) {
		snprintf(why, whylen, "the database does not answer");
		return -1;
	}
	answer = json_pack("{s:s, s:o}", "account", account, "names",
	    plain_names(rows_count(rows) == 1 ? row_text(rows, 0, 0) :
	    "null"));
	rows_free(rows);
	text = json_canonical(a, answer, &len);
	json_decref(answer);
	buf_add(out, text, len);
	return 0;
}

/* Never release what does not verify: the token may lie. */
static bool
verifies(struct arena *a, const char *input, const struct token_job *job)
{
	struct problem p = { 0 };
	struct jws jws = { 0 };
	struct jwk key = { 0 };
	bool ok;

	jws.alg = "ES256";
	jws.signing_input = input;
	jws.signature = arena_memdup(a, job->sig, job->sig_len);
	jws.signature_len = job->sig_len;
	sha256(input, strlen(input), jws.digest);
	ok = jwk_parse_text(a, jwk, &key, &p) == 0 &&
	    jws_verify(&jws, &key, &p) == 0;
	jwk_clear(&key);
	return ok;
}

static bool
too_many(void)
{
	long long now = proc_monotonic_ms();

	if (since == 0 || now - since >= MEASURE_MS) {
		since = now;
		signatures = 0;
	}
	return ++signatures > MEASURE;
}

static int
answer_sign(struct signer *s, struct arena *a, const char *input, size_t len,
    struct buf *out, char *why, size_t whylen)
{
	struct token_job *job = arena_alloc(a, sizeof(*job));

	if (own_jws_check(s->conf->base_url, account, input, len, why,
	    whylen) == -1) {
		tell_refusal(why);
		return -1;
	}
	if (too_many()) {
		snprintf(why, whylen, "more than %d signatures in a minute",
		    MEASURE);
		tell_refusal(why);
		return -1;
	}
	job->purpose = TOKEN_JWS;
	memcpy(job->key_id, key_id, KEY_ID_LEN);
	job->tbs = (const unsigned char *)input;
	job->tbs_len = len;
	if (tokens_sign(s->tokens, job, 1) != 1) {
		snprintf(why, whylen, "the token does not sign: %s",
		    job->why);
		return -1;
	}
	if (!verifies(a, input, job)) {
		snprintf(why, whylen, "the token's signature is wrong");
		log_error("own account: %s", why);
		return -1;
	}
	buf_add(out, job->sig, job->sig_len);
	return 0;
}

static void
answer(struct signer *s, int fd, const char *input, size_t len)
{
	struct arena *a = arena_new(MEMORY);
	char why[256] = "";
	struct buf out;
	int rc;

	buf_init(&out, a);
	buf_add(&out, &(const char){ RENEW_DONE }, 1);
	rc = learn(s, a, why, sizeof(why));
	if (rc == 0 && strcmp(input, RENEW_WHO) == 0)
		rc = answer_who(s, a, &out, why, sizeof(why));
	else if (rc == 0)
		rc = answer_sign(s, a, input, len, &out, why, sizeof(why));
	if (rc == -1) {
		buf_init(&out, a);
		buf_printf(&out, "%c%s", RENEW_REFUSED, why);
	}
	if (send(fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		log_warn("own account: %s", strerror(errno));
	arena_free(a);
}

/* ---------------------------------------------------------- the connections */

static void
take_client(struct signer *s)
{
	int fd;

	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1)
		return;
	if (!proc_peer_is(fd, s->conf->renew.user) ||
	    nclients == CONNECTIONS) {
		tell_refusal(nclients == CONNECTIONS ?
		    "too many connections" :
		    "a connection of another user than chancery-renew's");
		close(fd);
		return;
	}
	client[nclients++] = fd;
	watch(fd);
}

static void
drop_client(int fd)
{
	size_t i;

	for (i = 0; i < nclients; i++)
		if (client[i] == fd) {
			client[i] = client[--nclients];
			close(fd);
			return;
		}
}

/* One question, or the end. */
static void
hear_client(struct signer *s, int fd)
{
	static char text[RENEW_MESSAGE_MAX + 2];
	ssize_t n;

	n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	if (n <= 0 || n > RENEW_MESSAGE_MAX) {
		drop_client(fd);
		return;
	}
	text[n] = '\0';
	answer(s, fd, text, (size_t)n);
}

void
jws_tend(struct signer *s)
{
	struct epoll_event event;

	/* One at a time: between two, requests have their turn. */
	if (epoll_wait(epoll_fd, &event, 1, 0) != 1)
		return;
	if (event.data.fd == listen_fd)
		take_client(s);
	else
		hear_client(s, event.data.fd);
}

void
jws_close(void)
{
	while (nclients > 0)
		drop_client(client[0]);
	close(listen_fd);
	close(epoll_fd);
}

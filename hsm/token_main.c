/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-token: a disposable worker that maps the PKCS#11 module, logs in
 * once and answers questions one by one, of the signer or of the ceremony.
 * It is no oracle: it takes whole to-be-signed octets, checks that they are
 * what the question says and fit the key, and hashes them itself.  After any
 * failure of the token it leaves, to be started again.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "../server/conf.h"
#include "../server/jws_key.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "../server/sandbox.h"
#include "attributes.h"
#include "checkpoint.h"
#include "eab.h"
#include "jws_input.h"
#include "softhsm.h"
#include "tbs.h"
#include "token.h"
#include "tokenwire.h"

#define RETRY_MIN_MS	50
#define RETRY_MAX_MS	1000

struct worker {
	const struct conf	*conf;
	struct conf_token	 on;
	struct token		*token;
	bool			 ceremony;
	bool			 failed;	/* answer, then leave */
	unsigned char		 data[WIRE_DATA_MAX + 1];
	struct token_key	 key;		/* answers, when they are */
	unsigned char		 sig[1024];
};

/*
 * Leave without exit handlers: modules are known to crash in theirs
 * (atexit(3), threads).
 */
static void __attribute__((noreturn))
leave(int code)
{
	fflush(NULL);
	_exit(code);
}

/* ---------------------------------------------------------------- answers */

static int
answer(int fd, struct wire_answer *a, const void *data, size_t len)
{
	struct iovec iov[2] = { { a, sizeof(*a) }, { (void *)data, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	a->version = WIRE_VERSION;
	a->len = (uint32_t)len;
	return sendmsg(fd, &msg, MSG_NOSIGNAL) ==
	    (ssize_t)(sizeof(*a) + len) ? 0 : -1;
}

static int
refuse(struct wire_answer *a, const char *why)
{
	a->status = WIRE_REFUSED;
	snprintf(a->why, sizeof(a->why), "%s", why);
	return -1;
}

/* The token failed: say so, and do not go on with it. */
static int
broken(struct worker *w, struct wire_answer *a, const struct token_error *e)
{
	a->status = WIRE_FAILED;
	snprintf(a->why, sizeof(a->why), "%s", e->text);
	log_error("%s", e->text);
	w->failed = true;
	return -1;
}

/*
 * A key does one thing: the labels that chanceryctl init gives out tell which.
 * A key with another label is an issuer's for the signer, and an officer's in
 * the officer's own token (a ceremony's worker).
 */
static const struct use {
	const char	*label;
	int		 purpose;	/* -1: it signs nothing */
} uses[] = {
	{ KEY_LABEL_LOG, TOKEN_LOG_HEAD },
	{ KEY_LABEL_SEAL, -1 },
	{ KEY_LABEL_EAB, -1 },
	{ KEY_LABEL_ACCOUNT, TOKEN_JWS },
	{ KEY_LABEL_ROOT, TOKEN_CERTIFICATE },
	{ KEY_LABEL_ISSUING, TOKEN_CERTIFICATE },
};

static bool
may(const struct worker *w, const struct token_key *key, uint32_t purpose)
{
	size_t i;

	for (i = 0; i < nitems(uses); i++)
		if (strcmp(uses[i].label, key->label) == 0)
			return (int)purpose == uses[i].purpose;
	return purpose == TOKEN_CERTIFICATE ||
	    (purpose == TOKEN_JWS && w->ceremony);
}

/* May this key sign these octets?  NULL, or why not. */
static const char *
objection(const struct worker *w, const struct wire_question *q,
    const struct token_key *key)
{
	if (key->spki_len == 0)
		return "this key does not sign";
	if (!may(w, key, q->purpose))
		return "this key is not for that";
	switch (q->purpose) {
	case TOKEN_LOG_HEAD:
		return checkpoint_is(w->data, q->len) ? NULL :
		    "these octets are not a checkpoint";
	case TOKEN_JWS:
		return jws_input_objection(w->data, q->len, key->kind);
	default:
		return tbs_objection(w->data, q->len, key->spki,
		    key->spki_len, w->ceremony);
	}
}

/* The form that JWS wants, in place of what the token gave. */
static int
as_jws(struct worker *w, const struct token_key *key, size_t *len)
{
	size_t half = jws_half(jws_input_alg(key->kind));
	unsigned char raw[sizeof(w->sig)];

	if (half == 0)
		return 0;
	if (jws_raw(w->sig, *len, half, raw) == -1)
		return -1;
	*len = 2 * half;
	memcpy(w->sig, raw, *len);
	return 0;
}

static int
do_sign(struct worker *w, const struct wire_question *q,
    struct wire_answer *a, const void **out, size_t *outlen)
{
	const struct token_key *key;
	struct token_error e;
	const char *why;

	if ((key = token_key_by_id(w->token, q->key_id)) == NULL)
		return refuse(a, "the token has no key with this id");
	if ((why = key_objection(key)) != NULL ||
	    (why = objection(w, q, key)) != NULL)
		return refuse(a, why);
	*out = w->sig;
	*outlen = sizeof(w->sig);
	if (token_sign(w->token, key, w->data, q->len, w->sig, outlen,
	    &e) == -1)
		return broken(w, a, &e);
	if (q->purpose == TOKEN_JWS && as_jws(w, key, outlen) == -1)
		return refuse(a, "the token's signature is not ECDSA's");
	return 0;
}

/* The one secret key with this label, or NULL with the refusal written. */
static const struct token_key *
secret_key(struct worker *w, struct wire_answer *a, const char *label)
{
	const struct token_key *key = token_key_by_label(w->token, label);
	const char *why;

	if (key == NULL || strcmp(key->kind, "HMAC") != 0) {
		a->status = WIRE_REFUSED;
		snprintf(a->why, sizeof(a->why), "the token has not exactly "
		    "one key \"%s\" (made by chanceryctl init)", label);
		return NULL;
	}
	if ((why = key_objection(key)) != NULL) {
		refuse(a, why);
		return NULL;
	}
	return key;
}

static int
do_derive(struct worker *w, const struct wire_question *q,
    struct wire_answer *a, const void **out, size_t *outlen)
{
	const struct token_key *key = secret_key(w, a, KEY_LABEL_SEAL);
	struct token_error e;

	if (key == NULL)
		return -1;
	*out = w->sig;
	*outlen = DIGEST_LEN;
	if (token_hmac(w->token, key, w->data, q->len, w->sig, &e) == -1)
		return broken(w, a, &e);
	return 0;
}

/* The MAC key of a key id, into w->sig, where it is wiped. */
static int
eab_key(struct worker *w, struct wire_answer *a, const void *kid, size_t len)
{
	const struct token_key *key = secret_key(w, a, KEY_LABEL_EAB);
	struct token_error e;

	if (key == NULL)
		return -1;
	if (len == 0 || len > EAB_KID_MAX)
		return refuse(a, "this is no EAB key id");
	if (token_hmac(w->token, key, kid, len, w->sig, &e) == -1)
		return broken(w, a, &e);
	return 0;
}

static int
do_eab_key(struct worker *w, const struct wire_question *q,
    struct wire_answer *a, const void **out, size_t *outlen)
{
	*out = w->sig;
	*outlen = DIGEST_LEN;
	return eab_key(w, a, w->data, q->len);
}

static int
do_eab_verify(struct worker *w, const struct wire_question *q,
    struct wire_answer *a, const void **out, size_t *outlen)
{
	struct eab_question eab;

	if (eab_unpack(w->data, q->len, &eab) == -1)
		return refuse(a, "this is no EAB binding");
	if (eab_key(w, a, eab.kid, strlen(eab.kid)) == -1)
		return -1;
	w->sig[0] = eab_holds(&eab, w->sig);
	OPENSSL_cleanse(w->sig + 1, DIGEST_LEN - 1);
	*out = w->sig;
	*outlen = 1;
	return 0;
}

static int
do_key(struct worker *w, const struct wire_question *q,
    struct wire_answer *a, const void **out, size_t *outlen)
{
	const struct token_key *key;

	a->count = (uint32_t)token_count(w->token);
	if (a->count == 0 && q->purpose == 0)
		return 0;
	if ((key = token_key(w->token, q->purpose)) == NULL)
		return refuse(a, "the token has no key of this number");
	*out = key;
	*outlen = sizeof(*key);
	return 0;
}

static int
do_generate(struct worker *w, const struct wire_question *q,
    struct wire_answer *a, const void **out, size_t *outlen)
{
	const char *kind = (const char *)w->data, *label;
	struct token_error e;

	if (!w->ceremony)
		return refuse(a, "keys are made at the ceremony only");
	label = kind + strlen(kind) + 1;
	if (label >= kind + q->len || label[0] == '\0')
		return refuse(a, "kind or label is missing");
	if (token_generate(w->token, kind, label, &w->key, &e) == -1)
		return e.code == EXIT_OPERATOR ? refuse(a, e.text) :
		    broken(w, a, &e);
	*out = &w->key;
	*outlen = sizeof(w->key);
	return 0;
}

/* ------------------------------------------------------------------ serve */

/* One question; -1 when the other end is gone or breaks the protocol. */
static int
serve_one(struct worker *w, int fd)
{
	static int (*const acts[])(struct worker *,
	    const struct wire_question *, struct wire_answer *, const void **,
	    size_t *) = {
		[WIRE_SIGN] = do_sign,
		[WIRE_DERIVE] = do_derive,
		[WIRE_KEY] = do_key,
		[WIRE_GENERATE] = do_generate,
		[WIRE_EAB_KEY] = do_eab_key,
		[WIRE_EAB_VERIFY] = do_eab_verify,
	};
	struct wire_question q;
	struct iovec iov[2] = { { &q, sizeof(q) },
	    { w->data, WIRE_DATA_MAX } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct wire_answer a = { .status = WIRE_DONE };
	const void *out = NULL;
	size_t outlen = 0;
	ssize_t n;

	n = recvmsg(fd, &msg, 0);
	if (n < (ssize_t)sizeof(q) || q.version != WIRE_VERSION ||
	    q.kind >= nitems(acts) || (size_t)n != sizeof(q) + q.len)
		return -1;
	w->data[q.len] = '\0';
	if (acts[q.kind](w, &q, &a, &out, &outlen) == -1)
		outlen = 0;
	n = answer(fd, &a, out, outlen);
	OPENSSL_cleanse(w->sig, sizeof(w->sig));
	if (w->failed)
		leave(EXIT_FAILED);
	return (int)n;
}

/* Until the other end goes or we are told to stop. */
static void
serve(struct worker *w, int fd)
{
	struct pollfd pfd[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = proc_stop_fd(), .events = POLLIN },
	};

	while (!proc_stopping()) {
		if (poll(pfd, 2, -1) == -1 && errno != EINTR)
			leave(EXIT_FAILED);
		if (!proc_stopping() && pfd[0].revents != 0 &&
		    serve_one(w, fd) == -1)
			break;
	}
	close(fd);
}

/* The signer comes and goes; we stay logged in. */
static void
serve_signer(struct worker *w)
{
	struct pollfd stop = { .fd = proc_stop_fd(), .events = POLLIN };
	int fd, wait = RETRY_MIN_MS;

	while (!proc_stopping()) {
		fd = proc_connect(w->conf, "signer", "token");
		if (fd != -1 && proc_peer_is(fd, w->conf->signer.user)) {
			wait = RETRY_MIN_MS;
			serve(w, fd);
		} else if (fd != -1) {
			log_warn("%s/signer/token is not the signer's",
			    w->conf->run_dir);
			close(fd);
		}
		poll(&stop, 1, wait);
		wait = wait * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : wait * 2;
	}
}

/* ------------------------------------------------------------------ start */

/* SoftHSM writes below its tokendir; what a vendor's needs we cannot know. */
static void
enter_sandbox(const struct worker *w)
{
	const char *all[] = { "/", NULL };
	char dir[4096], why[256];
	const char *tokendir[] = { dir, NULL };

	if (w->on.softhsm_conf == NULL)
		sandbox_enter(SANDBOX_TOKEN_VENDOR, all, all);
	else if (softhsm_tokendir(w->on.softhsm_conf, dir, sizeof(dir), why,
	    sizeof(why)) == 0)
		sandbox_enter(SANDBOX_TOKEN, NULL, tokendir);
	else {
		log_error("%s", why);
		leave(EXIT_OPERATOR);
	}
}

/* Open the token; on failure tell the one who waits for it, and leave. */
static void
start(struct worker *w)
{
	char refused[4096];
	struct wire_answer a = { .status = WIRE_FAILED };
	struct token_error e;

	snprintf(refused, sizeof(refused), "%s/token/pin-refused",
	    w->conf->run_dir);
	w->token = token_open(&w->on, w->conf->token.deadline_ms,
	    w->ceremony ? NULL : refused, w->ceremony, &e);
	if (w->token != NULL)
		return;
	if (w->ceremony) {
		snprintf(a.why, sizeof(a.why), "%s", e.text);
		answer(WIRE_CEREMONY_FD, &a, NULL, 0);
	} else
		log_error("%s", e.text);
	leave(e.code);
}

/* Refused keys are told once, here; questions for them are refused. */
static void
report_keys(const struct worker *w)
{
	const struct token_key *key;
	const char *why;
	size_t i;

	for (i = 0; i < token_count(w->token); i++) {
		key = token_key(w->token, i);
		if ((why = key_objection(key)) != NULL)
			log_error("key \"%s\" will not be used: %s",
			    key->label, why);
	}
}

/* Take the ceremony's own arguments away before the common options. */
static int
take_arguments(struct worker *w, int argc, char **argv)
{
	const int taken = 1 + WIRE_CEREMONY_ARGS;

	if (argc < 2 || strcmp(argv[1], WIRE_CEREMONY) != 0)
		return argc;
	if (argc <= taken)
		die(EXIT_MISUSE, "%s is for chanceryctl init", WIRE_CEREMONY);
	w->ceremony = true;
	w->on.module = argv[2];
	w->on.label = argv[3];
	w->on.pin_file = argv[4];
	w->on.softhsm_conf = argv[5][0] == '\0' ? NULL : argv[5];
	memmove(argv + 1, argv + 1 + taken,
	    (size_t)(argc - taken) * sizeof(*argv));
	return argc - taken;
}

int
main(int argc, char **argv)
{
	struct worker *w = xcalloc(1, sizeof(*w));
	struct wire_answer ready = { .status = WIRE_DONE };

	argc = take_arguments(w, argc, argv);
	w->conf = proc_start("chancery-token", argc, argv);
	if (!w->ceremony)
		w->on = w->conf->token.on;
	start(w);
	report_keys(w);
	enter_sandbox(w);
	if (w->ceremony) {
		if (answer(WIRE_CEREMONY_FD, &ready, NULL, 0) == 0)
			serve(w, WIRE_CEREMONY_FD);
	} else {
		proc_ready();
		serve_signer(w);
	}
	leave(0);
}

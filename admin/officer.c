/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures with an officer's key: in a file, or in a token that a worker of
 * our own opens (chancery-token, which sees that it signs nothing but a JWS).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "../hsm/jws_input.h"
#include "../hsm/tokens.h"
#include "../server/json.h"
#include "../server/jws_key.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "officer.h"

#define SIGNATURE_MAX	1024

/* ------------------------------------------------------------ a key file */

static EVP_PKEY *
read_key(const char *path)
{
	EVP_PKEY *pkey;
	struct stat st;
	FILE *f;

	if ((f = fopen(path, "re")) == NULL || fstat(fileno(f), &st) == -1)
		die(EXIT_FAILED, "%s: %s (the officer's key; chanceryctl "
		    "officer key makes one)", path, strerror(errno));
	if ((st.st_mode & 077) != 0)
		die(EXIT_FAILED, "%s may be read by others (chmod 600 it)",
		    path);
	pkey = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	if (pkey == NULL)
		die(EXIT_FAILED, "%s holds no private key in PEM", path);
	return pkey;
}

/* RFC 7518, 3.1; RFC 8037, 3.1: Ed25519 hashes by itself. */
static const char *
digest_of(const char *alg)
{
	static const char *const names[][2] = {
		{ "ES256", "SHA256" }, { "RS256", "SHA256" },
		{ "ES384", "SHA384" }, { "ES512", "SHA512" },
	};
	size_t i;

	for (i = 0; i < nitems(names); i++)
		if (strcmp(names[i][0], alg) == 0)
			return names[i][1];
	return NULL;
}

static size_t
sign_file(EVP_PKEY *pkey, const char *alg, const char *input,
    unsigned char *out)
{
	unsigned char sig[SIGNATURE_MAX];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t half = jws_half(alg), len = sizeof(sig);

	if (ctx == NULL || EVP_DigestSignInit_ex(ctx, NULL, digest_of(alg),
	    NULL, NULL, pkey, NULL) != 1 || EVP_DigestSign(ctx, sig, &len,
	    (const unsigned char *)input, strlen(input)) != 1)
		die(EXIT_FAILED, "OpenSSL cannot sign with the officer's key");
	EVP_MD_CTX_free(ctx);
	if (half == 0)
		memcpy(out, sig, len);
	else if (jws_raw(sig, len, half, out) == 0)
		len = 2 * half;
	else
		die(EXIT_FAILED, "OpenSSL's signature is not ECDSA's");
	return len;
}

/* --------------------------------------------------------------- a token */

struct tokens *
officer_token(const struct conf *conf, const struct officer *o)
{
	struct tokens *t;
	char why[512];

	t = tokens_start(conf, &o->token, why, sizeof(why));
	if (t == NULL)
		die(EXIT_FAILED, "token \"%s\": %s", o->token.label, why);
	return t;
}

int
officer_find_key(const struct officer *o, struct tokens *t,
    struct arena *arena, struct token_key *key)
{
	struct token_key *all;
	size_t i, count, found = 0;
	char why[256];

	all = tokens_keys(t, arena, &count, why, sizeof(why));
	if (all == NULL)
		die(EXIT_FAILED, "token \"%s\": %s", o->token.label, why);
	for (i = 0; i < count; i++)
		if (strcmp(all[i].label, o->key) == 0 && found++ == 0)
			*key = all[i];
	if (found > 1)
		die(EXIT_FAILED, "token \"%s\" holds %zu keys \"%s\": give "
		    "one another label", o->token.label, found, o->key);
	return (int)found;
}

static size_t
sign_token(const struct officer *o, struct tokens *t,
    const struct token_key *key, const char *input, unsigned char *out)
{
	struct token_job job = {
		.purpose = TOKEN_JWS,
		.tbs = (const unsigned char *)input,
		.tbs_len = strlen(input),
	};

	memcpy(job.key_id, key->id, KEY_ID_LEN);
	if (tokens_sign(t, &job, 1) != 1)
		die(EXIT_FAILED, "token \"%s\", key \"%s\": %s",
		    o->token.label, o->key, job.why);
	memcpy(out, job.sig, job.sig_len);
	return job.sig_len;
}

/* -------------------------------------------------------------- the JWS */

static char *
signing_input(const struct conf *conf, const struct officer *o,
    struct arena *arena, const char *alg, const char *payload)
{
	json_t *header;
	char *text;
	size_t len;

	header = json_pack("{s:s, s:o, s:o}", "alg", alg,
	    "kid", json_sprintf("%s/officer/%s", conf->base_url, o->name),
	    "url", json_sprintf("%s/officer/act", conf->base_url));
	text = json_canonical(arena, header, &len);
	json_decref(header);
	return arena_printf(arena, "%s.%s", b64u_encode(arena, text, len),
	    b64u_encode(arena, payload, strlen(payload)));
}

static char *
flattened(struct arena *arena, const char *input, const unsigned char *sig,
    size_t sig_len)
{
	const char *dot = strchr(input, '.');

	return arena_printf(arena, "{\"payload\":\"%s\",\"protected\":"
	    "\"%.*s\",\"signature\":\"%s\"}", dot + 1, (int)(dot - input),
	    input, b64u_encode(arena, sig, sig_len));
}

char *
officer_sign(const struct conf *conf, const struct officer *o,
    struct arena *arena, const char *payload, unsigned char digest[DIGEST_LEN])
{
	unsigned char sig[SIGNATURE_MAX];
	struct tokens *t = NULL;
	EVP_PKEY *pkey = NULL;
	struct token_key key;
	const char *alg;
	char *input;
	size_t len;

	if (o->key_file != NULL) {
		pkey = read_key(o->key_file);
		alg = jws_alg(pkey);
	} else {
		t = officer_token(conf, o);
		if (officer_find_key(o, t, arena, &key) == 0)
			die(EXIT_FAILED, "token \"%s\" has no key \"%s\" "
			    "(chanceryctl officer key makes one)",
			    o->token.label, o->key);
		alg = jws_input_alg(key.kind);
	}
	if (alg == NULL)
		die(EXIT_FAILED, "%s: JWS has no algorithm for a key of this "
		    "kind", o->file);
	input = signing_input(conf, o, arena, alg, payload);
	sha256(input, strlen(input), digest);
	len = t == NULL ? sign_file(pkey, alg, input, sig) :
	    sign_token(o, t, &key, input, sig);
	EVP_PKEY_free(pkey);
	tokens_free(t);
	return flattened(arena, input, sig, len);
}

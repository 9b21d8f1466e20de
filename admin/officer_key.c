/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `chanceryctl officer key`: make the key that an identity file names, where
 * there is none, and print its public half, which `officer add` takes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "../hsm/tokens.h"
#include "../server/json.h"
#include "../server/jws_key.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "ctl.h"
#include "officer.h"
#include "words.h"

#define MEMORY		(4u << 20)
#define KIND		"P-256"

/* New, in a file that only we can read. */
static EVP_PKEY *
make_file(const char *path)
{
	EVP_PKEY *pkey = EVP_EC_gen(KIND);
	FILE *f = NULL;
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1 || (f = fdopen(fd, "w")) == NULL)
		die(EXIT_FAILED, "%s cannot be made: %m", path);
	if (pkey == NULL || PEM_write_PKCS8PrivateKey(f, pkey, NULL, NULL, 0,
	    NULL, NULL) != 1 || fflush(f) != 0 || fsync(fd) == -1) {
		unlink(path);
		die(EXIT_FAILED, "%s cannot be written", path);
	}
	fclose(f);
	return pkey;
}

/* The key in the file; NULL: none is there and none was to be made. */
static EVP_PKEY *
key_file(const char *path, bool dry_run, bool *made)
{
	EVP_PKEY *pkey;
	FILE *f;

	if ((f = fopen(path, "re")) == NULL) {
		*made = true;
		return dry_run ? NULL : make_file(path);
	}
	pkey = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	if (pkey == NULL)
		die(EXIT_FAILED, "%s holds no private key in PEM", path);
	return pkey;
}

static EVP_PKEY *
key_token(const struct conf *conf, const struct officer *o, bool dry_run,
    struct arena *arena, bool *made)
{
	struct tokens *t = officer_token(conf, o);
	struct token_key key;
	const unsigned char *p;
	char why[256];

	*made = officer_find_key(o, t, arena, &key) == 0;
	if (*made && !dry_run && tokens_generate(t, KIND, o->key, &key, why,
	    sizeof(why)) == -1)
		die(EXIT_FAILED, "token \"%s\": %s", o->token.label, why);
	tokens_free(t);
	p = key.spki;
	return *made && dry_run ? NULL : d2i_PUBKEY(NULL, &p,
	    (long)key.spki_len);
}

static char *
public_pem(struct arena *arena, EVP_PKEY *pkey)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(pkey, &der);
	char *text;

	if (len <= 0)
		die(EXIT_FAILED, "OpenSSL cannot print the public key");
	text = pem_encode(arena, "PUBLIC KEY", der, (size_t)len);
	OPENSSL_free(der);
	return text;
}

static void
print(struct arena *arena, const struct words *w, const struct officer *o,
    EVP_PKEY *pkey, bool made)
{
	const char *result = !made ? "there" : pkey == NULL ? "would be made" :
	    "made";
	const char *jwk = pkey == NULL ? NULL : jwk_print(arena, pkey);
	const char *pem = pkey == NULL ? NULL : public_pem(arena, pkey);
	json_t *out;
	size_t len;

	if (w->json) {
		out = json_pack("{s:s, s:s, s:s?, s:s?}", "officer", o->name,
		    "key", result, "jwk", jwk, "public_key", pem);
		fputs(json_pretty(arena, out, &len), stdout);
		json_decref(out);
		return;
	}
	fprintf(stderr, "the key of officer \"%s\" in %s: %s\n", o->name,
	    o->key_file != NULL ? o->key_file : o->token.label, result);
	if (pem != NULL)
		fputs(pem, stdout);
}

int
cmd_officer_key(const struct conf *conf, int argc, char **argv)
{
	struct arena *arena = arena_new(MEMORY);
	struct officer officer;
	struct words words;
	bool made = false;
	EVP_PKEY *pkey;

	words_read(&words, argc, argv, NULL, 0, 0);
	officer_read(conf, words.officer, &officer);
	pkey = officer.key_file != NULL ?
	    key_file(officer.key_file, words.dry_run, &made) :
	    key_token(conf, &officer, words.dry_run, arena, &made);
	if (pkey == NULL && !(made && words.dry_run))
		die(EXIT_FAILED, "%s: the key cannot be read", officer.file);
	print(arena, &words, &officer, pkey, made);
	EVP_PKEY_free(pkey);
	json_decref(words.members);
	arena_free(arena);
	return 0;
}

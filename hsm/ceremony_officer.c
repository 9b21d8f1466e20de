/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first officer of the CA: a key made here in a file, or one that is kept
 * elsewhere (in a token) and whose public half is read.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "../server/jws.h"
#include "../server/jws_key.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/problem.h"
#include "ceremony.h"

#define KIND	"P-256"

/* The private key of an earlier run, or of before; NULL: there is none. */
static EVP_PKEY *
read_private(const char *path)
{
	EVP_PKEY *pkey;
	FILE *f;

	if ((f = fopen(path, "re")) == NULL)
		return NULL;
	pkey = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	return pkey;
}

static EVP_PKEY *
make_private(struct ceremony *c, const char *path)
{
	EVP_PKEY *pkey = EVP_EC_gen(KIND);
	BIO *bio = BIO_new(BIO_s_secmem());
	char *pem;
	long len;

	if (pkey == NULL || bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio,
	    pkey, NULL, NULL, 0, NULL, NULL) != 1) {
		log_error("OpenSSL cannot make the officer's key");
		goto fail;
	}
	len = BIO_get_mem_data(bio, &pem);
	if (record_write(path, 0600, NULL, pem, (size_t)len) == -1)
		goto fail;
	say(c, "  officer  %-8s made in %s", KIND, path);
	BIO_free(bio);
	return pkey;
fail:
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return NULL;
}

static EVP_PKEY *
own_key(struct ceremony *c)
{
	const char *path = c->plan.officer.key_file;
	EVP_PKEY *pkey;

	if (access(path, F_OK) == -1 && errno == ENOENT)
		return make_private(c, path);
	if ((pkey = read_private(path)) == NULL)
		log_error("%s holds no private key in PEM without a password: "
		    "remove it, or correct officer.key_file", path);
	else
		say(c, "  officer  %-8s in %s", "", path);
	return pkey;
}

static EVP_PKEY *
public_key(const char *path)
{
	EVP_PKEY *pkey = NULL;
	FILE *f;

	if ((f = fopen(path, "re")) != NULL) {
		pkey = PEM_read_PUBKEY(f, NULL, NULL, NULL);
		fclose(f);
	}
	if (pkey == NULL)
		log_error("%s holds no public key in PEM: correct "
		    "officer.public_key_file (chanceryctl officer key prints "
		    "one)", path);
	return pkey;
}

int
officer_key(struct ceremony *c)
{
	const char *path = c->plan.officer.key_file;
	struct problem p = { 0 };
	struct jwk jwk = { 0 };
	EVP_PKEY *pkey;
	int rv = -1;

	if (c->dry_run && path != NULL && access(path, F_OK) == -1) {
		say(c, "  officer  %-8s would be made in %s", KIND, path);
		return 0;
	}
	pkey = path != NULL ? own_key(c) :
	    public_key(c->plan.officer.public_key_file);
	if (pkey == NULL)
		return -1;
	c->officer_jwk = jwk_print(c->arena, pkey);
	EVP_PKEY_free(pkey);
	/* As the signer will judge it. */
	if (c->officer_jwk == NULL)
		log_error("the officer's key is of a kind that JWS has no "
		    "algorithm for: take an EC, RSA or Ed25519 key");
	else if ((rv = jwk_parse_text(c->arena, c->officer_jwk, &jwk,
	    &p)) == -1)
		log_error("the officer's key: %s", p.detail);
	jwk_clear(&jwk);
	return rv;
}

int
officer_file(struct ceremony *c)
{
	const char *path, *text;

	if (c->plan.officer.key_file == NULL)
		return 0;
	path = arena_printf(c->arena, "%s/officer.conf", c->conf->state_dir);
	if (access(path, F_OK) == 0)
		return 0;
	text = arena_printf(c->arena, "// Who signs the acts of chanceryctl "
	    "on this host (chanceryctl(1)).\nname = \"%s\";\nkey_file = "
	    "\"%s\";\n", c->plan.officer.name, c->plan.officer.key_file);
	if (record_write(path, 0600, NULL, text, strlen(text)) == -1)
		return -1;
	say(c, "  the officer's identity file is %s", path);
	return 0;
}

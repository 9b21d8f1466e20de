/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of a certificate.  The first chain is verified whole; as long as
 * the octets after the leaf are the same, only the leaf is verified with the
 * issuer's key from then on, which is all that could be different.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "server/log.h"
#include "server/mem.h"
#include "load_check.h"

#define SKEW_SECONDS	300
#define CHAIN_MAX	8

struct check {
	X509_STORE	*anchors;
	X509		*issuer;	/* verified up to an anchor */
	char		*rest;		/* PEM after the leaf, then */
	size_t		 rest_len;
};

struct verdict {
	char	*why;
	size_t	 len;
};

static int wrong(const struct verdict *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static int
wrong(const struct verdict *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->why, v->len, fmt, ap);
	va_end(ap);
	return -1;
}

X509_STORE *
check_anchors(const char *file)
{
	X509_STORE *store;

	if ((store = X509_STORE_new()) == NULL ||
	    X509_STORE_load_file(store, file) != 1)
		die(EXIT_OPERATOR, "no certificate in %s: give --roots the "
		    "PEM of what the CA's certificates lead to", file);
	return store;
}

struct check *
check_new(X509_STORE *anchors)
{
	struct check *c;

	c = xcalloc(1, sizeof(*c));
	c->anchors = anchors;
	return c;
}

void
check_free(struct check *c)
{
	if (c != NULL) {
		X509_free(c->issuer);
		free(c->rest);
	}
	free(c);
}

/* ------------------------------------------------------------------ leaf */

static int
key_is(X509 *leaf, const struct expected *e, const struct verdict *v)
{
	unsigned char *spki = NULL;
	int len, rc = 0;

	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &spki);
	if (len < 0 || (size_t)len != e->spki_len ||
	    memcmp(spki, e->spki, e->spki_len) != 0)
		rc = wrong(v, "the key is not the one of the CSR");
	OPENSSL_free(spki);
	return rc;
}

static bool
listed(const struct expected *e, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < e->count; i++)
		if (strlen(e->names[i]) == len &&
		    strncasecmp(e->names[i], name, len) == 0)
			return true;
	return false;
}

/* Names of an order differ, so equal in number and contained is equal. */
static int
names_are(X509 *leaf, const struct expected *e, const struct verdict *v)
{
	GENERAL_NAMES *names;
	int i, rc = 0;

	names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	if (names == NULL)
		return wrong(v, "there is no subjectAltName");
	if ((size_t)sk_GENERAL_NAME_num(names) != e->count)
		rc = wrong(v, "%d names instead of %zu",
		    sk_GENERAL_NAME_num(names), e->count);
	for (i = 0; rc == 0 && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

		if (n->type != GEN_DNS)
			rc = wrong(v, "a name is not a dNSName");
		else if (!listed(e, (const char *)
		    ASN1_STRING_get0_data(n->d.dNSName),
		    (size_t)ASN1_STRING_length(n->d.dNSName)))
			rc = wrong(v, "the name %.200s was not ordered",
			    (const char *)ASN1_STRING_get0_data(n->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	return rc;
}

static int
time_is_right(X509 *leaf, const struct verdict *v)
{
	time_t now = time(NULL), soon = now + SKEW_SECONDS;

	if (X509_cmp_time(X509_get0_notBefore(leaf), &soon) != -1)
		return wrong(v, "it is not valid yet");
	if (X509_cmp_time(X509_get0_notAfter(leaf), &now) != 1)
		return wrong(v, "it is valid no longer");
	return 0;
}

static int
leaf_is_right(X509 *leaf, const struct expected *e, const struct verdict *v)
{
	if (X509_get_version(leaf) != X509_VERSION_3)
		return wrong(v, "it is not an X.509 v3 certificate");
	if (X509_check_ca(leaf) != 0)
		return wrong(v, "it is a CA certificate");
	if (X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1)
		return wrong(v, "it is not for a TLS server");
	if (key_is(leaf, e, v) == -1 || names_are(leaf, e, v) == -1)
		return -1;
	return time_is_right(leaf, v);
}

/* ----------------------------------------------------------------- chain */

static bool
same_rest(const struct check *c, const char *rest, size_t len)
{
	return c->issuer != NULL && c->rest_len == len &&
	    memcmp(c->rest, rest, len) == 0;
}

static void
remember(struct check *c, X509 *issuer, const char *rest, size_t len)
{
	X509_free(c->issuer);
	free(c->rest);
	X509_up_ref(issuer);
	c->issuer = issuer;
	c->rest = xcalloc(1, len + 1);
	c->rest_len = len;
	memcpy(c->rest, rest, len);
}

static STACK_OF(X509) *
read_rest(const char *pem, size_t len, const struct verdict *v)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	X509 *x;

	if (chain == NULL || bio == NULL)
		die(EXIT_FAILED, "out of memory");
	while (sk_X509_num(chain) < CHAIN_MAX &&
	    (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		sk_X509_push(chain, x);
	BIO_free(bio);
	ERR_clear_error();
	if (sk_X509_num(chain) > 0)
		return chain;
	sk_X509_free(chain);
	wrong(v, "the chain has no issuer");
	return NULL;
}

/* Without anchors, the last certificate of the chain is one. */
static X509_STORE *
anchors_for(const struct check *c, STACK_OF(X509) *chain)
{
	X509_STORE *store = c->anchors;

	if (store != NULL) {
		X509_STORE_up_ref(store);
		return store;
	}
	if ((store = X509_STORE_new()) == NULL)
		die(EXIT_FAILED, "out of memory");
	X509_STORE_add_cert(store,
	    sk_X509_value(chain, sk_X509_num(chain) - 1));
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	return store;
}

static int
verify_whole(struct check *c, X509 *leaf, const char *rest, size_t len,
    const struct verdict *v)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE *store = NULL;
	STACK_OF(X509) *chain;
	int rc = -1;

	if (ctx == NULL)
		die(EXIT_FAILED, "out of memory");
	if ((chain = read_rest(rest, len, v)) == NULL)
		goto out;
	store = anchors_for(c, chain);
	if (X509_STORE_CTX_init(ctx, store, leaf, chain) != 1 ||
	    X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER) != 1 ||
	    X509_verify_cert(ctx) != 1) {
		wrong(v, "the chain does not verify: %s",
		    X509_verify_cert_error_string(
		    X509_STORE_CTX_get_error(ctx)));
		goto out;
	}
	remember(c, sk_X509_value(chain, 0), rest, len);
	rc = 0;
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_pop_free(chain, X509_free);
	ERR_clear_error();
	return rc;
}

static int
verify_leaf(const struct check *c, X509 *leaf, const struct verdict *v)
{
	if (X509_check_issued(c->issuer, leaf) != X509_V_OK)
		return wrong(v, "the next in the chain did not issue it");
	if (X509_verify(leaf, X509_get0_pubkey(c->issuer)) != 1) {
		ERR_clear_error();
		return wrong(v, "its signature is not the issuer's");
	}
	return 0;
}

int
check_chain(struct check *c, const char *pem, size_t len,
    const struct expected *e, char *why, size_t whylen)
{
	const struct verdict v = { why, whylen };
	const char *rest;
	size_t rest_len;
	X509 *leaf = NULL;
	BIO *bio;
	int rc;

	if ((bio = BIO_new_mem_buf(pem, (int)len)) == NULL)
		die(EXIT_FAILED, "out of memory");
	leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	rest_len = BIO_pending(bio) > 0 ? (size_t)BIO_pending(bio) : 0;
	rest = pem + len - rest_len;
	if (leaf == NULL)
		rc = wrong(&v, "it is not a certificate in PEM");
	else if ((rc = leaf_is_right(leaf, e, &v)) == 0)
		rc = same_rest(c, rest, rest_len) ?
		    verify_leaf(c, leaf, &v) :
		    verify_whole(c, leaf, rest, rest_len, &v);
	X509_free(leaf);
	BIO_free(bio);
	ERR_clear_error();
	return rc;
}

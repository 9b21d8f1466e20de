/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener's next key, the request for its certificate, and the look at
 * what came back.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "renew.h"

#define CHAIN_MAX	8

EVP_PKEY *
renew_key(BIO **pem)
{
	EVP_PKEY	*key = EVP_EC_gen("P-256");

	*pem = BIO_new(BIO_s_secmem());
	if (key != NULL && *pem != NULL && PEM_write_bio_PKCS8PrivateKey(*pem,
	    key, NULL, NULL, 0, NULL, NULL) == 1)
		return key;
	EVP_PKEY_free(key);
	BIO_free(*pem);
	*pem = NULL;
	return NULL;
}

static bool
is_address(const char *name)
{
	unsigned char	octets[16];

	return inet_pton(AF_INET, name, octets) == 1 ||
	    inet_pton(AF_INET6, name, octets) == 1;
}

/* "DNS:a,IP:b"; the names were bounded by who granted them. */
static X509_EXTENSION *
names_extension(struct arena *a, json_t *names)
{
	struct buf	 list;
	const char	*name;
	json_t		*value;
	size_t		 i;

	buf_init(&list, a);
	json_array_foreach(names, i, value) {
		name = json_string_value(value);
		/* These would begin something else in OpenSSL's language. */
		if (name == NULL || name[strcspn(name, ",;@ ")] != '\0')
			return NULL;
		buf_printf(&list, "%s%s:%s", i == 0 ? "" : ",",
		    is_address(name) ? "IP" : "DNS", name);
	}
	return X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	    (const char *)list.data);
}

int
renew_csr(struct arena *a, EVP_PKEY *key, json_t *names, unsigned char **der,
    size_t *len)
{
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
	X509_EXTENSION	*names_ext = names_extension(a, names);
	X509_REQ	*req = X509_REQ_new();
	unsigned char	*out = NULL;
	int		 n, rc = -1;

	if (list == NULL || names_ext == NULL || req == NULL)
		goto out;
	if (sk_X509_EXTENSION_push(list, names_ext) == 0)
		goto out;
	names_ext = NULL;
	if (X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_add_extensions(req, list) != 1 ||
	    X509_REQ_set_pubkey(req, key) != 1 ||
	    X509_REQ_sign(req, key, EVP_sha256()) == 0 ||
	    (n = i2d_X509_REQ(req, &out)) <= 0)
		goto out;
	*der = arena_memdup(a, out, (size_t)n);
	*len = (size_t)n;
	rc = 0;
out:
	OPENSSL_free(out);
	X509_REQ_free(req);
	X509_EXTENSION_free(names_ext);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	ERR_clear_error();
	return rc;
}

void
renew_host(const char *base_url, char *out, size_t len)
{
	const char	*host = base_url + strlen("https://");

	if (*host == '[')
		snprintf(out, len, "%.*s", (int)strcspn(host + 1, "]"),
		    host + 1);
	else
		snprintf(out, len, "%.*s", (int)strcspn(host, ":/"), host);
}

bool
renew_names(X509 *leaf, const char *host)
{
	return is_address(host) ? X509_check_ip_asc(leaf, host, 0) == 1 :
	    X509_check_host(leaf, host, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
	    NULL) == 1;
}

/* The leaf, and what is above it; NULL when there is none. */
static X509 *
read_chain(const char *pem, size_t len, STACK_OF(X509) *above)
{
	BIO	*bio = BIO_new_mem_buf(pem, (int)len);
	X509	*leaf, *x;

	if (bio == NULL)
		return NULL;
	leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	while (leaf != NULL && sk_X509_num(above) < CHAIN_MAX &&
	    (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		if (sk_X509_push(above, x) == 0)
			X509_free(x);
	BIO_free(bio);
	return leaf;
}

/* An error of X509_verify_cert(3), or X509_V_OK. */
static int
verify(X509 *leaf, STACK_OF(X509) *above, X509_STORE *trust)
{
	X509_STORE_CTX	*ctx = X509_STORE_CTX_new();
	int		 error = X509_V_ERR_OUT_OF_MEM;

	if (ctx != NULL && X509_STORE_CTX_init(ctx, trust, leaf, above) == 1 &&
	    X509_STORE_CTX_set_default(ctx, "ssl_server") == 1) {
		(void)X509_verify_cert(ctx);
		error = X509_STORE_CTX_get_error(ctx);
	}
	X509_STORE_CTX_free(ctx);
	return error;
}

int
renew_check(const char *pem, size_t len, EVP_PKEY *key, const char *host,
    X509_STORE *trust, char *why)
{
	STACK_OF(X509)	*above = sk_X509_new_null();
	X509		*leaf = above == NULL ? NULL :
	    read_chain(pem, len, above);
	int		 error, rc = -1;

	if (leaf == NULL)
		snprintf(why, RENEW_WHY, "what was issued is no PEM chain");
	else if (X509_check_private_key(leaf, key) != 1)
		snprintf(why, RENEW_WHY, "the certificate is for another key");
	else if (!renew_names(leaf, host))
		snprintf(why, RENEW_WHY, "the certificate is not for %s",
		    host);
	else if ((error = verify(leaf, above, trust)) != X509_V_OK)
		snprintf(why, RENEW_WHY, "the certificate does not verify "
		    "with renew.trust: %s",
		    X509_verify_cert_error_string(error));
	else
		rc = 0;
	X509_free(leaf);
	sk_X509_pop_free(above, X509_free);
	ERR_clear_error();
	return rc;
}

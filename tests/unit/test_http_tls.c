/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener's pair: what is taken at the start, what is taken later, and
 * what leaves the old one in place.
 */
#include "unit.h"

#include "server/http_tls.c"

#define DAY	86400

static char	folder[] = "/tmp/chancery-tls-XXXXXX";
static char	certificate[64], key[64];

/* A certificate for a key, good from `from` to `until`, seconds from now. */
static X509 *
make(EVP_PKEY *pkey, long serial, long from, long until)
{
	X509	*x = X509_new();

	assert_non_null(x);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), from);
	X509_gmtime_adj(X509_getm_notAfter(x), until);
	X509_set_pubkey(x, pkey);
	assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
	return x;
}

static void
write_certificate(X509 *leaf, X509 *above)
{
	FILE	*f = fopen(certificate, "w");

	assert_non_null(f);
	PEM_write_X509(f, leaf);
	if (above != NULL)
		PEM_write_X509(f, above);
	fclose(f);
}

static void
write_keys(EVP_PKEY *one, EVP_PKEY *two)
{
	FILE	*f = fopen(key, "w");

	assert_non_null(f);
	PEM_write_PrivateKey(f, one, NULL, NULL, 0, NULL, NULL);
	if (two != NULL)
		PEM_write_PrivateKey(f, two, NULL, NULL, 0, NULL, NULL);
	fclose(f);
}

static void
write_text(const char *path, const char *text)
{
	FILE	*f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static long
serial_of(struct http_tls *t)
{
	return ASN1_INTEGER_get(X509_get0_serialNumber(t->pair.leaf));
}

/* Two looks: the first sees a change, the second that it is over. */
static void
look_twice(struct http_tls *t)
{
	http_tls_look(t);
	http_tls_look(t);
}

static void
test_swaps(void **state)
{
	EVP_PKEY	*k[2] = { EVP_EC_gen("P-256"), EVP_EC_gen("P-256") };
	X509		*x[2] = { make(k[0], 1, 0, DAY),
	    make(k[1], 2, 0, DAY) };
	struct http_tls	*t;
	SSL		*ssl;

	(void)state;
	write_certificate(x[0], x[1]);
	write_keys(k[0], NULL);
	t = http_tls_new(certificate, key);
	assert_int_equal(serial_of(t), 1);
	assert_int_equal(sk_X509_num(t->pair.chain), 1);
	look_twice(t);
	assert_int_equal(serial_of(t), 1);

	/* The order in which chancery-renew writes: never a gap. */
	write_keys(k[1], k[0]);
	look_twice(t);
	assert_int_equal(serial_of(t), 1);
	write_certificate(x[1], NULL);
	http_tls_look(t);
	assert_int_equal(serial_of(t), 1);	/* may still be written to */
	http_tls_look(t);
	assert_int_equal(serial_of(t), 2);
	write_keys(k[1], NULL);
	look_twice(t);
	assert_int_equal(serial_of(t), 2);

	ssl = SSL_new(t->context);
	assert_int_equal(give_pair(ssl, t), 1);
	assert_int_equal(ASN1_INTEGER_get(X509_get0_serialNumber(
	    SSL_get_certificate(ssl))), 2);
	SSL_free(ssl);
	http_tls_free(t);
	X509_free(x[0]);
	X509_free(x[1]);
	EVP_PKEY_free(k[0]);
	EVP_PKEY_free(k[1]);
}

/* The context's own pair, of the start, is never served beside a new one. */
static void
test_another_kind(void **state)
{
	EVP_PKEY	*k[2] = { EVP_RSA_gen(2048), EVP_EC_gen("P-256") };
	X509		*x[2] = { make(k[0], 1, 0, DAY),
	    make(k[1], 2, 0, DAY) };
	struct http_tls	*t;
	SSL		*ssl;

	(void)state;
	write_certificate(x[0], NULL);
	write_keys(k[0], NULL);
	t = http_tls_new(certificate, key);
	write_keys(k[1], NULL);
	write_certificate(x[1], NULL);
	look_twice(t);
	assert_int_equal(serial_of(t), 2);

	ssl = SSL_new(t->context);
	assert_int_equal(give_pair(ssl, t), 1);
	assert_int_equal(SSL_set_current_cert(ssl, SSL_CERT_SET_FIRST), 1);
	assert_int_equal(ASN1_INTEGER_get(X509_get0_serialNumber(
	    SSL_get_certificate(ssl))), 2);
	assert_int_equal(SSL_set_current_cert(ssl, SSL_CERT_SET_NEXT), 0);
	SSL_free(ssl);
	http_tls_free(t);
	X509_free(x[0]);
	X509_free(x[1]);
	EVP_PKEY_free(k[0]);
	EVP_PKEY_free(k[1]);
}

static void
test_keeps_the_old(void **state)
{
	EVP_PKEY	*k[2] = { EVP_EC_gen("P-256"), EVP_EC_gen("P-256") };
	EVP_PKEY	*weak = EVP_RSA_gen(512);
	X509		*x = make(k[0], 7, 0, DAY), *other = make(k[1], 8, 0,
	    DAY), *old = make(k[0], 9, -2 * DAY, -DAY), *small;
	struct http_tls	*t;

	(void)state;
	write_certificate(x, NULL);
	write_keys(k[0], NULL);
	t = http_tls_new(certificate, key);

	write_certificate(other, NULL);		/* not this key's */
	look_twice(t);
	assert_int_equal(serial_of(t), 7);
	write_certificate(old, NULL);		/* has expired */
	look_twice(t);
	assert_int_equal(serial_of(t), 7);
	write_text(certificate, "");
	look_twice(t);
	assert_int_equal(serial_of(t), 7);
	write_certificate(x, NULL);
	write_text(key, "-----BEGIN PRIVATE KEY-----\nAAAA\n");
	look_twice(t);
	assert_int_equal(serial_of(t), 7);
	unlink(key);
	look_twice(t);
	assert_int_equal(serial_of(t), 7);
	if (weak != NULL) {
		small = make(weak, 10, 0, DAY);
		write_certificate(small, NULL);
		write_keys(weak, NULL);
		look_twice(t);
		assert_int_equal(serial_of(t), 7);
		X509_free(small);
	}
	write_certificate(other, NULL);		/* at last */
	write_keys(k[1], NULL);
	look_twice(t);
	assert_int_equal(serial_of(t), 8);
	http_tls_free(t);
	X509_free(x);
	X509_free(other);
	X509_free(old);
	EVP_PKEY_free(k[0]);
	EVP_PKEY_free(k[1]);
	EVP_PKEY_free(weak);
}

static void
start(void *arg)
{
	(void)arg;
	http_tls_new(certificate, key);
}

static void
refused(const char *words)
{
	char	text[1024];
	int	status;

	status = unit_child(start, NULL, text, sizeof(text));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_OPERATOR);
	if (strstr(text, words) == NULL)
		fail_msg("%s", text);
}

static void
test_start(void **state)
{
	EVP_PKEY	*k = EVP_EC_gen("P-256"), *l = EVP_EC_gen("P-256");
	X509		*x = make(k, 1, 0, DAY);

	(void)state;
	unlink(certificate);
	refused("No such file");
	write_text(certificate, "nothing\n");
	refused("it must be a PEM chain");
	write_certificate(x, NULL);
	unlink(key);
	refused("No such file");
	write_keys(l, NULL);
	refused("mismatch");
	X509_free(x);
	EVP_PKEY_free(k);
	EVP_PKEY_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_swaps), UNIT(test_another_kind),
		UNIT(test_keeps_the_old), UNIT(test_start),
	};
	int	rc;

	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(certificate, sizeof(certificate), "%s/c.pem", folder);
	snprintf(key, sizeof(key), "%s/k.pem", folder);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(certificate);
	unlink(key);
	rmdir(folder);
	return rc;
}

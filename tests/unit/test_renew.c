/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery-renew: when it tries, what it remembers, and that the listener's
 * key and certificate fit at every moment of a replacement.
 */
#include "unit.h"

#include <time.h>

#include "server/renew_state.c"
#undef MEMORY
#include "server/renew_file.c"

#define DAY	86400

static char		folder[] = "/tmp/chancery-renew-XXXXXX";
static char		certificate[80], key[80], state_dir[64];
static struct conf	conf;

/* -------------------------------------------------------------------- when */

static void
test_due(void **state)
{
	static const struct {
		int64_t	from, until, before, due;
	} cases[] = {
		{ 0, 90 * DAY, 30 * DAY, 60 * DAY },
		{ 0, 90 * DAY, 10 * DAY, 80 * DAY },
		{ 0, 6 * DAY, 30 * DAY, 4 * DAY },	/* short-lived */
		{ 100, 100, 30 * DAY, 100 },
	};
	size_t	i;

	(void)state;
	for (i = 0; i < nitems(cases); i++)
		assert_int_equal(renew_due(cases[i].from, cases[i].until,
		    cases[i].before), cases[i].due);
}

static void
test_next(void **state)
{
	struct renew_facts	f = { .there = true, .fits = true,
	    .from = 0, .until = 90 * DAY };
	struct renew_state	s = { 0 };
	int64_t			now = 70 * DAY, last = 0, wait;

	(void)state;
	assert_int_equal(renew_next(&s, &f, 30 * DAY, DAY), 60 * DAY);
	assert_int_equal(renew_next(&s, &f, 30 * DAY, now), 60 * DAY);
	/* Each failure is answered with patience, within a bound. */
	s.attempt = now;
	for (s.failures = 1; s.failures < 40; s.failures++) {
		wait = renew_next(&s, &f, 30 * DAY, now) - now;
		assert_true(wait >= last);
		assert_in_range(wait, 5, 3600);
		last = wait;
	}
	assert_int_equal(last, 3600);
	/* The closer the end, the more often. */
	f.until = now + 400;
	assert_int_equal(renew_next(&s, &f, 30 * DAY, now), now + 50);
	f.until = now + 8;
	assert_int_equal(renew_next(&s, &f, 30 * DAY, now), now + 5);
	/* Expired, there is no reason to be quicker than the rule. */
	f.until = now - 8;
	assert_int_equal(renew_next(&s, &f, 30 * DAY, now), now + 3600);
	/* One that is made and due at once does not make another at once. */
	s.failures = 0;
	assert_int_equal(renew_next(&s, &f, 30 * DAY, now), now + 60);
	/* A clock that went back. */
	s.failures = 30;
	s.attempt = now + 1000000;
	assert_true(renew_next(&s, &f, 30 * DAY, now) <= now);
	/* Not for our host, or not there: due. */
	s = (struct renew_state){ 0 };
	f.until = 90 * DAY;
	f.fits = false;
	assert_int_equal(renew_next(&s, &f, 30 * DAY, DAY), 0);
}

static void
test_state_survives(void **state)
{
	struct renew_state	s = { .attempt = 1700000000, .success =
	    1600000000, .failures = 3 }, back;
	struct renew_facts	f = { .there = true, .until = 1800000000 };
	char			why[RENEW_WHY], path[128];
	FILE			*file;

	(void)state;
	strcpy(s.problem, "it \"failed\"\n");
	assert_int_equal(renew_state_store(&conf, &s, &f, 1700000020, why),
	    0);
	renew_state_load(&conf, &back);
	assert_int_equal(back.attempt, s.attempt);
	assert_int_equal(back.success, s.success);
	assert_int_equal(back.failures, 3);
	/* What is no JSON is as if it were not there. */
	snprintf(path, sizeof(path), "%s/listener/renewal.json", state_dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("{\"failures\": 1e9", file);
	fclose(file);
	renew_state_load(&conf, &back);
	assert_int_equal(back.attempt, 0);
	assert_int_equal(back.failures, 0);
	unlink(path);
	renew_state_load(&conf, &back);
	assert_int_equal(back.failures, 0);
}

/* ------------------------------------------------------------------- files */

static char *
pair_make(struct arena *a, long serial, char **pem_key)
{
	EVP_PKEY	*k = EVP_EC_gen("P-256");
	X509		*x = X509_new();
	BIO		*bio = BIO_new(BIO_s_mem()), *other;
	char		*text, *data;
	long		 len;

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), DAY);
	X509_set_pubkey(x, k);
	assert_true(X509_sign(x, k, EVP_sha256()) > 0);
	PEM_write_bio_X509(bio, x);
	len = BIO_get_mem_data(bio, &data);
	text = arena_strndup(a, data, (size_t)len);
	other = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(other, k, NULL, NULL, 0, NULL, NULL);
	len = BIO_get_mem_data(other, &data);
	*pem_key = arena_strndup(a, data, (size_t)len);
	BIO_free(bio);
	BIO_free(other);
	X509_free(x);
	EVP_PKEY_free(k);
	return text;
}

/* Some key of the one file is that of the other. */
static bool
pair_fits(void)
{
	EVP_PKEY	*keys[KEYS_MAX];
	X509		*leaf = read_leaf(&conf);
	size_t		 n = read_keys(&conf, keys), i;
	bool		 fits = false;

	for (i = 0; leaf != NULL && i < n; i++)
		fits = fits || X509_check_private_key(leaf, keys[i]) == 1;
	ERR_clear_error();
	free_keys(keys, n);
	X509_free(leaf);
	return fits;
}

static size_t
keys_there(void)
{
	EVP_PKEY	*keys[KEYS_MAX];
	size_t		 n = read_keys(&conf, keys);

	free_keys(keys, n);
	return n;
}

static void
test_store(void **state)
{
	struct renew_facts	f;
	struct stat		st;
	char			why[RENEW_WHY], *k, *chain;

	chain = pair_make(*state, 1, &k);
	assert_int_equal(renew_store(&conf, k, strlen(k), chain,
	    strlen(chain), why), 0);
	assert_true(pair_fits());
	assert_int_equal(keys_there(), 1);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	chain = pair_make(*state, 2, &k);
	assert_int_equal(renew_store(&conf, k, strlen(k), chain,
	    strlen(chain), why), 0);
	assert_true(pair_fits());
	assert_int_equal(keys_there(), 1);
	renew_facts(&conf, &f);
	assert_true(f.there);
	assert_false(f.fits);
	assert_string_equal(f.serial, "02");
	renew_facts_clear(&f);
}

/* Cut short after each step: it fits, and the next start puts it in order. */
static void
test_cut_short(void **state)
{
	char		 why[RENEW_WHY], *k[2], *chain[2], fresh[128], *data;
	BIO		*both;
	long		 len;
	struct stat	 st;

	chain[0] = pair_make(*state, 1, &k[0]);
	chain[1] = pair_make(*state, 2, &k[1]);
	assert_int_equal(renew_store(&conf, k[0], strlen(k[0]), chain[0],
	    strlen(chain[0]), why), 0);
	both = both_keys(&conf, k[1], strlen(k[1]));
	len = BIO_get_mem_data(both, &data);
	assert_int_equal(renew_write(key, data, (size_t)len, true, why), 0);
	assert_true(pair_fits());
	assert_int_equal(keys_there(), 2);

	/* Before the certificate: the new key is given up. */
	snprintf(fresh, sizeof(fresh), "%s.new", certificate);
	assert_int_equal(renew_write(fresh, "x", 1, false, why), 0);
	renew_tidy(&conf);
	assert_int_equal(stat(fresh, &st), -1);
	assert_true(pair_fits());
	assert_int_equal(keys_there(), 1);

	/* After it: the old key is. */
	assert_int_equal(renew_write(key, data, (size_t)len, true, why), 0);
	assert_int_equal(renew_write(certificate, chain[1],
	    strlen(chain[1]), false, why), 0);
	assert_true(pair_fits());
	renew_tidy(&conf);
	assert_true(pair_fits());
	assert_int_equal(keys_there(), 1);
	BIO_free(both);
}

static void
test_managed(void **state)
{
	struct conf	c = conf;

	(void)state;
	assert_true(renew_managed(&c));
	c.acme.tls_key = "/etc/ssl/private/ca.key";
	assert_false(renew_managed(&c));
	c = conf;
	c.acme.tls_certificate = arena_printf(*state,
	    "%s/listener/more/c.pem", state_dir);
	assert_false(renew_managed(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_due), UNIT(test_next), UNIT(test_state_survives),
		UNIT(test_store), UNIT(test_cut_short), UNIT(test_managed),
	};
	int	rc;

	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(state_dir, sizeof(state_dir), "%s", folder);
	snprintf(certificate, sizeof(certificate), "%s/listener", folder);
	if (mkdir(certificate, 0700) == -1)
		return 1;
	snprintf(certificate, sizeof(certificate), "%s/listener/c.pem",
	    folder);
	snprintf(key, sizeof(key), "%s/listener/k.pem", folder);
	conf.state_dir = state_dir;
	conf.acme.tls_certificate = certificate;
	conf.acme.tls_key = key;
	conf.base_url = "https://ca.example";
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(certificate);
	unlink(key);
	snprintf(certificate, sizeof(certificate), "%s/listener", folder);
	rmdir(certificate);
	rmdir(folder);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm/profile.c: one text for one profile, strict reading, and the first and
 * last second of a certificate.
 */
#include "unit.h"

#include "../../hsm/profile.c"

#define BODY	"{\"backdate_seconds\":3600,\"eku\":[\"1.3.6.1.5.5.7.3.1\"]," \
	"\"key_usage\":[\"digitalSignature\"],\"name\":\"default\"," \
	"\"validity_seconds\":7776000}"

static void
test_default(void **state)
{
	struct profile p;
	char why[256];
	char *body;

	body = profile_default_body(*state, NULL);
	assert_string_equal(body, BODY);
	assert_int_equal(profile_parse(*state, body, &p, why, sizeof(why)), 0);
	assert_string_equal(p.name, PROFILE_DEFAULT);
	assert_int_equal(p.validity, 90 * 86400);
	assert_int_equal(p.backdate, 3600);
	assert_int_equal(p.key_usage, KU_DIGITAL_SIGNATURE);
	assert_string_equal(p.eku[0], EKU_SERVER_AUTH);
	assert_null(p.eku[1]);
	assert_null(p.ca_issuers_url);
	assert_string_equal(profile_print(*state, &p), body);
}

static void
test_url(void **state)
{
	struct profile p;
	char why[256];
	char *body;

	body = profile_default_body(*state, "http://ca.test/issuing-1.crt");
	assert_int_equal(profile_parse(*state, body, &p, why, sizeof(why)), 0);
	assert_string_equal(p.ca_issuers_url, "http://ca.test/issuing-1.crt");
}

static void
test_hash(void **state)
{
	unsigned char a[DIGEST_LEN], b[DIGEST_LEN];

	(void)state;
	profile_hash(BODY, a);
	sha256(BODY, strlen(BODY), b);
	assert_memory_equal(a, b, DIGEST_LEN);
}

/* What must not be read as a profile. */
static const char *const bad[] = {
	"", "{}", "[]", "null", BODY " ", BODY "{}",
	/* a member missing, unknown, of another type, out of its limits */
	"{\"backdate_seconds\":3600,\"eku\":[\"1.3.6.1.5.5.7.3.1\"],"
	    "\"key_usage\":[\"digitalSignature\"],\"name\":\"default\"}",
	"{\"backdate_seconds\":3600,\"ca\":true,"
	    "\"eku\":[\"1.3.6.1.5.5.7.3.1\"],"
	    "\"key_usage\":[\"digitalSignature\"],\"name\":\"default\","
	    "\"validity_seconds\":7776000}",
	"{\"backdate_seconds\":\"3600\",\"eku\":[\"1.3.6.1.5.5.7.3.1\"],"
	    "\"key_usage\":[\"digitalSignature\"],\"name\":\"default\","
	    "\"validity_seconds\":7776000}",
	"{\"backdate_seconds\":3600,\"eku\":[\"1.3.6.1.5.5.7.3.1\"],"
	    "\"key_usage\":[\"digitalSignature\"],\"name\":\"default\","
	    "\"validity_seconds\":10}",
	"{\"backdate_seconds\":3600,\"eku\":[\"1.3.6.1.5.5.7.3.1\"],"
	    "\"key_usage\":[\"digitalSignature\"],\"name\":\"default\","
	    "\"validity_seconds\":99999999999}",
	"{\"backdate_seconds\":-1,\"eku\":[\"1.3.6.1.5.5.7.3.1\"],"
	    "\"key_usage\":[\"digitalSignature\"],\"name\":\"default\","
	    "\"validity_seconds\":7776000}",
	"{\"backdate_seconds\":3600,\"eku\":[],"
	    "\"key_usage\":[\"digitalSignature\"],\"name\":\"default\","
	    "\"validity_seconds\":7776000}",
	"{\"backdate_seconds\":3600,\"eku\":[\"serverAuth\"],"
	    "\"key_usage\":[\"digitalSignature\"],\"name\":\"default\","
	    "\"validity_seconds\":7776000}",
	"{\"backdate_seconds\":3600,\"eku\":[\"1.3.6.1.5.5.7.3.1\"],"
	    "\"key_usage\":[\"keyCertSign\"],\"name\":\"default\","
	    "\"validity_seconds\":7776000}",
	"{\"backdate_seconds\":3600,\"eku\":[\"1.3.6.1.5.5.7.3.1\"],"
	    "\"key_usage\":[\"digitalSignature\",\"digitalSignature\"],"
	    "\"name\":\"default\",\"validity_seconds\":7776000}",
	"{\"backdate_seconds\":3600,\"eku\":[\"1.3.6.1.5.5.7.3.1\"],"
	    "\"key_usage\":[\"digitalSignature\"],\"name\":\"De fault\","
	    "\"validity_seconds\":7776000}",
	"{\"backdate_seconds\":3600,\"ca_issuers_url\":\"ldap://x/\","
	    "\"eku\":[\"1.3.6.1.5.5.7.3.1\"],"
	    "\"key_usage\":[\"digitalSignature\"],\"name\":\"default\","
	    "\"validity_seconds\":7776000}",
	/* the same members in another order: not canonical */
	"{\"eku\":[\"1.3.6.1.5.5.7.3.1\"],\"backdate_seconds\":3600,"
	    "\"key_usage\":[\"digitalSignature\"],\"name\":\"default\","
	    "\"validity_seconds\":7776000}",
	/* repeated member */
	"{\"backdate_seconds\":3600,\"backdate_seconds\":3600,"
	    "\"eku\":[\"1.3.6.1.5.5.7.3.1\"],"
	    "\"key_usage\":[\"digitalSignature\"],\"name\":\"default\","
	    "\"validity_seconds\":7776000}",
};

static void
test_bad(void **state)
{
	struct profile p;
	char why[256];
	size_t i;

	for (i = 0; i < nitems(bad); i++) {
		why[0] = '\0';
		if (profile_parse(*state, bad[i], &p, why,
		    sizeof(why)) != -1)
			fail_msg("accepted: %s", bad[i]);
		assert_string_not_equal(why, "");
	}
}

static void
test_oid(void **state)
{
	(void)state;
	assert_true(oid_ok("1.3.6.1.5.5.7.3.1"));
	assert_true(oid_ok("2.5.29.37"));
	assert_false(oid_ok("3.5.29"));
	assert_false(oid_ok("1.3"));
	assert_false(oid_ok("1..3.4"));
	assert_false(oid_ok("1.3.6."));
	assert_false(oid_ok("1.3.06"));
	assert_false(oid_ok("1.3.6.1x"));
}

/* RFC 5280, 4.1.2.5: the second of notAfter is part of the validity. */
static void
test_times(void **state)
{
	const int64_t now = 1800000000;
	struct profile p;
	int64_t from, until;
	char why[256];

	assert_int_equal(profile_parse(*state, BODY, &p, why, sizeof(why)), 0);
	assert_int_equal(profile_times(&p, now, 0, INT64_C(1) << 40, &from,
	    &until), 0);
	assert_int_equal(from, now - 3600);
	assert_int_equal(until - from + 1, 90 * 86400);
	/* never outside of the issuer's own */
	assert_int_equal(profile_times(&p, now, now - 10, now + 100, &from,
	    &until), 0);
	assert_int_equal(from, now - 10);
	assert_int_equal(until, now + 100);
	assert_int_equal(profile_times(&p, now, now + 1, now + 100, &from,
	    &until), -1);
	assert_int_equal(profile_times(&p, now, now - 100, now - 1, &from,
	    &until), -1);
	assert_int_equal(profile_times(&p, now, now - 100, now, &from,
	    &until), -1);
}

static void
test_key_usage(void **state)
{
	const struct profile p = {
		.key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT
	};

	(void)state;
	assert_int_equal(profile_key_usage(&p, true), p.key_usage);
	assert_int_equal(profile_key_usage(&p, false), KU_DIGITAL_SIGNATURE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_default),
		UNIT(test_url),
		UNIT(test_hash),
		UNIT(test_bad),
		UNIT(test_oid),
		UNIT(test_times),
		UNIT(test_key_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

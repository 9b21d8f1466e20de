/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm/profile.c and profile_dates.c: one text for one profile, strict
 * reading, and the first and last second of a certificate.
 */
#include "unit.h"

#include "../../hsm/profile.c"

static const char *const eku[] = { EKU_SERVER_AUTH, NULL };

static struct profile
good(void)
{
	return (struct profile){
		.name = "server", .description = "TLS servers",
		.validity = 90 * DAY, .backdate = 3600, .advance = DAY,
		.key_usage = KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT,
		.keys = PROFILE_RSA | PROFILE_P256 | PROFILE_P521,
		.eku = (const char **)eku, .dns = true, .ip = true,
		.wildcards = true, .names_max = 100, .open = true,
	};
}

#define BODY "{\"advance_seconds\":86400,\"backdate_seconds\":3600," \
	"\"br\":false,\"common_name\":\"none\"," \
	"\"description\":\"TLS servers\",\"eku\":[\"1.3.6.1.5.5.7.3.1\"]," \
	"\"identifiers\":[\"dns\",\"ip\"]," \
	"\"key_usage\":[\"digitalSignature\",\"keyEncipherment\"]," \
	"\"keys\":[\"RSA\",\"P-256\",\"P-521\"],\"name\":\"server\"," \
	"\"names_max\":100,\"open\":true,\"validity_seconds\":7776000," \
	"\"wildcards\":true}"

static void
test_body(void **state)
{
	const struct profile p = good();
	struct profile q;
	char why[256] = "";

	assert_string_equal(profile_print(*state, &p), BODY);
	if (profile_parse(*state, BODY, &q, why, sizeof(why)) == -1)
		fail_msg("%s", why);
	assert_string_equal(q.name, "server");
	assert_string_equal(q.description, "TLS servers");
	assert_int_equal(q.validity, p.validity);
	assert_int_equal(q.backdate, p.backdate);
	assert_int_equal(q.advance, p.advance);
	assert_int_equal(q.key_usage, p.key_usage);
	assert_int_equal(q.keys, p.keys);
	assert_string_equal(q.eku[0], EKU_SERVER_AUTH);
	assert_null(q.eku[1]);
	assert_null(q.policies);
	assert_null(q.ca_issuers_url);
	assert_null(q.organization);
	assert_int_equal(q.common_name, CN_NONE);
	assert_true(q.dns && q.ip && q.wildcards && q.open && !q.br);
	assert_int_equal(q.names_max, 100);
	assert_string_equal(profile_print(*state, &q), BODY);
}

/* Every member that need not be there, there. */
static void
test_all(void **state)
{
	const char *policies[] = { "2.23.140.1.2.1", "1.2.3.4", NULL };
	struct profile p = good(), q;
	char why[256] = "", *body;

	p.policies = policies;
	p.ca_issuers_url = "http://ca.test/issuing-1.crt";
	p.organization = "Ö & Co";
	p.country = "DE";
	p.common_name = CN_FIRST;
	p.dns = false;
	p.br = true;
	body = profile_print(*state, &p);
	if (profile_parse(*state, body, &q, why, sizeof(why)) == -1)
		fail_msg("%s", why);
	assert_string_equal(q.policies[1], "1.2.3.4");
	assert_null(q.policies[2]);
	assert_string_equal(q.ca_issuers_url, p.ca_issuers_url);
	assert_string_equal(q.organization, "Ö & Co");
	assert_string_equal(q.country, "DE");
	assert_int_equal(q.common_name, CN_FIRST);
	assert_true(!q.dns && q.ip && q.br);
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

/* One piece of the good body replaced by another: not a profile. */
static const char *const bad[][2] = {
	{ "\"advance_seconds\":86400,", "" },
	{ "\"advance_seconds\":86400", "\"advance_seconds\":-1" },
	{ "\"advance_seconds\":86400", "\"advance_seconds\":99999999" },
	{ "\"backdate_seconds\":3600", "\"backdate_seconds\":\"3600\"" },
	{ "\"backdate_seconds\":3600", "\"backdate_seconds\":86401" },
	{ "\"backdate_seconds\":3600",
	    "\"backdate_seconds\":3600,\"backdate_seconds\":3600" },
	{ "\"br\":false", "\"br\":0" },
	{ "\"br\":false,", "\"br\":false,\"ca\":true," },
	{ "\"br\":false,", "\"br\":false,\"ca_issuers_url\":\"ldap://x/\"," },
	{ "\"none\"", "\"last\"" }, { "\"none\"", "\"none\\u0000\"" },
	{ "\"none\",", "\"none\",\"country\":\"de\"," },
	{ "\"none\",", "\"none\",\"country\":\"DEU\"," },
	{ "TLS servers", "" }, { "TLS servers", "a\\nb" },
	{ "\"1.3.6.1.5.5.7.3.1\"", "" },
	{ "\"1.3.6.1.5.5.7.3.1\"", "\"serverAuth\"" },
	{ "\"1.3.6.1.5.5.7.3.1\"", "\"2.5.29.37.0\"" },
	{ "\"1.3.6.1.5.5.7.3.1\"", "\"1.3.6.1.5.5.7.3.9\"" },
	{ "\"1.3.6.1.5.5.7.3.1\"",
	    "\"1.3.6.1.5.5.7.3.1\",\"1.3.6.1.5.5.7.3.1\"" },
	{ "[\"dns\",\"ip\"]", "[]" }, { "[\"dns\",\"ip\"]", "[\"email\"]" },
	{ "[\"dns\",\"ip\"]", "[\"ip\",\"dns\"]" },	/* one order only */
	{ "\"digitalSignature\",", "" },
	{ "\"keyEncipherment\"", "\"keyCertSign\"" },
	{ "\"keyEncipherment\"", "\"digitalSignature\"" },
	{ "\"P-256\"", "\"P-192\"" },
	{ "[\"RSA\",\"P-256\",\"P-521\"]", "[]" },
	{ "\"name\":\"server\",", "" },
	{ "\"name\":\"server\"", "\"name\":\"Server\"" },
	{ "\"names_max\":100", "\"names_max\":0" },
	{ "\"names_max\":100", "\"names_max\":101" },
	{ "\"names_max\":100,", "\"names_max\":100,\"organization\":\"\"," },
	{ "\"open\":true", "\"open\":\"yes\"" },
	{ "\"open\":true,", "\"open\":true,\"policies\":[]," },
	{ "\"open\":true,", "\"open\":true,\"policies\":[\"x\"]," },
	{ "7776000", "299" }, { "7776000", "99999999999" },
	{ "\"wildcards\":true", "\"wildcards\":null" },
	{ "\"wildcards\":true}", "\"wildcards\":true} " },
	{ "\"wildcards\":true}", "\"wildcards\":true}{}" },
	/* CA/B BR, 6.1.5 */
	{ "\"br\":false", "\"br\":true,\"keys\":[\"Ed25519\"]" },
};

static char *
changed(struct arena *a, const char *from, const char *to)
{
	const char *at = strstr(BODY, from);

	assert_non_null(at);
	return arena_printf(a, "%.*s%s%s", (int)(at - BODY), BODY, to,
	    at + strlen(from));
}

static void
refused(struct arena *a, const char *body)
{
	struct profile p;
	char why[256] = "";

	if (profile_parse(a, body, &p, why, sizeof(why)) != -1)
		fail_msg("accepted: %s", body);
	assert_string_not_equal(why, "");
}

static void
test_bad(void **state)
{
	static const char *const whole[] = { "", "{}", "[]", "null" };
	size_t i;

	for (i = 0; i < nitems(bad); i++)
		refused(*state, changed(*state, bad[i][0], bad[i][1]));
	for (i = 0; i < nitems(whole); i++)
		refused(*state, whole[i]);
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

#define NOW	INT64_C(1800000000)
#define FAR	(INT64_C(1) << 40)

static int
times(const struct profile *p, int64_t issuer_from, int64_t issuer_until,
    int64_t not_before, int64_t not_after, int64_t *from, int64_t *until)
{
	const struct profile_dates asked = { not_before, not_after };
	char why[128] = "";
	int rc;

	rc = profile_times(p, NOW, issuer_from, issuer_until, &asked, from,
	    until, why, sizeof(why));
	assert_int_equal(rc == -1, *why != '\0');
	return rc;
}

/* RFC 5280, 4.1.2.5: the second of notAfter is part of the validity. */
static void
test_times(void **state)
{
	const struct profile p = good();
	int64_t from, until;

	(void)state;
	assert_int_equal(times(&p, 0, FAR, 0, 0, &from, &until), 0);
	assert_int_equal(from, NOW - 3600);
	assert_int_equal(until - from + 1, 90 * DAY);
	/* never outside of the issuer's own */
	assert_int_equal(times(&p, NOW - 10, NOW + 100, 0, 0, &from, &until),
	    0);
	assert_int_equal(from, NOW - 10);
	assert_int_equal(until, NOW + 100);
	assert_int_equal(times(&p, NOW + 1, NOW + 100, 0, 0, &from, &until),
	    -1);
	assert_int_equal(times(&p, NOW - 100, NOW - 1, 0, 0, &from, &until),
	    -1);
	assert_int_equal(times(&p, NOW - 100, NOW, 0, 0, &from, &until), -1);
}

/* RFC 8555, 7.4: what is asked for is kept to the second or refused. */
static void
test_asked(void **state)
{
	static const struct {
		int64_t	 not_before, not_after;	/* after NOW; 0: none */
		int	 rc;
	} t[] = {
		{ -3600, 0, 0 }, { -3601, 0, -1 }, { DAY, 0, 0 },
		{ DAY + 1, 0, -1 }, { 0, 3600, 0 }, { 0, -1, -1 },
		{ 0, 90 * DAY - 3601, 0 }, { 0, 90 * DAY - 3600, -1 },
		{ 10, 90 * DAY + 9, 0 }, { 10, 90 * DAY + 10, -1 },
		{ 0, 3650 * DAY, -1 },
	};
	struct profile p = good();
	int64_t from, until, b, a;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(t); i++) {
		b = t[i].not_before == 0 ? 0 : NOW + t[i].not_before;
		a = t[i].not_after == 0 ? 0 : NOW + t[i].not_after;
		if (times(&p, 0, FAR, b, a, &from, &until) != t[i].rc)
			fail_msg("number %zu", i);
		if (t[i].rc == 0 && b != 0)
			assert_int_equal(from, b);
		if (t[i].rc == 0 && a != 0)
			assert_int_equal(until, a);
	}
	assert_int_equal(times(&p, 0, NOW + 50, 0, NOW + 51, &from, &until),
	    -1);
	assert_int_equal(times(&p, NOW - 5, FAR, NOW - 6, 0, &from, &until),
	    -1);
	p.advance = 0;
	assert_int_equal(times(&p, 0, FAR, NOW, 0, &from, &until), 0);
	assert_int_equal(times(&p, 0, FAR, NOW + 1, 0, &from, &until), -1);
}

static void
test_date(void **state)
{
	static const struct {
		const char	*text;
		int64_t		 t;		/* -1: none */
	} t[] = {
		{ "2027-01-15T08:00:00Z", NOW },
		{ "2027-01-15T08:00:00.999Z", NOW },
		{ "2027-01-15t08:00:00z", NOW },
		{ "2027-01-15T09:30:00+01:30", NOW },
		{ "2027-01-15T06:00:00-02:00", NOW },
		{ "2024-02-29T00:00:00Z", 1709164800 },
		{ "2027-02-29T00:00:00Z", -1 }, { "2027-13-01T00:00:00Z", -1 },
		{ "2027-01-15T24:00:00Z", -1 }, { "2027-01-15T08:00:60Z", -1 },
		{ "2027-01-15T08:00:00", -1 }, { "2027-01-15 08:00:00Z", -1 },
		{ "2027-01-15T08:00:00.Z", -1 }, { "2027-01-15", -1 },
		{ "2027-01-15T08:00:00+24:00", -1 },
		{ "2027-01-15T08:00:00+0100", -1 },
		{ "2027-01-15T08:00:00Zx", -1 }, { "", -1 }, { "20", -1 },
		{ "1970-01-01T00:00:00Z", -1 }, { "+027-01-15T08:00:00Z", -1 },
	};
	int64_t out;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(t); i++) {
		if (profile_date_parse(t[i].text, &out) == -1)
			out = -1;
		if (out != t[i].t)
			fail_msg("%s: %lld", t[i].text, (long long)out);
	}
}

static void
test_dates(void **state)
{
	static const struct {
		const char	*order;
		int		 rc;
	} t[] = {
		{ "{}", 0 },
		{ "{\"notBefore\":\"2027-01-15T08:00:00Z\"}", 0 },
		{ "{\"notBefore\":\"2027-01-15T08:00:00Z\","
		    "\"notAfter\":\"2027-01-16T08:00:00Z\"}", 0 },
		{ "{\"notBefore\":\"2027-01-15T08:00:00Z\","
		    "\"notAfter\":\"2027-01-15T08:00:00Z\"}", -1 },
		{ "{\"notAfter\":1800000000}", -1 },
		{ "{\"notAfter\":null}", -1 },
		{ "{\"notAfter\":\"soon\"}", -1 },
	};
	struct profile_dates d;
	char why[128] = "";
	json_t *o;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(t); i++) {
		o = json_loads(t[i].order, 0, NULL);
		if (profile_dates_read(o, &d, why, sizeof(why)) != t[i].rc)
			fail_msg("%s: %s", t[i].order, why);
		json_decref(o);
	}
}

static void
test_fits(void **state)
{
	const struct ident names[] = {
		{ .type = "dns", .value = "a.test" },
		{ .type = "dns", .wildcard = true, .value = "a.test" },
		{ .type = "ip", .value = "192.0.2.1" },
	};
	struct profile p = good();
	char why[128];

	(void)state;
	assert_int_equal(profile_fits(&p, names, 3, why, sizeof(why)), 0);
	p.names_max = 2;
	assert_int_equal(profile_fits(&p, names, 3, why, sizeof(why)), -1);
	p.ip = false;
	assert_int_equal(profile_fits(&p, names, 2, why, sizeof(why)), 0);
	assert_int_equal(profile_fits(&p, names + 2, 1, why, sizeof(why)),
	    -1);
	p.wildcards = false;
	assert_int_equal(profile_fits(&p, names, 1, why, sizeof(why)), 0);
	assert_int_equal(profile_fits(&p, names, 2, why, sizeof(why)), -1);
	p.dns = false;
	assert_int_equal(profile_fits(&p, names, 1, why, sizeof(why)), -1);
}

static void
test_key_usage(void **state)
{
	const struct profile p = good();

	(void)state;
	assert_int_equal(profile_key_usage(&p, true), p.key_usage);
	assert_int_equal(profile_key_usage(&p, false), KU_DIGITAL_SIGNATURE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_body),
		UNIT(test_all),
		UNIT(test_hash),
		UNIT(test_bad),
		UNIT(test_oid),
		UNIT(test_times),
		UNIT(test_asked),
		UNIT(test_date),
		UNIT(test_dates),
		UNIT(test_fits),
		UNIT(test_key_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* CAA record sets (RFC 8659, RFC 8657) and what each lets us do. */
#include "unit.h"

#include "server/caa.c"

#define URI	"https://ca.test/acme/account/A"
#define NAME	0x1	/* may issue for the name */
#define WILD	0x2	/* may issue for its wildcard */
#define BOTH	(NAME | WILD)
#define NONE	0

/* Records as text: an optional "!" (critical), tag, "=", value. */
static const struct {
	const char	*records[4];
	unsigned	 allowed;
} rows[] = {
	{ { NULL }, BOTH },
	/* RFC 8659, 4.2 */
	{ { "issue=ca.test" }, BOTH },
	{ { "issue=CA.Test" }, BOTH },
	{ { "ISSUE=ca.test" }, BOTH },
	{ { "!issue=ca.test" }, BOTH },
	{ { "issue=second.test" }, BOTH },
	{ { "issue=other.test" }, NONE },
	{ { "issue=other.test", "issue=ca.test" }, BOTH },
	{ { "issue=ca.test", "issue=ca.test" }, BOTH },
	{ { "issue=ca.test.other.test" }, NONE },
	{ { "issue=a.ca.test" }, NONE },
	{ { "issue=ca.tes" }, NONE },
	{ { "issue=" }, NONE },
	{ { "issue=;" }, NONE },
	{ { "issue= ; " }, NONE },
	{ { "issue=;", "issue=ca.test" }, BOTH },
	{ { "issue=%%%%%" }, NONE },
	{ { "issue=%%%%%", "issue=ca.test" }, BOTH },
	/* the grammar of the value */
	{ { "issue= ca.test" }, BOTH },
	{ { "issue=\tca.test \t" }, BOTH },
	{ { "issue=ca.test;" }, BOTH },
	{ { "issue=ca.test ; " }, BOTH },
	{ { "issue=ca.test; policy=ev" }, BOTH },
	{ { "issue=ca.test;policy=ev;x-y=1=2" }, BOTH },
	{ { "issue=ca.test; policy = ev ; x = y " }, BOTH },
	{ { "issue=ca.test; policy=" }, BOTH },
	{ { "issue=ca.test; policy=ev;" }, NONE },
	{ { "issue=ca.test; policy=ev; ;" }, NONE },
	{ { "issue=ca.test; policy" }, NONE },
	{ { "issue=ca.test; =ev" }, NONE },
	{ { "issue=ca.test; -p=ev" }, NONE },
	{ { "issue=ca.test; p-=ev" }, NONE },
	{ { "issue=ca.test; p_q=ev" }, NONE },
	{ { "issue=ca.test; p=e v" }, NONE },
	{ { "issue=ca.test; p=\303\274" }, NONE },
	{ { "issue=ca.test; p=\177" }, NONE },
	{ { "issue=ca.test policy=ev" }, NONE },
	{ { "issue=ca.test other.test" }, NONE },
	{ { "issue=ca.test, other.test" }, NONE },
	{ { "issue=ca.test." }, NONE },
	{ { "issue=.ca.test" }, NONE },
	{ { "issue=ca..test" }, NONE },
	{ { "issue=-ca.test" }, NONE },
	{ { "issue=ca-.test" }, NONE },
	{ { "issue=ca_test" }, NONE },
	{ { "issue=ca.test\n" }, NONE },
	{ { "issue=\"ca.test\"" }, NONE },
	/* RFC 8659, 4.3 */
	{ { "issuewild=ca.test" }, BOTH },
	{ { "issuewild=other.test" }, NAME },
	{ { "issuewild=;" }, NAME },
	{ { "issuewild=%%" }, NAME },
	{ { "issue=ca.test", "issuewild=;" }, NAME },
	{ { "issue=;", "issuewild=ca.test" }, WILD },
	{ { "issue=other.test", "issuewild=ca.test" }, WILD },
	{ { "issuewild=other.test", "IssueWild=ca.test" }, BOTH },
	/* RFC 8659, 4.4 and 4.5 */
	{ { "iodef=mailto:a@b.test" }, BOTH },
	{ { "!iodef=mailto:a@b.test" }, BOTH },
	{ { "iodef=mailto:a@b.test", "issue=;" }, NONE },
	{ { "unknown=x" }, BOTH },
	{ { "!unknown=x" }, NONE },
	{ { "!unknown=x", "issue=ca.test" }, NONE },
	{ { "issue=ca.test", "!unknown=x" }, NONE },
	{ { "issuemail=;" }, BOTH },
	{ { "!issuemail=;" }, NONE },
	{ { "bad-tag=x" }, NONE },
	/* RFC 8657, 3 */
	{ { "issue=ca.test; accounturi=" URI }, BOTH },
	{ { "issue=ca.test; AccountURI=" URI }, BOTH },
	{ { "issue=ca.test; accounturi=" URI "x" }, NONE },
	{ { "issue=ca.test; accounturi=https://CA.test/acme/account/A" },
	    NONE },
	{ { "issue=ca.test; accounturi=" }, NONE },
	{ { "issue=ca.test; ACCOUNTURI=other" }, NONE },
	{ { "issue=ca.test; accounturi=" URI "; accounturi=" URI }, NONE },
	{ { "issue=other.test; accounturi=" URI }, NONE },
	{ { "issue=; accounturi=" URI }, NONE },
	{ { "issue=ca.test; accounturi=other",
	    "issue=ca.test; accounturi=" URI }, BOTH },
	/* RFC 8657, 4 */
	{ { "issue=ca.test; validationmethods=http-01" }, BOTH },
	{ { "issue=ca.test; validationmethods=dns-01,http-01" }, BOTH },
	{ { "issue=ca.test; ValidationMethods=dns-01" }, NONE },
	{ { "issue=ca.test; validationmethods=dns-01" }, NONE },
	{ { "issue=ca.test; validationmethods=HTTP-01" }, NONE },
	{ { "issue=ca.test; validationmethods=http-011" }, NONE },
	{ { "issue=ca.test; validationmethods=" }, NONE },
	{ { "issue=ca.test; validationmethods=http-01," }, NONE },
	{ { "issue=ca.test; validationmethods=,http-01" }, NONE },
	{ { "issue=ca.test; validationmethods=http-01:x" }, NONE },
	{ { "issue=ca.test; validationmethods=http-01; "
	    "validationmethods=http-01" }, NONE },
	{ { "issue=ca.test; validationmethods=http-01; accounturi=" URI },
	    BOTH },
	{ { "issue=ca.test; validationmethods=dns-01; accounturi=" URI },
	    NONE },
	{ { "issuewild=ca.test; validationmethods=dns-01", "issue=ca.test" },
	    NAME },
};

static const char *const issuers[] = { "ca.test", "second.test" };

static struct caa_request
request_new(bool wildcard)
{
	return (struct caa_request){
		.name = "host.test", .wildcard = wildcard,
		.method = "http-01", .account_uri = URI,
		.issuers = issuers, .nissuers = nitems(issuers),
	};
}

/* Octets of their own on the heap, so that a step too far is seen. */
static void
record_make(const char *text, struct caa_rr *rr)
{
	const char *value = strchr(text, '=') + 1;
	unsigned char *p;
	size_t tag_len, value_len = strlen(value);
	bool critical = *text == '!';

	if (critical)
		text++;
	tag_len = (size_t)(value - 1 - text);
	rr->len = 2 + tag_len + value_len;
	rr->rdata = p = malloc(rr->len);
	assert_non_null(p);
	p[0] = critical ? 0x80 : 0;
	p[1] = (unsigned char)tag_len;
	memcpy(p + 2, text, tag_len);
	memcpy(p + 2 + tag_len, value, value_len);
}

static void
test_sets(void **state)
{
	struct caa_request request;
	struct caa_rr rrs[4];
	struct problem p;
	size_t i, j, n;
	unsigned ask;
	int rc;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		for (n = 0; n < 4 && rows[i].records[n] != NULL; n++)
			record_make(rows[i].records[n], &rrs[n]);
		for (ask = NAME; ask <= WILD; ask++) {
			memset(&p, 0, sizeof(p));
			request = request_new(ask == WILD);
			rc = caa_check(rrs, n, &request, &p);
			if (rc != (rows[i].allowed & ask ? 0 : -1) ||
			    p.type != (rc == 0 ? PR_NONE : PR_CAA))
				fail_msg("%s, %s: %d %s", rows[i].records[0],
				    ask == WILD ? "wildcard" : "name", rc,
				    p.detail);
		}
		for (j = 0; j < n; j++)
			free((void *)rrs[j].rdata);
	}
}

/* RFC 8659, 4.1: octets that are no record refuse, whatever else stands. */
static void
test_broken_records(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
	} broken[] = {
		{ "", 0 },
		{ "\0", 1 },
		{ "\0\0", 2 },
		{ "\0\0ca.test", 9 },
		{ "\0\5issu", 6 },
		{ "\0\377issueca.test", 14 },
		{ "\0\5iss\0eca.test", 14 },
		{ "\0\5iss eca.test", 14 },
	};
	struct caa_request request = request_new(false);
	struct caa_rr rrs[2];
	struct problem p;
	unsigned char *copy;
	size_t i;

	(void)state;
	record_make("issue=ca.test", &rrs[0]);
	for (i = 0; i < nitems(broken); i++) {
		copy = malloc(broken[i].len + 1);
		memcpy(copy + 1, broken[i].octets, broken[i].len);
		rrs[1] = (struct caa_rr){ copy + 1, broken[i].len };
		assert_int_equal(caa_check(rrs, 2, &request, &p), -1);
		assert_int_equal(p.type, PR_CAA);
		free(copy);
	}
	free((void *)rrs[0].rdata);
}

/* The other flag bits are reserved and ignored (RFC 8659, 4.1). */
static void
test_flags(void **state)
{
	struct caa_request request = request_new(false);
	struct problem p;
	unsigned char octets[] = "\0\1xvalue";
	struct caa_rr rr = { octets, sizeof(octets) - 1 };
	int flags;

	(void)state;
	for (flags = 0; flags < 256; flags++) {
		octets[0] = (unsigned char)flags;
		assert_int_equal(caa_check(&rr, 1, &request, &p),
		    flags >= 128 ? -1 : 0);
	}
}

/* Without an account or names of our own nothing is matched by accident. */
static void
test_requests(void **state)
{
	struct caa_request request = request_new(false);
	struct problem p;
	struct caa_rr rr;

	(void)state;
	record_make("issue=ca.test; accounturi=", &rr);
	request.account_uri = NULL;
	assert_int_equal(caa_check(&rr, 1, &request, &p), -1);
	free((void *)rr.rdata);
	record_make("issue=", &rr);
	request.issuers = (const char *const[]){ "" };
	request.nissuers = 1;
	assert_int_equal(caa_check(&rr, 1, &request, &p), -1);
	request.nissuers = 0;
	assert_int_equal(caa_check(&rr, 1, &request, &p), -1);
	free((void *)rr.rdata);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_sets),
		UNIT(test_broken_records),
		UNIT(test_flags),
		UNIT(test_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

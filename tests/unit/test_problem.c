/* SPDX-License-Identifier: Apache-2.0 */
/* Problem documents: types, statuses, and details that quote anything. */
#include "unit.h"

#include "server/problem.c"

/* RFC 8555, 6.7, written down a second time. */
static const struct {
	enum problem_type	 type;
	const char		*name;
	int			 status;
} expected[] = {
	{ PR_ACCOUNT_DOES_NOT_EXIST, "accountDoesNotExist", 400 },
	{ PR_ALREADY_REPLACED, "alreadyReplaced", 409 },
	{ PR_BAD_CSR, "badCSR", 400 },
	{ PR_BAD_NONCE, "badNonce", 400 },
	{ PR_BAD_PUBLIC_KEY, "badPublicKey", 400 },
	{ PR_BAD_SIGNATURE_ALGORITHM, "badSignatureAlgorithm", 400 },
	{ PR_CAA, "caa", 403 },
	{ PR_COMPOUND, "compound", 400 },
	{ PR_CONNECTION, "connection", 400 },
	{ PR_DNS, "dns", 400 },
	{ PR_EXTERNAL_ACCOUNT_REQUIRED, "externalAccountRequired", 403 },
	{ PR_INCORRECT_RESPONSE, "incorrectResponse", 403 },
	{ PR_INVALID_CONTACT, "invalidContact", 400 },
	{ PR_INVALID_PROFILE, "invalidProfile", 400 },
	{ PR_MALFORMED, "malformed", 400 },
	{ PR_ORDER_NOT_READY, "orderNotReady", 403 },
	{ PR_RATE_LIMITED, "rateLimited", 429 },
	{ PR_REJECTED_IDENTIFIER, "rejectedIdentifier", 400 },
	{ PR_SERVER_INTERNAL, "serverInternal", 500 },
	{ PR_TLS, "tls", 400 },
	{ PR_UNAUTHORIZED, "unauthorized", 403 },
	{ PR_UNSUPPORTED_CONTACT, "unsupportedContact", 400 },
	{ PR_UNSUPPORTED_IDENTIFIER, "unsupportedIdentifier", 400 },
	{ PR_USER_ACTION_REQUIRED, "userActionRequired", 403 },
};

static void
test_types(void **state)
{
	struct problem p = { 0 };
	char urn[128];
	size_t i;

	(void)state;
	assert_int_equal(nitems(expected), PR_TYPES - 1);
	for (i = 0; i < nitems(expected); i++) {
		snprintf(urn, sizeof(urn), "urn:ietf:params:acme:error:%s",
		    expected[i].name);
		assert_string_equal(problem_urn(expected[i].type), urn);
		assert_int_equal(problem_type_of(urn), expected[i].type);
		assert_int_equal(problem(&p, expected[i].type, "x"), -1);
		assert_int_equal(problem_http_status(&p), expected[i].status);
	}
	assert_int_equal(problem_type_of("urn:other"), PR_SERVER_INTERNAL);
	assert_int_equal(problem_type_of("about:blank"), PR_SERVER_INTERNAL);
	assert_int_equal(problem_type_of(NULL), PR_SERVER_INTERNAL);
}

static void
test_status(void **state)
{
	struct problem p = { 0 };

	(void)state;
	assert_int_equal(problem_status(&p, 405, PR_MALFORMED, "%d", 3), -1);
	assert_int_equal(problem_http_status(&p), 405);
	assert_string_equal(p.detail, "3");
	/* a later problem inherits nothing from an earlier one */
	p.nsub = 4;
	p.instance = "https://a.test/";
	problem(&p, PR_MALFORMED, "y");
	assert_null(p.instance);
	assert_int_equal(problem_http_status(&p), 400);
	assert_int_equal(p.nsub, 0);
}

static void
test_documents(void **state)
{
	struct subproblem subs[] = {
		{ PR_REJECTED_IDENTIFIER, "no", "dns", "A.test" },
		{ PR_MALFORMED, "bad \377", "dns", "_" },
		{ PR_RATE_LIMITED, "many", NULL, NULL },
	};
	struct problem p = { 0 };
	json_t *doc;
	char *text;

	(void)state;
	problem(&p, PR_BAD_SIGNATURE_ALGORITHM, "no %s", "HS256");
	doc = problem_json(&p);
	text = json_dumps(doc, JSON_SORT_KEYS | JSON_COMPACT);
	assert_string_equal(text, "{\"algorithms\":[\"ES256\",\"ES384\","
	    "\"ES512\",\"EdDSA\",\"RS256\"],"
	    "\"detail\":\"no HS256\",\"status\":400,\"type\":"
	    "\"urn:ietf:params:acme:error:badSignatureAlgorithm\"}");
	free(text);
	json_decref(doc);
	problem_status(&p, 403, PR_COMPOUND, "two");
	p.instance = "https://a.test/terms";
	p.sub = subs;
	p.nsub = nitems(subs);
	doc = problem_json(&p);
	text = json_dumps(doc, JSON_SORT_KEYS | JSON_COMPACT);
	assert_string_equal(text, "{\"detail\":\"two\","
	    "\"instance\":\"https://a.test/terms\",\"status\":403,"
	    "\"subproblems\":[{\"detail\":\"no\",\"identifier\":{\"type\":"
	    "\"dns\",\"value\":\"A.test\"},\"type\":"
	    "\"urn:ietf:params:acme:error:rejectedIdentifier\"},"
	    "{\"detail\":\"?\",\"identifier\":{\"type\":\"dns\",\"value\":"
	    "\"_\"},\"type\":\"urn:ietf:params:acme:error:malformed\"},"
	    "{\"detail\":\"many\",\"type\":"
	    "\"urn:ietf:params:acme:error:rateLimited\"}],"
	    "\"type\":\"urn:ietf:params:acme:error:compound\"}");
	free(text);
	json_decref(doc);
}

static void
test_details(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "plain", "plain" },
		{ "a\nb\tc\033d\177", "a?b?c?d?" },
		{ "M\303\274nchen", "M\303\274nchen" },
		{ "bad \377\303\274", "bad ???" },
		{ "\303", "" },
		{ "\200\200\200\200", "????" },
		{ "", "" },
	};
	struct problem p = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		problem(&p, PR_MALFORMED, "%s", rows[i].in);
		assert_string_equal(p.detail, rows[i].out);
	}
}

/* Wherever the end falls, no character is cut in half. */
static void
test_truncation(void **state)
{
	static const char *const units[] = {
		"x", "\303\274", "\342\202\254", "\360\237\230\200"
	};
	struct problem p = { 0 };
	struct buf b;
	json_t *doc;
	size_t i, j, shift, n;

	for (i = 0; i < nitems(units); i++) {
		for (shift = 0; shift < 4; shift++) {
			buf_init(&b, *state);
			buf_printf(&b, "%.*s", (int)shift, "yyyy");
			for (j = 0; j < 300; j++)
				buf_puts(&b, units[i]);
			problem(&p, PR_MALFORMED, "%s", (char *)b.data);
			n = strlen(units[i]);
			assert_int_equal(strlen(p.detail),
			    (255 - shift) / n * n + shift);
			assert_memory_equal(p.detail, b.data,
			    strlen(p.detail));
			doc = problem_json(&p);
			assert_string_equal(json_string_value(
			    json_object_get(doc, "detail")), p.detail);
			json_decref(doc);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_types),
		UNIT(test_status),
		UNIT(test_documents),
		UNIT(test_details),
		UNIT(test_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

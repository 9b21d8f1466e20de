/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the own account's key may sign: an order from its beginning to its
 * end, and nothing beside it.
 */
#include "unit.h"

#include "hsm/own_jws.c"

#define BASE	"https://ca.example:14000"
#define ACCOUNT	BASE "/acme/account/AAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAA"
#define PUB	"AAAAAAAAAAIAAAAAAAAAAAAAAAAAAAAA"
#define HEADER(url)	"{\"alg\":\"ES256\",\"kid\":\"" ACCOUNT "\"," \
	"\"nonce\":\"bm9uY2U\",\"url\":\"" url "\"}"

static const struct {
	const char	*header, *payload;
} good[] = {
	{ HEADER(BASE "/acme/new-order"), "{\"identifiers\":[]}" },
	{ HEADER(BASE "/acme/new-order"),
	    "{\"identifiers\":[],\"profile\":\"server\"}" },
	{ HEADER(BASE "/acme/order/" PUB), "" },
	{ HEADER(BASE "/acme/order/" PUB "/finalize"), "{\"csr\":\"AA\"}" },
	{ HEADER(BASE "/acme/authz/" PUB), "" },
	{ HEADER(BASE "/acme/certificate/" PUB), "" },
	{ HEADER(ACCOUNT), "{\"termsOfServiceAgreed\":true}" },
};

static const struct {
	const char	*header, *payload, *why;
} bad[] = {
	/* other URLs */
	{ HEADER(BASE "/acme/key-change"), "{}", "this URL" },
	{ HEADER(BASE "/acme/revoke-cert"), "{}", "this URL" },
	{ HEADER(BASE "/acme/new-account"), "{}", "this URL" },
	{ HEADER(BASE "/officer/act"), "{}", "this URL" },
	{ HEADER(ACCOUNT), "{\"status\":\"deactivated\"}", "members" },
	{ HEADER(ACCOUNT), "{\"contact\":[],\"termsOfServiceAgreed\":true}",
	    "members" },
	{ HEADER(ACCOUNT), "", "not an object" },
	{ HEADER(ACCOUNT "/orders"), "", "this URL" },
	{ HEADER("https://other.example/acme/new-order"),
	    "{\"identifiers\":[]}", "this URL" },
	{ HEADER(BASE "/acme/new-order/"), "{}", "this URL" },
	{ HEADER(BASE "/acme/order/" PUB "/"), "", "this URL" },
	{ HEADER(BASE "/acme/order/../key-change"), "", "this URL" },
	{ HEADER(BASE "/acme/order/"), "", "this URL" },
	{ HEADER(BASE), "", "this URL" },
	/* payloads that do more */
	{ HEADER(BASE "/acme/authz/" PUB), "{\"status\":\"deactivated\"}",
	    "read only" },
	{ HEADER(BASE "/acme/order/" PUB), "{}", "read only" },
	{ HEADER(BASE "/acme/new-order"), "", "not an object" },
	{ HEADER(BASE "/acme/new-order"), "{}", "members" },
	{ HEADER(BASE "/acme/new-order"), "[]", "not an object" },
	{ HEADER(BASE "/acme/new-order"),
	    "{\"identifiers\":[],\"notAfter\":\"x\"}", "members" },
	{ HEADER(BASE "/acme/order/" PUB "/finalize"),
	    "{\"csr\":\"AA\",\"x\":1}", "members" },
	/* headers */
	{ "{\"alg\":\"ES256\",\"kid\":\"" ACCOUNT "\",\"nonce\":\"bm9uY2U\","
	    "\"url\":\"" BASE "/acme/new-order\",\"crit\":[]}",
	    "{\"identifiers\":[]}", "no more" },
	{ "{\"alg\":\"HS256\",\"kid\":\"" ACCOUNT "\",\"nonce\":\"bm9uY2U\","
	    "\"url\":\"" BASE "/acme/new-order\"}", "{\"identifiers\":[]}",
	    "alg" },
	{ "{\"alg\":\"ES256\",\"kid\":\"" BASE "/officer/officer-1\","
	    "\"nonce\":\"bm9uY2U\",\"url\":\"" BASE "/acme/new-order\"}",
	    "{\"identifiers\":[]}", "kid" },
	{ "{\"alg\":\"ES256\",\"jwk\":{},\"nonce\":\"bm9uY2U\",\"url\":\""
	    BASE "/acme/new-order\"}", "{\"identifiers\":[]}", "no more" },
	{ "{\"alg\":\"ES256\",\"kid\":\"" ACCOUNT "\",\"url\":\"" BASE
	    "/acme/new-order\"}", "{\"identifiers\":[]}", "nonce" },
	{ "{\"alg\":\"ES256\",\"kid\":\"" ACCOUNT "\",\"nonce\":\"\","
	    "\"url\":\"" BASE "/acme/new-order\"}", "{\"identifiers\":[]}",
	    "nonce" },
	{ "{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"" ACCOUNT "\","
	    "\"nonce\":\"bm9uY2U\",\"url\":\"" BASE "/acme/new-order\"}",
	    "{\"identifiers\":[]}", "signing input" },
	{ "[]", "", "signing input" },
	{ "", "", "signing input" },
};

static int
check(struct arena *a, const char *header, const char *payload, char *why)
{
	char	*input = arena_printf(a, "%s.%s", b64u_encode(a, header,
	    strlen(header)), b64u_encode(a, payload, strlen(payload)));

	return own_jws_check(BASE, ACCOUNT, input, strlen(input), why, 256);
}

static void
test_good(void **state)
{
	char	why[256];
	size_t	i;

	for (i = 0; i < nitems(good); i++)
		if (check(*state, good[i].header, good[i].payload, why) != 0)
			fail_msg("%zu: %s", i, why);
}

static void
test_bad(void **state)
{
	char	why[256];
	size_t	i;

	for (i = 0; i < nitems(bad); i++) {
		if (check(*state, bad[i].header, bad[i].payload, why) != -1)
			fail_msg("%zu is signed", i);
		if (strstr(why, bad[i].why) == NULL)
			fail_msg("%zu: %s", i, why);
	}
}

static void
test_octets(void **state)
{
	static const char *const inputs[] = { "", ".", "a", "a.b.c", "e30",
	    "e30.", "e30.e30", "?", "e30=.e30" };
	char	why[256];
	size_t	i;

	(void)state;
	for (i = 0; i < nitems(inputs); i++)
		assert_int_equal(own_jws_check(BASE, ACCOUNT, inputs[i],
		    strlen(inputs[i]), why, sizeof(why)), -1);
	assert_int_equal(own_jws_check(BASE, ACCOUNT, "e30.\0x", 6, why,
	    sizeof(why)), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_good), UNIT(test_bad), UNIT(test_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

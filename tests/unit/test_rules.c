/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules: bodies that must be refused, what patterns match, what each kind of
 * directive forbids or allows, versions, and that questions to a large set
 * cost no more than to a small one.
 */
#include "unit.h"

#include <time.h>

#include "server/rules_body.c"
#include "server/rules_set.c"
#include "server/rules.c"

#define NOW	1000
#define JWK \
	"{\"crv\":\"P-256\",\"kty\":\"EC\"," \
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"

static struct ident
ident(const char *text)
{
	struct ident i = { 0 };

	i.wildcard = strncmp(text, "*.", 2) == 0;
	i.type = strchr(text, ':') != NULL || text[strspn(text,
	    "0123456789.")] == '\0' ? "ip" : "dns";
	snprintf(i.value, sizeof(i.value), "%s", text + 2 * i.wildcard);
	return i;
}

static void
take(struct rules *r, const char *kind, const char *name, int64_t version,
    const char *body)
{
	char why[160] = "";

	if (rules_take(r, kind, name, version, body, why, sizeof(why)) == -1)
		fail_msg("%s %s: %s", kind, name, why);
}

/* PR_NONE: allowed. */
static enum problem_type
ask(const struct rules *r, const char *account, const char *eab,
    const char *name)
{
	const struct rule_subject s = { account, eab, NOW };
	const struct ident i = ident(name);
	struct problem p = { 0 };
	int rc = rules_name(r, &s, &i, &p);

	assert_true((rc == 0) == (p.type == PR_NONE));
	return p.type;
}

static void
test_patterns(void **state)
{
	static const char *const good[] = { "example", "a.example", ".example",
	    "xn--bcher-kva.example", "1.example", "10.0.0.1", "10.0.0.0/8",
	    "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::1", "::1/128",
	    "10.0.0.1/32" };
	static const char *const bad[] = { "", ".", "*.example", "a..example",
	    "Example", "example.", "-a.example", "a-.example", "a b", "a_b",
	    "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/", "/8",
	    "10.0.0.0/8/8", "10.0.0", "10.0.0.256", "2001:DB8::/32",
	    "2001:db8:0::/32", "2001:db8::1/32", "::/129", "::/-1", "1.2",
	    "example/8", "\xc3\xa4.example", "10.0.0.0/ 8", "..example" };
	struct pattern p;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(good); i++)
		if (pattern_read(good[i], &p) == -1)
			fail_msg("%s", good[i]);
	for (i = 0; i < nitems(bad); i++)
		if (pattern_read(bad[i], &p) == 0)
			fail_msg("\"%s\" is a pattern", bad[i]);
}

static const struct {
	const char	*pattern, *name;
	bool		 matches;
} pairs[] = {
	{ "a.example", "a.example", true },
	{ "a.example", "b.a.example", false },
	{ "a.example", "*.a.example", false },
	{ ".a.example", "b.a.example", true },
	{ ".a.example", "c.b.a.example", true },
	{ ".a.example", "*.a.example", true },
	{ ".a.example", "*.b.a.example", true },
	{ ".a.example", "a.example", false },
	{ ".a.example", "ba.example", false },
	{ ".a.example", "*.example", false },
	{ "10.0.0.0/8", "10.255.0.1", true },
	{ "10.0.0.0/8", "11.0.0.1", false },
	{ "10.0.0.0/9", "10.128.0.1", false },
	{ "10.0.0.1", "10.0.0.1", true },
	{ "10.0.0.1", "10.0.0.2", false },
	{ "0.0.0.0/0", "255.1.1.1", true },
	{ "0.0.0.0/0", "2001:db8::1", false },
	{ "::/0", "10.0.0.1", false },
	{ "2001:db8::/32", "2001:db8:1::1", true },
	{ "2001:db8::/33", "2001:db8:8000::1", false },
	{ "10.0.0.0/8", "a.example", false },
};

/* One pattern in a set. */
static void
test_matches(void **state)
{
	size_t i;

	for (i = 0; i < nitems(pairs); i++) {
		struct rules *r = rules_new();

		take(r, "eab", "k", 1, arena_printf(*state,
		    "{\"accounts\":1,\"expires\":0,\"names\":[\"%s\"]}",
		    pairs[i].pattern));
		if ((ask(r, "u", "k", pairs[i].name) == PR_NONE) !=
		    pairs[i].matches)
			fail_msg("%s, %s", pairs[i].pattern, pairs[i].name);
		rules_free(r);
	}
}

static void
test_bodies(void **state)
{
	static const struct {
		const char	*kind, *name, *body;
		bool		 good;
	} rows[] = {
		{ "officer", "a", "{\"jwk\":" JWK "}", true },
		{ "officer", "a b", "{\"jwk\":" JWK "}", false },
		{ "officer", "", "null", false },
		{ "officer", "a", "{}", false },
		{ "officer", "a", "{\"jwk\":\"x\"}", false },
		{ "officer", "a", "{\"jwk\":{\"kty\":\"oct\"}}", false },
		{ "officer", "a", "{\"jwk\": " JWK "}", false },
		{ "officer", "a", "null", true },
		{ "officer", "a", "[]", false },
		{ "officer", "a", "", false },
		{ "office", "a", "null", false },
		{ "eab", "k", "{\"accounts\":1,\"expires\":0}", true },
		{ "eab", "k", "{\"accounts\":1}", false },
		{ "eab", "k", "{\"accounts\":-1,\"expires\":0}", false },
		{ "eab", "k", "{\"accounts\":1.5,\"expires\":0}", false },
		{ "eab", "k", "{\"accounts\":true,\"expires\":0}", false },
		{ "eab", "k", "{\"accounts\":1,\"expires\":"
		    "9223372036854775807}", false },
		{ "eab", "k", "{\"expires\":0,\"accounts\":1}", false },
		{ "eab", "k", "{\"accounts\":1,\"accounts\":1,"
		    "\"expires\":0}", false },
		{ "eab", "k", "{\"accounts\":1,\"expires\":0,\"x\":1}",
		    false },
		{ "eab", "k", "{\"accounts\":1,\"challenges\":[\"dns-01\"],"
		    "\"expires\":0,\"names\":[\".example\"],\"note\":\"n\","
		    "\"prevalidated\":[\"10.0.0.0/8\"],\"profiles\":[\"p\"],"
		    "\"wildcards\":false}", true },
		{ "eab", "k", "{\"accounts\":1,\"challenges\":[\"dns-02\"],"
		    "\"expires\":0}", false },
		{ "eab", "k", "{\"accounts\":1,\"expires\":0,"
		    "\"names\":[1]}", false },
		{ "eab", "k", "{\"accounts\":1,\"expires\":0,"
		    "\"names\":\".example\"}", false },
		{ "eab", "k", "{\"accounts\":1,\"expires\":0,"
		    "\"names\":[\"*.example\"]}", false },
		{ "block", "name:a.example", "{\"reason\":\"r\",\"type\":"
		    "\"name\",\"value\":\"a.example\"}", true },
		{ "block", "name:b.example", "{\"reason\":\"r\",\"type\":"
		    "\"name\",\"value\":\"a.example\"}", false },
		{ "block", "key:a.example", "{\"reason\":\"r\",\"type\":"
		    "\"name\",\"value\":\"a.example\"}", false },
		{ "block", "name:A.example", "{\"reason\":\"r\",\"type\":"
		    "\"name\",\"value\":\"A.example\"}", false },
		{ "block", "key:00", "{\"reason\":\"r\",\"type\":\"key\","
		    "\"value\":\"00\"}", false },
		{ "block", "name:a.example", "{\"type\":\"name\","
		    "\"value\":\"a.example\"}", false },
		{ "restrict", "a.example", "{\"value\":\"a.example\"}",
		    true },
		{ "restrict", "b.example", "{\"value\":\"a.example\"}",
		    false },
		{ "grant", "g", "{\"eab\":\"k\",\"expires\":5,"
		    "\"names\":[\".example\"]}", true },
		{ "grant", "g", "{\"eab\":\"k\",\"expires\":0,"
		    "\"names\":[\".example\"]}", false },
		{ "grant", "g", "{\"eab\":\"k\",\"expires\":5,\"names\":[]}",
		    false },
		{ "grant", "g", "{\"expires\":5,\"names\":[\".example\"]}",
		    false },
		{ "grant", "g", "{\"account\":\"u\",\"eab\":\"k\","
		    "\"expires\":5,\"names\":[\".example\"]}", false },
		{ "chain", "c", "{\"certificates\":[],\"issuer\":\"i\"}",
		    false },
		{ "chain", "c", "{\"certificates\":[\"MAA\"],"
		    "\"issuer\":\"i\"}", false },
		{ "chain", "c", "{\"certificates\":{},\"issuer\":\"i\"}",
		    false },
	};
	char why[160];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		*why = '\0';
		if ((rules_check(rows[i].kind, rows[i].name, rows[i].body,
		    why, sizeof(why)) == 0) != rows[i].good)
			fail_msg("%s %s %s: %s", rows[i].kind, rows[i].name,
			    rows[i].body, why);
		assert_true(rows[i].good == (*why == '\0'));
	}
}

static void
test_blocks(void **state)
{
	struct rules *r = rules_new();
	unsigned char key[DIGEST_LEN] = { 0 };

	(void)state;
	assert_int_equal(ask(r, "u", NULL, "a.example"), PR_NONE);
	take(r, "block", "name:a.b.example", 1, "{\"reason\":\"r\",\"type\":"
	    "\"name\",\"value\":\"a.b.example\"}");
	take(r, "block", "name:.bad", 1, "{\"reason\":\"r\",\"type\":"
	    "\"name\",\"value\":\".bad\"}");
	take(r, "block", "name:10.0.0.0/8", 1, "{\"reason\":\"r\",\"type\":"
	    "\"name\",\"value\":\"10.0.0.0/8\"}");
	assert_int_equal(ask(r, "u", NULL, "a.b.example"),
	    PR_REJECTED_IDENTIFIER);
	assert_int_equal(ask(r, "u", NULL, "b.example"), PR_NONE);
	/* would be good for the blocked name, too */
	assert_int_equal(ask(r, "u", NULL, "*.b.example"),
	    PR_REJECTED_IDENTIFIER);
	assert_int_equal(ask(r, "u", NULL, "*.example"), PR_NONE);
	assert_int_equal(ask(r, "u", NULL, "x.bad"), PR_REJECTED_IDENTIFIER);
	assert_int_equal(ask(r, "u", NULL, "*.y.bad"),
	    PR_REJECTED_IDENTIFIER);
	assert_int_equal(ask(r, "u", NULL, "10.9.9.9"),
	    PR_REJECTED_IDENTIFIER);
	assert_int_equal(ask(r, "u", NULL, "11.9.9.9"), PR_NONE);
	take(r, "block", "name:a.b.example", 2, "null");
	assert_int_equal(ask(r, "u", NULL, "a.b.example"), PR_NONE);
	assert_int_equal(ask(r, "u", NULL, "*.b.example"), PR_NONE);

	assert_false(rules_key_blocked(r, key));
	take(r, "block", "key:00000000000000000000000000000000000000000000000"
	    "00000000000000000", 1, "{\"reason\":\"r\",\"type\":\"key\","
	    "\"value\":\"000000000000000000000000000000000000000000000000000"
	    "0000000000000\"}");
	assert_true(rules_key_blocked(r, key));
	key[31] = 1;
	assert_false(rules_key_blocked(r, key));
	rules_free(r);
}

static void
test_grants(void **state)
{
	struct rules *r = rules_new();

	(void)state;
	take(r, "restrict", ".bank", 1, "{\"value\":\".bank\"}");
	take(r, "restrict", "www.shop.example", 1,
	    "{\"value\":\"www.shop.example\"}");
	assert_int_equal(ask(r, "u", NULL, "a.bank"), PR_REJECTED_IDENTIFIER);
	assert_int_equal(ask(r, "u", NULL, "*.shop.example"),
	    PR_REJECTED_IDENTIFIER);
	take(r, "grant", "g1", 1, "{\"account\":\"u\",\"expires\":1001,"
	    "\"names\":[\"a.bank\",\".shop.example\"]}");
	assert_int_equal(ask(r, "u", NULL, "a.bank"), PR_NONE);
	assert_int_equal(ask(r, "u", NULL, "b.bank"), PR_REJECTED_IDENTIFIER);
	assert_int_equal(ask(r, "u", NULL, "*.bank"), PR_REJECTED_IDENTIFIER);
	assert_int_equal(ask(r, "u", NULL, "*.shop.example"), PR_NONE);
	assert_int_equal(ask(r, "v", NULL, "a.bank"), PR_REJECTED_IDENTIFIER);
	/* expired; two of the same name, one of them in force */
	take(r, "grant", "g2", 1, "{\"account\":\"v\",\"expires\":1000,"
	    "\"names\":[\"a.bank\"]}");
	assert_int_equal(ask(r, "v", NULL, "a.bank"), PR_REJECTED_IDENTIFIER);
	take(r, "grant", "g3", 1, "{\"account\":\"v\",\"expires\":1001,"
	    "\"names\":[\"a.bank\"]}");
	take(r, "grant", "g4", 1, "{\"account\":\"v\",\"expires\":1000,"
	    "\"names\":[\"a.bank\"]}");
	assert_int_equal(ask(r, "v", NULL, "a.bank"), PR_NONE);
	take(r, "grant", "g3", 2, "null");
	assert_int_equal(ask(r, "v", NULL, "a.bank"), PR_REJECTED_IDENTIFIER);
	/* for those whom an EAB key vouched for, while it is in force */
	take(r, "grant", "g5", 1, "{\"eab\":\"k\",\"expires\":1001,"
	    "\"names\":[\".bank\"]}");
	assert_int_equal(ask(r, "w", "k", "a.bank"), PR_UNAUTHORIZED);
	take(r, "eab", "k", 1, "{\"accounts\":1,\"expires\":0}");
	assert_int_equal(ask(r, "w", "k", "a.bank"), PR_NONE);
	assert_int_equal(ask(r, "w", NULL, "a.bank"),
	    PR_REJECTED_IDENTIFIER);
	rules_free(r);
}

static void
test_eab(void **state)
{
	const struct rule_subject with = { "u", "k", NOW };
	const struct rule_subject without = { "u", NULL, NOW };
	const struct ident printer = ident("p.example");
	struct ident own = printer;
	struct problem p = { 0 };
	struct rules *r = rules_new();

	(void)state;
	assert_null(rules_eab(r, "k"));
	assert_false(rules_method(r, &with, "dns-01"));
	assert_true(rules_method(r, &without, "dns-01"));
	assert_true(rules_profile(r, &with, "server", true));
	assert_false(rules_profile(r, &with, "closed", false));
	take(r, "eab", "k", 1, "{\"accounts\":3,\"expires\":1001}");
	assert_int_equal(rules_eab(r, "k")->accounts, 3);
	assert_int_equal(rules_eab(r, "k")->expires, 1001);
	assert_string_equal(rules_eab(r, "k")->kid, "k");
	assert_true(rules_profile(r, &with, "server", true));
	assert_false(rules_profile(r, &with, "closed", false));
	assert_false(rules_profile(r, &without, "closed", false));
	assert_int_equal(ask(r, "u", "k", "*.a.example"), PR_NONE);
	assert_false(rules_prevalidated(r, &with, &printer));

	take(r, "eab", "k", 2, "{\"accounts\":3,\"challenges\":[\"dns-01\"],"
	    "\"expires\":1001,\"names\":[\".example\"],\"prevalidated\":"
	    "[\"p.example\"],\"profiles\":[\"closed\"],\"wildcards\":false}");
	assert_true(rules_method(r, &with, "dns-01"));
	assert_false(rules_method(r, &with, "http-01"));
	assert_true(rules_profile(r, &with, "closed", false));
	assert_false(rules_profile(r, &with, "server", true));
	assert_int_equal(ask(r, "u", "k", "a.example"), PR_NONE);
	assert_int_equal(ask(r, "u", "k", "*.a.example"),
	    PR_REJECTED_IDENTIFIER);
	assert_int_equal(ask(r, "u", "k", "a.test"), PR_REJECTED_IDENTIFIER);
	assert_true(rules_prevalidated(r, &with, &printer));
	assert_false(rules_prevalidated(r, &without, &printer));
	/* our own name: only without proof */
	own.own = true;
	assert_int_equal(rules_name(r, &with, &own, &p), 0);
	assert_int_equal(rules_name(r, &without, &own, &p), -1);
	assert_int_equal(p.type, PR_REJECTED_IDENTIFIER);

	take(r, "eab", "k", 3, "{\"accounts\":3,\"expires\":1000,"
	    "\"prevalidated\":[\"p.example\"]}");
	assert_int_equal(ask(r, "u", "k", "a.example"), PR_UNAUTHORIZED);
	assert_false(rules_prevalidated(r, &with, &printer));
	take(r, "eab", "k", 4, "null");
	assert_null(rules_eab(r, "k"));
	assert_int_equal(ask(r, "u", "k", "a.example"), PR_UNAUTHORIZED);
	rules_free(r);
}

static void
test_versions(void **state)
{
	unsigned char hash[DIGEST_LEN], want[DIGEST_LEN];
	struct rules *r = rules_new();
	char why[160];

	(void)state;
	assert_int_equal(rules_version(r, "eab", "k", hash), 0);
	take(r, "eab", "k", 2, "{\"accounts\":2,\"expires\":0}");
	take(r, "eab", "k", 1, "{\"accounts\":1,\"expires\":0}");
	take(r, "eab", "k", 2, "{\"accounts\":5,\"expires\":0}");
	assert_int_equal(rules_eab(r, "k")->accounts, 2);
	assert_int_equal(rules_version(r, "eab", "k", hash), 2);
	sha256("{\"accounts\":2,\"expires\":0}", 26, want);
	assert_memory_equal(hash, want, DIGEST_LEN);
	assert_int_equal(rules_version(r, "grant", "k", hash), 0);
	/* a body that will not do changes nothing */
	assert_int_equal(rules_take(r, "eab", "k", 3, "{}", why,
	    sizeof(why)), -1);
	assert_int_equal(rules_version(r, "eab", "k", hash), 2);
	take(r, "eab", "k", 3, "null");
	assert_int_equal(rules_version(r, "eab", "k", hash), 3);
	sha256("null", 4, want);
	assert_memory_equal(hash, want, DIGEST_LEN);
	rules_free(r);
}

static void
test_officers(void **state)
{
	unsigned char thumbprint[DIGEST_LEN];
	struct rules *r = rules_new();

	(void)state;
	sha256(JWK, strlen(JWK), thumbprint);
	assert_null(rules_officer(r, "o"));
	take(r, "officer", "o", 1, "{\"jwk\":" JWK "}");
	assert_string_equal(rules_officer(r, "o"), JWK);
	assert_int_equal(rules_officers(r), 1);
	assert_true(rules_officer_key(r, thumbprint));
	take(r, "officer", "o", 2, "{\"jwk\":" JWK "}");
	assert_int_equal(rules_officers(r), 1);
	take(r, "officer", "o", 3, "null");
	take(r, "officer", "o", 4, "null");
	assert_null(rules_officer(r, "o"));
	assert_int_equal(rules_officers(r), 0);
	assert_false(rules_officer_key(r, thumbprint));
	rules_free(r);
}

/* A self-signed certificate, for chains; made with OpenSSL once a run. */
static const char *
certificate(struct arena *a)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	unsigned char *der = NULL;
	const char *text;
	int len;

	assert_non_null(key);
	X509_set_version(cert, 2);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	len = i2d_X509(cert, &der);
	assert_true(len > 0);
	text = b64u_encode(a, der, (size_t)len);
	OPENSSL_free(der);
	X509_free(cert);
	EVP_PKEY_free(key);
	return text;
}

static void
test_chains(void **state)
{
	const char *one = certificate(*state), *two = certificate(*state);
	struct rules *r = rules_new();
	char why[160];

	assert_null(rules_chain(r, "i", 0));
	take(r, "chain", "b", 1, arena_printf(*state,
	    "{\"certificates\":[\"%s\"],\"issuer\":\"i\"}", one));
	take(r, "chain", "a", 1, arena_printf(*state,
	    "{\"certificates\":[\"%s\"],\"issuer\":\"i\"}", two));
	take(r, "chain", "0", 1, arena_printf(*state,
	    "{\"certificates\":[\"%s\"],\"issuer\":\"j\"}", two));
	/* by name */
	assert_string_equal(json_string_value(json_array_get(rules_chain(r,
	    "i", 0), 0)), two);
	assert_string_equal(json_string_value(json_array_get(rules_chain(r,
	    "i", 1), 0)), one);
	assert_null(rules_chain(r, "i", 2));
	take(r, "chain", "a", 2, "null");
	assert_string_equal(json_string_value(json_array_get(rules_chain(r,
	    "i", 0), 0)), one);
	assert_null(rules_chain(r, "i", 1));
	/* not signed by the next */
	assert_int_equal(rules_take(r, "chain", "c", 1, arena_printf(*state,
	    "{\"certificates\":[\"%s\",\"%s\"],\"issuer\":\"i\"}", one, two),
	    why, sizeof(why)), -1);
	rules_free(r);
}

static double
seconds(const struct rules *r, size_t n)
{
	const struct rule_subject s = { "u", NULL, NOW };
	const struct ident name = ident("a.b.c.d.example");
	struct timespec from, to;
	struct problem p;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	while (n-- > 0)
		rules_name(r, &s, &name, &p);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	return (double)(to.tv_sec - from.tv_sec) +
	    (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* With 20 000 directives a question costs what it costs with one. */
static void
test_many(void **state)
{
	struct rules *r = rules_new(), *few = rules_new();
	char name[64], body[160];
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "name:h%d.example", i);
		snprintf(body, sizeof(body), "{\"reason\":\"r\",\"type\":"
		    "\"name\",\"value\":\"%s\"}", name + 5);
		take(r, "block", name, 1, body);
	}
	take(few, "block", name, 1, body);
	assert_int_equal(ask(r, "u", NULL, "h7.example"),
	    PR_REJECTED_IDENTIFIER);
	assert_int_equal(ask(r, "u", NULL, "h20000.example"), PR_NONE);
	/* a list would take thousands of times as long */
	assert_true(seconds(r, 20000) < 20 * seconds(few, 20000) + 0.05);
	for (i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "name:h%d.example", i);
		take(r, "block", name, 2, "null");
	}
	assert_int_equal(ask(r, "u", NULL, "h7.example"), PR_NONE);
	rules_free(r);
	rules_free(few);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_patterns),
		UNIT(test_matches),
		UNIT(test_bodies),
		UNIT(test_blocks),
		UNIT(test_grants),
		UNIT(test_eab),
		UNIT(test_versions),
		UNIT(test_officers),
		UNIT(test_chains),
		UNIT(test_many),
	};

	return cmocka_run_group_tests_name("server/rules", tests, NULL, NULL);
}

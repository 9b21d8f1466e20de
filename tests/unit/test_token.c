/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What surrounds a token without being one: the form of checkpoints and of
 * what is signed as a JWS, MACs of EAB and how their key travels, the
 * judgement of attributes, PIN files, and the kept copies of SoftHSM's files.
 */
#include "tests/unit/unit.h"

#include <sys/stat.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "hsm/attributes.c"
#include "hsm/checkpoint.c"
#include "hsm/deliver.h"
#include "hsm/eab.h"
#include "hsm/jws_input.h"
#include "hsm/pin.c"
#include "hsm/softhsm.c"
#include "server/enc.h"
#include "server/json.h"
#include "server/jws.h"
#include "server/jws_key.h"
#include "server/problem.h"

#define HASH	"qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo="

static void
checkpoints(void **state)
{
	static const char *const good[] = {
		"ca.example/log\n0\n" HASH "\n",
		"ca.example/log\n1234567890\n" HASH "\nextension\n",
	};
	static const char *const bad[] = {
		"", "\n", "o\n", "o\n1\n", "o\n1\n" HASH,
		"\n1\n" HASH "\n", "o\n01\n" HASH "\n", "o\n-1\n" HASH "\n",
		"o\n1\n" HASH "=\n", "o\n1\n" HASH "\n\n",
		"o\n1\n" HASH "\nx", "o\n12345678901234567890\n" HASH "\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(good); i++)
		assert_true(checkpoint_is((const unsigned char *)good[i],
		    strlen(good[i])));
	for (i = 0; i < nitems(bad); i++)
		assert_false(checkpoint_is((const unsigned char *)bad[i],
		    strlen(bad[i])));
	assert_false(checkpoint_is((const unsigned char *)"o\0\n1\n" HASH "\n",
	    6 + strlen(HASH)));
}

#define HEAD(alg)	"{\"alg\":\"" alg "\",\"kid\":\"k\",\"url\":\"u\"}"

static void
jws_inputs(void **state)
{
	static const struct {
		const char *header, *tail, *kind;
		bool fine;
	} t[] = {
		{ HEAD("ES256"), ".e30", "P-256", true },
		{ HEAD("ES256"), ".", "P-256", true },
		{ HEAD("ES384"), ".e30", "P-384", true },
		{ HEAD("RS256"), ".e30", "RSA-3072", true },
		{ "{\"alg\":\"ES256\",\"jwk\":{},\"url\":\"u\"}", ".e30",
		    "P-256", true },
		{ HEAD("ES256"), ".e30", "P-384", false },
		{ HEAD("none"), ".e30", "P-256", false },
		{ HEAD("HS256"), ".e30", "HMAC", false },
		{ HEAD("ES256"), "", "P-256", false },
		{ HEAD("ES256"), ".e30=", "P-256", false },
		{ HEAD("ES256"), ".e30.e30", "P-256", false },
		{ HEAD("ES256"), ".e30\n", "P-256", false },
		{ "{\"alg\":\"ES256\",\"kid\":\"k\"}", ".e30", "P-256",
		    false },
		{ "{\"alg\":\"ES256\",\"url\":\"u\"}", ".e30", "P-256",
		    false },
		{ "{\"alg\":\"ES256\",\"jwk\":{},\"kid\":\"k\","
		    "\"url\":\"u\"}", ".e30", "P-256", false },
		{ "[]", ".e30", "P-256", false },
		{ "", ".e30", "P-256", false },
	};
	static const unsigned char other[] = "0\x82.";
	struct arena *a = *state;
	const char *input;
	size_t i;

	for (i = 0; i < nitems(t); i++) {
		input = arena_printf(a, "%s%s", b64u_encode(a, t[i].header,
		    strlen(t[i].header)), t[i].tail);
		assert_int_equal(jws_input_objection(input, strlen(input),
		    t[i].kind) == NULL, t[i].fine);
	}
	assert_non_null(jws_input_objection("", 0, "P-256"));
	assert_non_null(jws_input_objection(".", 1, "P-256"));
	assert_non_null(jws_input_objection(other, 3, "P-256"));
	input = "ca.example/log\n0\n" HASH "\n";
	assert_non_null(jws_input_objection(input, strlen(input), "P-256"));
}

/* Keys of each kind: the JWK is what jwk.c reads, with the same algorithm. */
static void
jwks(void **state)
{
	static const struct { const char *name, *alg; size_t half; } t[] = {
		{ "P-256", "ES256", 32 }, { "P-384", "ES384", 48 },
		{ "P-521", "ES512", 66 }, { "RSA", "RS256", 0 },
		{ "ED25519", "EdDSA", 0 },
	};
	struct arena *a = *state;
	struct problem p = { 0 };
	struct jwk jwk;
	EVP_PKEY *pkey;
	char *text;
	size_t i;

	for (i = 0; i < nitems(t); i++) {
		pkey = t[i].half > 0 ? EVP_EC_gen(t[i].name) :
		    strcmp(t[i].name, "RSA") == 0 ? EVP_RSA_gen(2048) :
		    EVP_PKEY_Q_keygen(NULL, NULL, t[i].name);
		assert_non_null(pkey);
		text = jwk_print(a, pkey);
		assert_non_null(text);
		assert_string_equal(jws_alg(pkey), t[i].alg);
		assert_int_equal(jws_half(t[i].alg), t[i].half);
		assert_int_equal(jwk_parse_text(a, text, &jwk, &p), 0);
		assert_string_equal(jwk.canonical, text);
		assert_string_equal(jwk.alg, t[i].alg);
		assert_int_equal(EVP_PKEY_eq(jwk.pkey, pkey), 1);
		jwk_clear(&jwk);
		EVP_PKEY_free(pkey);
	}
	pkey = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	assert_null(jwk_print(a, pkey));
	assert_null(jws_alg(pkey));
	EVP_PKEY_free(pkey);
}

static void
raw_signatures(void **state)
{
	static const unsigned char der[] = { 0x30, 0x07, 2, 2, 0, 0x80, 2, 1,
	    5 };
	static const unsigned char wide[] = { 0x30, 0x08, 2, 3, 1, 0, 0, 2, 1,
	    5 };
	unsigned char raw[64], want[64] = { 0 };

	(void)state;
	want[31] = 0x80;
	want[63] = 5;
	assert_int_equal(jws_raw(der, sizeof(der), 32, raw), 0);
	assert_memory_equal(raw, want, sizeof(want));
	assert_int_equal(jws_raw(der, sizeof(der) - 1, 32, raw), -1);
	assert_int_equal(jws_raw(wide, sizeof(wide), 2, raw), -1);
	assert_int_equal(jws_raw(der, 0, 32, raw), -1);
}

/* RFC 4231, 4.3: key "Jefe" does not fit 32 octets, zeros after it do not
 * change a MAC. */
static void
bindings(void **state)
{
	static const unsigned char key[DIGEST_LEN] = "Jefe";
	static const char text[] = "what do ya want for nothing?";
	static const struct { const char *alg, *mac; } t[] = {
		{ "HS256", "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM" },
		{ "HS384", "r0XS43ZIQDFhf3jStYprG5x-9GT1oBtH5C7Dc2MiRF6OIkDK"
		    "Xmnix4syOez6shZJ" },
		{ "HS512", "Fkt6e_z4GeLjlfvnO1bgo4e9ZCIugx_WECcM1-olBVSXWL91"
		    "wFqZSm0DT2X48Ob9yuqxo01Ka0tjbgcKOLznNw" },
	};
	unsigned char message[512], small[8];
	struct eab_question q = { .kid = "k", .input =
	    (const unsigned char *)text, .input_len = strlen(text) }, back;
	struct arena *a = *state;
	unsigned char *mac;
	size_t i, len;

	for (i = 0; i < nitems(t); i++) {
		q.alg = t[i].alg;
		assert_int_equal(b64u_decode(a, t[i].mac, strlen(t[i].mac),
		    &mac, &q.mac_len), 0);
		q.mac = mac;
		len = eab_pack(&q, message, sizeof(message));
		assert_true(len > 0);
		assert_int_equal(eab_unpack(message, len, &back), 0);
		assert_string_equal(back.kid, "k");
		assert_string_equal(back.alg, t[i].alg);
		assert_true(eab_holds(&back, key));
		mac[q.mac_len - 1] ^= 1;
		assert_false(eab_holds(&q, key));
		mac[q.mac_len - 1] ^= 1;
		q.mac_len--;
		assert_false(eab_holds(&q, key));
		q.mac_len++;
		q.alg = t[(i + 1) % nitems(t)].alg;
		assert_false(eab_holds(&q, key));
		q.alg = "HS1";
		assert_false(eab_holds(&q, key));
		assert_int_equal(eab_pack(&q, small, sizeof(small)), 0);
		assert_int_equal(eab_unpack(message, 5, &back), -1);
		message[8] = message[9] = 0xff;
		assert_int_equal(eab_unpack(message, len, &back), -1);
	}
	q.kid = "";
	assert_int_equal(eab_pack(&q, message, sizeof(message)), 0);
}

static void
delivery(void **state)
{
	unsigned char key[DIGEST_LEN] = "a key", got[DIGEST_LEN];
	EVP_PKEY *own = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	EVP_PKEY *wide = EVP_EC_gen("P-384");
	struct arena *a = *state;
	const char *why_not;
	json_t *jwk, *sealed;
	char why[256], *text;

	text = jwk_print(a, own);
	jwk = json_read_object(text, strlen(text), &why_not);
	sealed = deliver_seal(jwk, "kid", key, why, sizeof(why));
	assert_non_null(sealed);
	assert_int_equal(deliver_open(own, sealed, "kid", got), 0);
	assert_memory_equal(got, key, sizeof(key));
	assert_int_equal(deliver_open(own, sealed, "kie", got), -1);
	assert_int_equal(deliver_open(other, sealed, "kid", got), -1);
	json_object_set_new(sealed, "tag", json_string(
	    "AAAAAAAAAAAAAAAAAAAAAA"));
	assert_int_equal(deliver_open(own, sealed, "kid", got), -1);
	json_object_del(sealed, "iv");
	assert_int_equal(deliver_open(own, sealed, "kid", got), -1);
	json_decref(sealed);
	json_decref(jwk);
	text = jwk_print(a, wide);
	jwk = json_read_object(text, strlen(text), &why_not);
	assert_null(deliver_seal(jwk, "kid", key, why, sizeof(why)));
	assert_null(deliver_seal(NULL, "kid", key, why, sizeof(why)));
	json_decref(jwk);
	EVP_PKEY_free(own);
	EVP_PKEY_free(other);
	EVP_PKEY_free(wide);
}

static void
attributes(void **state)
{
	static const struct { signed char a[5]; bool fine; } t[] = {
		{ { 1, 0, 1, 1, 1 }, true },
		{ { 1, 0, 1, 1, 0 }, true },	/* LOCAL: not every module */
		{ { 1, 0, 1, 1, -1 }, true },
		{ { 0, 0, 1, 1, 1 }, false },
		{ { 1, 1, 1, 1, 1 }, false },
		{ { 1, 0, 0, 1, 1 }, false },
		{ { 1, 0, 1, 0, 1 }, false },
		{ { -1, 0, 1, 1, 1 }, false },
		{ { 1, -1, 1, 1, 1 }, false },
		{ { 1, 0, -1, 1, 1 }, false },
		{ { 1, 0, 1, -1, 1 }, false },
	};
	struct token_key key = { .label = "x" };
	size_t i;

	(void)state;
	for (i = 0; i < nitems(t); i++) {
		key.sensitive = t[i].a[0];
		key.extractable = t[i].a[1];
		key.always_sensitive = t[i].a[2];
		key.never_extractable = t[i].a[3];
		key.local = t[i].a[4];
		assert_int_equal(key_objection(&key) == NULL, t[i].fine);
	}
}

/* A new folder, and a file in it. */
static char *
folder(struct arena *a)
{
	char *path = arena_strdup(a, "/tmp/chancery-test-XXXXXX");

	assert_non_null(mkdtemp(path));
	return path;
}

static char *
put(struct arena *a, const char *dir, const char *name, const char *text,
    unsigned mode)
{
	char *path = arena_printf(a, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static const char *
get(struct arena *a, const char *dir, const char *name)
{
	char *text = arena_alloc(a, 256);
	FILE *f = fopen(arena_printf(a, "%s/%s", dir, name), "r");

	if (f == NULL)
		return NULL;
	text[fread(text, 1, 255, f)] = '\0';
	fclose(f);
	return text;
}

static void
clean(struct arena *a, const char *dir)
{
	assert_int_equal(system(arena_printf(a, "rm -rf %s", dir)), 0);
}

static void
pins(void **state)
{
	static const struct { const char *text; unsigned mode; int rv; } t[] = {
		{ "1234\n", 0600, 0 }, { "1234", 0400, 0 },
		{ "1234\r\nmore\n", 0600, 0 }, { "1234\n", 0640, -1 },
		{ "1234\n", 0604, -1 }, { "", 0600, -1 },
		{ "\n1234\n", 0600, -1 },
	};
	struct arena *a = *state;
	char *dir = folder(a), *file, *memory, pin[PIN_MAX], why[256];
	struct stat st, other;
	size_t i;

	for (i = 0; i < nitems(t); i++) {
		file = put(a, dir, "pin", t[i].text, t[i].mode);
		assert_int_equal(pin_read(file, pin, &st, why, sizeof(why)),
		    t[i].rv);
		if (t[i].rv == 0)
			assert_string_equal(pin, "1234");
		assert_int_equal(unlink(file), 0);
	}
	assert_int_equal(pin_read(file, pin, &st, why, sizeof(why)), -1);
	assert_int_equal(pin_read(dir, pin, &st, why, sizeof(why)), -1);
	memory = arena_printf(a, "%s/refused", dir);
	other = st;
	other.st_mtim.tv_nsec ^= 1;
	assert_false(pin_was_refused(memory, &st));
	pin_note_refused(memory, &st);
	assert_true(pin_was_refused(memory, &st));
	assert_false(pin_was_refused(memory, &other));
	assert_false(pin_was_refused(NULL, &st));
	clean(a, dir);
}

static void
copies(void **state)
{
	struct arena *a = *state;
	char *dir = folder(a), *token, why[256];

	token = arena_printf(a, "%s/token", dir);
	assert_int_equal(mkdir(token, 0700), 0);
	/* A folder without a token is left alone. */
	assert_int_equal(softhsm_guard(dir, why, sizeof(why)), 0);
	assert_null(get(a, token, KEEP));
	put(a, token, OBJECT, "one", 0600);
	assert_int_equal(softhsm_guard(dir, why, sizeof(why)), 0);
	assert_string_equal(get(a, token, KEEP), "one");
	put(a, token, OBJECT, "two", 0600);
	assert_int_equal(softhsm_guard(dir, why, sizeof(why)), 0);
	assert_string_equal(get(a, token, KEEP), "two");
	/* Emptied, then gone: restored; the copy stays. */
	put(a, token, OBJECT, "", 0600);
	assert_int_equal(softhsm_guard(dir, why, sizeof(why)), 0);
	assert_string_equal(get(a, token, OBJECT), "two");
	assert_string_equal(get(a, token, KEEP), "two");
	assert_null(get(a, token, FRESH));
	assert_int_equal(softhsm_guard("/nonexistent", why, sizeof(why)), -1);
	clean(a, dir);
}

static void
tokendirs(void **state)
{
	static const struct { const char *text, *dir; } t[] = {
		{ "directories.tokendir = /a/b\n", "/a/b" },
		{ "# x\n directories.tokendir=/a \t\nlog.level = ERROR", "/a" },
		{ "directories.tokendir = /a # why\n", "/a" },
		{ "#directories.tokendir = /a\n", NULL },
		{ "directories.tokendir =\n", NULL },
		{ "directories.tokendirs = /a\n", NULL },
		{ "", NULL },
	};
	struct arena *a = *state;
	char *dir = folder(a), *file, found[64], why[256];
	size_t i;

	for (i = 0; i < nitems(t); i++) {
		file = put(a, dir, "conf", t[i].text, 0600);
		assert_int_equal(softhsm_tokendir(file, found, sizeof(found),
		    why, sizeof(why)), t[i].dir == NULL ? -1 : 0);
		if (t[i].dir != NULL)
			assert_string_equal(found, t[i].dir);
	}
	clean(a, dir);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		UNIT(checkpoints),
		UNIT(jws_inputs),
		UNIT(jwks),
		UNIT(raw_signatures),
		UNIT(bindings),
		UNIT(delivery),
		UNIT(attributes),
		UNIT(pins),
		UNIT(copies),
		UNIT(tokendirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

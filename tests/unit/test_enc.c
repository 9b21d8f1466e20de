/* SPDX-License-Identifier: Apache-2.0 */
/* Encodings against the vectors of RFC 4648, 7515, 8037, 4231 and FIPS 180. */
#include "unit.h"

#include "server/enc.c"

static void
test_b64u_vectors(void **state)
{
	/* RFC 4648, 10; RFC 7515, 2 and appendix C */
	static const struct {
		const char *octets, *text;
	} rows[] = {
		{ "", "" },
		{ "66", "Zg" },
		{ "666f", "Zm8" },
		{ "666f6f", "Zm9v" },
		{ "666f6f62", "Zm9vYg" },
		{ "666f6f6261", "Zm9vYmE" },
		{ "666f6f626172", "Zm9vYmFy" },
		{ "03ecffe0c1", "A-z_4ME" },
		{ "000000", "AAAA" },
		{ "ffffffff", "_____w" },
		/* RFC 8037, A.1 and A.3 */
		{ "9d61b19deffd5a60ba844af492ec2cc4"
		  "4449c5697b326919703bac031cae7f60",
		  "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" },
		{ "d75a980182b10ab7d54bfed3c964073a"
		  "0ee172f3daa62325af021a68f707511a",
		  "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
		{ "90facafea9b1556698540f70c0117a22"
		  "ea37bd5cf3ed3c47093c1707282b4b89",
		  "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
	};
	struct arena *a = *state;
	unsigned char *octets, *out;
	size_t i, len, outlen;

	for (i = 0; i < nitems(rows); i++) {
		octets = unit_unhex(a, rows[i].octets, &len);
		assert_string_equal(b64u_encode(a, octets, len), rows[i].text);
		assert_int_equal(b64u_decode(a, rows[i].text,
		    strlen(rows[i].text), &out, &outlen), 0);
		assert_int_equal(outlen, len);
		assert_memory_equal(out, octets, len);
		assert_int_equal(out[len], 0);
		assert_string_equal(hex_encode(a, octets, len),
		    rows[i].octets);
	}
}

static void
test_b64u_refused(void **state)
{
	static const char *const rows[] = {
		"Z", "Zm9vY", "Zg==", "Zm8=", "Zg=", "=", "Zm9v\n", " Zm9v",
		"Zm 9v", "Zm+v", "Zm/v", "Zm9v.", "Zh", "Zm9", "AB", "_____x",
		"Zm9\302", "\377\377\377\377", "Zm9v====",
	};
	unsigned char *out = NULL;
	size_t i, outlen = 99;

	for (i = 0; i < nitems(rows); i++) {
		assert_int_equal(b64u_decode(*state, rows[i], strlen(rows[i]),
		    &out, &outlen), -1);
		assert_null(out);
		assert_int_equal(outlen, 99);
	}
	assert_int_equal(b64u_decode(*state, "Zm\0v", 4, &out, &outlen), -1);
}

/* Every octet at every place: exactly the alphabet decodes. */
static void
test_b64u_alphabet(void **state)
{
	unsigned char *out;
	char text[5] = "AAAA";
	size_t len;
	int c, place, good;

	for (place = 0; place < 4; place++) {
		good = 0;
		for (c = 0; c < 256; c++) {
			text[place] = (char)c;
			if (b64u_decode(*state, text, 4, &out, &len) == -1)
				continue;
			good++;
			assert_memory_equal(b64u_encode(*state, out, len),
			    text, 4);
		}
		assert_int_equal(good, 64);
		text[place] = 'A';
	}
}

static void
test_b64u_round_trip(void **state)
{
	unsigned char data[260], *out;
	size_t i, len;
	char *text;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 89 + 7);
	for (i = 0; i <= sizeof(data); i++) {
		text = b64u_encode(*state, data, i);
		assert_int_equal(strlen(text), (i * 8 + 5) / 6);
		assert_int_equal(b64u_decode(*state, text, strlen(text), &out,
		    &len), 0);
		assert_int_equal(len, i);
		assert_memory_equal(out, data, i);
	}
}

static void
test_pem(void **state)
{
	struct arena *a = *state;
	unsigned char data[96] = { 0 };

	assert_string_equal(pem_encode(a, "X", "", 0),
	    "-----BEGIN X-----\n-----END X-----\n");
	assert_string_equal(pem_encode(a, "CERTIFICATE", "\xff\xef\xfe", 3),
	    "-----BEGIN CERTIFICATE-----\n/+/+\n"
	    "-----END CERTIFICATE-----\n");
	assert_string_equal(pem_encode(a, "X", "f", 1),
	    "-----BEGIN X-----\nZg==\n-----END X-----\n");
	assert_string_equal(pem_encode(a, "X", "fo", 2),
	    "-----BEGIN X-----\nZm8=\n-----END X-----\n");
#define ROW \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	assert_string_equal(pem_encode(a, "X", data, 48),
	    "-----BEGIN X-----\n" ROW "\n-----END X-----\n");
	assert_string_equal(pem_encode(a, "X", data, 49),
	    "-----BEGIN X-----\n" ROW "\nAA==\n-----END X-----\n");
	assert_string_equal(pem_encode(a, "X", data, 96),
	    "-----BEGIN X-----\n" ROW "\n" ROW "\n-----END X-----\n");
}

static void
test_digests(void **state)
{
	unsigned char out[DIGEST_LEN], *key = NULL;
	size_t len = 0;

	/* FIPS 180-2, B.1 */
	sha256("abc", 3, out);
	assert_string_equal(hex_encode(*state, out, sizeof(out)),
	    "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
	sha256("", 0, out);
	assert_string_equal(hex_encode(*state, out, sizeof(out)),
	    "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855");
	/* RFC 4231, 4.3 */
	hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
	assert_string_equal(hex_encode(*state, out, sizeof(out)),
	    "5bdcc146bf60754e6a042426089575c7"
	    "5a003f089d2739839dec58b964ec3843");
	/* RFC 7515, A.1 */
	assert_int_equal(b64u_decode(*state, "AyM1SysPpbyDfgZld3umj1qzKObwVMko"
	    "qQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", 86,
	    &key, &len), 0);
#define A1_INPUT \
	"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGx" \
	"lLmNvbS9pc19yb290Ijp0cnVlfQ"
	hmac_sha256(key, len, A1_INPUT, strlen(A1_INPUT), out);
	assert_string_equal(b64u_encode(*state, out, sizeof(out)),
	    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

static void
test_octets(void **state)
{
	unsigned char a[64] = { 0 }, b[64] = { 0 };
	size_t i, zeros = 0;

	(void)state;
	assert_true(octets_equal(a, b, sizeof(a)));
	b[63] = 1;
	assert_false(octets_equal(a, b, sizeof(a)));
	assert_true(octets_equal(a, b, 63));
	random_octets(a, sizeof(a));
	random_octets(b, sizeof(b));
	assert_false(octets_equal(a, b, sizeof(a)));
	for (i = 0; i < sizeof(a); i++)
		zeros += a[i] == 0;
	assert_true(zeros < 16);
}

static void
test_public_ids(void **state)
{
	static const int64_t ids[] = {
		0, 1, 255, 256, 3615012345678901, INT64_MAX
	};
	unsigned char secret[SECRET_LEN], back[SECRET_LEN];
	char *text;
	int64_t id;
	size_t i;

	random_octets(secret, sizeof(secret));
	for (i = 0; i < nitems(ids); i++) {
		text = public_id_print(*state, ids[i], secret);
		assert_int_equal(strlen(text), PUBLIC_ID_LEN);
		assert_int_equal(public_id_parse(text, PUBLIC_ID_LEN, &id,
		    back), 0);
		assert_int_equal(id, ids[i]);
		assert_memory_equal(back, secret, SECRET_LEN);
		assert_int_equal(public_id_parse(text, 31, &id, back), -1);
		assert_int_equal(public_id_parse(arena_printf(*state,
		    "%sAAAA", text), 36, &id, back), -1);
	}
	assert_string_equal(public_id_print(*state, 0x0102030405060708,
	    (const unsigned char *)"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\377"),
	    "AQIDBAUGBwgAAAAAAAAAAAAAAAAAAAD_");
	/* negative */
	assert_int_equal(public_id_parse("gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	    32, &id, back), -1);
	assert_int_equal(public_id_parse("AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAA",
	    32, &id, back), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_b64u_vectors),
		UNIT(test_b64u_refused),
		UNIT(test_b64u_alphabet),
		UNIT(test_b64u_round_trip),
		UNIT(test_pem),
		UNIT(test_digests),
		UNIT(test_octets),
		UNIT(test_public_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

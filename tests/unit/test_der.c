/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DER writer and reader: known encodings (X.690, 8), the lengths at which the
 * form changes, dates around 2050, and everything that is BER but not DER.
 */
#include "tests/unit/unit.h"

#include "hsm/der.c"

static void
same(struct der_writer *w, const char *hex)
{
	unsigned char *want;
	size_t len, want_len;
	unsigned char *got = der_finish(w, &len);

	want = unit_unhex(w->arena, hex, &want_len);
	assert_int_equal(len, want_len);
	assert_memory_equal(got, want, len);
}

static void
integers(void **state)
{
	static const struct { const char *octets, *der; } t[] = {
		{ "00", "020100" },
		{ "0000", "020100" },
		{ "7f", "02017f" },
		{ "80", "02020080" },
		{ "0080", "02020080" },
		{ "007f", "02017f" },
		{ "ffff", "020300ffff" },
		{ "0100", "02020100" },
	};
	struct der_writer w;
	unsigned char *octets;
	size_t i, len;

	for (i = 0; i < nitems(t); i++) {
		octets = unit_unhex(*state, t[i].octets, &len);
		der_init(&w, *state);
		der_integer(&w, octets, len);
		same(&w, t[i].der);
	}
	der_init(&w, *state);
	der_uint(&w, 2);
	same(&w, "020102");
}

static void
oids(void **state)
{
	static const struct { const char *text, *der; } t[] = {
		{ "1.2.840.113549", "06062a864886f70d" },
		{ "2.5.29.17", "0603551d11" },
		{ "2.999.3", "0603883703" },
		{ "0.0", "060100" },
		{ "1.3.6.1.5.5.7.3.1", "06082b06010505070301" },
	};
	static const char *const bad[] = { "", "1", "1.", ".1", "3.1", "1.40",
	    "1.2.", "1..2", "1.02", "1.2.x", "1.2 ", "-1.2",
	    "1.2.99999999999999999999" };
	struct der_writer w;
	struct der in, content;
	size_t i;

	for (i = 0; i < nitems(t); i++) {
		der_init(&w, *state);
		assert_int_equal(der_oid(&w, t[i].text), 0);
		same(&w, t[i].der);
		in.data = der_finish(&w, &in.len);
		assert_int_equal(der_take(&in, DER_OID, &content), 0);
		assert_true(der_oid_is(&content, t[i].text));
		assert_false(der_oid_is(&content, "1.2.3"));
	}
	for (i = 0; i < nitems(bad); i++) {
		der_init(&w, *state);
		assert_int_equal(der_oid(&w, bad[i]), -1);
		assert_int_equal(w.len, 0);
	}
}

static void
times(void **state)
{
	static const struct { int64_t at; const char *text; } t[] = {
		{ 0, "\x17\x0d" "700101000000Z" },
		{ INT64_C(2524607999), "\x17\x0d" "491231235959Z" },
		{ INT64_C(2524608000), "\x18\x0f" "20500101000000Z" },
		{ INT64_C(951782400), "\x17\x0d" "000229000000Z" },
		{ INT64_C(253402300799), "\x18\x0f" "99991231235959Z" },
	};
	struct der_writer w;
	unsigned char *got;
	size_t i, len;

	for (i = 0; i < nitems(t); i++) {
		der_init(&w, *state);
		der_time(&w, t[i].at);
		got = der_finish(&w, &len);
		assert_int_equal(len, strlen(t[i].text));
		assert_memory_equal(got, t[i].text, len);
	}
}

/* Every length around the changes of form comes back as it was. */
static void
lengths(void **state)
{
	static const size_t sizes[] = { 0, 1, 126, 127, 128, 129, 254, 255,
	    256, 257, 1023, 1024, 65534, 65535, 65536, 70000 };
	struct arena *arena = *state;
	struct der_writer w;
	struct der in, content;
	unsigned char *data;
	size_t i, mark;

	for (i = 0; i < nitems(sizes); i++) {
		data = arena_alloc(arena, sizes[i] + 1);
		memset(data, (int)i, sizes[i]);
		der_init(&w, arena);
		mark = der_mark(&w);
		der_raw(&w, data, sizes[i]);
		der_wrap(&w, DER_OCTET_STRING, mark);
		der_wrap(&w, DER_SEQUENCE, mark);
		in.data = der_finish(&w, &in.len);
		assert_int_equal(der_take(&in, DER_SEQUENCE, &content), 0);
		assert_int_equal(in.len, 0);
		assert_int_equal(der_take(&content, DER_OCTET_STRING, &in), 0);
		assert_true(der_equal(&in, data, sizes[i]));
		assert_int_equal(content.len, 0);
	}
}

static void
refused(void **state)
{
	static const char *const bad[] = {
		"",			/* nothing */
		"30",			/* no length */
		"3001",			/* content missing */
		"3080",			/* indefinite, BER only */
		"30800000",
		"308100",		/* long form of a short length */
		"30817f",
		"3082007f",
		"30820080",		/* leading zero in the length */
		"3085010000000000",	/* longer than we take */
		"30ff",
		"3084ffffffff",		/* longer than what is there */
		"1f0100",		/* high tag number */
		"bf8101",
	};
	struct der in, content = { NULL, 0 }, whole;
	unsigned tag;
	size_t i;

	for (i = 0; i < nitems(bad); i++) {
		in.data = unit_unhex(*state, bad[i], &in.len);
		assert_int_equal(der_next(&in, &tag, &content, &whole), -1);
		assert_int_equal(in.len, strlen(bad[i]) / 2);
	}
	in.data = unit_unhex(*state, "0500", &in.len);
	assert_int_equal(der_take(&in, DER_INTEGER, &content), -1);
	assert_int_equal(in.len, 2);
	assert_int_equal(der_take_whole(&in, DER_NULL, &whole), 0);
	assert_int_equal(whole.len, 2);
	assert_false(der_is(&in, DER_NULL));
}

/* Whatever the octets are, the reader stays inside them. */
static void
random_octets_are_harmless(void **state)
{
	unsigned char *data = arena_alloc(*state, 64);
	struct der in, content;
	unsigned seed = 1, tag;
	size_t i, n;
	int round;

	for (round = 0; round < 20000; round++) {
		n = (unsigned)rand_r(&seed) % 64;
		for (i = 0; i < n; i++)
			data[i] = (unsigned char)rand_r(&seed);
		in = (struct der){ data, n };
		while (der_next(&in, &tag, &content, NULL) == 0) {
			assert_true(content.data >= data);
			assert_true(content.data + content.len <= data + n);
			assert_ptr_equal(in.data, content.data + content.len);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		UNIT(integers),
		UNIT(oids),
		UNIT(times),
		UNIT(lengths),
		UNIT(refused),
		UNIT(random_octets_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

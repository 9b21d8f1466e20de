/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate of tls-alpn-01 taken apart: what is counted, what is copied,
 * and that nothing is read past its end.
 */
#include "unit.h"

#include <openssl/evp.h>

#include "server/alpn.c"

#define ALT_NAME	"2.5.29.17"
#define ACME_ID		"1.3.6.1.5.5.7.1.31"
#define ID32		"0420" "000102030405060708090a0b0c0d0e0f" \
			"101112131415161718191a1b1c1d1e1f"

struct ext {
	const char	*oid;
	const char	*hex;
	int		 critical;
};

static void
add_extension(struct arena *a, X509 *x, const struct ext *e)
{
	ASN1_OCTET_STRING	*s = ASN1_OCTET_STRING_new();
	ASN1_OBJECT		*o = OBJ_txt2obj(e->oid, 1);
	X509_EXTENSION		*made;
	unsigned char		*der;
	size_t			 len;

	der = unit_unhex(a, e->hex, &len);
	ASN1_OCTET_STRING_set(s, der, (int)len);
	made = X509_EXTENSION_create_by_OBJ(NULL, o, e->critical, s);
	assert_int_equal(X509_add_ext(x, made, -1), 1);
	X509_EXTENSION_free(made);
	ASN1_OBJECT_free(o);
	ASN1_OCTET_STRING_free(s);
}

static struct alpn_facts
facts_of(struct arena *a, const struct ext *exts, size_t n)
{
	struct alpn_facts	 f;
	X509			*x = X509_new();

	memset(&f, 0, sizeof(f));
	for (size_t i = 0; i < n && exts[i].oid != NULL; i++)
		add_extension(a, x, &exts[i]);
	alpn_take_apart(x, &f);
	X509_free(x);
	return f;
}

static void
test_right(void **state)
{
	static const struct ext	exts[] = {
		{ "2.5.29.19", "3000", 1 },
		{ ALT_NAME, "3008" "8206" "612e74657374", 0 },
		{ ACME_ID, ID32, 1 },
	};
	struct alpn_facts	f = facts_of(*state, exts, nitems(exts));

	assert_int_equal(f.sans, 1);
	assert_int_equal(f.names, 1);
	assert_int_equal(f.name_type, GEN_DNS);
	assert_int_equal(f.name_len, 6);
	assert_memory_equal(f.name, "a.test", 6);
	assert_int_equal(f.ids, 1);
	assert_int_equal(f.critical, 1);
	assert_int_equal(f.id_len, 32);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(f.id[i], i);
}

/* One extension that is wrong in one way, and the facts that tell of it. */
static void
test_names(void **state)
{
	static const struct {
		const char	*hex;
		unsigned	 names, type, len;
	} rows[] = {
		{ "3000", 0, 0, 0 },
		{ "", 0, 0, 0 },
		{ "05", 0, 0, 0 },
		{ "3008" "8206" "612e7465", 0, 0, 0 },
		{ "3008" "8206" "612e74657374" "00", 0, 0, 0 },
		{ "300a" "8203" "612e62" "8203" "632e64", 2, GEN_DNS, 3 },
		{ "3006" "8704" "7f000001", 1, GEN_IPADD, 4 },
		{ "3012" "8710" "00000000000000000000000000000001", 1,
		    GEN_IPADD, 16 },
		{ "3005" "8103" "614062", 1, GEN_EMAIL, 0 },
		{ "3005" "8803" "2a0304", 1, GEN_RID, 0 },
		{ "3002" "8200", 1, GEN_DNS, 0 },
		{ "3003" "820100", 1, GEN_DNS, 1 },
	};

	for (size_t i = 0; i < nitems(rows); i++) {
		struct ext		e = { ALT_NAME, rows[i].hex, 0 };
		struct alpn_facts	f = facts_of(*state, &e, 1);

		if (f.sans != 1 || f.names != rows[i].names ||
		    f.name_type != rows[i].type || f.name_len != rows[i].len)
			fail_msg("%s: %u names, type %u, %u octets",
			    rows[i].hex, f.names, f.name_type, f.name_len);
	}
}

/* More than the facts hold: the length tells. */
static void
test_long_name(void **state)
{
	char			 hex[2 * (3 + 3 + 1000) + 16];
	struct ext		 e = { ALT_NAME, hex, 0 };
	struct alpn_facts	 f;
	int			 n = sprintf(hex, "308203ec" "828203e8");

	for (int i = 0; i < 1000; i++)
		n += sprintf(hex + n, "61");
	f = facts_of(*state, &e, 1);
	assert_int_equal(f.names, 1);
	assert_int_equal(f.name_len, 1000);
	assert_int_equal(f.name[sizeof(f.name) - 1], 'a');
	assert_int_equal(f.ids, 0);
}

static void
test_ids(void **state)
{
	static const struct {
		const char	*hex;
		unsigned	 len;
	} rows[] = {
		{ ID32, 32 },
		{ "", 0 }, { "04", 0 }, { "0400", 0 }, { "040161", 1 },
		{ "0420" "00", 0 }, { ID32 "00", 0 }, { "0380", 0 },
		{ "04812000", 0 }, { "048000", 0 }, { "2402040161", 0 },
		{ "0c0161", 0 },
	};

	for (size_t i = 0; i < nitems(rows); i++) {
		struct ext		e = { ACME_ID, rows[i].hex, 0 };
		struct alpn_facts	f = facts_of(*state, &e, 1);

		if (f.ids != 1 || f.critical != 0 || f.id_len != rows[i].len)
			fail_msg("%s: %u, %u octets", rows[i].hex, f.ids,
			    f.id_len);
	}
}

/* All are counted, the first one is copied. */
static void
test_several(void **state)
{
	static const struct ext	exts[] = {
		{ ALT_NAME, "3005" "8203" "612e62", 0 },
		{ ALT_NAME, "3005" "8203" "632e64", 0 },
		{ ACME_ID, "040161", 0 },
		{ ACME_ID, ID32, 1 },
		{ "1.3.6.1.5.5.7.1.30.1", ID32, 1 },
	};
	struct alpn_facts	f = facts_of(*state, exts, nitems(exts));

	assert_int_equal(f.sans, 2);
	assert_memory_equal(f.name, "a.b", 3);
	assert_int_equal(f.ids, 2);
	assert_int_equal(f.critical, 0);
	assert_int_equal(f.id_len, 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		UNIT(test_right),
		UNIT(test_names),
		UNIT(test_long_name),
		UNIT(test_ids),
		UNIT(test_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TXT records as DNS carries them, and the names of dns-account-01.
 */
#include "unit.h"

#include "server/validate_dns.c"

#define VALUE	"gfj9Xq-Rg85nM_1234567890abcdefghijklmnopqrs"	/* 43 */

/* An answer with one record of these octets. */
static void
fill(struct resolve_answer *a, const void *data, size_t len)
{
	memset(a, 0, sizeof(*a));
	a->count = 1;
	a->len[0] = (uint32_t)len;
	memcpy(a->data, data, len);
}

static void
test_strings(void **state)
{
	static const struct {
		const char	*octets;
		size_t		 len;
		bool		 match;
	} rows[] = {
		{ "\x2b" VALUE, 44, true },
		{ "\x01" "g\x2a" "fj9Xq-Rg85nM_1234567890abcdefghijklmnopqrs",
		    45, true },
		{ "\0\x2b" VALUE "\0", 46, true },
		{ "\x2b" VALUE, 43, false },		/* cut */
		{ "\x2b" VALUE "\x01" "x", 46, false },
		{ "\x2b" VALUE "\x05", 45, false },	/* past the end */
		{ "\x2a" VALUE, 43, false },
		{ "\xff" VALUE, 44, false },
		{ "", 0, false },
		{ "\0", 1, false },
	};
	static struct resolve_answer	a;

	(void)state;
	assert_int_equal(strlen(VALUE), DIGEST_TEXT);
	for (size_t i = 0; i < nitems(rows); i++) {
		fill(&a, rows[i].octets, rows[i].len);
		if (one_matches(&a, VALUE) != rows[i].match)
			fail_msg("row %zu", i);
	}
}

static void
test_any_of_many(void **state)
{
	static struct resolve_answer	a;
	size_t				used = 0;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		const char *text = i == 49 ? "\x2b" VALUE : "\x03" "abc";

		a.len[i] = (uint32_t)strlen(text);
		memcpy(a.data + used, text, a.len[i]);
		used += a.len[i];
	}
	a.count = 49;
	assert_false(one_matches(&a, VALUE));
	a.count = 50;
	assert_true(one_matches(&a, VALUE));
}

/* The example of draft-ietf-acme-dns-account-label. */
static void
test_account_label(void **state)
{
	static const char	url[] =
	    "https://example.com/acme/acct/ExampleAccount";
	unsigned char		digest[DIGEST_LEN];
	char			label[17];

	(void)state;
	sha256(url, strlen(url), digest);
	base32(digest, label);
	assert_string_equal(label, "ujmmovf2vn55tgye");
	memset(digest, 0, sizeof(digest));
	base32(digest, label);
	assert_string_equal(label, "aaaaaaaaaaaaaaaa");
	memset(digest, 0xff, sizeof(digest));
	base32(digest, label);
	assert_string_equal(label, "7777777777777777");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_any_of_many),
		cmocka_unit_test(test_account_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

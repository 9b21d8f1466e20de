/* SPDX-License-Identifier: Apache-2.0 */
/*
 * db/wire.c: values and arrays as PostgreSQL's binary protocol has them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../db/wire.c"

#define OID_INT8_ARRAY	1016
#define OID_BYTEA_ARRAY	1001

static void
test_types(void **state)
{
	(void)state;
	assert_true(wire_known(OID_INT4));
	assert_false(wire_known(OID_INT8_ARRAY));
	assert_false(wire_known(1700));		/* numeric */
	assert_int_equal(wire_element(OID_BYTEA_ARRAY), OID_BYTEA);
	assert_int_equal(wire_element(OID_BYTEA), 0);
}

static void
test_values(void **state)
{
	static const struct arg args[] = {
		{ ARG_INT, -2, NULL, 0 }, { ARG_INT, -2, NULL, 0 },
		{ ARG_BOOL, 1, NULL, 0 }, { ARG_TEXT, 0, "ab", 0 },
		{ ARG_BYTES, 0, "a\0b", 3 }, { ARG_BYTES, 0, "", 0 },
		{ ARG_NULL, 0, NULL, 0 },
	};
	static const uint32_t types[] = { OID_INT8, OID_INT4, OID_BOOL,
	    OID_TEXT, OID_BYTEA, OID_BYTEA, OID_TEXT };
	static const struct {
		const char	*octets;
		int		 len;
	} want[] = {
		{ "\xff\xff\xff\xff\xff\xff\xff\xfe", 8 },
		{ "\xff\xff\xff\xfe", 4 }, { "\x01", 1 }, { "ab", 2 },
		{ "a\0b", 3 }, { "", 0 }, { NULL, 0 },
	};
	struct wire w = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < nitems(want); i++) {
		wire_value(&w, i, &args[i], types[i]);
		assert_int_equal(w.formats[i], 1);
		assert_int_equal(w.lengths[i], want[i].len);
		if (want[i].octets == NULL)
			assert_null(w.values[i]);
		else
			assert_memory_equal(w.values[i], want[i].octets,
			    (size_t)want[i].len);
	}
	wire_free(&w);
}

/* Two columns of three rows, taken out of the rows. */
static void
test_columns(void **state)
{
	static const unsigned char ints[] = {
		0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 1,
		0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1,
		0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 2,
		0xff, 0xff, 0xff, 0xff,
	};
	static const unsigned char bytes[] = {
		0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 17, 0, 0, 0, 3, 0, 0, 0, 1,
		0, 0, 0, 2, 'a', 0,
		0xff, 0xff, 0xff, 0xff,
		0, 0, 0, 0,
	};
	const struct arg cells[] = {
		arg_int(1), arg_bytes("a", 2),
		arg_int(2), arg_null(),
		arg_null(), arg_bytes("", 0),
	};
	struct wire w = { 0 };

	(void)state;
	wire_column(&w, 0, &cells[0], 2, 3, OID_INT8_ARRAY);
	wire_column(&w, 1, &cells[1], 2, 3, OID_BYTEA_ARRAY);
	assert_int_equal(w.lengths[0], sizeof(ints));
	assert_memory_equal(w.values[0], ints, sizeof(ints));
	assert_int_equal(w.lengths[1], sizeof(bytes));
	assert_memory_equal(w.values[1], bytes, sizeof(bytes));
	wire_free(&w);
}

static void
test_lists(void **state)
{
	static const unsigned char none[] = {
		0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 1,
	};
	static const unsigned char one[] = {
		0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 1,
		0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7,
	};
	const struct arg seven = arg_int(7), empty = arg_list(NULL, 0),
	    list = arg_list(&seven, 1);
	struct wire w = { 0 };

	(void)state;
	wire_value(&w, 0, &empty, OID_INT8_ARRAY);
	wire_value(&w, 1, &list, OID_INT8_ARRAY);
	assert_int_equal(w.lengths[0], sizeof(none));
	assert_memory_equal(w.values[0], none, sizeof(none));
	assert_int_equal(w.lengths[1], sizeof(one));
	assert_memory_equal(w.values[1], one, sizeof(one));
	wire_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

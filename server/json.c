/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in and out.  What comes in is measured before jansson sees it; what
 * goes out canonically is printed here, because the hash of those octets is
 * what is signed and compared for years, whatever library prints JSON then.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "enc.h"
#include "json.h"
#include "log.h"
#include "mem.h"

#define INTEGER_MAX	9007199254740991	/* RFC 7493, 2.2: 2^53 - 1 */

/*
 * jansson would seed its hash tables from /dev/urandom at first use, which
 * the sandbox hides by then, and fall back on the time of day.
 */
__attribute__((constructor))
static void
seed_hash_tables(void)
{
	size_t seed;

	do {
		random_octets(&seed, sizeof(seed));
	} while (seed == 0);
	json_object_seed(seed);
}

/* The greatest nesting in the text, strings skipped; it need not be JSON. */
static size_t
nesting(const unsigned char *text, size_t len)
{
	size_t i, depth = 0, most = 0;
	bool string = false;

	for (i = 0; i < len; i++) {
		unsigned char c = text[i];

		if (c == '"') {
			string = !string;
		} else if (string) {
			if (c == '\\')
				i++;
		} else if (c == '{' || c == '[') {
			if (++depth > most)
				most = depth;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return most;
}

static const char *
error_text(const json_error_t *error)
{
	static const struct {
		enum json_error_code	 code;
		const char		*text;
	} texts[] = {
		{ json_error_invalid_utf8, "the text is not UTF-8" },
		{ json_error_premature_end_of_input, "the text ends early" },
		{ json_error_end_of_input_expected,
		    "something follows the object" },
		{ json_error_null_character, "a string holds a NUL" },
		{ json_error_null_byte_in_key, "a name holds a NUL" },
		{ json_error_duplicate_key, "a member is repeated" },
		{ json_error_numeric_overflow, "a number is out of range" },
	};
	size_t i;

	for (i = 0; i < nitems(texts); i++) {
		if (texts[i].code == json_error_code(error))
			return texts[i].text;
	}
	return "the text is not JSON";
}

json_t *
json_read_object(const void *text, size_t len, const char **why)
{
	json_error_t error;
	json_t *value;

	if (len == 0 || memchr(text, '\0', len) != NULL) {
		*why = len == 0 ? "the text is empty" : "the text holds a NUL";
		return NULL;
	}
	if (nesting(text, len) > JSON_DEPTH_MAX) {
		*why = "the text is nested too deeply";
		return NULL;
	}
	value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (value == NULL) {
		*why = error_text(&error);
		return NULL;
	}
	if (!json_is_object(value)) {
		json_decref(value);
		*why = "the text is not a JSON object";
		return NULL;
	}
	return value;
}

/* RFC 8785, 3.2.2.2 */
static void
print_string(struct buf *b, const char *s, size_t len)
{
	static const char *const shorts[0x20] = {
		['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n",
		['\f'] = "\\f", ['\r'] = "\\r",
	};
	size_t i, from = 0;

	buf_puts(b, "\"");
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(b, s + from, i - from);
		from = i + 1;
		if (c >= 0x20)
			buf_printf(b, "\\%c", c);
		else if (shorts[c] != NULL)
			buf_puts(b, shorts[c]);
		else
			buf_printf(b, "\\u%04x", c);
	}
	buf_add(b, s + from, len - from);
	buf_puts(b, "\"");
}

/*
 * Names are sorted by UTF-16 code units (RFC 8785, 3.2.3).  UTF-8 octets sort
 * the same but for one thing: what UTF-16 writes with surrogates (lead octet
 * F0 and above) comes before U+E000 - U+FFFF (lead octets EE and EF).
 */
static int
compare_names(const void *a, const void *b)
{
	const unsigned char *x = *(const unsigned char *const *)a;
	const unsigned char *y = *(const unsigned char *const *)b;
	unsigned cx, cy;

	for (; *x == *y && *x != '\0'; x++, y++)
		;
	cx = *x;
	cy = *y;
	if (cx == 0xee || cx == 0xef)
		cx += 0x100;
	if (cy == 0xee || cy == 0xef)
		cy += 0x100;
	return (cx > cy) - (cx < cy);
}

static void print_value(struct buf *, const json_t *);

static void
print_object(struct buf *b, const json_t *object)
{
	const char *name, **names;
	json_t *value;
	size_t i, n = 0;

	names = arena_alloc(b->arena,
	    (json_object_size(object) + 1) * sizeof(*names));
	json_object_foreach((json_t *)object, name, value)
		names[n++] = name;
	qsort(names, n, sizeof(*names), compare_names);
	buf_puts(b, "{");
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_puts(b, ",");
		print_string(b, names[i], strlen(names[i]));
		buf_puts(b, ":");
		print_value(b, json_object_get(object, names[i]));
	}
	buf_puts(b, "}");
}

static void
print_array(struct buf *b, const json_t *array)
{
	size_t i;

	buf_puts(b, "[");
	for (i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			buf_puts(b, ",");
		print_value(b, json_array_get(array, i));
	}
	buf_puts(b, "]");
}

static void
print_integer(struct buf *b, json_int_t i)
{
	assert(i >= -INTEGER_MAX && i <= INTEGER_MAX);
	buf_printf(b, "%" JSON_INTEGER_FORMAT, i);
}

static void
print_value(struct buf *b, const json_t *value)
{
	assert(value != NULL && !json_is_real(value));
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		print_object(b, value);
		break;
	case JSON_ARRAY:
		print_array(b, value);
		break;
	case JSON_STRING:
		print_string(b, json_string_value(value),
		    json_string_length(value));
		break;
	case JSON_INTEGER:
		print_integer(b, json_integer_value(value));
		break;
	case JSON_TRUE:
		buf_puts(b, "true");
		break;
	case JSON_FALSE:
		buf_puts(b, "false");
		break;
	case JSON_NULL:
	case JSON_REAL:
		buf_puts(b, "null");
		break;
	}
}

bool
json_exact(const json_t *v)
{
	const char *name;
	json_t *value;
	size_t i;

	if (json_is_real(v) || (json_is_integer(v) &&
	    (json_integer_value(v) > INTEGER_MAX ||
	    json_integer_value(v) < -INTEGER_MAX)))
		return false;
	json_array_foreach(v, i, value)
		if (!json_exact(value))
			return false;
	json_object_foreach((json_t *)v, name, value)
		if (!json_exact(value))
			return false;
	return true;
}

char *
json_canonical(struct arena *a, const json_t *value, size_t *len)
{
	struct buf b;

	buf_init(&b, a);
	print_value(&b, value);
	if (len != NULL)
		*len = b.len;
	return (char *)b.data;
}

static int
pretty_add(const char *text, size_t len, void *buf)
{
	buf_add(buf, text, len);
	return 0;
}

char *
json_pretty(struct arena *a, const json_t *value, size_t *len)
{
	struct buf b;

	buf_init(&b, a);
	if (json_dump_callback(value, pretty_add, &b,
	    JSON_INDENT(2) | JSON_ENCODE_ANY) == -1)
		die(EXIT_FAILED, "jansson cannot print a message");
	buf_puts(&b, "\n");
	if (len != NULL)
		*len = b.len;
	return (char *)b.data;
}

const char *
json_member_string(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

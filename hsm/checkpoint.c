/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint, line by line.  Only its form is judged here: whether the tree
 * is an extension of the last one is the signer's to know.
 */
#include <string.h>

#include "checkpoint.h"

#define HASH_TEXT_LEN	44	/* base64 of 32 octets: 43 and one "=" */

/* The next line without its newline; -1 when there is none. */
static int
next_line(const unsigned char **text, size_t *left, const char **line,
    size_t *len)
{
	const unsigned char *end;

	end = *left == 0 ? NULL : memchr(*text, '\n', *left);
	if (end == NULL || end == *text)
		return -1;
	*line = (const char *)*text;
	*len = (size_t)(end - *text);
	*left -= *len + 1;
	*text = end + 1;
	return 0;
}

static bool
all_of(const char *line, size_t len, const char *set)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (line[i] == '\0' || strchr(set, line[i]) == NULL)
			return false;
	return true;
}

bool
checkpoint_is(const unsigned char *text, size_t len)
{
	const char *line;
	size_t n;

	if (memchr(text, '\0', len) != NULL ||
	    next_line(&text, &len, &line, &n) == -1)
		return false;
	if (next_line(&text, &len, &line, &n) == -1 || n > 19 ||
	    !all_of(line, n, "0123456789") || (line[0] == '0' && n > 1))
		return false;
	if (next_line(&text, &len, &line, &n) == -1 || n != HASH_TEXT_LEN ||
	    line[n - 1] != '=' || !all_of(line, n - 1, "ABCDEFGHIJKLMNOPQRSTU"
	    "VWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
		return false;
	while (len > 0)
		if (next_line(&text, &len, &line, &n) == -1)
			return false;
	return true;
}

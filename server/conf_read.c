/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table-driven reader of configuration files: finds what libconfig would
 * accept silently, lets it parse, then walks its tree against the table of
 * keywords.  The only file that sees libconfig.  Parsers of single values are
 * in conf_value.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libconfig.h>

#include "conf_read.h"
#include "mem.h"

#define FILE_MAX	(1024 * 1024)
#define MEMORY_MAX	(16 * FILE_MAX)
#define NAME_LEN_MAX	40	/* of keywords that a nearest one is sought for */

struct reader {
	const char	*file;
	char		*why;
	size_t		 whylen;
};

/* A place in the text while looking for what libconfig tolerates. */
struct scan {
	const char	*p;
	unsigned	 line;
	bool		 string_before;	/* the token before was a string */
	const char	*what;
};

static int	read_keys(struct reader *, const char *path,
		    const config_setting_t *, const struct conf_key *, void *);

static int	fail(struct reader *, unsigned line, const char *fmt, ...)
		    __attribute__((format(printf, 3, 4)));

static int
fail(struct reader *r, unsigned line, const char *fmt, ...)
{
	va_list	 ap;
	int	 n;

	if (line != 0)
		n = snprintf(r->why, r->whylen, "%s:%u: ", r->file, line);
	else
		n = snprintf(r->why, r->whylen, "%s: ", r->file);
	if (n < 0 || (size_t)n >= r->whylen)
		return -1;
	va_start(ap, fmt);
	vsnprintf(r->why + n, r->whylen - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

struct arena *
conf_memory(void)
{
	static struct arena	*memory;

	if (memory == NULL)
		memory = arena_new(MEMORY_MAX);
	return memory;
}

static bool
scan_comment(struct scan *s)
{
	const char	*end;

	if (s->p[0] == '#' || (s->p[0] == '/' && s->p[1] == '/')) {
		s->p += strcspn(s->p, "\n");
		return true;
	}
	if (s->p[0] != '/' || s->p[1] != '*')
		return false;
	end = strstr(s->p + 2, "*/");
	if (end == NULL) {
		s->what = "this comment has no end (close it with */)";
		return true;
	}
	for (; s->p < end; s->p++)
		s->line += *s->p == '\n';
	s->p = end + 2;
	return true;
}

static void
scan_string(struct scan *s)
{
	if (s->string_before) {
		s->what = "two strings in a row (put a comma between them)";
		return;
	}
	for (s->p++; *s->p != '"'; s->p++) {
		if (*s->p == '\0' || *s->p == '\n') {
			s->what = "this string does not end on its line "
			    "(close it with a quotation mark)";
			return;
		}
		if (*s->p == '\\' && strncmp(s->p, "\\x00", 4) == 0) {
			s->what = "a string cannot hold \\x00 (remove it)";
			return;
		}
		if (*s->p == '\\' && s->p[1] != '\0')
			s->p++;
	}
	s->p++;
	s->string_before = true;
}

/* What libconfig accepts although it cannot have been meant. */
static int
scan(struct reader *r, const char *text)
{
	struct scan	s = { text, 1, false, NULL };

	while (s.what == NULL && *s.p != '\0') {
		if (scan_comment(&s))
			continue;
		if (*s.p == '"') {
			scan_string(&s);
			continue;
		}
		if (*s.p == '@')
			s.what = "@include is not taken "
			    "(write everything in this file)";
		if (strchr(" \t\r\n\f", *s.p) == NULL)
			s.string_before = false;
		s.line += *s.p == '\n';
		s.p++;
	}
	if (s.what != NULL)
		return fail(r, s.line, "%s", s.what);
	return 0;
}

static char *
load(struct reader *r)
{
	FILE	*f;
	char	*text = NULL;
	size_t	 len;

	if ((f = fopen(r->file, "re")) == NULL) {
		fail(r, 0, "cannot be read: %s (check the path and that this "
		    "user may read it)", strerror(errno));
		return NULL;
	}
	text = xcalloc(1, FILE_MAX + 1);
	len = fread(text, 1, FILE_MAX, f);
	if (ferror(f))
		fail(r, 0, "cannot be read: %s (check that it is a file)",
		    strerror(errno));
	else if (len == FILE_MAX)
		fail(r, 0, "is longer than 1 MiB (is it the right file?)");
	else if (strlen(text) != len)
		fail(r, 0, "holds a NUL octet (is it the right file?)");
	else if (scan(r, text) == 0) {
		fclose(f);
		return text;
	}
	fclose(f);
	free(text);
	return NULL;
}

/* Levenshtein's distance of two keywords. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned	row[NAME_LEN_MAX + 1], left, diagonal, best;
	size_t		i, j, n = strlen(b);

	if (strlen(a) > NAME_LEN_MAX || n > NAME_LEN_MAX)
		return NAME_LEN_MAX;
	for (j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (i = 0; a[i] != '\0'; i++) {
		diagonal = row[0];
		row[0] = left = (unsigned)i + 1;
		for (j = 1; j <= n; j++) {
			best = diagonal + (a[i] != b[j - 1]);
			diagonal = row[j];
			if (left + 1 < best)
				best = left + 1;
			if (diagonal + 1 < best)
				best = diagonal + 1;
			row[j] = left = best;
		}
	}
	return row[n];
}

static int
unknown(struct reader *r, const char *path, const config_setting_t *setting,
    const struct conf_key *keys)
{
	const struct conf_key	*key, *nearest = NULL;
	const char		*name = config_setting_name(setting);
	char			 known[512] = "";
	unsigned		 d, least = 3;
	size_t			 used;

	for (key = keys; key->name != NULL; key++) {
		d = distance(name, key->name);
		if (d < least && d < strlen(name)) {
			least = d;
			nearest = key;
		}
		used = strlen(known);
		snprintf(known + used, sizeof(known) - used, "%s%s",
		    used == 0 ? "" : ", ", key->name);
	}
	if (nearest != NULL)
		return fail(r, config_setting_source_line(setting),
		    "unknown keyword \"%s%s\" (did you mean \"%s\"?)", path,
		    name, nearest->name);
	return fail(r, config_setting_source_line(setting),
	    "unknown keyword \"%s%s\" (known here: %s)", path, name, known);
}

/* Store one string where the table says. */
static int
store(struct reader *r, unsigned line, const char *path,
    const struct conf_key *key, const char *text, void *out)
{
	char			 phrase[CONF_WHY_LEN] = "is not understood";
	const unsigned char	*p;

	if (*text == '\0')
		return fail(r, line, "\"%s%s\" is empty (give a value or "
		    "remove the line)", path, key->name);
	for (p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			return fail(r, line, "\"%s%s\" holds a control "
			    "character (remove it)", path, key->name);
	if (key->parse(key, text, out, phrase) == -1)
		return fail(r, line, "\"%s%s\" is \"%.100s\" but %s", path,
		    key->name, text, phrase);
	return 0;
}

static const char *
string_of(struct reader *r, const char *path, const struct conf_key *key,
    const config_setting_t *setting)
{
	const char	*text;

	text = config_setting_get_string(setting);
	if (text == NULL)
		fail(r, config_setting_source_line(setting), "\"%s%s\" must "
		    "be a string (write it in quotation marks)", path,
		    key->name);
	return text;
}

/* Room for the elements of a list, as many as the key allows; their number
 * in *n.  The array, or NULL. */
static char *
list_array(struct reader *r, const char *path, const struct conf_key *key,
    const config_setting_t *setting, char *out, size_t *n)
{
	char	*array;

	*n = (size_t)config_setting_length(setting);
	if (*n < (size_t)key->min ||
	    (key->max != 0 && *n > (size_t)key->max)) {
		fail(r, config_setting_source_line(setting), "\"%s%s\" has "
		    "%zu elements (%lld to %lld are possible)", path,
		    key->name, *n, (long long)key->min, (long long)key->max);
		return NULL;
	}
	array = arena_alloc(conf_memory(), *n * key->size);
	*(void **)(void *)(out + key->offset) = array;
	*(size_t *)(void *)(out + key->count) = *n;
	return array;
}

static int
read_list(struct reader *r, const char *path, const struct conf_key *key,
    const config_setting_t *setting, char *out)
{
	const config_setting_t	*element;
	unsigned		 line = config_setting_source_line(setting);
	const char		*text;
	char			*array;
	size_t			 i, n;

	if (!config_setting_is_aggregate(setting) ||
	    config_setting_is_group(setting))
		return fail(r, line, "\"%s%s\" must be a list (write [ \"...\""
		    " ])", path, key->name);
	array = list_array(r, path, key, setting, out, &n);
	if (array == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		element = config_setting_get_elem(setting, (unsigned)i);
		text = string_of(r, path, key, element);
		if (text == NULL || store(r,
		    config_setting_source_line(element), path, key, text,
		    array + i * key->size) == -1)
			return -1;
	}
	return 0;
}

static int
read_groups(struct reader *r, const char *path, const struct conf_key *key,
    const config_setting_t *setting, char *out)
{
	const config_setting_t	*element;
	unsigned		 line = config_setting_source_line(setting);
	char			 below[128], *array;
	size_t			 i, n;

	if (!config_setting_is_list(setting))
		return fail(r, line, "\"%s%s\" must be a list of groups "
		    "(write ( { ... }, ... ))", path, key->name);
	array = list_array(r, path, key, setting, out, &n);
	if (array == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		element = config_setting_get_elem(setting, (unsigned)i);
		snprintf(below, sizeof(below), "%s%s[%zu].", path, key->name,
		    i);
		if (!config_setting_is_group(element))
			return fail(r, config_setting_source_line(element),
			    "\"%s%s\" must be a list of groups (write "
			    "( { ... }, ... ))", path, key->name);
		if (read_keys(r, below, element, key->keys,
		    array + i * key->size) == -1)
			return -1;
	}
	return 0;
}

static int
read_group(struct reader *r, const char *path, const struct conf_key *key,
    const config_setting_t *setting, char *out)
{
	char	below[128];

	if (setting != NULL && !config_setting_is_group(setting))
		return fail(r, config_setting_source_line(setting),
		    "\"%s%s\" must be a group (write %s: { ... };)", path,
		    key->name, key->name);
	snprintf(below, sizeof(below), "%s%s.", path, key->name);
	return read_keys(r, below, setting, key->keys, out + key->offset);
}

static int
fallback(struct reader *r, unsigned line, const char *path,
    const struct conf_key *key, char *out)
{
	char	*copy, *rest, *word, *array;
	size_t	 n = 0;

	if (key->fallback == NULL && !key->optional)
		return fail(r, line, "\"%s%s\" is missing (add it; see "
		    "the manual page)", path, key->name);
	if (key->fallback == NULL)
		return 0;
	if (key->shape == CONF_VALUE)
		return store(r, line, path, key, key->fallback,
		    out + key->offset);
	copy = rest = xstrdup(key->fallback);
	array = arena_alloc(conf_memory(),
	    (strlen(copy) / 2 + 1) * key->size);
	while ((word = strsep(&rest, " ")) != NULL)
		if (store(r, line, path, key, word,
		    array + n++ * key->size) == -1)
			break;
	free(copy);
	*(void **)(void *)(out + key->offset) = array;
	*(size_t *)(void *)(out + key->count) = n;
	return word == NULL ? 0 : -1;
}

static int
read_key(struct reader *r, const char *path, unsigned line,
    const struct conf_key *key, const config_setting_t *setting, char *out)
{
	const char	*text;

	if (key->shape == CONF_GROUP)
		return read_group(r, path, key, setting, out);
	if (setting == NULL)
		return fallback(r, line, path, key, out);
	if (key->shape == CONF_LIST)
		return read_list(r, path, key, setting, out);
	if (key->shape == CONF_GROUPS)
		return read_groups(r, path, key, setting, out);
	if ((text = string_of(r, path, key, setting)) == NULL)
		return -1;
	return store(r, config_setting_source_line(setting), path, key, text,
	    out + key->offset);
}

/* `setting` is NULL for a group that is not there: all defaults. */
static int
read_keys(struct reader *r, const char *path, const config_setting_t *setting,
    const struct conf_key *keys, void *out)
{
	const struct conf_key	*key;
	const config_setting_t	*member;
	unsigned		 line = 0;
	int			 i, n = 0;

	if (setting != NULL) {
		n = config_setting_length(setting);
		line = config_setting_source_line(setting);
	}
	for (i = 0; i < n; i++) {
		member = config_setting_get_elem(setting, (unsigned)i);
		for (key = keys; key->name != NULL; key++)
			if (strcmp(key->name, config_setting_name(member)) ==
			    0)
				break;
		if (key->name == NULL)
			return unknown(r, path, member, keys);
	}
	for (key = keys; key->name != NULL; key++) {
		member = setting == NULL ? NULL :
		    config_setting_get_member(setting, key->name);
		if (read_key(r, path, line, key, member, out) == -1)
			return -1;
	}
	return 0;
}

int
conf_read(const char *file, const struct conf_key *keys, void *out, char *why,
    size_t whylen)
{
	struct reader	 r = { file, why, whylen };
	config_t	 config;
	char		*text;
	int		 rc = -1;

	why[0] = '\0';
	if ((text = load(&r)) == NULL)
		return -1;
	config_init(&config);
	if (config_read_string(&config, text) != CONFIG_TRUE)
		fail(&r, (unsigned)config_error_line(&config), "%s (correct "
		    "the line, or the one before it)",
		    config_error_text(&config));
	else
		rc = read_keys(&r, "", config_root_setting(&config), keys,
		    out);
	config_destroy(&config);
	free(text);
	return rc;
}

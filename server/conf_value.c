/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of configuration files: texts, paths, words, URLs, numbers,
 * durations and sizes, all written as strings with their units so that
 * nothing is left to be guessed.
 */
#include <stdio.h>
#include <string.h>

#include "conf_read.h"
#include "mem.h"

struct unit {
	const char	*name;
	int64_t		 factor;
};

static const struct unit plain[] = { { "", 1 }, { NULL, 0 } };
static const struct unit milliseconds[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 },
	{ "d", 86400 * 1000 }, { NULL, 0 }
};
static const struct unit seconds[] = {
	{ "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { NULL, 0 }
};
static const struct unit octets[] = {
	{ "", 1 }, { "KiB", 1024 }, { "MiB", 1024 * 1024 },
	{ "GiB", 1024 * 1024 * 1024 }, { NULL, 0 }
};

static int
keep(const char *text, void *out)
{
	*(const char **)out = arena_strdup(conf_memory(), text);
	return 0;
}

int
conf_text(const struct conf_key *key, const char *text, void *out, char *why)
{
	(void)key;
	(void)why;
	return keep(text, out);
}

int
conf_path(const struct conf_key *key, const char *text, void *out, char *why)
{
	(void)key;
	if (text[0] == '/')
		return keep(text, out);
	snprintf(why, CONF_WHY_LEN, "must be an absolute path (begin it "
	    "with \"/\")");
	return -1;
}

int
conf_word(const struct conf_key *key, const char *text, void *out, char *why)
{
	(void)key;
	if (text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0' &&
	    text[0] != '-')
		return keep(text, out);
	snprintf(why, CONF_WHY_LEN, "must be one word (use letters, digits "
	    "and \"._-\" only)");
	return -1;
}

int
conf_url(const struct conf_key *key, const char *text, void *out, char *why)
{
	const char	*p;
	size_t		 host = 0;

	(void)key;
	if (strncmp(text, "https://", 8) == 0)
		host = 8;
	else if (strncmp(text, "http://", 7) == 0)
		host = 7;
	for (p = text; *p > 0x20 && *p < 0x7f && strchr("\"<>\\^`{|}", *p) ==
	    NULL; p++)
		continue;
	if (*p == '\0' && host != 0 && text[host] != '\0' &&
	    text[host] != '/')
		return keep(text, out);
	snprintf(why, CONF_WHY_LEN, "must be a URL (such as "
	    "\"https://ca.example\")");
	return -1;
}

/* Digits and a unit, in key->min..max after conversion. */
static int
measure(const struct conf_key *key, const char *text, const struct unit *unit,
    const char *example, int64_t *value, char *why)
{
	int64_t	n = 0;
	size_t	digits = strspn(text, "0123456789"), i;

	for (i = 0; i < digits && i < 10; i++)
		n = n * 10 + (text[i] - '0');
	for (; unit->name != NULL; unit++)
		if (strcmp(text + digits, unit->name) == 0)
			break;
	if (digits == 0 || digits > 9 || unit->name == NULL) {
		snprintf(why, CONF_WHY_LEN, "must be %s", example);
		return -1;
	}
	*value = n * unit->factor;
	if (*value >= key->min && *value <= key->max)
		return 0;
	snprintf(why, CONF_WHY_LEN, "must lie between %lld and %lld%s",
	    (long long)key->min, (long long)key->max,
	    unit->name[0] == '\0' ? "" :
	    key->parse == conf_milliseconds ? " milliseconds" :
	    key->parse == conf_seconds ? " seconds" : " octets");
	return -1;
}

int
conf_yes_no(const struct conf_key *key, const char *text, void *out,
    char *why)
{
	bool	*value = out;

	(void)key;
	*value = strcmp(text, "yes") == 0;
	if (*value || strcmp(text, "no") == 0)
		return 0;
	snprintf(why, CONF_WHY_LEN, "must be \"yes\" or \"no\"");
	return -1;
}

int
conf_number(const struct conf_key *key, const char *text, void *out, char *why)
{
	int64_t	value;

	if (measure(key, text, plain, "a number (digits only)", &value,
	    why) == -1)
		return -1;
	*(unsigned *)out = (unsigned)value;
	return 0;
}

int
conf_milliseconds(const struct conf_key *key, const char *text, void *out,
    char *why)
{
	int64_t	value;

	if (measure(key, text, milliseconds, "a duration (such as \"250ms\","
	    " \"2s\", \"5m\", \"12h\")", &value, why) == -1)
		return -1;
	*(unsigned *)out = (unsigned)value;
	return 0;
}

int
conf_seconds(const struct conf_key *key, const char *text, void *out,
    char *why)
{
	return measure(key, text, seconds, "a duration (such as \"30s\", "
	    "\"12h\", \"90d\")", out, why);
}

int
conf_octets(const struct conf_key *key, const char *text, void *out, char *why)
{
	int64_t	value;

	if (measure(key, text, octets, "a size (such as \"512\", \"64KiB\", "
	    "\"4MiB\")", &value, why) == -1)
		return -1;
	*(size_t *)out = (size_t)value;
	return 0;
}

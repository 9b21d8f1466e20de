/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of the command line into arguments and members of a body.  Options
 * may stand anywhere behind the verb, as `--name value` or `--name=value`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../server/conf_read.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "words.h"

#define COUNT_MAX	1000000
#define UNTIL_MAX	(INT64_C(3650) * 86400)

static const struct word_option none[] = { { NULL, NULL, WORD_TEXT } };

static void __attribute__((noreturn))
misuse(const struct words *w, const char *what, const char *why)
{
	die(EXIT_MISUSE, "%s: \"%s\" %s (see chanceryctl -h)", w->verb, what,
	    why);
}

static json_t *
count(const struct words *w, const char *option, const char *text)
{
	static const struct conf_key range = { .min = 0, .max = COUNT_MAX };
	char why[CONF_WHY_LEN];
	unsigned n;

	if (conf_number(&range, text, &n, why) == -1)
		misuse(w, option, why);
	return json_integer(n);
}

static json_t *
until(const struct words *w, const char *option, const char *text)
{
	static const struct conf_key range = { .min = 1, .max = UNTIL_MAX };
	char why[CONF_WHY_LEN];
	int64_t seconds;

	if (strcmp(text, "never") == 0)
		return json_integer(0);
	if (conf_seconds(&range, text, &seconds, why) == -1)
		misuse(w, option, why);
	return json_integer(time(NULL) + seconds);
}

static json_t *
yes_no(const struct words *w, const char *option, const char *text)
{
	static const struct conf_key key;
	char why[CONF_WHY_LEN];
	bool yes;

	if (conf_yes_no(&key, text, &yes, why) == -1)
		misuse(w, option, why);
	return json_boolean(yes);
}

/* Add the parts to what an earlier option of this name gave. */
static json_t *
list(const struct words *w, const char *member, const char *text)
{
	json_t *all = json_object_get(w->members, member);
	char *copy = xstrdup(text), *rest = copy, *part;

	all = all == NULL ? json_array() : json_incref(all);
	while ((part = strsep(&rest, ",")) != NULL)
		if (*part != '\0')
			json_array_append_new(all, json_string(part));
	free(copy);
	return all;
}

static void
take(struct words *w, const struct word_option *o, const char *text)
{
	json_t *value = NULL;

	switch (o->type) {
	case WORD_TEXT:
		value = json_string(text);
		break;
	case WORD_LIST:
		value = list(w, o->member, text);
		break;
	case WORD_COUNT:
		value = count(w, o->option, text);
		break;
	case WORD_UNTIL:
		value = until(w, o->option, text);
		break;
	case WORD_YES_NO:
		value = yes_no(w, o->option, text);
		break;
	}
	if (value == NULL)
		misuse(w, o->option, "is not UTF-8");
	json_object_set_new(w->members, o->member, value);
}

/* The value of an option: behind its "=", or the next word. */
static const char *
value_of(const struct words *w, int argc, char **argv, int *i)
{
	const char *equals = strchr(argv[*i], '=');

	if (equals != NULL)
		return equals + 1;
	if (*i + 1 == argc)
		misuse(w, argv[*i], "lacks its value");
	return argv[++*i];
}

static bool
named(const char *word, const char *option)
{
	size_t len = strlen(option);

	return strncmp(word, option, len) == 0 &&
	    (word[len] == '\0' || word[len] == '=');
}

static void
option(struct words *w, int argc, char **argv, int *i,
    const struct word_option *own)
{
	const char *word = argv[*i];

	if (strcmp(word, "--dry-run") == 0)
		w->dry_run = true;
	else if (strcmp(word, "--json") == 0)
		w->json = true;
	else if (named(word, "--officer"))
		w->officer = value_of(w, argc, argv, i);
	else {
		while (own->option != NULL && !named(word, own->option))
			own++;
		if (own->option == NULL)
			misuse(w, word, "is not an option of this verb");
		take(w, own, value_of(w, argc, argv, i));
	}
}

void
words_read(struct words *w, int argc, char **argv,
    const struct word_option *own, size_t least, size_t most)
{
	bool plain = false;	/* "--": no options behind it */
	int i;

	memset(w, 0, sizeof(*w));
	w->verb = argv[0];
	w->members = json_object();
	for (i = 1; i < argc; i++) {
		if (!plain && strcmp(argv[i], "--") == 0)
			plain = true;
		else if (!plain && strncmp(argv[i], "--", 2) == 0)
			option(w, argc, argv, &i, own == NULL ? none : own);
		else if (w->nargs == most)
			misuse(w, argv[i], "is one word too many");
		else
			w->arg[w->nargs++] = argv[i];
	}
	if (w->nargs < least)
		die(EXIT_MISUSE, "%s: an argument is missing (see chanceryctl "
		    "-h)", w->verb);
}

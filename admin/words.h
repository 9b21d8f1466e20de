/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words after a verb that changes or shows something: arguments, the
 * options that all such verbs have, and options that become members of a
 * directive's body, which each verb has a table of.
 */
#ifndef CHANCERY_WORDS_H
#define CHANCERY_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>

#define WORDS_MAX	8

enum word_type {
	WORD_TEXT,		/* as it is */
	WORD_LIST,		/* a,b; the option may be repeated */
	WORD_COUNT,		/* a number */
	WORD_UNTIL,		/* "90d": seconds since 1970; "never": 0 */
	WORD_YES_NO
};

struct word_option {
	const char	*option;	/* "--names"; NULL: end of table */
	const char	*member;	/* of the body */
	enum word_type	 type;
};

struct words {
	const char	*verb;		/* "eab add" */
	bool		 dry_run, json;
	const char	*officer;	/* identity file, or NULL */
	const char	*arg[WORDS_MAX];
	size_t		 nargs;
	json_t		*members;	/* of options that were given */
};

/*
 * Read them; argv[0] is the verb.  Ends the program when they are not
 * understood or there are not `least` to `most` arguments.
 */
void	words_read(struct words *, int argc, char **argv,
	    const struct word_option *, size_t least, size_t most);

#endif

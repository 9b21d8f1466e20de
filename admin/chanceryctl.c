/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chanceryctl: the operator's terminal.  One table of verbs; the usage text
 * is printed from it, so that it cannot promise what is not there.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../server/conf.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "ctl.h"

#define CONF_DEFAULT	SYSCONFDIR "/chancery.conf"

#define DIRECTIVE(kind, args, what)					\
	{ kind " add", args, "make or change " what, cmd_directive_add },	\
	{ kind " remove", "NAME", "end it", cmd_directive_remove },	\
	{ kind " list", "", "list them", cmd_directive_list }

static const struct verb {
	const char	*words;		/* one or two */
	const char	*args;
	const char	*what;
	ctl_verb	*run;
} verbs[] = {
	{ "init", "[--dry-run] [--json] FILE", "hold the key ceremony that "
	    "FILE describes", cmd_init },
	{ "status", "[--json]", "show issuers, log, work, processes", cmd_status },
	{ "db migrate", "[--dry-run]", "make the schema, set rights",
	    cmd_db_migrate },
	{ "config check", "", "check the configuration and what it names",
	    cmd_config_check },
	{ "officer key", "", "make the key that an officer's file names",
	    cmd_officer_key },
	DIRECTIVE("officer", "NAME PUBLIC-KEY", "an officer"),
	DIRECTIVE("eab", "[KEY-ID] [OPTION ...]", "an EAB key"),
	DIRECTIVE("block", "PATTERN|HASH [OPTION]", "what nobody gets"),
	DIRECTIVE("restrict", "PATTERN [OPTION]", "names that need a grant"),
	DIRECTIVE("grant", "NAME OPTION ...", "a grant of such names"),
	DIRECTIVE("chain", "NAME FILE --issuer NAME", "another chain of an "
	    "issuer"),
	{ "profile set", "FILE", "store a new version of a profile",
	    cmd_profile_set },
	{ "profile remove", "NAME", "withdraw a profile",
	    cmd_profile_remove },
	{ "profile show", "NAME", "print a profile", cmd_profile_show },
	{ "profile list", "", "list the profiles", cmd_profile_list },
	{ "account list", "[--eab KEY-ID]", "list accounts",
	    cmd_account_list },
	{ "account show", "URL", "show an account", cmd_account_show },
	{ "account revoke", "URL --reason TEXT", "end an account",
	    cmd_account_revoke },
};

static void
usage(void)
{
	size_t	i;
	char	line[80];

	printf("usage: chanceryctl [-c file] verb [argument ...]\n"
	    "       chanceryctl -h | -V\n\n");
	for (i = 0; i < nitems(verbs); i++) {
		snprintf(line, sizeof(line), "%s %s", verbs[i].words,
		    verbs[i].args);
		printf("  %-33s %s\n", line, verbs[i].what);
	}
	printf("\nVerbs from \"officer key\" on take --json, those that change "
	    "something also\n--dry-run and --officer FILE.  See "
	    "chanceryctl(1).  The configuration is\n%s unless told "
	    "otherwise.\n",
	    CONF_DEFAULT);
}

/* The verb that the words begin with; *used of them are its name. */
static const struct verb *
find(int argc, char **argv, int *used)
{
	const char	*second;
	size_t		 i, len;

	for (i = 0; i < nitems(verbs); i++) {
		len = strcspn(verbs[i].words, " ");
		if (strlen(argv[0]) != len ||
		    strncmp(argv[0], verbs[i].words, len) != 0)
			continue;
		*used = 1;
		if (verbs[i].words[len] == '\0')
			return &verbs[i];
		second = verbs[i].words + len + 1;
		*used = 2;
		if (argc > 1 && strcmp(argv[1], second) == 0)
			return &verbs[i];
	}
	return NULL;
}

static const char *
options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	const char	*file = CONF_DEFAULT;
	int		 ch;

	opterr = 0;
	while ((ch = getopt_long(argc, argv, "+c:hV", longs, NULL)) != -1)
		switch (ch) {
		case 'c':
			file = optarg;
			break;
		case 'h':
			usage();
			exit(0);
		case 'V':
			printf("chanceryctl %s\n", VERSION);
			exit(0);
		default:
			die(EXIT_MISUSE, "option \"%s\" is unknown or lacks "
			    "its value (see chanceryctl -h)",
			    argv[optind - 1]);
		}
	return file;
}

int
main(int argc, char **argv)
{
	const struct verb	*verb;
	const struct conf	*conf;
	const char		*file;
	char			 why[1024];
	int			 used = 0;

	log_open("chanceryctl");
	file = options(argc, argv);
	argc -= optind;
	argv += optind;
	if (argc == 0)
		die(EXIT_MISUSE, "say what to do (see chanceryctl -h)");
	if ((verb = find(argc, argv, &used)) == NULL)
		die(EXIT_MISUSE, "\"%s%s%s\" is not a verb (see chanceryctl "
		    "-h)", argv[0], argc > 1 ? " " : "",
		    argc > 1 ? argv[1] : "");
	umask(077);
	if ((conf = conf_load(file, why, sizeof(why))) == NULL)
		die(EXIT_FAILED, "%s", why);
	argv += used - 1;
	argv[0] = (char *)verb->words;
	return verb->run(conf, argc - used + 1, argv);
}

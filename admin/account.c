/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `chanceryctl account revoke`, and accounts as words of the command line.
 */
#include <inttypes.h>
#include <string.h>

#include "../server/conf.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "account.h"
#include "act.h"
#include "ctl.h"
#include "words.h"

int64_t
account_id(const struct conf *conf, struct arena *arena, const char *word,
    const char **url)
{
	const char *prefix, *public = word;
	unsigned char secret[SECRET_LEN];
	int64_t id;

	prefix = arena_printf(arena, "%s" ACCOUNT_PATH, conf->base_url);
	if (strncmp(word, prefix, strlen(prefix)) == 0)
		public = word + strlen(prefix);
	if (public_id_parse(public, strlen(public), &id, secret) == -1)
		die(EXIT_MISUSE, "\"%s\" is not the URL of an account here "
		    "(%s...)", word, prefix);
	if (url != NULL)
		*url = arena_printf(arena, "%s%s", prefix, public);
	return id;
}

int
cmd_account_revoke(const struct conf *conf, int argc, char **argv)
{
	static const struct word_option options[] = {
		{ "--reason", "reason", WORD_TEXT },
		{ NULL, NULL, WORD_TEXT }
	};
	const char *reason, *url;
	struct words words;
	json_t *detail;
	struct act a;

	words_read(&words, argc, argv, options, 1, 1);
	act_open(&a, conf, &words);
	account_id(conf, a.arena, words.arg[0], &url);
	reason = json_member_string(words.members, "reason");
	if (reason == NULL)
		die(EXIT_MISUSE, "account revoke: --reason is missing; the "
		    "log keeps it");
	act_run(&a, json_pack("{s:s, s:s, s:s}", "act", "account-revoke",
	    "account", url, "reason", reason), &detail);
	json_decref(detail);
	return act_close(&a, arena_printf(a.arena, "%s: revoked", url));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `chanceryctl profile set` and `profile remove`.  What `profile show` prints
 * is what `profile set` reads.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../hsm/profile.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "act.h"
#include "ctl.h"
#include "words.h"

#define FILE_MAX	65536

static json_t *
read_json(const char *path)
{
	static char text[FILE_MAX];
	const char *why;
	json_t *o;
	size_t n;
	FILE *f;

	f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (f == NULL)
		die(EXIT_FAILED, "%s: %s", path, strerror(errno));
	n = fread(text, 1, sizeof(text), f);
	if (f != stdin)
		fclose(f);
	if (n == sizeof(text))
		die(EXIT_FAILED, "%s is longer than a profile can be", path);
	if ((o = json_read_object(text, n, &why)) == NULL)
		die(EXIT_FAILED, "%s: %s (a profile is a JSON object, as "
		    "chanceryctl profile show prints it)", path, why);
	if (!json_exact(o))
		die(EXIT_FAILED, "%s: a profile holds no other numbers than "
		    "integers of 53 bits", path);
	return o;
}

static json_t *
profile_act(struct act *a, const char *name, json_t *body,
    const struct version *v)
{
	json_object_set_new(a->out, "kind", json_string("profile"));
	json_object_set_new(a->out, "name", json_string(name));
	json_object_set_new(a->out, "version", json_integer(v->number + 1));
	return json_pack("{s:s, s:s, s:o, s:o}", "act", "profile", "name",
	    name, "body", body, "replaces", act_replaces(a, v));
}

int
cmd_profile_set(const struct conf *conf, int argc, char **argv)
{
	struct profile profile;
	struct words words;
	struct version v;
	json_t *body, *detail;
	struct act a;
	char why[256];
	size_t len;

	words_read(&words, argc, argv, NULL, 1, 1);
	act_open(&a, conf, &words);
	body = read_json(words.arg[0]);
	if (profile_parse(a.arena, json_canonical(a.arena, body, &len),
	    &profile, why, sizeof(why)) == -1)
		die(EXIT_FAILED, "%s: %s", words.arg[0], why);
	act_version(&a, "profile", profile.name, &v);
	act_run(&a, profile_act(&a, profile.name, body, &v), &detail);
	json_decref(detail);
	return act_close(&a, arena_printf(a.arena, "profile \"%s\": version "
	    "%" PRId64, profile.name, v.number + 1));
}

int
cmd_profile_remove(const struct conf *conf, int argc, char **argv)
{
	struct words words;
	struct version v;
	json_t *detail;
	struct act a;

	words_read(&words, argc, argv, NULL, 1, 1);
	act_open(&a, conf, &words);
	act_version(&a, "profile", words.arg[0], &v);
	if (v.number == 0 || v.ended)
		die(EXIT_FAILED, "there is no profile \"%s\" (see chanceryctl "
		    "profile list)", words.arg[0]);
	act_run(&a, profile_act(&a, words.arg[0], json_null(), &v), &detail);
	json_decref(detail);
	return act_close(&a, arena_printf(a.arena, "profile \"%s\": removed",
	    words.arg[0]));
}

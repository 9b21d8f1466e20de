/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An officer's identity file: its keywords, and where it is looked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../server/conf_read.h"
#include "../server/log.h"
#include "officer.h"

#define VALUE(keyword, how, at, ...)					\
	{ .name = keyword, .shape = CONF_VALUE, .parse = how,		\
	  .offset = offsetof(struct officer, at), __VA_ARGS__ }

static const struct conf_key token_keys[] = {
	VALUE("module", conf_path, token.module, .optional = true),
	VALUE("label", conf_text, token.label, .optional = true),
	VALUE("pin_file", conf_path, token.pin_file, .optional = true),
	VALUE("softhsm_conf", conf_path, token.softhsm_conf,
	    .optional = true),
	{ .name = NULL }
};

static const struct conf_key keys[] = {
	VALUE("name", conf_word, name),
	VALUE("key_file", conf_path, key_file, .optional = true),
	{ .name = "token", .shape = CONF_GROUP, .keys = token_keys },
	VALUE("key", conf_text, key, .optional = true),
	{ .name = NULL }
};

void
officer_read(const struct conf *conf, const char *file, struct officer *o)
{
	static char fallback[4096];
	char why[1024];
	bool token;

	if (file == NULL)
		file = getenv("CHANCERY_OFFICER");
	if (file == NULL || *file == '\0') {
		snprintf(fallback, sizeof(fallback), "%s/officer.conf",
		    conf->state_dir);
		file = fallback;
	}
	memset(o, 0, sizeof(*o));
	if (conf_read(file, keys, o, why, sizeof(why)) == -1)
		die(EXIT_FAILED, "the officer's identity: %s (name another "
		    "file with --officer)", why);
	o->file = file;
	token = o->token.module != NULL && o->token.label != NULL &&
	    o->token.pin_file != NULL && o->key != NULL;
	if ((o->key_file != NULL) == token)
		die(EXIT_FAILED, "%s: needs key_file, or token (module, "
		    "label, pin_file) and key, and not both", file);
}

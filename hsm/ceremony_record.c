/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ceremony leaves as files: certificates, the listener's chain, and
 * the record that witnesses sign.  The record is made from the log's entry
 * alone, so it can be made again, and the entry's digest is on it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../db/log.h"
#include "../server/json.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "ceremony.h"

static int
give(int fd, const char *user)
{
	struct passwd *pw;

	if (user == NULL || geteuid() != 0)
		return 0;
	if ((pw = getpwnam(user)) == NULL) {
		errno = ENOENT;
		return -1;
	}
	return fchown(fd, pw->pw_uid, pw->pw_gid);
}

/*
 * The folder of a file of ours: others may enter, or it is all the user's,
 * who replaces files in it later, and its group may read.
 */
static int
make_folder(const char *path, const char *user)
{
	char copy[4096], *dir;
	int fd, rv;

	snprintf(copy, sizeof(copy), "%s", path);
	dir = dirname(copy);
	if (mkdir(dir, 0755) == -1)
		return errno == EEXIST ? 0 : -1;
	if (user == NULL || geteuid() != 0)
		return chmod(dir, user == NULL ? 0755 : 0750);
	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	rv = give(fd, user) == -1 ? -1 : fchmod(fd, 0750);
	close(fd);
	return rv;
}

static int
write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	for (; len > 0; data += n, len -= (size_t)n)
		if ((n = write(fd, data, len)) == -1)
			return -1;
	return fsync(fd);
}

int
record_write(const char *path, unsigned mode, const char *user,
    const void *data, size_t len)
{
	char fresh[4096];
	int fd = -1, rv = -1;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	unlink(fresh);
	if (make_folder(path, user) == 0 &&
	    (fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600)) != -1 && write_all(fd, data, len) == 0 &&
	    give(fd, user) == 0 && fchmod(fd, mode) == 0 &&
	    rename(fresh, path) == 0)
		rv = 0;
	else
		log_error("%s: %s (run the same command again when that is "
		    "mended)", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return rv;
}

/* ------------------------------------------------------- the record's text */

static const char *
text_of(const json_t *o, const char *name)
{
	const char *text = json_member_string(o, name);

	return text == NULL ? "-" : text;
}

static const char *
date_of(struct ceremony *c, const json_t *o, const char *name)
{
	time_t t = (time_t)strtoll(text_of(o, name), NULL, 10);
	char text[40];
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL)
		return "-";
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	return arena_strdup(c->arena, text);
}

/* Groups of four, 32 digits a line, to be read aloud. */
static void
put_hex(struct buf *b, const char *what, const char *hex)
{
	size_t i;

	for (i = 0; hex[i] != '\0'; i++) {
		if (i % 32 == 0)
			buf_printf(b, "  %-16s", i == 0 ? what : "");
		buf_printf(b, "%c%s", hex[i], i % 32 == 31 ||
		    hex[i + 1] == '\0' ? "\n" : i % 4 == 3 ? " " : "");
	}
}

static void
put_key(struct buf *b, const json_t *key)
{
	static const char *const flags[][2] = {
		{ "sensitive", "SENSITIVE" },
		{ "extractable", "EXTRACTABLE" },
		{ "always_sensitive", "ALWAYS_SENSITIVE" },
		{ "never_extractable", "NEVER_EXTRACTABLE" },
		{ "local", "LOCAL" },
	};
	const json_t *value, *a = json_object_get(key, "attributes");
	size_t i;

	buf_printf(b, "\n  %-16s%s, \"%s\"\n", text_of(key, "role"),
	    text_of(key, "algorithm"), text_of(key, "label"));
	buf_printf(b, "  %-16s\"%s\" of %s\n", "token", text_of(key, "token"),
	    text_of(key, "module"));
	put_hex(b, "key id", text_of(key, "key_id"));
	for (i = 0; i < nitems(flags); i++) {
		value = json_object_get(a, flags[i][0]);
		buf_printf(b, "  %-16s%-18s %s\n", i == 0 ? "read back" : "",
		    flags[i][1], json_is_true(value) ? "true" :
		    json_is_false(value) ? "false" : "not told");
	}
}

static void
put_cert(struct ceremony *c, struct buf *b, const char *title,
    const json_t *cert)
{
	buf_printf(b, "\n%s\n\n  %-16s%s\n  %-16s%s\n  %-16s%s\n", title,
	    "common name", text_of(cert, "common_name"), "organization",
	    text_of(cert, "organization"), "key", text_of(cert, "algorithm"));
	buf_printf(b, "  %-16s%s\n  %-16s%s\n", "valid from",
	    date_of(c, cert, "not_before"), "valid until",
	    date_of(c, cert, "not_after"));
	put_hex(b, "serial", text_of(cert, "serial"));
	put_hex(b, "SHA-256", text_of(cert, "sha256"));
}

static void
put_head(struct ceremony *c, struct buf *b)
{
	unsigned char digest[DIGEST_LEN];

	buf_printf(b, "RECORD OF A KEY CEREMONY\n\n  %-16s%s\n  %-16s%s\n"
	    "  %-16s%s\n", "time", date_of(c, c->record, "time"), "CA",
	    text_of(c->record, "base_url"), "program",
	    text_of(c->record, "program"));
	put_hex(b, "file, SHA-256", text_of(c->record, "file_sha256"));
	buf_printf(b, "  %-16s%" PRId64 " (begun: %s)\n", "log entry", c->done,
	    text_of(c->record, "begun"));
	sha256(c->record_text, c->record_len, digest);
	put_hex(b, "its SHA-256", hex_encode(c->arena, digest,
	    sizeof(digest)));
	log_leaf_hash(c->record_text, c->record_len, digest);
	put_hex(b, "its leaf hash", hex_encode(c->arena, digest,
	    sizeof(digest)));
}

/* The SHA-256 of a canonical text. */
static const char *
digest_of(struct ceremony *c, const char *text)
{
	unsigned char digest[DIGEST_LEN];

	sha256(text, strlen(text), digest);
	return hex_encode(c->arena, digest, sizeof(digest));
}

/* Rows that were stored; those of officers and accounts by their keys. */
static void
put_rows(struct ceremony *c, struct buf *b)
{
	const json_t *account, *o;
	const char *body, *why;
	json_t *officer;
	char *jwk;
	size_t i, len;

	buf_puts(b, "\nPROFILES\n");
	json_array_foreach(json_object_get(c->record, "profiles"), i, o)
		buf_printf(b, "\n  %s\n", json_string_value(o));
	buf_puts(b, "\nFIRST OFFICER AND OWN ACCOUNT\n");
	json_array_foreach(json_object_get(c->record, "directives"), i, o) {
		body = text_of(o, "body");
		buf_printf(b, "\n  %-16s%s\n", text_of(o, "kind"), text_of(o,
		    "name"));
		if (strcmp(text_of(o, "kind"), "officer") != 0) {
			buf_printf(b, "  %s\n", body);
			continue;
		}
		officer = json_read_object(body, strlen(body), &why);
		jwk = json_canonical(c->arena, json_object_get(officer, "jwk"),
		    &len);
		put_hex(b, "key thumbprint", digest_of(c, jwk));
		json_decref(officer);
	}
	account = json_object_get(c->record, "account");
	buf_puts(b, "\n");
	put_hex(b, "account key", digest_of(c, text_of(account, "jwk")));
}

static void
put_signatures(struct buf *b)
{
	static const char *const who[] = { "operator", "witness", "witness" };
	static const char line[] = "______________________________________";
	size_t i;

	buf_puts(b, "\nSIGNATURES\n\n  We saw that these keys were made in "
	    "these tokens, and compared the\n  fingerprints above with those "
	    "on the screen.\n");
	for (i = 0; i < nitems(who); i++)
		buf_printf(b, "\n  %-16sname         %s\n  %-16ssignature    "
		    "%s\n  %-16splace, date  %s\n", who[i], line, "", line,
		    "", line);
	buf_puts(b, "\n  Deviations:\n\n\n");
}

static struct buf
record_text(struct ceremony *c)
{
	const json_t *key;
	struct buf b;
	size_t i;

	buf_init(&b, c->arena);
	put_head(c, &b);
	buf_puts(&b, "\nKEYS, WITH THE ATTRIBUTES THAT THE TOKENS REPORT\n");
	json_array_foreach(json_object_get(c->record, "keys"), i, key)
		put_key(&b, key);
	put_cert(c, &b, "ROOT CERTIFICATE", json_object_get(c->record,
	    "root"));
	put_cert(c, &b, "ISSUING CERTIFICATE", json_object_get(c->record,
	    "issuing"));
	put_rows(c, &b);
	put_signatures(&b);
	return b;
}

/* The listener's chain, unless it is there. */
static int
chain_file(struct ceremony *c, const char *issuing)
{
	const char *chain;

	if (c->listener.der == NULL)
		return 0;
	chain = arena_printf(c->arena, "%s%s", pem_encode(c->arena,
	    "CERTIFICATE", c->listener.der, c->listener.der_len), issuing);
	return record_write(c->conf->acme.tls_certificate, 0644,
	    c->conf->renew.user, chain, strlen(chain));
}

int
record_files(struct ceremony *c)
{
	const char *dir = c->conf->state_dir;
	struct buf record = record_text(c);
	char *root, *issuing;

	root = pem_encode(c->arena, "CERTIFICATE", c->root.der,
	    c->root.der_len);
	issuing = pem_encode(c->arena, "CERTIFICATE", c->issuing.der,
	    c->issuing.der_len);
	if (record_write(arena_printf(c->arena, "%s/root.pem", dir), 0644,
	    NULL, root, strlen(root)) == -1 ||
	    record_write(arena_printf(c->arena, "%s/issuing.pem", dir), 0644,
	    NULL, issuing, strlen(issuing)) == -1 ||
	    chain_file(c, issuing) == -1)
		return -1;
	return record_write(arena_printf(c->arena, "%s/ceremony-record.txt",
	    dir), 0644, NULL, record.data, record.len);
}

json_t *
record_summary(struct ceremony *c, const char *result)
{
	const json_t *root = json_object_get(c->record, "root");
	const json_t *issuing = json_object_get(c->record, "issuing");
	json_t *o;

	o = json_pack("{s:s, s:s}", "result", result, "file_sha256",
	    c->plan.digest);
	if (c->done == -1)
		return o;
	json_object_set_new(o, "root_sha256", json_string(text_of(root,
	    "sha256")));
	json_object_set_new(o, "issuing_sha256", json_string(text_of(issuing,
	    "sha256")));
	json_object_set_new(o, "state_dir", json_string(c->conf->state_dir));
	json_object_set_new(o, "log_entry", json_string(arena_printf(c->arena,
	    "%" PRId64, c->done)));
	return o;
}

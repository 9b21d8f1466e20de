/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `chanceryctl config check`: the file was read already; here the files,
 * directories, programs and users that it names are looked for.  Every
 * finding is one line; the exit status is 1 when there was one.
 */
#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../server/conf.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "ctl.h"

static unsigned	findings;

static void	finding(const char *fmt, ...)
		    __attribute__((format(printf, 1, 2)));

static void
finding(const char *fmt, ...)
{
	char	text[1024];
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_error("%s", text);
	findings++;
}

enum kind { FILE_THERE, DIRECTORY, SECRET, GROUP_SECRET };

static void
check_path(const char *keyword, const char *path, enum kind kind,
    const char *advice)
{
	struct stat	st;

	if (path == NULL)
		return;
	if (stat(path, &st) == -1) {
		finding("%s: %s: %s (%s)", keyword, path, strerror(errno),
		    errno == EACCES ? "check as root" : advice);
		return;
	}
	if ((kind == DIRECTORY) != S_ISDIR(st.st_mode))
		finding("%s: %s is %sa directory (%s)", keyword, path,
		    kind == DIRECTORY ? "not " : "", advice);
	else if (kind == SECRET && (st.st_mode & 077) != 0)
		finding("%s: %s may be read by others (chmod 600 it)",
		    keyword, path);
	else if (kind == GROUP_SECRET && (st.st_mode & 027) != 0)
		finding("%s: %s may be read by others (chmod 640 it)",
		    keyword, path);
}

static void
check_paths(const struct conf *conf)
{
	const struct {
		const char	*keyword, *path;
		enum kind	 kind;
		const char	*advice;
	} paths[] = {
		{ "state_dir", conf->state_dir, DIRECTORY, "create it" },
		{ "libexec_dir", conf->libexec_dir, DIRECTORY, "install the "
		    "programs, or correct it" },
		{ "data_dir", conf->data_dir, DIRECTORY, "install the SQL "
		    "scripts, or correct it" },
		{ "database.host", conf->database.host, DIRECTORY, "start "
		    "PostgreSQL, or correct it" },
		{ "acme.tls_certificate", conf->acme.tls_certificate,
		    FILE_THERE, "hold the ceremony, or correct it" },
		{ "acme.tls_key", conf->acme.tls_key, GROUP_SECRET, "hold the "
		    "ceremony, or correct it" },
		{ "resolver.trust_anchor", conf->resolver.trust_anchor,
		    FILE_THERE, "apt-get install dns-root-data" },
		{ "token.module", conf->token.on.module, FILE_THERE,
		    "install the PKCS#11 module, or correct it" },
		{ "token.pin_file", conf->token.on.pin_file, SECRET,
		    "hold the ceremony, or correct it" },
		{ "token.softhsm_conf", conf->token.on.softhsm_conf,
		    FILE_THERE, "create it, or correct it" },
	};
	size_t	i;

	for (i = 0; i < nitems(paths); i++)
		check_path(paths[i].keyword, paths[i].path, paths[i].kind,
		    paths[i].advice);
}

static void
check_process(const struct conf *conf, const char *name, const char *user)
{
	char	path[4096];

	snprintf(path, sizeof(path), "%s/chancery-%s", conf->libexec_dir,
	    name);
	if (access(path, X_OK) == -1)
		finding("libexec_dir: %s: %s (install it, or correct "
		    "libexec_dir)", path, strerror(errno));
	if (user != NULL && getpwnam(user) == NULL)
		finding("%s.user: user \"%s\" does not exist (create it, or "
		    "correct the name)", name, user);
}

static void
check_processes(const struct conf *conf)
{
	struct conf_process	processes[CONF_PROCESSES];
	size_t			i;

	conf_processes(conf, processes);
	for (i = 0; i < nitems(processes); i++)
		check_process(conf, processes[i].name, processes[i].user);
	if (conf->acme.user != NULL && getgrnam(conf->group) == NULL)
		finding("group: \"%s\" does not exist (create it, or correct "
		    "the name)", conf->group);
}

int
cmd_config_check(const struct conf *conf, int argc, char **argv)
{
	if (argc > 1)
		die(EXIT_MISUSE, "\"%s\" is not understood (usage: "
		    "chanceryctl config check)", argv[1]);
	check_paths(conf);
	check_processes(conf);
	if (findings > 0)
		return EXIT_FAILED;
	printf("%s: good\n", conf->file);
	return 0;
}

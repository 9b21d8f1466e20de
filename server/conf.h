/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery.conf: one file for all processes, in libconfig's syntax, read
 * against a strict table of keywords.  An unknown, repeated, misspelt or
 * ill-typed keyword is an error with file and line.  The schema has no
 * integers: durations are "90d", sizes "64KiB", numbers "16", addresses
 * "[::1]:443", all as strings.  chancery.conf(5) is the full description.
 */
#ifndef CHANCERY_CONF_H
#define CHANCERY_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IP prefix, IPv4 as v4-mapped IPv6. */
struct prefix {
	unsigned char	addr[16];
	unsigned	bits;		/* of 128 */
};

/* "test" answered with one address without asking anybody. */
struct local_zone {
	const char	*name;
	const char	*address;
};

struct strings {
	const char	**v;
	size_t		  n;
};

/* A PKCS#11 token, found by label. */
struct conf_token {
	const char	*module;	/* path of the PKCS#11 module */
	const char	*label;
	const char	*pin_file;	/* 0600, first line is the PIN */
	const char	*softhsm_conf;	/* SOFTHSM2_CONF for it, or NULL */
};

struct conf {
	const char	*file;
	const char	*base_url;	/* "https://ca.example", no final "/" */
	const char	*state_dir;	/* kept: TLS key, ceremony record */
	const char	*run_dir;	/* sockets; made anew at each start */
	const char	*libexec_dir;	/* the executables; default built in */
	const char	*data_dir;	/* SQL scripts; default built in */
	const char	*group;		/* primary group of the users below */

	struct {
		const char *host;	/* directory of the socket */
		const char *port;
		const char *name;
		const char *owner;	/* role that owns the schema */
	} database;

	struct {
		const char	*user;
		struct strings	 listen;	/* "addr:port" */
		const char	*tls_certificate;	/* PEM chain */
		const char	*tls_key;		/* PEM */
		unsigned	 workers;		/* threads: 512 */
		unsigned	 connections;		/* to PostgreSQL: 16 */
		unsigned	 per_address;		/* connections: 64 */
		unsigned	 hold_challenge_ms;	/* 250 */
		unsigned	 hold_finalize_ms;	/* 2000 */
		const char	*terms_of_service;	/* URL or NULL */
		const char	*website;		/* URL or NULL */
	} acme;

	struct {
		const char	*user;
		unsigned	 concurrency;		/* children: 64 */
		unsigned	 http01_port;		/* 80 */
		unsigned	 https_port;		/* 443, redirects */
		unsigned	 timeout_ms;		/* of a challenge */
		struct prefix	*allow;			/* may be reached */
		size_t		 nallow;	/* 0: all that is not denied */
		struct prefix	*deny;			/* never; wins */
		size_t		 ndeny;
		struct strings	 caa_identities;	/* none: no CAA check */
	} validator;

	struct {
		const char	*user;
		const char	*forward;	/* "addr:port" or NULL */
		const char	*trust_anchor;	/* file; DNSSEC */
		struct local_zone *local;
		size_t		 nlocal;
	} resolver;

	struct {
		const char	*user;
	} probe;

	struct {
		const char	*user;
		unsigned	 batch;		/* requests at once: 64 */
	} signer;

	struct {
		const char	*user;
		struct conf_token on;
		unsigned	 workers;	/* processes: 2 */
		unsigned	 deadline_ms;	/* of one operation: 10000 */
	} token;

	struct {
		const char	*user;
		struct strings	 listen;
		const char	*url;		/* "http://..." outsiders use */
	} publisher;
};

/*
 * Read a file; on failure NULL and one line in `why` that names file, line
 * and keyword.  The result lives as long as the process.
 */
const struct conf *conf_load(const char *file, char *why, size_t whylen);

/* The processes and their users (NULL: none is named). */
#define CONF_PROCESSES	7
struct conf_process {
	const char	*name;		/* "acme": of the group and in run_dir */
	const char	*user;
};
void	conf_processes(const struct conf *,
	    struct conf_process out[CONF_PROCESSES]);

/* Split "addr:port" or "[addr6]:port"; 0 or -1. */
int	conf_address(const char *text, struct sockaddr_storage *, socklen_t *);

#endif

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

#include "prefix.h"

/* "test" answered with one address without asking anybody. */
struct local_zone {
	const char	*name;
	const char	*address;
};

struct strings {
	const char	**v;
	size_t		  n;
};

/* "corp.example" is asked of one server. */
struct dns_zone {
	const char	*name;
	const char	*address;	/* "addr:port" */
};

/* What CAA means for a name and all below it; the longest name wins. */
enum caa_policy {
	CAA_ENFORCE,		/* the default */
	CAA_TOLERATE,		/* a lookup that fails permits */
	CAA_OFF			/* is not looked at */
};
struct caa_zone {
	const char	*name;
	enum caa_policy	 policy;
};

/* "300/3h": so many in that time; "none" is a count of 0: no limit. */
struct limit {
	unsigned	count;
	unsigned	seconds;
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
		const char	*default_profile;	/* "server" */
		struct strings	 challenges;		/* types offered */
		bool		 pre_authorization;	/* newAuthz; yes */
		bool		 authorization_reuse;	/* yes */
		bool		 external_account_required;	/* no */
		struct prefix	*trusted_proxies;	/* whose X-Forwarded-
							   For is believed */
		size_t		 ntrusted_proxies;
	} acme;

	/* What may be in a certificate at all; face and signer apply it. */
	struct {
		struct prefix	*ip_identifiers;	/* none: none */
		size_t		 nip_identifiers;
		const char	*public_suffixes;	/* file, or NULL */
		const char	*weak_keys;		/* file of SHA-256 of
							   SPKIs, or NULL */
	} policy;

	/* RFC 8555, 6.6 and 10.3; all "none" unless set. */
	struct {
		struct limit	 accounts_per_address;
		struct limit	 orders_per_account;
		struct limit	 orders_per_name;
		struct limit	 orders_per_domain;	/* registered */
		struct limit	 failures_per_name;	/* of one account */
		struct limit	 challenges_per_account;	/* POSTs */
		unsigned	 pending_per_account;	/* authorizations; 0:
							   no limit */
	} limits;

	struct {
		const char	*user;
		unsigned	 concurrency;		/* children: 64 */
		unsigned	 http01_port;		/* 80 */
		unsigned	 https_port;		/* 443, redirects */
		unsigned	 tls_alpn_port;		/* 443 */
		unsigned	 timeout_ms;		/* of one attempt */
		unsigned	 retry_for_ms;		/* RFC 8555, 8.2; 0 */
		unsigned	 retry_interval_ms;	/* 5000 */
		struct prefix	*allow;			/* may be reached */
		size_t		 nallow;	/* 0: all that is not denied */
		struct prefix	*deny;			/* never; wins */
		size_t		 ndeny;
		struct strings	 caa_identities;	/* none: no CAA check */
		struct caa_zone	*caa_zones;
		size_t		 ncaa_zones;
	} validator;

	struct {
		const char	*user;
		const char	*forward;	/* "addr:port" or NULL */
		const char	*trust_anchor;	/* file; DNSSEC */
		struct strings	 trust_anchors;	/* more: DS or DNSKEY lines */
		struct strings	 insecure;	/* zones without DNSSEC */
		struct dns_zone	*forward_zones;	/* asked recursively */
		size_t		 nforward_zones;
		struct dns_zone	*stub_zones;	/* authoritative servers */
		size_t		 nstub_zones;
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

	/* Renews the listener's certificate over ACME. */
	struct {
		const char	*user;
		const char	*profile;	/* NULL: the default one */
		int64_t		 before;	/* seconds before the end */
		const char	*trust;		/* PEM: root; state_dir/root.pem */
	} renew;
};

/*
 * Read a file; on failure NULL and one line in `why` that names file, line
 * and keyword.  The result lives as long as the process.
 */
const struct conf *conf_load(const char *file, char *why, size_t whylen);

/* The processes and their users (NULL: none is named). */
#define CONF_PROCESSES	8
struct conf_process {
	const char	*name;		/* "acme": of the group and in run_dir */
	const char	*user;
};
void	conf_processes(const struct conf *,
	    struct conf_process out[CONF_PROCESSES]);

/* Split "addr:port" or "[addr6]:port"; 0 or -1. */
int	conf_address(const char *text, struct sockaddr_storage *, socklen_t *);

#endif

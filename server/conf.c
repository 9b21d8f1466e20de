/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery.conf: the table of its keywords with their defaults and bounds,
 * the values that only it knows (addresses, prefixes, origins), and what must
 * hold between several of them.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "conf_read.h"
#include "mem.h"

#define RUN_DIR_MAX	80	/* sun_path (108) less "/publisher/bell" etc */

static conf_parse run_dir, origin_https, origin_http, port, address,
    prefix, ip, domain, challenge, limit, caa_policy;

#define VALUE(keyword, how, at, ...)					\
	{ .name = keyword, .shape = CONF_VALUE, .parse = how,		\
	  .offset = offsetof(struct conf, at), __VA_ARGS__ }
#define STRINGS(keyword, how, at, ...)					\
	{ .name = keyword, .shape = CONF_LIST, .parse = how,		\
	  .offset = offsetof(struct conf, at.v),			\
	  .count = offsetof(struct conf, at.n),				\
	  .size = sizeof(const char *), __VA_ARGS__ }
#define PREFIXES(keyword, at, number)					\
	{ .name = keyword, .shape = CONF_LIST, .parse = prefix,		\
	  .offset = offsetof(struct conf, at),				\
	  .count = offsetof(struct conf, number),			\
	  .size = sizeof(struct prefix), .optional = true, .max = 1000 }
#define ZONES(keyword, table, at, number, type)				\
	{ .name = keyword, .shape = CONF_GROUPS, .keys = table,		\
	  .offset = offsetof(struct conf, at),				\
	  .count = offsetof(struct conf, number),			\
	  .size = sizeof(type), .optional = true, .max = 1000 }
#define IN(type, keyword, how, at)					\
	{ .name = keyword, .shape = CONF_VALUE, .parse = how,		\
	  .offset = offsetof(type, at) }
#define GROUP(keyword, table)						\
	{ .name = keyword, .shape = CONF_GROUP, .keys = table }
#define USER(of)	VALUE("user", conf_word, of.user, .optional = true)
#define DEFAULT(text)	.fallback = text
#define RANGE(low, high)	.min = low, .max = high
#define END		{ .name = NULL }

static const struct conf_key database_keys[] = {
	VALUE("host", conf_path, database.host, DEFAULT("/run/postgresql")),
	VALUE("port", port, database.port, DEFAULT("5432"),
	    RANGE(1, 65535)),
	VALUE("name", conf_word, database.name, DEFAULT("chancery")),
	VALUE("owner", conf_word, database.owner, DEFAULT("chancery")),
	END
};

static const struct conf_key acme_keys[] = {
	USER(acme),
	STRINGS("listen", address, acme.listen,
	    DEFAULT("0.0.0.0:443 [::]:443"), RANGE(1, 16)),
	VALUE("tls_certificate", conf_path, acme.tls_certificate,
	    .optional = true),
	VALUE("tls_key", conf_path, acme.tls_key, .optional = true),
	VALUE("workers", conf_number, acme.workers, DEFAULT("512"),
	    RANGE(4, 4096)),
	VALUE("connections", conf_number, acme.connections, DEFAULT("16"),
	    RANGE(2, 64)),
	VALUE("per_address", conf_number, acme.per_address, DEFAULT("64"),
	    RANGE(1, 4096)),
	VALUE("hold_challenge", conf_milliseconds, acme.hold_challenge_ms,
	    DEFAULT("250ms"), RANGE(0, 10000)),
	VALUE("hold_finalize", conf_milliseconds, acme.hold_finalize_ms,
	    DEFAULT("2s"), RANGE(0, 10000)),
	VALUE("terms_of_service", conf_url, acme.terms_of_service,
	    .optional = true),
	VALUE("website", conf_url, acme.website, .optional = true),
	VALUE("default_profile", conf_word, acme.default_profile,
	    DEFAULT("server")),
	STRINGS("challenges", challenge, acme.challenges,
	    DEFAULT("http-01 dns-01 tls-alpn-01 dns-account-01"),
	    RANGE(1, 4)),
	VALUE("pre_authorization", conf_yes_no, acme.pre_authorization,
	    DEFAULT("yes")),
	VALUE("authorization_reuse", conf_yes_no, acme.authorization_reuse,
	    DEFAULT("yes")),
	VALUE("external_account_required", conf_yes_no,
	    acme.external_account_required, DEFAULT("no")),
	PREFIXES("trusted_proxies", acme.trusted_proxies,
	    acme.ntrusted_proxies),
	END
};

static const struct conf_key policy_keys[] = {
	PREFIXES("ip_identifiers", policy.ip_identifiers,
	    policy.nip_identifiers),
	VALUE("public_suffixes", conf_path, policy.public_suffixes,
	    .optional = true),
	VALUE("weak_keys", conf_path, policy.weak_keys, .optional = true),
	END
};

#define LIMIT(keyword)	VALUE(#keyword, limit, limits.keyword, DEFAULT("none"))
static const struct conf_key limits_keys[] = {
	LIMIT(accounts_per_address),
	LIMIT(orders_per_account),
	LIMIT(orders_per_name),
	LIMIT(orders_per_domain),
	LIMIT(failures_per_name),
	LIMIT(challenges_per_account),
	VALUE("pending_per_account", conf_number, limits.pending_per_account,
	    DEFAULT("0"), RANGE(0, 1000000)),
	END
};

static const struct conf_key caa_zone_keys[] = {
	IN(struct caa_zone, "name", domain, name),
	IN(struct caa_zone, "policy", caa_policy, policy),
	END
};

static const struct conf_key validator_keys[] = {
	USER(validator),
	VALUE("concurrency", conf_number, validator.concurrency,
	    DEFAULT("64"), RANGE(1, 1024)),
	VALUE("http01_port", conf_number, validator.http01_port,
	    DEFAULT("80"), RANGE(1, 65535)),
	VALUE("https_port", conf_number, validator.https_port,
	    DEFAULT("443"), RANGE(1, 65535)),
	VALUE("tls_alpn_port", conf_number, validator.tls_alpn_port,
	    DEFAULT("443"), RANGE(1, 65535)),
	VALUE("timeout", conf_milliseconds, validator.timeout_ms,
	    DEFAULT("10s"), RANGE(1000, 60000)),
	VALUE("retry_for", conf_milliseconds, validator.retry_for_ms,
	    DEFAULT("0s"), RANGE(0, 600000)),
	VALUE("retry_interval", conf_milliseconds,
	    validator.retry_interval_ms, DEFAULT("5s"),
	    RANGE(100, 60000)),
	PREFIXES("allow", validator.allow, validator.nallow),
	PREFIXES("deny", validator.deny, validator.ndeny),
	STRINGS("caa_identities", domain, validator.caa_identities,
	    .optional = true, RANGE(0, 16)),
	ZONES("caa_zones", caa_zone_keys, validator.caa_zones,
	    validator.ncaa_zones, struct caa_zone),
	END
};

static const struct conf_key local_keys[] = {
	IN(struct local_zone, "name", domain, name),
	IN(struct local_zone, "address", ip, address),
	END
};

static const struct conf_key zone_keys[] = {
	IN(struct dns_zone, "name", domain, name),
	IN(struct dns_zone, "address", address, address),
	END
};

static const struct conf_key resolver_keys[] = {
	USER(resolver),
	VALUE("forward", address, resolver.forward, .optional = true),
	VALUE("trust_anchor", conf_path, resolver.trust_anchor,
	    DEFAULT("/usr/share/dns/root.key")),
	STRINGS("trust_anchors", conf_path, resolver.trust_anchors,
	    .optional = true, RANGE(0, 16)),
	STRINGS("insecure", domain, resolver.insecure, .optional = true,
	    RANGE(0, 1000)),
	ZONES("forward_zones", zone_keys, resolver.forward_zones,
	    resolver.nforward_zones, struct dns_zone),
	ZONES("stub_zones", zone_keys, resolver.stub_zones,
	    resolver.nstub_zones, struct dns_zone),
	ZONES("local", local_keys, resolver.local, resolver.nlocal,
	    struct local_zone),
	END
};

static const struct conf_key probe_keys[] = { USER(probe), END };

static const struct conf_key signer_keys[] = {
	USER(signer),
	VALUE("batch", conf_number, signer.batch, DEFAULT("64"),
	    RANGE(1, 1024)),
	END
};

static const struct conf_key token_keys[] = {
	USER(token),
	VALUE("module", conf_path, token.on.module,
	    DEFAULT("/usr/lib/softhsm/libsofthsm2.so")),
	VALUE("label", conf_text, token.on.label,
	    DEFAULT("chancery-issuing")),
	VALUE("pin_file", conf_path, token.on.pin_file),
	VALUE("softhsm_conf", conf_path, token.on.softhsm_conf,
	    .optional = true),
	VALUE("workers", conf_number, token.workers, DEFAULT("2"),
	    RANGE(1, 64)),
	VALUE("deadline", conf_milliseconds, token.deadline_ms,
	    DEFAULT("10s"), RANGE(100, 300000)),
	END
};

static const struct conf_key publisher_keys[] = {
	USER(publisher),
	STRINGS("listen", address, publisher.listen,
	    DEFAULT("0.0.0.0:80 [::]:80"), RANGE(1, 16)),
	VALUE("url", origin_http, publisher.url, .optional = true),
	END
};

static const struct conf_key renew_keys[] = {
	USER(renew),
	VALUE("profile", conf_word, renew.profile, .optional = true),
	VALUE("before", conf_seconds, renew.before, DEFAULT("30d"),
	    RANGE(60, 3650 * 86400)),
	VALUE("trust", conf_path, renew.trust, .optional = true),
	END
};

static const struct conf_key keys[] = {
	VALUE("base_url", origin_https, base_url),
	VALUE("state_dir", conf_path, state_dir,
	    DEFAULT("/var/lib/chancery")),
	VALUE("run_dir", run_dir, run_dir, DEFAULT("/run/chancery")),
	VALUE("libexec_dir", conf_path, libexec_dir,
	    DEFAULT(LIBEXECDIR)),
	VALUE("data_dir", conf_path, data_dir,
	    DEFAULT(DATADIR)),
	VALUE("group", conf_word, group, DEFAULT("chancery")),
	GROUP("database", database_keys),
	GROUP("acme", acme_keys),
	GROUP("policy", policy_keys),
	GROUP("limits", limits_keys),
	GROUP("validator", validator_keys),
	GROUP("resolver", resolver_keys),
	GROUP("probe", probe_keys),
	GROUP("signer", signer_keys),
	GROUP("token", token_keys),
	GROUP("publisher", publisher_keys),
	GROUP("renew", renew_keys),
	END
};

static int
run_dir(const struct conf_key *key, const char *text, void *out, char *why)
{
	if (strlen(text) <= RUN_DIR_MAX)
		return conf_path(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "is too long for sockets in it (at most "
	    "%d octets)", RUN_DIR_MAX);
	return -1;
}

/* A scheme, a host, perhaps a port, and nothing else (RFC 6454, 4). */
static int
origin(const struct conf_key *key, const char *scheme, const char *text,
    void *out, char *why)
{
	size_t	len = strlen(scheme);

	if (strncmp(text, scheme, len) == 0 && text[len] != '\0' &&
	    text[len + strcspn(text + len, "/?#@")] == '\0')
		return conf_url(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must be \"%s\", a host and nothing "
	    "after it (such as \"%sca.example\")", scheme, scheme);
	return -1;
}

static int
origin_https(const struct conf_key *key, const char *text, void *out,
    char *why)
{
	return origin(key, "https://", text, out, why);
}

static int
origin_http(const struct conf_key *key, const char *text, void *out,
    char *why)
{
	return origin(key, "http://", text, out, why);
}

static int
port(const struct conf_key *key, const char *text, void *out, char *why)
{
	unsigned	number;

	if (conf_number(key, text, &number, why) == -1)
		return -1;
	return conf_text(key, text, out, why);
}

static int
address(const struct conf_key *key, const char *text, void *out, char *why)
{
	struct sockaddr_storage	ss;
	socklen_t		len;

	if (conf_address(text, &ss, &len) == 0)
		return conf_text(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must be a numeric address and a port "
	    "(such as \"127.0.0.1:443\" or \"[::1]:443\")");
	return -1;
}

/* An address as IPv6, IPv4 mapped (RFC 4291, 2.5.5.2); its bits, or -1. */
static int
ip_octets(const char *text, unsigned char out[16])
{
	static const unsigned char	mapped[12] = {
		[10] = 0xff, [11] = 0xff
	};

	memcpy(out, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, text, out + sizeof(mapped)) == 1)
		return 32;
	if (inet_pton(AF_INET6, text, out) == 1)
		return 128;
	return -1;
}

static int
ip(const struct conf_key *key, const char *text, void *out, char *why)
{
	unsigned char	octets[16];

	if (ip_octets(text, octets) != -1)
		return conf_text(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must be a numeric address");
	return -1;
}

static int
prefix(const struct conf_key *key, const char *text, void *out, char *why)
{
	struct prefix	*p = out;
	char		 copy[64], *slash, *end;
	unsigned long	 bits;
	unsigned	 i;
	int		 width;

	(void)key;
	snprintf(why, CONF_WHY_LEN, "must be a prefix (such as "
	    "\"10.0.0.0/8\" or \"fd00::/8\")");
	if (strlen(text) >= sizeof(copy))
		return -1;
	strcpy(copy, text);
	if ((slash = strchr(copy, '/')) != NULL)
		*slash++ = '\0';
	if ((width = ip_octets(copy, p->addr)) == -1)
		return -1;
	bits = (unsigned long)width;
	if (slash != NULL) {
		if (strspn(slash, "0123456789") != strlen(slash) ||
		    *slash == '\0')
			return -1;
		bits = strtoul(slash, &end, 10);
		if (*end != '\0' || bits > (unsigned long)width)
			return -1;
	}
	p->bits = (unsigned)bits + 128 - (unsigned)width;
	for (i = p->bits; i < 128; i++)
		if ((p->addr[i / 8] & (0x80 >> i % 8)) != 0) {
			snprintf(why, CONF_WHY_LEN, "has bits set beyond its "
			    "length (write zeros there)");
			return -1;
		}
	return 0;
}

static int
domain(const struct conf_key *key, const char *text, void *out, char *why)
{
	if (text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.")] ==
	    '\0' && strlen(text) <= 253 && text[0] != '.' && text[0] != '-' &&
	    strstr(text, "..") == NULL && text[strlen(text) - 1] != '.')
		return conf_text(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must be a domain name (lower case, no "
	    "final dot)");
	return -1;
}

/* A challenge type (RFC 8555, 9.7.8) that the validator knows. */
static int
challenge(const struct conf_key *key, const char *text, void *out, char *why)
{
	static const char *const known[] = { "http-01", "dns-01",
	    "tls-alpn-01", "dns-account-01" };
	size_t	i;

	for (i = 0; i < nitems(known); i++)
		if (strcmp(known[i], text) == 0)
			return conf_text(key, text, out, why);
	snprintf(why, CONF_WHY_LEN, "must be a challenge type (http-01, "
	    "dns-01, tls-alpn-01, dns-account-01)");
	return -1;
}

/* "300/3h": a count and the time it is for. */
static int
limit(const struct conf_key *key, const char *text, void *out, char *why)
{
	static const struct conf_key count = { RANGE(1, 1000000) },
	    window = { RANGE(1, 366 * 86400) };
	struct limit	*l = out;
	const char	*slash = strchr(text, '/');
	int64_t		 seconds;

	(void)key;
	memset(l, 0, sizeof(*l));
	if (strcmp(text, "none") == 0)
		return 0;
	if (slash != NULL && conf_number(&count, arena_strndup(conf_memory(),
	    text, (size_t)(slash - text)), &l->count, why) == 0 &&
	    conf_seconds(&window, slash + 1, &seconds, why) == 0) {
		l->seconds = (unsigned)seconds;
		return 0;
	}
	snprintf(why, CONF_WHY_LEN, "must be a count and a time (such as "
	    "\"300/3h\"), or \"none\"");
	return -1;
}

static int
caa_policy(const struct conf_key *key, const char *text, void *out,
    char *why)
{
	static const char *const words[] = {
		[CAA_ENFORCE] = "enforce",
		[CAA_TOLERATE] = "tolerate",
		[CAA_OFF] = "off",
	};
	enum caa_policy	*policy = out;
	size_t		 i;

	(void)key;
	for (i = 0; i < nitems(words); i++)
		if (strcmp(words[i], text) == 0) {
			*policy = (enum caa_policy)i;
			return 0;
		}
	snprintf(why, CONF_WHY_LEN, "must be \"enforce\", \"tolerate\" or "
	    "\"off\"");
	return -1;
}

/* Defaults that follow from other values. */
static void
derive(struct conf *conf)
{
	struct arena	*a = conf_memory();
	const char	*name = conf->base_url + strlen("https://");
	size_t		 len;

	if (conf->acme.tls_certificate == NULL)
		conf->acme.tls_certificate = arena_printf(a,
		    "%s/listener/listener.pem", conf->state_dir);
	if (conf->acme.tls_key == NULL)
		conf->acme.tls_key = arena_printf(a,
		    "%s/listener/listener.key", conf->state_dir);
	if (conf->renew.trust == NULL)
		conf->renew.trust = arena_printf(a, "%s/root.pem",
		    conf->state_dir);
	len = name[0] == '[' ? strcspn(name, "]") + 1 : strcspn(name, ":");
	if (conf->publisher.url == NULL)
		conf->publisher.url = arena_printf(a, "http://%.*s",
		    (int)len, name);
}

void
conf_processes(const struct conf *conf,
    struct conf_process out[CONF_PROCESSES])
{
	const struct conf_process all[CONF_PROCESSES] = {
		{ "acme", conf->acme.user },
		{ "validator", conf->validator.user },
		{ "resolver", conf->resolver.user },
		{ "probe", conf->probe.user },
		{ "signer", conf->signer.user },
		{ "token", conf->token.user },
		{ "publisher", conf->publisher.user },
		{ "renew", conf->renew.user },
	};

	memcpy(out, all, sizeof(all));
}

/* Each process is its own user, or none is: a user is the boundary. */
static int
check_users(const struct conf *conf, char *why, size_t whylen)
{
	struct conf_process u[CONF_PROCESSES];
	size_t	i, j;

	conf_processes(conf, u);
	for (i = 1; i < nitems(u); i++)
		for (j = 0; j < i; j++) {
			if ((u[i].user == NULL) != (u[j].user == NULL)) {
				snprintf(why, whylen, "%s: \"%s.user\" is "
				    "missing (name a user for every process, "
				    "or for none)", conf->file,
				    u[i].user == NULL ? u[i].name : u[j].name);
				return -1;
			}
			if (u[i].user == NULL ||
			    strcmp(u[i].user, u[j].user) != 0)
				continue;
			snprintf(why, whylen, "%s: \"%s.user\" and \"%s.user\""
			    " are the same (give each process a user of its "
			    "own)", conf->file, u[j].name, u[i].name);
			return -1;
		}
	return 0;
}

int
conf_address(const char *text, struct sockaddr_storage *ss, socklen_t *len)
{
	struct sockaddr_in6	*in6 = (void *)ss;
	struct sockaddr_in	*in = (void *)ss;
	char			 copy[64], *addr = copy, *digits, *end;
	unsigned long		 number;

	if (strlen(text) >= sizeof(copy))
		return -1;
	strcpy(copy, text);
	if ((digits = strrchr(copy, ':')) == NULL)
		return -1;
	*digits++ = '\0';
	if (strspn(digits, "0123456789") != strlen(digits) || *digits == '\0')
		return -1;
	number = strtoul(digits, &end, 10);
	if (number == 0 || number > 65535)
		return -1;
	memset(ss, 0, sizeof(*ss));
	if (addr[0] == '[') {
		addr++;
		end = addr + strlen(addr) - 1;
		if (end < addr || *end != ']')
			return -1;
		*end = '\0';
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)number);
		*len = sizeof(*in6);
		return inet_pton(AF_INET6, addr, &in6->sin6_addr) == 1 ? 0 :
		    -1;
	}
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)number);
	*len = sizeof(*in);
	return inet_pton(AF_INET, addr, &in->sin_addr) == 1 ? 0 : -1;
}

const struct conf *
conf_load(const char *file, char *why, size_t whylen)
{
	struct conf	*conf = arena_alloc(conf_memory(), sizeof(*conf));

	conf->file = arena_strdup(conf_memory(), file);
	if (conf_read(file, keys, conf, why, whylen) == -1)
		return NULL;
	derive(conf);
	if (check_users(conf, why, whylen) == -1)
		return NULL;
	return conf;
}

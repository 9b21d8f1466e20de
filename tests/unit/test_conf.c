/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery.conf: defaults, values, and every way to get it wrong, each with
 * its file, line and advice.
 */
#include "unit.h"

#include "server/conf.c"

#define NEEDED	"base_url = \"https://ca.example\";\n" \
		"token: { pin_file = \"/etc/chancery/pin\"; };\n"

static char	path[] = "/tmp/chancery-conf-XXXXXX";
static char	why[1024];

static const struct conf *
load_text(const char *text)
{
	FILE	*f;

	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	why[0] = '\0';
	return conf_load(path, why, sizeof(why));
}

/* The message without the file's name in front. */
static const char *
refusal(const char *text)
{
	assert_null(load_text(text));
	assert_memory_equal(why, path, strlen(path));
	assert_int_equal(why[strlen(path)], ':');
	return why + strlen(path) + 1;
}

static void
test_defaults(void **state)
{
	const struct conf	*c;

	(void)state;
	c = load_text(NEEDED);
	assert_non_null(c);
	assert_string_equal(c->file, path);
	assert_string_equal(c->base_url, "https://ca.example");
	assert_string_equal(c->run_dir, "/run/chancery");
	assert_string_equal(c->database.port, "5432");
	assert_null(c->acme.user);
	assert_int_equal(c->acme.listen.n, 2);
	assert_string_equal(c->acme.listen.v[0], "0.0.0.0:443");
	assert_string_equal(c->acme.listen.v[1], "[::]:443");
	assert_int_equal(c->acme.workers, 512);
	assert_int_equal(c->acme.hold_challenge_ms, 250);
	assert_int_equal(c->acme.hold_finalize_ms, 2000);
	assert_string_equal(c->acme.tls_certificate,
	    "/var/lib/chancery/listener/listener.pem");
	assert_string_equal(c->acme.tls_key,
	    "/var/lib/chancery/listener/listener.key");
	assert_string_equal(c->acme.default_profile, "server");
	assert_int_equal(c->acme.challenges.n, 4);
	assert_string_equal(c->acme.challenges.v[0], "http-01");
	assert_true(c->acme.pre_authorization);
	assert_true(c->acme.authorization_reuse);
	assert_false(c->acme.external_account_required);
	assert_int_equal(c->acme.ntrusted_proxies, 0);
	assert_int_equal(c->policy.nip_identifiers, 0);
	assert_int_equal(c->limits.orders_per_name.count, 0);
	assert_int_equal(c->limits.pending_per_account, 0);
	assert_int_equal(c->validator.tls_alpn_port, 443);
	assert_int_equal(c->validator.retry_for_ms, 0);
	assert_int_equal(c->validator.nallow, 0);
	assert_int_equal(c->validator.ncaa_zones, 0);
	assert_int_equal(c->resolver.nlocal, 0);
	assert_int_equal(c->resolver.nforward_zones, 0);
	assert_null(c->resolver.forward);
	assert_int_equal(c->token.deadline_ms, 10000);
	assert_string_equal(c->token.on.label, "chancery-issuing");
	assert_string_equal(c->publisher.url, "http://ca.example");
	assert_int_equal(c->renew.before, 30 * 86400);
	assert_null(c->renew.profile);
	assert_string_equal(c->renew.trust, "/var/lib/chancery/root.pem");
}

static void
test_values(void **state)
{
	static const unsigned char ten[16] = {
		[10] = 0xff, [11] = 0xff, [12] = 10
	};
	static const unsigned char fd[16] = { 0xfd };
	const struct conf	*c;

	(void)state;
	c = load_text("base_url = \"https://[::1]:14000\";\n"
	    "# a comment\n"
	    "acme: { listen = [ \"[::1]:14000\" ]; workers = \"16\";\n"
	    "    hold_finalize = \"0ms\"; website = \"https://a.example/x\"; };"
	    "\nvalidator: { allow = [ \"10.0.0.0/8\", \"fd00::/8\" ];\n"
	    "    deny = ( \"10.1.2.3\" ); timeout = \"1m\";\n"
	    "    caa_identities = [ \"ca.example\" ]; };\n"
	    "resolver: { forward = \"127.0.0.1:5300\"; local = (\n"
	    "    { name = \"test\"; address = \"127.0.0.1\"; } ); };\n"
	    "token = { pin_file = \"/p\"; workers = \"7\"; };\n"
	    "// the end\n");
	assert_string_equal(why, "");
	assert_non_null(c);
	assert_string_equal(c->publisher.url, "http://[::1]");
	assert_int_equal(c->acme.hold_finalize_ms, 0);
	assert_int_equal(c->validator.nallow, 2);
	assert_memory_equal(c->validator.allow[0].addr, ten, 16);
	assert_int_equal(c->validator.allow[0].bits, 104);
	assert_memory_equal(c->validator.allow[1].addr, fd, 16);
	assert_int_equal(c->validator.allow[1].bits, 8);
	assert_int_equal(c->validator.deny[0].bits, 128);
	assert_int_equal(c->validator.timeout_ms, 60000);
	assert_int_equal(c->resolver.nlocal, 1);
	assert_string_equal(c->resolver.local[0].name, "test");
	assert_int_equal(c->token.workers, 7);
}

static void
test_values_of_acme(void **state)
{
	const struct conf	*c;

	(void)state;
	c = load_text(NEEDED
	    "acme: { challenges = [ \"dns-01\", \"http-01\" ];\n"
	    "    pre_authorization = \"no\"; trusted_proxies = "
	    "[ \"192.0.2.7\" ];\n"
	    "    external_account_required = \"yes\"; };\n"
	    "policy: { ip_identifiers = [ \"10.0.0.0/8\" ]; };\n"
	    "limits: { orders_per_account = \"300/3h\";\n"
	    "    accounts_per_address = \"10/1m\";\n"
	    "    orders_per_name = \"none\"; pending_per_account = \"7\"; };"
	    "\nvalidator: { caa_zones = (\n"
	    "    { name = \"a.example\"; policy = \"off\"; },\n"
	    "    { name = \"b.example\"; policy = \"tolerate\"; } ); };\n"
	    "resolver: { insecure = [ \"lab.example\" ]; forward_zones = (\n"
	    "    { name = \"corp.example\"; address = \"[::1]:53\"; } ); };"
	    "\nrenew: { profile = \"short-lived\"; before = \"1h\";\n"
	    "    trust = \"/root.pem\"; };\n");
	assert_string_equal(why, "");
	assert_non_null(c);
	assert_int_equal(c->acme.challenges.n, 2);
	assert_string_equal(c->acme.challenges.v[0], "dns-01");
	assert_false(c->acme.pre_authorization);
	assert_true(c->acme.authorization_reuse);
	assert_true(c->acme.external_account_required);
	assert_int_equal(c->acme.trusted_proxies[0].bits, 128);
	assert_int_equal(c->policy.ip_identifiers[0].bits, 104);
	assert_int_equal(c->limits.orders_per_account.count, 300);
	assert_int_equal(c->limits.orders_per_account.seconds, 10800);
	assert_int_equal(c->limits.accounts_per_address.seconds, 60);
	assert_int_equal(c->limits.orders_per_name.count, 0);
	assert_int_equal(c->limits.pending_per_account, 7);
	assert_int_equal(c->validator.ncaa_zones, 2);
	assert_int_equal(c->validator.caa_zones[0].policy, CAA_OFF);
	assert_int_equal(c->validator.caa_zones[1].policy, CAA_TOLERATE);
	assert_int_equal(c->resolver.insecure.n, 1);
	assert_string_equal(c->resolver.forward_zones[0].address, "[::1]:53");
	assert_int_equal(c->renew.before, 3600);
	assert_string_equal(c->renew.profile, "short-lived");
	assert_string_equal(c->renew.trust, "/root.pem");
}

/* What is put behind NEEDED, and what must be said of it. */
static const struct {
	const char	*text, *says;
} wrong[] = {
	/* keywords */
	{ "acme: { lisen = [ \"[::1]:1\" ]; };", "3: unknown keyword "
	    "\"acme.lisen\" (did you mean \"listen\"?)" },
	{ "nonsense = \"1\";", "3: unknown keyword \"nonsense\" (known here: "
	    "base_url, " },
	{ "\n\nruN_dir = \"/x\";", "5: unknown keyword \"ruN_dir\" (did you "
	    "mean \"run_dir\"?)" },
	{ "run_dir = \"/x\";\nrun_dir = \"/y\";", "4: duplicate setting" },
	{ "acme: { }; acme: { };", "3: duplicate setting" },
	/* types */
	{ "acme: { workers = 512; };", "3: \"acme.workers\" must be a string "
	    "(write it in quotation marks)" },
	{ "acme: { workers = 4294967812; };", "3: \"acme.workers\" must be a "
	    "string" },
	{ "acme: { website = true; };", "3: \"acme.website\" must be" },
	{ "acme = \"x\";", "3: \"acme\" must be a group" },
	{ "acme: { listen = \"[::1]:1\"; };", "3: \"acme.listen\" must be a "
	    "list" },
	{ "acme: { listen = [ ]; };", "3: \"acme.listen\" has 0 elements" },
	{ "acme: { listen = [ 1 ]; };", "3: \"acme.listen\" must be a "
	    "string" },
	{ "run_dir: { };", "3: \"run_dir\" must be a string" },
	{ "resolver: { local = ( \"x\" ); };", "3: \"resolver.local\" must "
	    "be a list of groups" },
	{ "resolver: { local = (\n{ name = \"a\"; } ); };",
	    "4: \"resolver.local[0].address\" is missing" },
	/* values */
	{ "acme: { workers = \"3\"; };", "3: \"acme.workers\" is \"3\" but "
	    "must lie between 4 and 4096" },
	{ "acme: { workers = \"-4\"; };", "must be a number" },
	{ "acme: { workers = \"4 \"; };", "must be a number" },
	{ "acme: { workers = \"99999999999999999999\"; };", "must be a "
	    "number" },
	{ "acme: { hold_finalize = \"2\"; };", "must be a duration" },
	{ "acme: { hold_finalize = \"2 s\"; };", "must be a duration" },
	{ "acme: { hold_finalize = \"1h\"; };", "must lie between 0 and "
	    "10000 milliseconds" },
	{ "acme: { listen = [ \"localhost:1\" ]; };", "must be a numeric "
	    "address and a port" },
	{ "acme: { listen = [ \"127.0.0.1:0\" ]; };", "must be a numeric" },
	{ "acme: { listen = [ \"127.0.0.1:65536\" ]; };", "must be a "
	    "numeric" },
	{ "acme: { listen = [ \"::1:443\" ]; };", "must be a numeric" },
	{ "acme: { website = \"ftp://x\"; };", "must be a URL" },
	{ "acme: { website = \"https://x y\"; };", "must be a URL" },
	{ "validator: { allow = [ \"10.0.0.1/8\" ]; };", "has bits set "
	    "beyond its length" },
	{ "validator: { allow = [ \"10.0.0.0/33\" ]; };", "must be a "
	    "prefix" },
	{ "validator: { allow = [ \"10.0.0.0/\" ]; };", "must be a prefix" },
	{ "validator: { caa_identities = [ \"Ca.example\" ]; };", "must be a "
	    "domain name" },
	{ "run_dir = \"run\";", "must be an absolute path" },
	{ "run_dir = \"\";", "\"run_dir\" is empty" },
	{ "run_dir = \"/a\\x01\";", "holds a control character" },
	{ "database: { host = \"db.example\"; };", "must be an absolute "
	    "path" },
	{ "database: { port = \"http\"; };", "must be a number" },
	{ "publisher: { url = \"https://x\"; };", "must be \"http://\", a "
	    "host and nothing" },
	{ "acme: { challenges = [ \"dns-02\" ]; };", "must be a challenge "
	    "type" },
	{ "acme: { challenges = [ ]; };", "\"acme.challenges\" has 0" },
	{ "acme: { pre_authorization = \"on\"; };", "must be \"yes\" or "
	    "\"no\"" },
	{ "limits: { orders_per_name = \"300\"; };", "must be a count and a "
	    "time" },
	{ "limits: { orders_per_name = \"/3h\"; };", "must be a count and a "
	    "time" },
	{ "limits: { orders_per_name = \"0/3h\"; };", "must be a count and "
	    "a time" },
	{ "limits: { orders_per_name = \"3/3\"; };", "must be a count and a "
	    "time" },
	{ "limits: { pending_per_account = \"none\"; };", "must be a "
	    "number" },
	{ "validator: { caa_zones = ( { name = \"a\"; policy = \"no\"; } ); "
	    "};", "must be \"enforce\", \"tolerate\" or \"off\"" },
	{ "resolver: { stub_zones = ( { name = \"a\"; } ); };",
	    "\"resolver.stub_zones[0].address\" is missing" },
	{ "renew: { before = \"5s\"; };", "\"renew.before\" is \"5s\" but "
	    "must lie between" },
	/* what libconfig would let pass */
	{ "@include \"/etc/passwd\"", "3: @include is not taken" },
	{ "acme: { listen = [ \"[::1]:1\" \"[::1]:2\" ]; };", "3: two "
	    "strings in a row" },
	{ "run_dir = \"/a\nb\";", "3: this string does not end on its line" },
	{ "run_dir = \"/a\\x00b\";", "3: a string cannot hold" },
	{ "/* no end", "3: this comment has no end" },
	{ "acme: { workers = \"8\";", "syntax error" },
	/* users */
	{ "acme: { user = \"a\"; };", "is missing (name a user for every "
	    "process, or for none)" },
};

static void
test_refusals(void **state)
{
	char	text[1024];
	size_t	i;

	(void)state;
	for (i = 0; i < nitems(wrong); i++) {
		snprintf(text, sizeof(text), "%s%s\n", NEEDED,
		    wrong[i].text);
		if (strstr(refusal(text), wrong[i].says) == NULL)
			fail_msg("%s\ngives: %s\nnot: %s", wrong[i].text,
			    why, wrong[i].says);
		assert_null(strchr(why, '\n'));
	}
}

static void
test_missing(void **state)
{
	(void)state;
	assert_string_equal(refusal(""),
	    " \"base_url\" is missing (add it; see the manual page)");
	assert_non_null(strstr(refusal("base_url = \"https://a\";"),
	    "\"token.pin_file\" is missing"));
	assert_non_null(strstr(refusal("base_url = \"https://a/\";"),
	    "and nothing after it"));
	assert_non_null(strstr(refusal("base_url = \"http://a\";"),
	    "must be \"https://\""));
}

static void
test_users(void **state)
{
	static const char	some[] = NEEDED
	    "acme: { user = \"a\"; }; validator: { user = \"b\"; };\n"
	    "resolver: { user = \"c\"; }; probe: { user = \"d\"; };\n"
	    "signer: { user = \"e\"; }; publisher: { user = \"%s\"; };\n"
	    "renew: { user = \"h\"; };\n";
	char			text[1024];
	const char		*token;

	(void)state;
	snprintf(text, sizeof(text), some, "g");
	assert_non_null(strstr(refusal(text), "\"token.user\" is missing"));
	token = "token: { user = \"f\"; pin_file = \"/p\"; };\n";
	snprintf(text, sizeof(text), some, "g");
	memmove(strstr(text, "token:"), strstr(text, "acme:"),
	    strlen(strstr(text, "acme:")) + 1);
	strcat(text, token);
	assert_non_null(load_text(text));
	snprintf(text, sizeof(text), some, "e");
	memmove(strstr(text, "token:"), strstr(text, "acme:"),
	    strlen(strstr(text, "acme:")) + 1);
	strcat(text, token);
	assert_non_null(strstr(refusal(text), "\"signer.user\" and "
	    "\"publisher.user\" are the same"));
}

static void
test_unreadable(void **state)
{
	(void)state;
	assert_null(conf_load("/nonexistent/x.conf", why, sizeof(why)));
	assert_string_equal(why, "/nonexistent/x.conf: cannot be read: No "
	    "such file or directory (check the path and that this user may "
	    "read it)");
	assert_null(conf_load("/tmp", why, sizeof(why)));
	assert_non_null(strstr(why, "cannot be read"));
}

static void
test_address(void **state)
{
	struct sockaddr_storage	ss;
	struct sockaddr_in6	*in6 = (void *)&ss;
	struct sockaddr_in	*in = (void *)&ss;
	socklen_t		len;

	(void)state;
	assert_int_equal(conf_address("127.0.0.1:8080", &ss, &len), 0);
	assert_int_equal(len, sizeof(*in));
	assert_int_equal(in->sin_family, AF_INET);
	assert_int_equal(ntohs(in->sin_port), 8080);
	assert_int_equal(ntohl(in->sin_addr.s_addr), 0x7f000001);
	assert_int_equal(conf_address("[fd00::1]:53", &ss, &len), 0);
	assert_int_equal(len, sizeof(*in6));
	assert_int_equal(in6->sin6_family, AF_INET6);
	assert_int_equal(ntohs(in6->sin6_port), 53);
	assert_int_equal(conf_address("[]:53", &ss, &len), -1);
	assert_int_equal(conf_address("[:53", &ss, &len), -1);
	assert_int_equal(conf_address("", &ss, &len), -1);
	assert_int_equal(conf_address("1.2.3.4", &ss, &len), -1);
	assert_int_equal(conf_address("1.2.3.4:+5", &ss, &len), -1);
}

/* The ceremony's units, which chancery.conf does not use. */
static void
test_units(void **state)
{
	const struct conf_key	key = { .parse = conf_seconds, .max = 1 << 30 };
	char			reason[CONF_WHY_LEN];
	int64_t			seconds;
	size_t			octets;

	(void)state;
	assert_int_equal(conf_seconds(&key, "90d", &seconds, reason), 0);
	assert_int_equal(seconds, 7776000);
	assert_int_equal(conf_seconds(&key, "250ms", &seconds, reason), -1);
	assert_int_equal(conf_octets(&key, "64KiB", &octets, reason), 0);
	assert_int_equal(octets, 65536);
	assert_int_equal(conf_octets(&key, "1GiB", &octets, reason), 0);
	assert_int_equal(conf_octets(&key, "2GiB", &octets, reason), -1);
	assert_int_equal(conf_octets(&key, "64kB", &octets, reason), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(test_defaults), UNIT(test_values),
		UNIT(test_values_of_acme), UNIT(test_refusals),
		UNIT(test_missing), UNIT(test_users), UNIT(test_unreadable),
		UNIT(test_address), UNIT(test_units),
	};
	int	rc, fd;

	if ((fd = mkstemp(path)) == -1)
		return 1;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}

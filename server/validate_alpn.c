/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls-alpn-01 (RFC 8737, 3; RFC 8738, 6): one handshake, and the certificate
 * that came with it must be nothing but the answer to this challenge.  The
 * child took it apart; every fact is judged here.
 */
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

#include "conf.h"
#include "ident.h"
#include "mem.h"
#include "validate_run.h"

/* RFC 8738, 6: an address is asked for by its name in reverse DNS. */
static int
first_hop(struct run *r, struct hop *hop)
{
	struct ident	ident = { .type = "ip" };

	memset(hop, 0, sizeof(*hop));
	hop->https = 1;
	hop->port = r->conf->validator.tls_alpn_port;
	strcpy(hop->target, "/");
	strcpy(hop->host, r->challenge->value);
	if (strcmp(r->challenge->type, "ip") != 0)
		return 0;
	strcpy(ident.value, r->challenge->value);
	if (ident_reverse(&ident, hop->host) == 0)
		return 0;
	return problem(r->problem, PR_SERVER_INTERNAL,
	    "internal: the identifier cannot be read");
}

static json_t *
note_facts(struct run *r, const struct alpn_facts *f)
{
	const struct {
		const char	*name;
		uint32_t	 value;
	} numbers[] = {
		{ "version", f->version }, { "selected", f->selected },
		{ "sans", f->sans }, { "names", f->names },
		{ "name_type", f->name_type }, { "ids", f->ids },
		{ "critical", f->critical }, { "id_length", f->id_len },
	};
	json_t	*o = json_object();

	for (size_t i = 0; i < nitems(numbers); i++)
		json_object_set_new(o, numbers[i].name,
		    json_integer(numbers[i].value));
	json_object_set_new(o, "name", note_octets(r, f->name,
	    f->name_len < sizeof(f->name) ? f->name_len : sizeof(f->name)));
	json_object_set_new(o, "id",
	    json_string(hex_encode(r->arena, f->id, sizeof(f->id))));
	return o;
}

/* RFC 8737, 3: DNS names regardless of case; RFC 8738, 6: octets. */
static bool
names_identifier(struct run *r, const struct alpn_facts *f)
{
	const struct challenge	*c = r->challenge;
	unsigned char		 addr[ADDRESS_LEN], named[ADDRESS_LEN];

	if (run_address(r, addr) == 0)
		return f->name_type == GEN_IPADD &&
		    f->name_len == (address_is_v4(addr) ? 4 : 16) &&
		    address_from_octets(f->name, f->name_len, named) == 0 &&
		    memcmp(addr, named, sizeof(addr)) == 0;
	return f->name_type == GEN_DNS && f->name_len == strlen(c->value) &&
	    strncasecmp((const char *)f->name, c->value, f->name_len) == 0;
}

static int
judge(struct run *r, const struct step *s, const struct alpn_facts *f)
{
	const char	*want = run_key_authorization(r);
	unsigned char	 digest[DIGEST_LEN];

	sha256(want, strlen(want), digest);
	const struct {
		bool			 right;
		enum problem_type	 type;
		const char		*text;
	} rules[] = {
		{ f->version >= TLS1_2_VERSION, PR_TLS,
		    "the host does not speak TLS 1.2 or later" },
		{ f->selected == 1, PR_UNAUTHORIZED,
		    "the host did not select acme-tls/1 by ALPN" },
		{ f->sans == 1 && f->names == 1, PR_UNAUTHORIZED,
		    "the certificate does not have exactly one "
		    "subjectAltName" },
		{ names_identifier(r, f), PR_UNAUTHORIZED,
		    "the certificate's subjectAltName is not the identifier" },
		{ f->ids == 1 && f->critical == 1, PR_UNAUTHORIZED,
		    "the certificate has no critical acmeIdentifier, or "
		    "several" },
		{ f->id_len == DIGEST_LEN, PR_UNAUTHORIZED,
		    "the acmeIdentifier is not an OCTET STRING of 32 octets" },
		{ octets_equal(f->id, digest, sizeof(digest)),
		    PR_UNAUTHORIZED, "the acmeIdentifier is not the digest "
		    "of the key authorization" },
	};

	for (size_t i = 0; i < nitems(rules); i++)
		if (!rules[i].right)
			return problem(r->problem, rules[i].type,
			    "%s: RFC 8737, 3: %s", step_text(r, s),
			    rules[i].text);
	return 0;
}

int
validate_tls_alpn01(struct run *r)
{
	struct probe_reply	 reply;
	struct step		 s;
	struct hop		 hop;
	json_t			*hops = json_array();

	json_object_set_new(r->transcript, "hops", hops);
	if (first_hop(r, &hop) == -1)
		return -1;
	step_begin(r, &s, PROBE_TLS_ALPN, &hop, 0, hops);
	s.literal = strcmp(r->challenge->type, "ip") == 0;
	if (step_reach(r, &s, &reply) == -1)
		return -1;
	/* A child that speaks of redirects is not ours any more. */
	if (reply.outcome != PROBE_ANSWER)
		return problem(r->problem, PR_CONNECTION,
		    "%s: internal: the answer is to another question",
		    s.shown);
	json_object_set_new(s.note, "handshake", note_facts(r, &reply.facts));
	return judge(r, &s, &reply.facts);
}

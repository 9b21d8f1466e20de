/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns-01 (RFC 8555, 8.4) and dns-account-01 (draft-ietf-acme-dns-account-
 * label): one TXT record of those at a name below the identifier is the
 * digest of the key authorization.  Aliases are the resolver's.
 */
#include <string.h>

#include "ident.h"
#include "mem.h"
#include "validate_run.h"

#define LABEL_OCTETS	10	/* of the digest of the account's URL */
#define DIGEST_TEXT	43	/* octets of a digest in base64url */

/* The character-strings of a TXT record, joined (RFC 7208, 3.3; RFC 1035,
 * 3.3.14); its length, or -1 when it is longer than what is looked for. */
static int
join(const unsigned char *data, size_t len, char out[DIGEST_TEXT])
{
	size_t	used = 0, piece;

	while (len > 0) {
		piece = *data++;
		len--;
		if (piece > len || piece > DIGEST_TEXT - used)
			return -1;
		memcpy(out + used, data, piece);
		used += piece;
		data += piece;
		len -= piece;
	}
	return (int)used;
}

static bool
one_matches(const struct resolve_answer *a, const char *want)
{
	const unsigned char	*data;
	char			 text[DIGEST_TEXT];
	size_t			 len;
	bool			 found = false;

	for (size_t i = 0; i < a->count; i++) {
		data = ask_record(a, i, &len);
		if (join(data, len, text) == DIGEST_TEXT &&
		    octets_equal(text, want, DIGEST_TEXT))
			found = true;
	}
	return found;
}

/* `who` ends each sentence: for whom the name was made. */
static int
judge(struct run *r, const char *name, const struct resolve_answer *a,
    const char *who)
{
	const char	*text = run_key_authorization(r);
	unsigned char	 digest[DIGEST_LEN];

	sha256(text, strlen(text), digest);
	if (a->status == RESOLVE_NXDOMAIN)
		return problem(r->problem, PR_DNS,
		    "%s: no such name in DNS (TXT record)%s", name, who);
	if (a->count == 0)
		return problem(r->problem, PR_UNAUTHORIZED,
		    "%s: no TXT record%s", name, who);
	if (one_matches(a, b64u_encode(r->arena, digest, sizeof(digest))))
		return 0;
	return problem(r->problem, PR_UNAUTHORIZED, "%s: RFC 8555, 8.4: "
	    "none of %u TXT record%s is the digest of the key authorization%s",
	    name, (unsigned)a->count, a->count == 1 ? "" : "s", who);
}

static int
validate_txt(struct run *r, const char *labels, const char *who)
{
	struct resolve_answer	 a;
	const char		*name;
	json_t			*note = json_object();

	json_object_set_new(r->transcript, "dns", note);
	name = arena_printf(r->arena, "%s.%s", labels, r->challenge->value);
	json_object_set_new(note, "name", json_string(name));
	if (strlen(name) > IDENT_MAX)
		return problem(r->problem, PR_DNS,
		    "%s: no room for %s in front of it (RFC 1035, 2.3.4)",
		    r->challenge->value, labels);
	if (run_resolve(r, RESOLVE_TXT, name, name, note, &a) == -1)
		return -1;
	return judge(r, name, &a, who);
}

int
validate_dns01(struct run *r)
{
	return validate_txt(r, "_acme-challenge", "");
}

/* RFC 4648, 6, in lower case; 10 octets are 16 letters without padding. */
static void
base32(const unsigned char octets[LABEL_OCTETS], char out[17])
{
	static const char	letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned		bits = 0, have = 0;

	for (size_t i = 0; i < LABEL_OCTETS; i++) {
		bits = (bits << 8 | octets[i]) & 0xffff;
		for (have += 8; have >= 5; have -= 5)
			*out++ = letters[bits >> (have - 5) & 31];
	}
	*out = '\0';
}

int
validate_dns_account01(struct run *r)
{
	const char	*account = run_account_uri(r);
	unsigned char	 digest[DIGEST_LEN];
	char		 label[17];

	sha256(account, strlen(account), digest);
	base32(digest, label);
	return validate_txt(r,
	    arena_printf(r->arena, "_%s._acme-challenge", label),
	    arena_printf(r->arena, "; account %s", account));
}

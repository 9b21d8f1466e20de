/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transcript of a validation: what was asked, of whom, and what came
 * back, for those who must later see why.  Texts from outside are bounded,
 * with a digest of what was cut, and octets are encoded; none of it is ever
 * part of a problem document.
 */
#include <string.h>

#include "mem.h"
#include "validate_run.h"

#define TEXT_WHOLE	256	/* octets of a text kept whole */
#define TEXT_START	128
#define OCTETS_START	96
#define ADDRESSES_NOTED	8

static const char *const statuses[] = {
	[RESOLVE_OK] = "ok",
	[RESOLVE_NXDOMAIN] = "nxdomain",
	[RESOLVE_SERVFAIL] = "servfail",
	[RESOLVE_BOGUS] = "bogus",
	[RESOLVE_TOO_LONG] = "too long",
	[RESOLVE_FAILED] = "failed",
};

static json_t *
digest_of(struct run *r, const void *data, size_t len)
{
	unsigned char	digest[DIGEST_LEN];

	sha256(data, len, digest);
	return json_string(hex_encode(r->arena, digest, sizeof(digest)));
}

json_t *
note_text(struct run *r, const char *text)
{
	size_t	 len = strlen(text);
	json_t	*o;

	if (len <= TEXT_WHOLE)
		return json_string(text);
	o = json_object();
	json_object_set_new(o, "start", json_stringn(text, TEXT_START));
	json_object_set_new(o, "length", json_integer((json_int_t)len));
	json_object_set_new(o, "sha256", digest_of(r, text, len));
	return o;
}

json_t *
note_octets(struct run *r, const void *data, size_t len)
{
	json_t	*o = json_object();
	size_t	 start = len < OCTETS_START ? len : OCTETS_START;

	json_object_set_new(o, "length", json_integer((json_int_t)len));
	json_object_set_new(o, "start",
	    json_string(b64u_encode(r->arena, data, start)));
	json_object_set_new(o, "sha256", digest_of(r, data, len));
	return o;
}

static json_t *
note_record(struct run *r, const struct resolve_answer *a, size_t i)
{
	unsigned char		 addr[ADDRESS_LEN];
	const unsigned char	*data;
	char			 text[ADDRESS_TEXT];
	size_t			 len;

	data = ask_record(a, i, &len);
	if ((a->question.type != RESOLVE_A &&
	    a->question.type != RESOLVE_AAAA) ||
	    address_from_octets(data, len, addr) == -1)
		return note_octets(r, data, len);
	address_print(addr, text);
	return json_string(text);
}

json_t *
note_answer(struct run *r, const struct resolve_answer *a)
{
	json_t	*o = json_object(), *records = json_array();

	json_object_set_new(o, "status", json_string(statuses[a->status]));
	json_object_set_new(o, "dnssec", json_string(
	    a->status == RESOLVE_BOGUS ? "bogus" :
	    a->secure ? "secure" : "insecure"));
	if (a->count > 0)
		json_object_set_new(o, "ttl", json_integer(a->ttl));
	if (a->canonical[0] != '\0')
		json_object_set_new(o, "canonical", note_text(r,
		    a->canonical));
	if (a->why[0] != '\0')
		json_object_set_new(o, "why", json_string(a->why));
	if (a->count > ADDRESSES_NOTED)
		json_object_set_new(o, "count", json_integer(a->count));
	for (size_t i = 0; i < a->count && i < ADDRESSES_NOTED; i++)
		json_array_append_new(records, note_record(r, a, i));
	json_object_set_new(o, "records", records);
	return o;
}

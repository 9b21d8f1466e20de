/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The message: key id, NUL, algorithm, NUL, length of the MAC in two octets,
 * MAC, input.
 */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../server/mem.h"
#include "eab.h"

/* RFC 7518, 3.2 */
static const struct {
	const char	*alg, *digest;
	size_t		 len;
} algs[] = {
	{ "HS256", "SHA256", 32 },
	{ "HS384", "SHA384", 48 },
	{ "HS512", "SHA512", 64 },
};

size_t
eab_pack(const struct eab_question *q, unsigned char *out, size_t cap)
{
	size_t kid = strlen(q->kid) + 1, alg = strlen(q->alg) + 1;
	size_t len = kid + alg + 2 + q->mac_len + q->input_len;

	if (kid == 1 || kid > EAB_KID_MAX + 1 || q->mac_len > EAB_MAC_MAX ||
	    q->input_len > cap || len > cap)
		return 0;
	memcpy(out, q->kid, kid);
	out += kid;
	memcpy(out, q->alg, alg);
	out += alg;
	*out++ = (unsigned char)(q->mac_len >> 8);
	*out++ = (unsigned char)q->mac_len;
	memcpy(out, q->mac, q->mac_len);
	memcpy(out + q->mac_len, q->input, q->input_len);
	return len;
}

/* The text up to the next NUL; NULL when there is no NUL. */
static const char *
take_text(const unsigned char **at, size_t *left)
{
	const char *text = (const char *)*at;
	const unsigned char *end = *left == 0 ? NULL : memchr(*at, 0, *left);

	if (end == NULL)
		return NULL;
	*left -= (size_t)(end + 1 - *at);
	*at = end + 1;
	return text;
}

int
eab_unpack(const unsigned char *message, size_t len, struct eab_question *q)
{
	if ((q->kid = take_text(&message, &len)) == NULL ||
	    (q->alg = take_text(&message, &len)) == NULL || len < 2)
		return -1;
	q->mac_len = (size_t)message[0] << 8 | message[1];
	if (q->mac_len > len - 2)
		return -1;
	q->mac = message + 2;
	q->input = q->mac + q->mac_len;
	q->input_len = len - 2 - q->mac_len;
	return 0;
}

bool
eab_holds(const struct eab_question *q, const unsigned char key[DIGEST_LEN])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	size_t i, len = 0;

	for (i = 0; i < nitems(algs) && strcmp(algs[i].alg, q->alg) != 0; i++)
		;
	return i < nitems(algs) && q->mac_len == algs[i].len &&
	    EVP_Q_mac(NULL, "HMAC", NULL, algs[i].digest, NULL, key,
	    DIGEST_LEN, q->input, q->input_len, mac, sizeof(mac),
	    &len) != NULL && len == q->mac_len &&
	    octets_equal(mac, q->mac, len);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodings: strict base64url, hexadecimal, PEM, SHA-256, HMAC, random octets
 * and the public form of our identifiers.  Pure, but for random_octets().
 */
#ifndef CHANCERY_ENC_H
#define CHANCERY_ENC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

#define DIGEST_LEN	32	/* SHA-256, HMAC-SHA-256 */
#define SECRET_LEN	16	/* unguessable part of a public identifier */

/* base64url without padding (RFC 7515, 2); the result is NUL-terminated. */
char	*b64u_encode(struct arena *, const void *data, size_t len);

/*
 * Decode strictly: no padding, no white space, unused bits zero
 * (RFC 8555, 6.1; RFC 4648, 3.5).  0, or -1 and nothing in *out.
 */
int	b64u_decode(struct arena *, const char *text, size_t len,
	    unsigned char **out, size_t *outlen);

/* Lower-case hexadecimal. */
char	*hex_encode(struct arena *, const void *data, size_t len);

/* RFC 7468, 3 strict: 64 columns, no explanatory text, ends in a newline. */
char	*pem_encode(struct arena *, const char *label, const void *der,
	    size_t len);

void	sha256(const void *data, size_t len, unsigned char out[DIGEST_LEN]);
void	hmac_sha256(const void *key, size_t keylen, const void *data,
	    size_t len, unsigned char out[DIGEST_LEN]);

/* Compare in constant time. */
bool	octets_equal(const void *a, const void *b, size_t len);

/* Octets of the operating system's generator; ends the process on failure. */
void	random_octets(void *out, size_t len);

/*
 * The public form of an identifier: base64url(id, 8 octets big-endian, then
 * SECRET_LEN unguessable octets), always 32 characters.  The secret of what a
 * JWS created is the start of the SHA-256 of that JWS's signing input, so a
 * later JWS whose url holds this form commits to the first one.
 */
#define PUBLIC_ID_LEN	32
char	*public_id_print(struct arena *, int64_t id,
	    const unsigned char secret[SECRET_LEN]);
/* 0, or -1 when `text` (`len` octets) is not of this form. */
int	public_id_parse(const char *text, size_t len, int64_t *id,
	    unsigned char secret[SECRET_LEN]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodings by table, digests by OpenSSL's one-shot functions.  Decoding is
 * strict: one text for one value, so that what was signed as text can be
 * compared as text.
 */
#include <sys/random.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "enc.h"
#include "log.h"
#include "mem.h"

#define PEM_COLUMNS	64	/* RFC 7468, 2 */

static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char alphabet_pem[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Value of a character of alphabet_url plus one; 0 is not in it. */
static const unsigned char value_url[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6,
	['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12,
	['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17,
	['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,
	['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27,
	['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37,
	['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47,
	['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52,
	['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57,
	['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62,
	['-'] = 63, ['_'] = 64,
};

/* The base64 characters of `len` octets, without padding; their number. */
static size_t
b64_write(char *out, const unsigned char *in, size_t len, const char *alphabet)
{
	size_t n = 0;
	unsigned v;

	for (; len >= 3; len -= 3, in += 3) {
		v = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];
		out[n++] = alphabet[v >> 18];
		out[n++] = alphabet[v >> 12 & 63];
		out[n++] = alphabet[v >> 6 & 63];
		out[n++] = alphabet[v & 63];
	}
	if (len > 0) {
		v = (unsigned)in[0] << 16;
		if (len == 2)
			v |= (unsigned)in[1] << 8;
		out[n++] = alphabet[v >> 18];
		out[n++] = alphabet[v >> 12 & 63];
		if (len == 2)
			out[n++] = alphabet[v >> 6 & 63];
	}
	return n;
}

static size_t
b64_length(size_t len)
{
	return len / 3 * 4 + (len % 3 == 0 ? 0 : len % 3 + 1);
}

char *
b64u_encode(struct arena *a, const void *data, size_t len)
{
	char *out;

	out = arena_alloc(a, b64_length(len) + 1);
	b64_write(out, data, len, alphabet_url);
	return out;
}

/* Decode to `out`, which is large enough; len % 4 is not 1.  0 or -1. */
static int
b64u_read(const unsigned char *text, size_t len, unsigned char *out)
{
	unsigned v = 0, bad = 0, bits = 0;
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		unsigned c = value_url[text[i]];

		bad |= c == 0;
		v = v << 6 | ((c - 1) & 63);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (unsigned char)(v >> bits);
		}
	}
	if (bad || (v & ((1u << bits) - 1)) != 0)
		return -1;
	return 0;
}

int
b64u_decode(struct arena *a, const char *text, size_t len,
    unsigned char **out, size_t *outlen)
{
	unsigned char *data;
	size_t n = len / 4 * 3 + (len % 4 == 0 ? 0 : len % 4 - 1);

	if (len % 4 == 1)
		return -1;
	data = arena_alloc(a, n + 1);
	if (b64u_read((const unsigned char *)text, len, data) == -1)
		return -1;
	*out = data;
	*outlen = n;
	return 0;
}

char *
hex_encode(struct arena *a, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *in = data;
	char *out;
	size_t i;

	out = arena_alloc(a, 2 * len + 1);
	for (i = 0; i < len; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	return out;
}

char *
pem_encode(struct arena *a, const char *label, const void *der, size_t len)
{
	static const char pad[] = "==";
	struct buf b;
	char *text;
	size_t n, i, line;

	text = arena_alloc(a, b64_length(len) + 3);
	n = b64_write(text, der, len, alphabet_pem);
	memcpy(text + n, pad, (4 - n % 4) % 4);
	n += (4 - n % 4) % 4;
	buf_init(&b, a);
	buf_printf(&b, "-----BEGIN %s-----\n", label);
	for (i = 0; i < n; i += line) {
		line = n - i < PEM_COLUMNS ? n - i : PEM_COLUMNS;
		buf_add(&b, text + i, line);
		buf_puts(&b, "\n");
	}
	buf_printf(&b, "-----END %s-----\n", label);
	return (char *)b.data;
}

/* Looking an algorithm up costs more than hashing a short text with it. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256_md;
static EVP_MAC_CTX *hmac_blank;

static void
fetch(void)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
		    digest, 0),
		OSSL_PARAM_construct_end()
	};
	EVP_MAC *hmac;

	sha256_md = EVP_MD_fetch(NULL, digest, NULL);
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	hmac_blank = EVP_MAC_CTX_new(hmac);
	EVP_MAC_free(hmac);
	if (sha256_md == NULL || hmac_blank == NULL ||
	    EVP_MAC_CTX_set_params(hmac_blank, params) != 1)
		die(EXIT_FAILED, "OpenSSL has no HMAC-SHA-256");
}

void
sha256(const void *data, size_t len, unsigned char out[DIGEST_LEN])
{
	pthread_once(&once, fetch);
	if (EVP_Digest(data, len, out, NULL, sha256_md, NULL) != 1)
		die(EXIT_FAILED, "OpenSSL cannot compute SHA-256");
}

void
hmac_sha256(const void *key, size_t keylen, const void *data, size_t len,
    unsigned char out[DIGEST_LEN])
{
	EVP_MAC_CTX *ctx;
	size_t n = 0;

	pthread_once(&once, fetch);
	ctx = EVP_MAC_CTX_dup(hmac_blank);
	if (ctx == NULL || EVP_MAC_init(ctx, key, keylen, NULL) != 1 ||
	    EVP_MAC_update(ctx, data, len) != 1 ||
	    EVP_MAC_final(ctx, out, &n, DIGEST_LEN) != 1 || n != DIGEST_LEN)
		die(EXIT_FAILED, "OpenSSL cannot compute HMAC-SHA-256");
	EVP_MAC_CTX_free(ctx);
}

bool
octets_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void
random_octets(void *out, size_t len)
{
	unsigned char *p = out;
	ssize_t n;

	while (len > 0) {
		n = getrandom(p, len, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			die(EXIT_FAILED, "getrandom: %s", strerror(errno));
		p += n;
		len -= (size_t)n;
	}
}

char *
public_id_print(struct arena *a, int64_t id,
    const unsigned char secret[SECRET_LEN])
{
	unsigned char raw[8 + SECRET_LEN];
	int i;

	for (i = 0; i < 8; i++)
		raw[i] = (unsigned char)((uint64_t)id >> (56 - 8 * i));
	memcpy(raw + 8, secret, SECRET_LEN);
	return b64u_encode(a, raw, sizeof(raw));
}

int
public_id_parse(const char *text, size_t len, int64_t *id,
    unsigned char secret[SECRET_LEN])
{
	unsigned char raw[8 + SECRET_LEN];
	uint64_t v = 0;
	int i;

	if (len != PUBLIC_ID_LEN ||
	    b64u_read((const unsigned char *)text, len, raw) == -1 ||
	    raw[0] > 0x7f)
		return -1;
	for (i = 0; i < 8; i++)
		v = v << 8 | raw[i];
	*id = (int64_t)v;
	memcpy(secret, raw + 8, SECRET_LEN);
	return 0;
}

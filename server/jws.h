/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Signatures and Keys, in the one shape that ACME uses: flattened
 * JSON serialisation, one signature, nothing unprotected (RFC 8555, 6.2;
 * RFC 7515; RFC 7517; RFC 7518).  Pure; used by chancery-acme to answer and
 * by chancery-signer, again, to decide.
 */
#ifndef CHANCERY_JWS_H
#define CHANCERY_JWS_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include <openssl/evp.h>

#include "enc.h"

struct arena;
struct problem;

#define JWS_MAX		32768	/* octets of a whole request */

/* A public key and the only algorithm it may be used with. */
struct jwk {
	EVP_PKEY	*pkey;
	const char	*alg;		/* "ES256", "EdDSA", "RS256"... */
	char		*canonical;	/* RFC 7638, 3: members in order */
	unsigned char	 thumbprint[DIGEST_LEN];
};

struct jws {
	const char	*alg;
	const char	*nonce;		/* NULL when absent */
	const char	*url;
	const char	*kid;		/* NULL when jwk is set */
	json_t		*jwk;		/* NULL when kid is set; owned */
	const char	*signing_input;	/* protected "." payload, base64url */
	const char	*compact;	/* signing input "." signature */
	unsigned char	*payload;	/* decoded, NUL-terminated */
	size_t		 payload_len;	/* 0: POST-as-GET (RFC 8555, 6.3) */
	unsigned char	*signature;	/* decoded */
	size_t		 signature_len;
	unsigned char	 digest[DIGEST_LEN];	/* SHA-256, signing input */
};

/*
 * Parse the body of a request and check its form: RFC 8555, 6.1 and 6.2.
 * The nonce is not judged, only its encoding.  Strings live in the arena.
 * 0, or -1 with the problem; call jws_clear() in both cases.
 */
int	jws_parse(struct arena *, const void *body, size_t len, struct jws *,
	    struct problem *);
void	jws_clear(struct jws *);

/* Verify the signature; also that alg is the key's (RFC 8555, 6.2). */
int	jws_verify(const struct jws *, const struct jwk *, struct problem *);

/*
 * A JWS inside the payload of another has no nonce, and the url of that one.
 * A binding (RFC 8555, 7.3.4) has a MAC and a kid, a key change (7.3.5) the
 * new key and its signature.
 */
enum jws_inner {
	JWS_BINDING,		/* HS256, HS384, HS512; kid */
	JWS_KEY_CHANGE		/* as an account's; jwk */
};

/* The same for such a one; `body` is the object.  jws_clear() it as well. */
int	jws_parse_inner(struct arena *, const json_t *body, enum jws_inner,
	    const char *url, struct jws *, struct problem *);
/*
 * externalAccountBinding of a newAccount to `url` under `key`: all but the
 * MAC, which the token knows (RFC 8555, 7.3.4).  jws_clear() it.
 */
int	jws_binding(struct arena *, const json_t *body, const char *url,
	    const struct jwk *key, struct jws *, struct problem *);
/*
 * The payload of a keyChange to `url` by the account with the URL `account`
 * and the thumbprint `old`: form, signature and content (RFC 8555, 7.3.5).
 * The new key is in *key; jwk_clear() it in both cases.
 */
int	jws_key_change(struct arena *, const json_t *body, const char *url,
	    const char *account, const unsigned char old[DIGEST_LEN],
	    struct jwk *key, struct problem *);

/*
 * Parse and judge an account key: EC P-256, P-384 or P-521 for ES256, ES384
 * or ES512, Ed25519 for EdDSA (RFC 8037), RSA 2048-8192 with an odd exponent
 * above 2^16 for RS256; badPublicKey says what is wrong.
 * Call jwk_clear() in both cases.
 */
int	jwk_parse(struct arena *, const json_t *, struct jwk *,
	    struct problem *);
/* The same from the canonical text that a row holds. */
int	jwk_parse_text(struct arena *, const char *canonical, struct jwk *,
	    struct problem *);
void	jwk_clear(struct jwk *);
/* SHA-256 of its SubjectPublicKeyInfo. */
void	jwk_spki_hash(const struct jwk *, unsigned char out[DIGEST_LEN]);

#endif

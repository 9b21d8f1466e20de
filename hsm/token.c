/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#11: libp11 loads the module, finds slots, logs in, finds keys and
 * signs; Cryptoki calls go straight to the module's function list for what
 * libp11 0.4.12 lacks (probe, attributes, HMAC, key generation).  From the
 * raw side never: C_Finalize, C_CloseAllSessions, C_Logout, which would break
 * libp11's sessions.
 */
#include <dlfcn.h>
#include <errno.h>
#include <libp11.h>
#include <p11-kit/pkcs11.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "../server/conf.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "attributes.h"
#include "ckr.h"
#include "pin.h"
#include "softhsm.h"
#include "token.h"

#define KEYS_MAX	64
#define GENERATE_SECONDS 300	/* RSA in a slow device */

struct key {
	struct token_key	 facts;
	CK_OBJECT_HANDLE	 handle;
	EVP_PKEY		*pkey;		/* libp11's; NULL for HMAC */
};

struct token {
	struct conf_token	 conf;
	struct itimerval	 deadline;
	CK_FUNCTION_LIST	*f;
	PKCS11_CTX		*ctx;
	PKCS11_SLOT		*slots, *slot;
	unsigned		 nslots;
	CK_SESSION_HANDLE	 session;	/* ours, beside libp11's */
	struct key		 key[KEYS_MAX];
	size_t			 nkeys;
};

static int fail(struct token_error *, int, const char *, ...)
    __attribute__((format(printf, 3, 4)));

static int
fail(struct token_error *e, int code, const char *fmt, ...)
{
	va_list ap;

	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

static int
fail_ckr(struct token_error *e, const char *what, CK_RV rv)
{
	const struct ckr *c = ckr_of(rv);

	return fail(e, c->code, "%s: %s (0x%lx)%s%s", what, c->name, rv,
	    c->todo == NULL ? "" : ": ", c->todo == NULL ? "" : c->todo);
}

/*
 * The module's code among OpenSSL's errors, which SoftHSM fills with its own
 * failures too; CKR_OK when there is none.
 */
static CK_RV
ckr_queued(void)
{
	CK_RV rv = CKR_OK;
	unsigned long err;

	while ((err = ERR_get_error()) != 0)
		if (ERR_GET_LIB(err) == ERR_get_CKR_code())
			rv = ERR_GET_REASON(err);
	return rv;
}

/* From here to guard_end() a hang of the module ends the process. */
static void
guard(const struct token *t)
{
	setitimer(ITIMER_REAL, &t->deadline, NULL);
}

static void
guard_end(void)
{
	static const struct itimerval never;

	setitimer(ITIMER_REAL, &never, NULL);
}

/* ------------------------------------------------------- module and login */

static int
load_module(struct token *t, struct token_error *e)
{
	CK_C_GetFunctionList get;
	void *module;
	CK_RV rv;

	module = dlopen(t->conf.module, RTLD_NOW | RTLD_LOCAL);
	if (module == NULL)
		return fail(e, EXIT_OPERATOR, "cannot load the PKCS#11 module:"
		    " %s: install it or correct token.module", dlerror());
	get = (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList");
	if (get == NULL)
		return fail(e, EXIT_OPERATOR, "%s is not a PKCS#11 module: "
		    "correct token.module", t->conf.module);
	if ((t->ctx = PKCS11_CTX_new()) == NULL ||
	    PKCS11_CTX_load(t->ctx, t->conf.module) != 0)
		return fail_ckr(e, "the PKCS#11 module does not start",
		    ckr_queued());
	if ((rv = get(&t->f)) != CKR_OK)
		return fail_ckr(e, "C_GetFunctionList", rv);
	return 0;
}

static int
find_slot(struct token *t, struct token_error *e)
{
	unsigned i;

	if (PKCS11_enumerate_slots(t->ctx, &t->slots, &t->nslots) != 0)
		return fail_ckr(e, "the module's slots cannot be listed",
		    ckr_queued());
	for (i = 0; i < t->nslots; i++) {
		if (t->slots[i].token == NULL ||
		    !t->slots[i].token->initialized ||
		    t->slots[i].token->label == NULL ||
		    strcmp(t->slots[i].token->label, t->conf.label) != 0)
			continue;
		if (t->slot != NULL)
			return fail(e, EXIT_OPERATOR, "two tokens are called "
			    "\"%s\": give one another label", t->conf.label);
		t->slot = &t->slots[i];
	}
	if (t->slot == NULL)
		return fail(e, EXIT_OPERATOR, "no initialised token is called "
		    "\"%s\": initialise it (softhsm2-util --init-token, or "
		    "the vendor's tool) or correct the label", t->conf.label);
	return 0;
}

/* A session first: libp11 would wait for ever where there is none. */
static int
log_in(struct token *t, const char *pin, bool generate, struct token_error *e)
{
	CK_FLAGS flags = CKF_SERIAL_SESSION | (generate ? CKF_RW_SESSION : 0);
	char what[160];
	CK_RV rv;

	rv = t->f->C_OpenSession(PKCS11_get_slotid_from_slot(t->slot), flags,
	    NULL, NULL, &t->session);
	if (rv != CKR_OK)
		return fail_ckr(e, "no session with the token", rv);
	if (PKCS11_login(t->slot, 0, pin) == 0)
		return 0;
	snprintf(what, sizeof(what), "login with the PIN in %s",
	    t->conf.pin_file);
	return fail_ckr(e, what, ckr_queued());
}

static int
start(struct token *t, const char *pin, bool generate, struct token_error *e)
{
	int rv;

	guard(t);
	rv = load_module(t, e) == -1 || find_slot(t, e) == -1 ||
	    log_in(t, pin, generate, e) == -1 ? -1 : 0;
	guard_end();
	return rv;
}

/* SoftHSM's tokens and their copies; `lock` is what to lock for a login. */
static int
prepare_softhsm(const struct token *t, char *lock, size_t len,
    struct token_error *e)
{
	char why[256];

	if (t->conf.softhsm_conf == NULL)
		return 0;
	if (softhsm_tokendir(t->conf.softhsm_conf, lock, len, why,
	    sizeof(why)) == -1)
		return fail(e, EXIT_OPERATOR, "%s", why);
	if (setenv("SOFTHSM2_CONF", t->conf.softhsm_conf, 1) == -1)
		return fail(e, EXIT_FAILED, "setenv: %s", strerror(errno));
	return 0;
}

/* Under the lock: from C_Initialize to the end of C_Login. */
static int
enter(struct token *t, const char *tokendir, const char *refused_file,
    bool generate, struct token_error *e)
{
	char pin[PIN_MAX], why[256];
	struct stat st;
	int rv = -1;

	if (tokendir != NULL &&
	    softhsm_guard(tokendir, why, sizeof(why)) == -1)
		return fail(e, EXIT_OPERATOR, "%s", why);
	if (pin_read(t->conf.pin_file, pin, &st, why, sizeof(why)) == -1) {
		fail(e, EXIT_OPERATOR, "%s", why);
		goto out;
	}
	if (pin_was_refused(refused_file, &st)) {
		fail(e, EXIT_OPERATOR, "the PIN in %s was refused before and "
		    "is not tried again: correct it", t->conf.pin_file);
		goto out;
	}
	rv = start(t, pin, generate, e);
	if (rv == -1 && strstr(e->text, "CKR_PIN_") != NULL)
		pin_note_refused(refused_file, &st);
out:
	OPENSSL_cleanse(pin, sizeof(pin));
	return rv;
}

static CK_RV
get_attribute(const struct token *t, CK_OBJECT_HANDLE object,
    CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG *len)
{
	CK_ATTRIBUTE a = { type, value, *len };
	CK_RV rv;

	rv = t->f->C_GetAttributeValue(t->session, object, &a, 1);
	*len = rv == CKR_OK ? a.ulValueLen : 0;
	return rv;
}

static signed char
get_flag(const struct token *t, CK_OBJECT_HANDLE object,
    CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL flag = CK_FALSE;
	CK_ULONG len = sizeof(flag);

	if (get_attribute(t, object, type, &flag, &len) != CKR_OK ||
	    len != sizeof(flag))
		return -1;
	return flag == CK_TRUE;
}

static void
get_facts(const struct token *t, CK_OBJECT_HANDLE object,
    struct token_key *key)
{
	CK_ULONG len = sizeof(key->label) - 1;

	get_attribute(t, object, CKA_LABEL, key->label, &len);
	key->label[len] = '\0';
	key->sensitive = get_flag(t, object, CKA_SENSITIVE);
	key->extractable = get_flag(t, object, CKA_EXTRACTABLE);
	key->always_sensitive = get_flag(t, object, CKA_ALWAYS_SENSITIVE);
	key->never_extractable = get_flag(t, object, CKA_NEVER_EXTRACTABLE);
	key->local = get_flag(t, object, CKA_LOCAL);
}

/* "P-256", "RSA-3072"; "" for what we do not sign with. */
static void
name_kind(const EVP_PKEY *pkey, char *kind, size_t len)
{
	int bits = EVP_PKEY_get_bits(pkey);

	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA)
		snprintf(kind, len, "RSA-%d", bits);
	else if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
	    (bits == 256 || bits == 384))
		snprintf(kind, len, "P-%d", bits);
	else
		kind[0] = '\0';
}

/* libp11's handle of the private key with this id, and its public part. */
static int
get_pkey(struct token *t, struct key *key)
{
	PKCS11_KEY *keys;
	unsigned char *der = NULL;
	unsigned i, n;
	int len;

	if (PKCS11_enumerate_keys(t->slot->token, &keys, &n) != 0)
		return -1;
	for (i = 0; i < n && key->pkey == NULL; i++)
		if (keys[i].id_len == KEY_ID_LEN &&
		    memcmp(keys[i].id, key->facts.id, KEY_ID_LEN) == 0)
			key->pkey = PKCS11_get_private_key(&keys[i]);
	if (key->pkey == NULL)
		return -1;
	name_kind(key->pkey, key->facts.kind, sizeof(key->facts.kind));
	len = i2d_PUBKEY(key->pkey, &der);
	if (len > 0 && (size_t)len <= sizeof(key->facts.spki)) {
		memcpy(key->facts.spki, der, (size_t)len);
		key->facts.spki_len = (size_t)len;
	}
	OPENSSL_free(der);
	ERR_clear_error();
	return key->facts.spki_len > 0 && key->facts.kind[0] != '\0' ? 0 : -1;
}

/* Take note of an object when it is a key of ours: a CKA_ID of our length. */
static int
add_key(struct token *t, CK_OBJECT_HANDLE object, CK_OBJECT_CLASS class,
    struct token_error *e)
{
	unsigned char id[KEY_ID_LEN + 1];
	CK_ULONG len = sizeof(id);
	struct key *key;

	if (get_attribute(t, object, CKA_ID, id, &len) != CKR_OK ||
	    len != KEY_ID_LEN)
		return 0;
	if (t->nkeys == KEYS_MAX)
		return fail(e, EXIT_OPERATOR, "the token holds more than %d "
		    "keys: remove those that are not used", KEYS_MAX);
	key = &t->key[t->nkeys];
	memset(key, 0, sizeof(*key));
	key->handle = object;
	memcpy(key->facts.id, id, KEY_ID_LEN);
	get_facts(t, object, &key->facts);
	if (class == CKO_SECRET_KEY)
		snprintf(key->facts.kind, sizeof(key->facts.kind), "HMAC");
	else if (get_pkey(t, key) == -1)
		return fail(e, EXIT_OPERATOR, "key \"%s\" has no public key, "
		    "or is beside one of a type unknown to libp11: remove "
		    "what is not whole (pkcs11-tool --delete-object)",
		    key->facts.label);
	t->nkeys++;
	return 0;
}

static CK_RV
find_objects(struct token *t, CK_ATTRIBUTE *what, CK_ULONG nwhat,
    CK_OBJECT_HANDLE *found, CK_ULONG *count)
{
	CK_ULONG max = *count, n;
	CK_RV rv;

	*count = 0;
	rv = t->f->C_FindObjectsInit(t->session, what, nwhat);
	if (rv != CKR_OK)
		return rv;
	do {
		n = 0;
		rv = t->f->C_FindObjects(t->session, found + *count,
		    max - *count, &n);
		*count += n;
	} while (rv == CKR_OK && n > 0 && *count < max);
	t->f->C_FindObjectsFinal(t->session);
	return rv;
}

static int
read_class(struct token *t, CK_OBJECT_CLASS class, struct token_error *e)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE what[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_TOKEN, &yes, sizeof(yes) },
	};
	CK_OBJECT_HANDLE found[4 * KEYS_MAX];
	CK_ULONG i, count = nitems(found);
	CK_RV rv;

	rv = find_objects(t, what, nitems(what), found, &count);
	if (rv != CKR_OK)
		return fail_ckr(e, "the token's keys cannot be listed", rv);
	for (i = 0; i < count; i++)
		if (add_key(t, found[i], class, e) == -1)
			return -1;
	return 0;
}

static int
read_keys(struct token *t, struct token_error *e)
{
	size_t i;
	int rv;

	for (i = 0; i < t->nkeys; i++)
		EVP_PKEY_free(t->key[i].pkey);
	t->nkeys = 0;
	guard(t);
	rv = read_class(t, CKO_PRIVATE_KEY, e) == -1 ||
	    read_class(t, CKO_SECRET_KEY, e) == -1 ? -1 : 0;
	guard_end();
	return rv;
}

struct token *
token_open(const struct conf_token *conf, unsigned deadline_ms,
    const char *refused_file, bool generate, struct token_error *e)
{
	struct token *t = xcalloc(1, sizeof(*t));
	char tokendir[4096] = "";
	char why[256];
	int lock, rv;

	t->conf = *conf;
	t->deadline.it_value.tv_sec = deadline_ms / 1000;
	t->deadline.it_value.tv_usec = deadline_ms % 1000 * 1000;
	signal(SIGALRM, SIG_DFL);
	if (prepare_softhsm(t, tokendir, sizeof(tokendir), e) == -1)
		return NULL;
	lock = softhsm_lock(tokendir[0] != '\0' ? tokendir : conf->pin_file,
	    why, sizeof(why));
	if (lock == -1) {
		fail(e, EXIT_OPERATOR, "%s", why);
		return NULL;
	}
	rv = enter(t, tokendir[0] != '\0' ? tokendir : NULL, refused_file,
	    generate, e);
	if (!generate)		/* else nobody sees half of a pair */
		close(lock);
	if (rv == -1 || read_keys(t, e) == -1)
		return NULL;
	return t;
}

size_t
token_count(const struct token *t)
{
	return t->nkeys;
}

const struct token_key *
token_key(const struct token *t, size_t number)
{
	return number < t->nkeys ? &t->key[number].facts : NULL;
}

const struct token_key *
token_key_by_label(const struct token *t, const char *label)
{
	const struct token_key *found = NULL;
	size_t i;

	for (i = 0; i < t->nkeys; i++) {
		if (strcmp(t->key[i].facts.label, label) != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = &t->key[i].facts;
	}
	return found;
}

const struct token_key *
token_key_by_id(const struct token *t, const unsigned char id[KEY_ID_LEN])
{
	size_t i;

	for (i = 0; i < t->nkeys; i++)
		if (memcmp(t->key[i].facts.id, id, KEY_ID_LEN) == 0)
			return &t->key[i].facts;
	return NULL;
}

/* `facts` is the first member of a struct key of ours. */
static const struct key *
key_of(const struct token_key *facts)
{
	return (const struct key *)facts;
}

int
token_sign(struct token *t, const struct token_key *facts, const void *data,
    size_t len, unsigned char *sig, size_t *siglen, struct token_error *e)
{
	const char *md = strcmp(facts->kind, "P-384") == 0 ? "SHA384" :
	    "SHA256";
	EVP_MD_CTX *ctx;
	int rv = -1;

	guard(t);
	ERR_clear_error();
	if ((ctx = EVP_MD_CTX_new()) != NULL &&
	    EVP_DigestSignInit_ex(ctx, NULL, md, NULL, NULL,
	    key_of(facts)->pkey, NULL) == 1 &&
	    EVP_DigestSign(ctx, sig, siglen, data, len) == 1)
		rv = 0;
	EVP_MD_CTX_free(ctx);
	guard_end();
	return rv == 0 ? 0 : fail_ckr(e, "signing in the token", ckr_queued());
}

int
token_hmac(struct token *t, const struct token_key *facts, const void *data,
    size_t len, unsigned char out[DIGEST_LEN], struct token_error *e)
{
	CK_MECHANISM mechanism = { CKM_SHA256_HMAC, NULL, 0 };
	CK_ULONG outlen = DIGEST_LEN;
	CK_RV rv;

	guard(t);
	rv = t->f->C_SignInit(t->session, &mechanism, key_of(facts)->handle);
	if (rv == CKR_OK)
		rv = t->f->C_Sign(t->session, (CK_BYTE *)data, len, out,
		    &outlen);
	guard_end();
	if (rv == CKR_OK && outlen != DIGEST_LEN)
		rv = CKR_FUNCTION_FAILED;
	return rv == CKR_OK ? 0 : fail_ckr(e, "HMAC in the token", rv);
}

/* ------------------------------------------------------------ generation */

/* What a private or secret key is made with, the dispensable at the end. */
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

#define FLAG(type, flag)	{ type, &flag, sizeof(flag) }
#define KEY_NEEDED							\
	FLAG(CKA_TOKEN, yes), FLAG(CKA_PRIVATE, yes),			\
	FLAG(CKA_SENSITIVE, yes), FLAG(CKA_EXTRACTABLE, no),		\
	FLAG(CKA_SIGN, yes)
#define KEY_WANTED							\
	FLAG(CKA_DECRYPT, no), FLAG(CKA_UNWRAP, no),			\
	FLAG(CKA_DERIVE, no), FLAG(CKA_MODIFIABLE, no)

enum { A_LABEL = 5, A_ID, A_WANTED, A_MECHANISMS = 11, A_COUNT };

static const struct kind {
	const char		*name;
	CK_MECHANISM_TYPE	 generate, use;
	const char		*curve;		/* DER of its OID */
	CK_ULONG		 curve_len, bits;
} kinds[] = {
	{ "P-256", CKM_EC_KEY_PAIR_GEN, CKM_ECDSA,
	    "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10, 0 },
	{ "P-384", CKM_EC_KEY_PAIR_GEN, CKM_ECDSA,
	    "\x06\x05\x2b\x81\x04\x00\x22", 7, 0 },
	{ "RSA-2048", CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, NULL, 0, 2048 },
	{ "RSA-3072", CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, NULL, 0, 3072 },
	{ "RSA-4096", CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, NULL, 0, 4096 },
	{ "HMAC", CKM_GENERIC_SECRET_KEY_GEN, CKM_SHA256_HMAC, NULL, 0, 256 },
};

static CK_RV
generate_pair(struct token *t, const struct kind *kind, CK_ATTRIBUTE *private,
    CK_ULONG nprivate, CK_OBJECT_HANDLE *key)
{
	CK_MECHANISM mechanism = { kind->generate, NULL, 0 };
	CK_ULONG bits = kind->bits;
	CK_BYTE exponent[] = { 1, 0, 1 };
	CK_ATTRIBUTE public[] = {
		FLAG(CKA_TOKEN, yes), FLAG(CKA_VERIFY, yes),
		private[A_LABEL], private[A_ID],
		{ CKA_EC_PARAMS, (void *)kind->curve, kind->curve_len },
		{ CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent) },
	};
	CK_OBJECT_HANDLE other;

	if (kind->curve == NULL)
		public[4] = (CK_ATTRIBUTE){ CKA_MODULUS_BITS, &bits,
		    sizeof(bits) };
	return t->f->C_GenerateKeyPair(t->session, &mechanism, public,
	    kind->curve == NULL ? 6 : 5, private, nprivate, &other, key);
}

/* The length, and what only a secret key can be told not to do. */
static CK_RV
generate_secret(struct token *t, const struct kind *kind, CK_ATTRIBUTE *secret,
    CK_ULONG nsecret, CK_OBJECT_HANDLE *key)
{
	CK_MECHANISM mechanism = { kind->generate, NULL, 0 };
	CK_ULONG octets = kind->bits / 8;
	CK_ATTRIBUTE template[A_COUNT + 3] = {
		{ CKA_VALUE_LEN, &octets, sizeof(octets) },
		FLAG(CKA_ENCRYPT, no), FLAG(CKA_WRAP, no),
	};
	CK_ULONG own = nsecret > A_WANTED ? 3 : 1;

	memcpy(template + own, secret, nsecret * sizeof(*secret));
	return t->f->C_GenerateKey(t->session, &mechanism, template,
	    own + nsecret, key);
}

/* SoftHSM leaves one half of a pair behind when the other fails. */
static void
destroy_remains(struct token *t, CK_ATTRIBUTE id)
{
	CK_OBJECT_HANDLE found[8];
	CK_ULONG count = nitems(found);

	if (find_objects(t, &id, 1, found, &count) != CKR_OK)
		return;
	while (count > 0)
		t->f->C_DestroyObject(t->session, found[--count]);
}

/* Strict first; modules that refuse an attribute get a shorter template. */
static CK_RV
generate(struct token *t, const struct kind *kind, const char *label,
    unsigned char id[KEY_ID_LEN], CK_OBJECT_HANDLE *key)
{
	static const CK_ULONG counts[] = { A_COUNT, A_MECHANISMS, A_WANTED };
	CK_MECHANISM_TYPE use = kind->use;
	CK_ATTRIBUTE template[A_COUNT] = {
		KEY_NEEDED,
		{ CKA_LABEL, (void *)label, strlen(label) },
		{ CKA_ID, id, KEY_ID_LEN },
		KEY_WANTED,
		{ CKA_ALLOWED_MECHANISMS, &use, sizeof(use) },
	};
	CK_RV rv = CKR_OK;
	size_t i;

	for (i = 0; i < nitems(counts); i++) {
		rv = (kind->use == CKM_SHA256_HMAC ? generate_secret :
		    generate_pair)(t, kind, template, counts[i], key);
		if (rv == CKR_OK)
			break;
		destroy_remains(t, template[A_ID]);
	}
	return rv;
}

/* The private part must stay unreadable, and the key must sign. */
static int
prove(struct token *t, const struct token_key *facts, struct token_error *e)
{
	static const char text[] = "chancery key ceremony";
	unsigned char secret[1024], sig[1024];
	CK_ATTRIBUTE_TYPE type = strncmp(facts->kind, "RSA", 3) == 0 ?
	    CKA_PRIVATE_EXPONENT : CKA_VALUE;
	CK_ULONG len = sizeof(secret);
	size_t siglen = sizeof(sig);
	const char *why;
	CK_RV rv;

	rv = get_attribute(t, key_of(facts)->handle, type, secret, &len);
	OPENSSL_cleanse(secret, sizeof(secret));
	if (rv == CKR_OK && len > 0)
		return fail(e, EXIT_OPERATOR, "the private part of the new key "
		    "\"%s\" can be read: this token is not fit", facts->label);
	if ((why = key_objection(facts)) != NULL)
		return fail(e, EXIT_OPERATOR, "the new key \"%s\" is refused: "
		    "%s: this token is not fit", facts->label, why);
	if (key_of(facts)->pkey == NULL)
		return token_hmac(t, facts, text, sizeof(text), sig, e);
	return token_sign(t, facts, text, sizeof(text), sig, &siglen, e);
}

int
token_generate(struct token *t, const char *name, const char *label,
    struct token_key *out, struct token_error *e)
{
	const struct token_key *facts;
	unsigned char id[KEY_ID_LEN];
	CK_OBJECT_HANDLE key;
	size_t i;
	CK_RV rv;

	for (i = 0; i < nitems(kinds) && strcmp(kinds[i].name, name) != 0; i++)
		;
	if (i == nitems(kinds))
		return fail(e, EXIT_OPERATOR, "keys of kind \"%s\" cannot be "
		    "made: P-256, P-384, RSA-2048, RSA-3072, RSA-4096", name);
	random_octets(id, sizeof(id));
	alarm(GENERATE_SECONDS);
	rv = generate(t, &kinds[i], label, id, &key);
	alarm(0);
	if (rv != CKR_OK)
		return fail_ckr(e, "key generation", rv);
	if (read_keys(t, e) == -1)
		return -1;
	if ((facts = token_key_by_id(t, id)) == NULL)
		return fail(e, EXIT_FAILED, "the new key \"%s\" is not found "
		    "in the token", label);
	if (prove(t, facts, e) == -1)
		return -1;
	*out = *facts;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of a PKCS#11 token, by Cryptoki calls and nothing around them.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

#include "server/enc.h"
#include "server/log.h"
#include "floor.h"

#define SLOTS_MAX	64
#define LABEL_LEN	32	/* of CK_TOKEN_INFO, blanks at the end */

struct token {
	CK_FUNCTION_LIST	*f;
	CK_SESSION_HANDLE	 session;
	CK_OBJECT_HANDLE	 key;
	unsigned char		 text[700];	/* as long as a TBS */
};

static void
must(CK_RV rv, const char *what)
{
	if (rv != CKR_OK)
		die(EXIT_OPERATOR, "PKCS#11: %s: 0x%lx", what, rv);
}

static void
load(struct token *t, const char *module)
{
	CK_C_GetFunctionList get;
	void *lib = dlopen(module, RTLD_NOW | RTLD_LOCAL);

	if (lib == NULL)
		die(EXIT_OPERATOR, "cannot load the module: %s", dlerror());
	get = (CK_C_GetFunctionList)dlsym(lib, "C_GetFunctionList");
	if (get == NULL)
		die(EXIT_OPERATOR, "%s is not a PKCS#11 module", module);
	must(get(&t->f), "C_GetFunctionList");
	must(t->f->C_Initialize(NULL), "C_Initialize");
}

static CK_SLOT_ID
find_slot(struct token *t, const char *label)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX, i;
	CK_TOKEN_INFO info;
	char padded[LABEL_LEN + 1];

	snprintf(padded, sizeof(padded), "%-*s", LABEL_LEN, label);
	must(t->f->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
	for (i = 0; i < count; i++)
		if (t->f->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
		    memcmp(info.label, padded, LABEL_LEN) == 0)
			return slots[i];
	die(EXIT_OPERATOR, "no token has the label %s", label);
}

static void
login(struct token *t, const char *pin_file)
{
	char pin[256] = "";
	FILE *f;

	if ((f = fopen(pin_file, "re")) == NULL ||
	    fgets(pin, sizeof(pin), f) == NULL)
		die(EXIT_OPERATOR, "no PIN in %s", pin_file);
	fclose(f);
	pin[strcspn(pin, "\r\n")] = '\0';
	must(t->f->C_Login(t->session, CKU_USER, (CK_UTF8CHAR_PTR)pin,
	    strlen(pin)), "C_Login");
}

static void
find_key(struct token *t, const char *label)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_LABEL, (void *)label, strlen(label) },
	};
	CK_ULONG count = 0;

	must(t->f->C_FindObjectsInit(t->session, wanted, 2),
	    "C_FindObjectsInit");
	must(t->f->C_FindObjects(t->session, &t->key, 1, &count),
	    "C_FindObjects");
	must(t->f->C_FindObjectsFinal(t->session), "C_FindObjectsFinal");
	if (count != 1)
		die(EXIT_OPERATOR, "no key in the token is called %s", label);
}

static int
sign_once(void *arg)
{
	static CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
	struct token *t = arg;
	unsigned char digest[DIGEST_LEN], sig[256];
	CK_ULONG len = sizeof(sig);

	sha256(t->text, sizeof(t->text), digest);
	must(t->f->C_SignInit(t->session, &ecdsa, t->key), "C_SignInit");
	must(t->f->C_Sign(t->session, digest, sizeof(digest), sig, &len),
	    "C_Sign");
	return 0;
}

struct price
price_sign(double seconds, const struct token_options *o)
{
	struct token t = { 0 };
	struct price price;

	memset(t.text, 'x', sizeof(t.text));
	load(&t, o->module);
	must(t.f->C_OpenSession(find_slot(&t, o->label), CKF_SERIAL_SESSION,
	    NULL, NULL, &t.session), "C_OpenSession");
	login(&t, o->pin_file);
	find_key(&t, o->key);
	price = price_of(seconds, sign_once, &t);
	t.f->C_Finalize(NULL);
	return price;
}

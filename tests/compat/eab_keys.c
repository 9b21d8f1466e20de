/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MAC keys of external account binding that somebody chose, for the tests of
 * ACME clients alone (tests/compat/README): linked into a chancery-token in
 * place of hsm/eab.o.  The file that CHANCERY_TEST_EAB_KEYS names is read
 * before main(), thus before the sandbox: a line is a key id, a space and the
 * key in base64url.  Key ids that are not there have the token's keys.
 */
#include <stdio.h>
#include <stdlib.h>

#define eab_holds	eab_holds_derived
#include "hsm/eab.c"
#undef eab_holds

#define KEYS_MAX	256
#define KEY_MAX		1024

static struct {
	char		 kid[EAB_KID_MAX + 1];
	unsigned char	*key;
	size_t		 len;
} keys[KEYS_MAX];
static size_t nkeys;

static void __attribute__((constructor))
read_keys(void)
{
	const char *path = getenv("CHANCERY_TEST_EAB_KEYS");
	static struct arena *kept;
	char line[EAB_KID_MAX + KEY_MAX + 3], text[KEY_MAX + 1];
	FILE *file;

	if (path == NULL || (file = fopen(path, "re")) == NULL)
		return;
	kept = arena_new(KEYS_MAX * KEY_MAX);
	while (nkeys < KEYS_MAX && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "%255s %1024s", keys[nkeys].kid, text) == 2 &&
		    b64u_decode(kept, text, strlen(text), &keys[nkeys].key,
		    &keys[nkeys].len) == 0)
			nkeys++;
	fclose(file);
}

bool
eab_holds(const struct eab_question *q, const unsigned char key[DIGEST_LEN])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	size_t a, i, len = 0;

	for (i = 0; i < nkeys && strcmp(keys[i].kid, q->kid) != 0; i++)
		;
	if (i == nkeys)
		return eab_holds_derived(q, key);
	for (a = 0; a < nitems(algs) && strcmp(algs[a].alg, q->alg) != 0; a++)
		;
	return a < nitems(algs) && q->mac_len == algs[a].len &&
	    EVP_Q_mac(NULL, "HMAC", NULL, algs[a].digest, NULL, keys[i].key,
	    keys[i].len, q->input, q->input_len, mac, sizeof(mac),
	    &len) != NULL && len == q->mac_len &&
	    octets_equal(mac, q->mac, len);
}

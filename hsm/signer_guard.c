/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that never get a certificate (RFC 8555, 7.4; CA/B BR, 6.1.1.3): those
 * of the file of weak keys, those that officers blocked, those of the CA and
 * all others in its token.  What is bad about a key by itself is judged in
 * csr_key.c; account keys are asked of the database.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../server/conf.h"
#include "../server/ident.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "../server/rules.h"
#include "signer.h"

#define KEYS_MEMORY	(8u << 20)
#define AGAIN_MS	1000	/* after the token gave no answer */

struct guard {
	unsigned char		(*weak)[DIGEST_LEN];	/* sorted */
	size_t			 nweak, room;
	struct arena		*arena;		/* of `own` */
	struct token_key	*own;		/* NULL: not known yet */
	size_t			 nown;
	unsigned char		 mark[DIGEST_LEN];	/* policies by then */
	long long		 tried;
};

static int
digest_compare(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_LEN);
}

/* 64 hexadecimal digits of either case and the end of the line. */
static int
digest_read(const char *line, unsigned char out[DIGEST_LEN])
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";
	const char *at;
	size_t i;

	for (i = 0; i < 2 * DIGEST_LEN; i++) {
		at = line[i] == '\0' ? NULL : strchr(hex, line[i]);
		if (at == NULL)
			return -1;
		out[i / 2] = (unsigned char)(out[i / 2] << 4 |
		    ((at - hex) & 15));
	}
	return line[i + strspn(line + i, " \t\r\n")] == '\0' ? 0 : -1;
}

static void
weak_add(struct guard *g, const unsigned char digest[DIGEST_LEN])
{
	void *more;

	if (g->nweak == g->room) {
		g->room = g->room == 0 ? 1024 : g->room * 2;
		more = xcalloc(g->room, DIGEST_LEN);
		if (g->nweak > 0)
			memcpy(more, g->weak, g->nweak * DIGEST_LEN);
		free(g->weak);
		g->weak = more;
	}
	memcpy(g->weak[g->nweak++], digest, DIGEST_LEN);
}

/* One SHA-256 of an SPKI a line; `#` begins a comment. */
static void
weak_read(struct guard *g, const char *file)
{
	unsigned char digest[DIGEST_LEN];
	char line[256];
	size_t n = 0;
	FILE *f;

	f = fopen(file, "re");
	if (f == NULL)
		die(EXIT_OPERATOR, "policy.weak_keys: %s: %s", file,
		    strerror(errno));
	while (fgets(line, sizeof(line), f) != NULL) {
		n++;
		line[strcspn(line, "#\n")] = '\0';
		if (line[strspn(line, " \t\r")] == '\0')
			continue;
		if (digest_read(line, digest) == -1)
			die(EXIT_OPERATOR, "policy.weak_keys: %s:%zu: not a "
			    "SHA-256 in hexadecimal", file, n);
		weak_add(g, digest);
	}
	if (ferror(f))
		die(EXIT_OPERATOR, "policy.weak_keys: %s: %s", file,
		    strerror(errno));
	fclose(f);
	if (g->nweak > 0)
		qsort(g->weak, g->nweak, DIGEST_LEN, digest_compare);
	log_info("weak_keys=%zu from %s", g->nweak, file);
}

void
guard_start(struct signer *s)
{
	const char *suffixes = s->conf->policy.public_suffixes;

	s->guard = xcalloc(1, sizeof(*s->guard));
	if (s->conf->policy.weak_keys != NULL)
		weak_read(s->guard, s->conf->policy.weak_keys);
	if (suffixes != NULL && ident_suffixes(suffixes) == -1)
		die(EXIT_OPERATOR, "policy.public_suffixes: %s cannot be read "
		    "as a list of public suffixes", suffixes);
}

void
guard_free(struct signer *s)
{
	if (s->guard == NULL)
		return;
	arena_free(s->guard->arena);
	free(s->guard->weak);
	free(s->guard);
	s->guard = NULL;
}

void
guard_tend(struct signer *s)
{
	struct guard *g = s->guard;
	char why[256] = "";

	if (g->own != NULL &&
	    memcmp(g->mark, s->policies_mark, DIGEST_LEN) == 0)
		return;
	if (tokens_state(s->tokens) == TOKENS_DOWN || (g->tried != 0 &&
	    proc_monotonic_ms() - g->tried < AGAIN_MS))
		return;
	arena_free(g->arena);
	g->arena = arena_new(KEYS_MEMORY);
	g->own = tokens_keys(s->tokens, g->arena, &g->nown, why, sizeof(why));
	g->tried = proc_monotonic_ms();
	memcpy(g->mark, s->policies_mark, DIGEST_LEN);
	if (g->own == NULL)
		log_warn("the keys of the token cannot be listed: %s", why);
}

bool
guard_ready(const struct signer *s)
{
	return s->guard->own != NULL;
}

static bool
same(const struct csr *csr, const unsigned char *spki, size_t len)
{
	return csr->spki_len == len && memcmp(csr->spki, spki, len) == 0;
}

static bool
ours(const struct guard *g, const struct policy *c, const struct csr *csr)
{
	size_t i;

	if (same(csr, c->spki, c->spki_len) ||
	    same(csr, c->root_spki, c->root_spki_len))
		return true;
	for (i = 0; i < g->nown; i++)
		if (same(csr, g->own[i].spki, g->own[i].spki_len))
			return true;
	return false;
}

int
guard_check(struct signer *s, const struct policy *c, const struct csr *csr,
    struct problem *p)
{
	const struct guard *g = s->guard;

	if (ours(g, c, csr))
		return problem(p, PR_BAD_CSR, "RFC 8555, 7.4: the key of the "
		    "CSR is a key of this CA");
	if (g->nweak > 0 && bsearch(csr->spki_hash, g->weak, g->nweak,
	    DIGEST_LEN, digest_compare) != NULL)
		return problem(p, PR_BAD_CSR, "CA/B BR, 6.1.1.3: the key of "
		    "the CSR is known to be weak");
	if (rules_key_blocked(signer_rules(s), csr->spki_hash))
		return problem(p, PR_BAD_CSR, "CA/B BR, 6.1.1.3: the key of "
		    "the CSR is blocked here");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of directives: one hash table holds them by kind and name, and all
 * that is asked for by its own text: patterns, keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "mem.h"
#include "rules_body.h"
#include "rules_set.h"

#define SLOTS_FIRST	256
#define KEY_MAX		2048	/* octets of what is looked up */
#define BITS_MAX	128

struct node {
	struct node	*next;		/* in its slot */
	struct node	*sibling;	/* of the same directive */
	struct entry	*entry;
	uint32_t	 hash;
	char		 key[];
};

struct rules {
	struct node	**slots;
	size_t		  nslots, nnodes;
	size_t		  officers;
	struct entry	 *chains;
	/* Prefixes have these lengths only. */
	unsigned	  bits4[33], bits6[BITS_MAX + 1];
};

/* FNV-1a: what is inserted comes from officers, nobody aims at a slot. */
static uint32_t
hash_text(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h;
}

/* "space owner text"; false when nothing so long can be there. */
static bool
key_make(char key[KEY_MAX], enum space space, const char *owner,
    const char *text)
{
	return (size_t)snprintf(key, KEY_MAX, "%c%s\n%s", 'a' + (int)space,
	    owner, text) < KEY_MAX;
}

static void
grow(struct rules *r)
{
	size_t n = r->nslots == 0 ? SLOTS_FIRST : 2 * r->nslots, i;
	struct node **slots = xcalloc(n, sizeof(*slots)), *node, *next;

	for (i = 0; i < r->nslots; i++) {
		for (node = r->slots[i]; node != NULL; node = next) {
			next = node->next;
			node->next = slots[node->hash % n];
			slots[node->hash % n] = node;
		}
	}
	free(r->slots);
	r->slots = slots;
	r->nslots = n;
}

static struct node *
insert(struct rules *r, struct entry *entry, enum space space,
    const char *owner, const char *text)
{
	char key[KEY_MAX];
	struct node *node;

	/* Bodies are bounded: a key always fits. */
	key_make(key, space, owner, text);
	if (r->nnodes >= r->nslots)
		grow(r);
	node = xcalloc(1, sizeof(*node) + strlen(key) + 1);
	memcpy(node->key, key, strlen(key) + 1);
	node->hash = hash_text(key);
	node->entry = entry;
	node->next = r->slots[node->hash % r->nslots];
	r->slots[node->hash % r->nslots] = node;
	r->nnodes++;
	return node;
}

static void
add(struct rules *r, struct entry *entry, enum space space,
    const char *owner, const char *text)
{
	struct node *node = insert(r, entry, space, owner, text);

	node->sibling = entry->nodes;
	entry->nodes = node;
}

static void
remove_nodes(struct rules *r, struct entry *entry)
{
	struct node *node, **at;

	while ((node = entry->nodes) != NULL) {
		entry->nodes = node->sibling;
		at = &r->slots[node->hash % r->nslots];
		while (*at != node)
			at = &(*at)->next;
		*at = node->next;
		r->nnodes--;
		free(node);
	}
}

struct entry *
set_find(const struct rules *r, enum space space, const char *owner,
    const char *text, int64_t now)
{
	const struct node *node;
	char key[KEY_MAX];
	uint32_t hash;

	if (r->nslots == 0 || !key_make(key, space, owner, text))
		return NULL;
	hash = hash_text(key);
	for (node = r->slots[hash % r->nslots]; node != NULL;
	    node = node->next)
		if (node->hash == hash && strcmp(node->key, key) == 0 &&
		    (now == 0 || node->entry->expires == 0 ||
		    node->entry->expires > now))
			return node->entry;
	return NULL;
}

/* The first bits of an address as a pattern. */
static void
prefix_text(const unsigned char *octets, size_t len, unsigned bits,
    char out[IDENT_MAX + 1])
{
	unsigned char masked[16] = { 0 };
	struct ident ident;

	memcpy(masked, octets, (bits + 7) / 8);
	if (bits % 8 != 0)
		masked[bits / 8] &= (unsigned char)(0xff00 >> bits % 8);
	if (ident_from_octets(masked, len, &ident) == -1)
		ident.value[0] = '\0';
	snprintf(out, IDENT_MAX + 1, "%.100s/%u", ident.value, bits);
}

static const struct entry *
match_address(const struct rules *r, enum space space, const char *owner,
    const struct ident *ident, int64_t now)
{
	unsigned char octets[16];
	char text[IDENT_MAX + 1];
	const struct entry *e;
	size_t len = ident_octets(ident, octets);
	unsigned bits;

	e = set_find(r, space, owner, ident->value, now);
	for (bits = 0; e == NULL && bits <= 8 * len; bits++) {
		if ((len == 4 ? r->bits4 : r->bits6)[bits] == 0)
			continue;
		prefix_text(octets, len, bits, text);
		e = set_find(r, space, owner, text, now);
	}
	return e;
}

/* All patterns that a name could have been given by are looked up. */
const struct entry *
set_match(const struct rules *r, enum space space, const char *owner,
    const struct ident *ident, int64_t now)
{
	char text[IDENT_MAX + 2];
	const struct entry *e;
	const char *at;

	if (strcmp(ident->type, "ip") == 0)
		return match_address(r, space, owner, ident, now);
	if (ident->wildcard) {
		/* It stands for names below the value, not for the value. */
		snprintf(text, sizeof(text), ".%s", ident->value);
		e = set_find(r, space, owner, text, now);
	} else {
		e = set_find(r, space, owner, ident->value, now);
	}
	for (at = strchr(ident->value, '.'); e == NULL && at != NULL;
	    at = strchr(at + 1, '.'))
		e = set_find(r, space, owner, at, now);
	return e;
}

const struct entry *
set_match_any(const struct rules *r, enum space space, const struct ident *ident)
{
	const struct entry *e = set_match(r, space, "", ident, 0);
	char text[IDENT_MAX + 3];

	if (e != NULL || !ident->wildcard)
		return e;
	snprintf(text, sizeof(text), "*.%s", ident->value);
	return set_find(r, space, "", text, 0);
}

static void
count_prefix(struct rules *r, const struct pattern *p)
{
	if (p->kind == PATTERN_PREFIX)
		(p->len == 4 ? r->bits4 : r->bits6)[p->bits] = 1;
}

static void
index_pattern(struct rules *r, struct entry *e, enum space space,
    const char *owner, const char *text)
{
	struct pattern p;

	if (pattern_read(text, &p) == 0)
		count_prefix(r, &p);
	add(r, e, space, owner, text);
}

/* A blocked or restricted "a.b.example" is covered by "*.b.example". */
static void
index_name(struct rules *r, struct entry *e, enum space space,
    const char *text)
{
	char wildcard[IDENT_MAX + 3];
	const char *dot = strchr(text, '.');
	struct pattern p;

	index_pattern(r, e, space, "", text);
	if (pattern_read(text, &p) == -1 || p.kind != PATTERN_NAME ||
	    dot == NULL)
		return;
	snprintf(wildcard, sizeof(wildcard), "*%s", dot);
	add(r, e, space, "", wildcard);
}

static void
index_list(struct rules *r, struct entry *e, enum space space,
    const char *owner, const char *member)
{
	const json_t *value;
	size_t i;

	json_array_foreach(json_object_get(e->body, member), i, value)
		index_pattern(r, e, space, owner, json_string_value(value));
}

static void
take_officer(struct rules *r, struct entry *e)
{
	unsigned char thumbprint[DIGEST_LEN];
	struct arena *a = arena_new(1u << 20);
	size_t len;

	e->officer = xstrdup(json_canonical(a,
	    json_object_get(e->body, "jwk"), &len));
	sha256(e->officer, strlen(e->officer), thumbprint);
	add(r, e, SPACE_OFFICER_KEY, "",
	    hex_encode(a, thumbprint, sizeof(thumbprint)));
	r->officers++;
	arena_free(a);
}

static void
take_eab(struct rules *r, struct entry *e)
{
	e->eab.kid = e->name;
	e->eab.expires = e->expires;
	e->eab.accounts = json_integer_value(json_object_get(e->body,
	    "accounts"));
	index_list(r, e, SPACE_EAB_NAMES, e->name, "names");
	index_list(r, e, SPACE_EAB_PREVALIDATED, e->name, "prevalidated");
}

static void
take_block(struct rules *r, struct entry *e)
{
	const char *value = json_member_string(e->body, "value");

	if (strcmp(json_member_string(e->body, "type"), "key") == 0)
		add(r, e, SPACE_BLOCKED_KEY, "", value);
	else
		index_name(r, e, SPACE_BLOCK, value);
}

static void
take_restrict(struct rules *r, struct entry *e)
{
	index_name(r, e, SPACE_RESTRICT, e->name);
}

static void
take_grant(struct rules *r, struct entry *e)
{
	const char *account = json_member_string(e->body, "account");

	if (account != NULL)
		index_list(r, e, SPACE_GRANT_ACCOUNT, account, "names");
	else
		index_list(r, e, SPACE_GRANT_EAB,
		    json_member_string(e->body, "eab"), "names");
}

static void
take_chain(struct rules *r, struct entry *e)
{
	struct entry **at = &r->chains;

	while (*at != NULL && strcmp((*at)->name, e->name) < 0)
		at = &(*at)->chain;
	e->chain = *at;
	*at = e;
}

static const struct {
	const char	*kind;
	void		(*take)(struct rules *, struct entry *);
} takers[] = {
	{ "officer", take_officer },
	{ "eab", take_eab },
	{ "block", take_block },
	{ "restrict", take_restrict },
	{ "grant", take_grant },
	{ "chain", take_chain },
};

static void
drop(struct rules *r, struct entry *e)
{
	struct entry **at = &r->chains;

	while (*at != NULL && *at != e)
		at = &(*at)->chain;
	if (*at == e)
		*at = e->chain;
	if (e->officer != NULL)
		r->officers--;
	free(e->officer);
	e->officer = NULL;
	remove_nodes(r, e);
	json_decref(e->body);
	e->body = NULL;
	e->expires = 0;
}

static struct entry *
entry_get(struct rules *r, const char *kind, const char *name)
{
	struct entry *e = set_find(r, SPACE_DIRECTIVE, kind, name, 0);

	if (e != NULL)
		return e;
	e = xcalloc(1, sizeof(*e));
	e->kind = xstrdup(kind);
	e->name = xstrdup(name);
	insert(r, e, SPACE_DIRECTIVE, kind, name);
	return e;
}

int
rules_take(struct rules *r, const char *kind, const char *name,
    int64_t version, const char *body, char *why, size_t whylen)
{
	struct entry *e;
	json_t *o;
	size_t i;

	if (rule_body_read(kind, name, body, &o, why, whylen) == -1)
		return -1;
	e = entry_get(r, kind, name);
	if (version <= e->version) {
		json_decref(o);
		return 0;
	}
	drop(r, e);
	e->version = version;
	sha256(body, strlen(body), e->hash);
	e->body = o;
	if (o == NULL)
		return 0;
	e->expires = json_integer_value(json_object_get(o, "expires"));
	for (i = 0; i < nitems(takers); i++)
		if (strcmp(takers[i].kind, kind) == 0)
			takers[i].take(r, e);
	return 0;
}

struct rules *
rules_new(void)
{
	return xcalloc(1, sizeof(struct rules));
}

void
rules_free(struct rules *r)
{
	struct node *node, *next;
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->nslots; i++) {
		for (node = r->slots[i]; node != NULL; node = next) {
			struct entry *e = node->entry;

			next = node->next;
			if (node->key[0] == 'a' + SPACE_DIRECTIVE) {
				json_decref(e->body);
				free(e->officer);
				free(e->kind);
				free(e->name);
				free(e);
			}
			free(node);
		}
	}
	free(r->slots);
	free(r);
}

int64_t
rules_version(const struct rules *r, const char *kind, const char *name,
    unsigned char hash[DIGEST_LEN])
{
	const struct entry *e = set_find(r, SPACE_DIRECTIVE, kind, name, 0);

	if (e == NULL)
		return 0;
	memcpy(hash, e->hash, DIGEST_LEN);
	return e->version;
}

size_t
set_officers(const struct rules *r)
{
	return r->officers;
}

const struct entry *
set_chains(const struct rules *r)
{
	return r->chains;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of limits of one request, and the refusal.
 */
#include <arpa/inet.h>
#include <string.h>

#include <jansson.h>

#include "json.h"
#include "limit.h"
#include "mem.h"
#include "problem.h"

#define ROOM_FIRST	16

void
limit_list_init(struct limit_list *list, struct arena *arena)
{
	*list = (struct limit_list){ .arena = arena };
}

static struct limit_item *
item_new(struct limit_list *list)
{
	struct limit_item *more;

	if (list->n == list->room) {
		list->room = list->room == 0 ? ROOM_FIRST : list->room * 2;
		more = arena_alloc(list->arena,
		    list->room * sizeof(*list->items));
		if (list->n > 0)
			memcpy(more, list->items,
			    list->n * sizeof(*list->items));
		list->items = more;
	}
	return &list->items[list->n++];
}

/* The same name with and without a wildcard counts once. */
static bool
has_key(const struct limit_list *list, const char *key)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (strcmp(list->items[i].key, key) == 0)
			return true;
	return false;
}

static void
item_add(struct limit_list *list, const struct limit *limit,
    const struct limit_item *item)
{
	struct limit_item *added;

	if (limit->count == 0 || has_key(list, item->key))
		return;
	added = item_new(list);
	*added = *item;
	added->count = limit->count;
	added->seconds = limit->seconds;
}

void
limit_add_event(struct limit_list *list, const struct limit *limit,
    const char *key, const struct ident *name, const char *what)
{
	item_add(list, limit, &(struct limit_item){ .source = LIMIT_EVENT,
	    .key = key, .what = what,
	    .type = name == NULL ? NULL : name->type,
	    .value = name == NULL ? NULL : name->value });
}

void
limit_add_failure(struct limit_list *list, const struct limit *limit,
    const struct ident *name)
{
	item_add(list, limit, &(struct limit_item){ .source = LIMIT_FAILURE,
	    .key = arena_printf(list->arena, "failure:%s", name->value),
	    .what = "failed validations of this name by the account",
	    .type = name->type, .value = name->value });
}

void
limit_add_pending(struct limit_list *list, unsigned allowed, size_t adding)
{
	if (allowed == 0 || adding == 0)
		return;
	*item_new(list) = (struct limit_item){ .source = LIMIT_PENDING,
	    .key = "pending", .count = allowed, .adding = adding,
	    .what = "pending authorizations of the account" };
}

char *
limit_address_key(struct arena *arena, const char *address)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr six;

	if (inet_pton(AF_INET6, address, &six) != 1 ||
	    IN6_IS_ADDR_V4MAPPED(&six))
		return arena_printf(arena, "account:%s",
		    strncmp(address, "::ffff:", 7) == 0 ? address + 7 :
		    address);
	memset(six.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &six, text, sizeof(text));
	return arena_printf(arena, "account:%s/64", text);
}

/* The offset of the event, failure or authorization that has to go before
 * the request is allowed, counted from the one that goes last. */
static size_t
offset_of(const struct limit_item *item)
{
	if (item->source != LIMIT_PENDING)
		return item->count - 1;
	return item->adding > item->count ? 0 : item->count - item->adding;
}

char *
limit_print(const struct limit_list *list)
{
	static const char *const sources[] = {
		[LIMIT_EVENT] = "event",
		[LIMIT_FAILURE] = "failure",
		[LIMIT_PENDING] = "pending",
	};
	const struct limit_item *item;
	json_t *doc = json_array();
	char *text;
	size_t i;

	for (i = 0; i < list->n; i++) {
		item = &list->items[i];
		json_array_append_new(doc, json_pack(
		    "{s:i, s:s, s:s, s:s?, s:s?, s:i, s:i}", "i", (int)i,
		    "source", sources[item->source], "key", item->key,
		    "type", item->type, "value", item->value, "seconds",
		    (int)item->seconds, "offset", (int)offset_of(item)));
	}
	text = list->n == 0 ? NULL : json_canonical(list->arena, doc, NULL);
	json_decref(doc);
	return text;
}

int64_t
limit_retry(const struct limit_hit *hits, size_t n)
{
	int64_t longest = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (hits[i].seconds > longest)
			longest = hits[i].seconds;
	return longest;
}

/* "in 3 hours"; of what is not counted by time, nothing. */
static const char *
span_print(struct arena *arena, unsigned seconds)
{
	static const struct {
		unsigned	 seconds;
		const char	*name;
	} units[] = {
		{ 86400, "day" }, { 3600, "hour" }, { 60, "minute" },
		{ 1, "second" }
	};
	size_t i = 0;
	unsigned n;

	if (seconds == 0)
		return "";
	while (seconds % units[i].seconds != 0)
		i++;
	n = seconds / units[i].seconds;
	return arena_printf(arena, " in %u %s%s", n, units[i].name,
	    n == 1 ? "" : "s");
}

static void
hit_print(const struct limit_list *list, const struct limit_hit *hit,
    struct subproblem *sub)
{
	const struct limit_item *item = &list->items[hit->item];

	sub->type = PR_RATE_LIMITED;
	sub->ident_type = item->type;
	sub->ident_value = item->value;
	sub->detail = arena_printf(list->arena, "at most %u %s%s; allowed "
	    "again in %lld seconds", item->count, item->what,
	    span_print(list->arena, item->seconds), (long long)hit->seconds);
}

int
limit_refuse(const struct limit_list *list, const struct limit_hit *hits,
    size_t n, struct problem *p)
{
	struct subproblem *sub = arena_alloc(list->arena, n * sizeof(*sub));
	size_t i;

	for (i = 0; i < n; i++)
		hit_print(list, &hits[i], &sub[i]);
	problem(p, PR_RATE_LIMITED, "RFC 8555, 6.6: %zu limit%s in force; "
	    "first: %.160s", n, n == 1 ? " is" : "s are", sub[0].detail);
	p->sub = sub;
	p->nsub = n;
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The face's copy of directives and profiles.  Rows are only ever added, in
 * the order of their ids but for those whose commit came late, so a look asks
 * for what is newer than the newest seen, and a little before it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "acme.h"
#include "acme_rules.h"
#include "conf.h"
#include "log.h"
#include "mem.h"
#include "pool.h"
#include "proc.h"
#include "db/queries-acme.h"

#define FRESH_MS	1000
#define MISSED_MS	50	/* for something that was not found */
#define BACK		(10 * INT64_C(1000000) << 11)	/* ten seconds of ids */
#define BODY_ARENA	(1024 * 1024)
#define WHY_LEN		256

/* A version of a profile. */
struct version {
	struct acme_profile	 profile;
	bool			 withdrawn;
	int64_t			 number;
	struct arena		*arena;
	struct version		*next;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct rules *rules;		/* under the lock, as is all here */
static struct version *versions;
static int64_t directive_seen, profile_seen;

static pthread_mutex_t refreshing = PTHREAD_MUTEX_INITIALIZER;
static _Atomic long long looked;	/* CLOCK_MONOTONIC, ms */

/* ---------------------------------------------------------------- profiles */

static struct version *
version_newest(const char *name)
{
	struct version *v, *newest = NULL;

	for (v = versions; v != NULL; v = v->next)
		if (strcmp(v->profile.name, name) == 0 &&
		    (newest == NULL || v->number > newest->number))
			newest = v;
	return newest;
}

static void
version_free(struct version *v)
{
	if (v != NULL)
		arena_free(v->arena);
	free(v);
}

static void
profile_take(const char *name, int64_t number, const char *body)
{
	const struct version *known = version_newest(name);
	char why[WHY_LEN] = "";
	struct version *v;

	if (known != NULL && known->number >= number)
		return;
	v = xcalloc(1, sizeof(*v));
	v->arena = arena_new(BODY_ARENA);
	v->number = number;
	v->withdrawn = strcmp(body, "null") == 0;
	v->profile.name = arena_strdup(v->arena, name);
	profile_hash(body, v->profile.hash);
	if (!v->withdrawn && profile_parse(v->arena, body, &v->profile.body,
	    why, sizeof(why)) == -1) {
		log_warn("profile %s, version %lld, cannot be read: %s; it "
		    "is not offered", name, (long long)number, why);
		v->withdrawn = true;
	}
	v->next = versions;
	versions = v;
}

/* ----------------------------------------------------------------- reading */

static void
directive_take(const struct rows *rows, size_t i)
{
	const char *kind = row_text(rows, i, 1), *name = row_text(rows, i, 2);
	char why[WHY_LEN] = "";

	if (rules_take(rules, kind, name, row_int(rows, i, 3),
	    row_text(rows, i, 4), why, sizeof(why)) == -1)
		log_warn("directive %s %s cannot be read: %s; it is not "
		    "applied", kind, name, why);
}

/* All rows of a query that are not known yet; 0 or -1. */
static int
look(int query, int64_t *seen, struct rows **out)
{
	int64_t from = *seen > BACK ? *seen - BACK : 0;

	return pool_query(query, out, ARGS(arg_int(from))) == DB_OK ? 0 : -1;
}

static void
directives_take(const struct rows *rows)
{
	size_t i;

	for (i = 0; i < rows_count(rows); i++) {
		directive_take(rows, i);
		if (row_int(rows, i, 0) > directive_seen)
			directive_seen = row_int(rows, i, 0);
	}
}

static void
profiles_take(const struct rows *rows)
{
	size_t i;

	for (i = 0; i < rows_count(rows); i++) {
		profile_take(row_text(rows, i, 1), row_int(rows, i, 2),
		    row_text(rows, i, 3));
		if (row_int(rows, i, 0) > profile_seen)
			profile_seen = row_int(rows, i, 0);
	}
}

/* Nobody waits behind the lock for the database. */
static int
load(void)
{
	struct rows *directives = NULL, *profiles = NULL;
	int rv = -1;

	if (look(Q_DIRECTIVES_SINCE, &directive_seen, &directives) == 0 &&
	    look(Q_PROFILES_SINCE, &profile_seen, &profiles) == 0) {
		pthread_rwlock_wrlock(&lock);
		directives_take(directives);
		profiles_take(profiles);
		pthread_rwlock_unlock(&lock);
		rv = 0;
	}
	rows_free(directives);
	rows_free(profiles);
	return rv;
}

static bool
older(long long age)
{
	return proc_monotonic_ms() - atomic_load(&looked) >= age;
}

/*
 * Look again when the last look is older than `age`; with the mutex held,
 * which it gives back.  A database that does not answer leaves what was
 * known, for the signer has the last word.
 */
static void
refresh(long long age)
{
	if (older(age)) {
		load();
		atomic_store(&looked, proc_monotonic_ms());
	}
	pthread_mutex_unlock(&refreshing);
}

/* Who finds somebody looking already does not wait for it. */
static void
refresh_routine(void)
{
	if (older(FRESH_MS) && pthread_mutex_trylock(&refreshing) == 0)
		refresh(FRESH_MS);
}

/* An officer may have made it a moment ago. */
static void
refresh_missed(void)
{
	pthread_mutex_lock(&refreshing);
	refresh(MISSED_MS);
}

void
acme_rules_start(void)
{
	rules = rules_new();
	if (load() == -1)
		die(EXIT_FAILED, "cannot read the profiles and directives "
		    "from the database");
	atomic_store(&looked, proc_monotonic_ms());
}

void
acme_rules_stop(void)
{
	struct version *v;

	while ((v = versions) != NULL) {
		versions = v->next;
		version_free(v);
	}
	rules_free(rules);
	rules = NULL;
}

/* ------------------------------------------------------------------ asking */

static void
ask_begin(void)
{
	refresh_routine();
	pthread_rwlock_rdlock(&lock);
}

static void
ask_end(void)
{
	pthread_rwlock_unlock(&lock);
}

static struct rule_subject
subject(struct acme_req *req)
{
	return (struct rule_subject){
		.account = acme_url(req, "account", req->account.id,
		    req->account.public),
		.eab = req->account.eab,
		.now = time(NULL),
	};
}

int
acme_rules_name(struct acme_req *req, const struct ident *name,
    struct problem *p)
{
	const struct rule_subject who = subject(req);
	int rv;

	ask_begin();
	rv = rules_name(rules, &who, name, p);
	ask_end();
	return rv;
}

bool
acme_rules_prevalidated(struct acme_req *req, const struct ident *name)
{
	const struct rule_subject who = subject(req);
	bool answer;

	ask_begin();
	answer = rules_prevalidated(rules, &who, name);
	ask_end();
	return answer;
}

bool
acme_rules_method(struct acme_req *req, const char *method)
{
	const struct rule_subject who = subject(req);
	bool answer;

	ask_begin();
	answer = rules_method(rules, &who, method);
	ask_end();
	return answer;
}

static bool
eab_in_force(const char *kid)
{
	const struct rule_eab *eab;
	bool answer;

	ask_begin();
	eab = rules_eab(rules, kid);
	answer = eab != NULL && (eab->expires == 0 ||
	    eab->expires > time(NULL));
	ask_end();
	return answer;
}

bool
acme_rules_eab(const char *kid)
{
	if (eab_in_force(kid))
		return true;
	refresh_missed();
	return eab_in_force(kid);
}

json_t *
acme_rules_chain(const char *issuer, size_t i)
{
	json_t *answer;

	ask_begin();
	answer = json_deep_copy(rules_chain(rules, issuer, i));
	ask_end();
	return answer;
}

static const struct acme_profile *
profile_in_force(const char *name)
{
	const struct version *v;

	ask_begin();
	v = version_newest(name);
	ask_end();
	return v == NULL || v->withdrawn ? NULL : &v->profile;
}

const struct acme_profile *
acme_profile(const char *name)
{
	const struct acme_profile *profile = profile_in_force(name);

	if (profile == NULL) {
		refresh_missed();
		profile = profile_in_force(name);
	}
	return profile;
}

bool
acme_profile_allowed(struct acme_req *req, const struct acme_profile *profile)
{
	const struct rule_subject who = subject(req);
	bool answer;

	ask_begin();
	answer = rules_profile(rules, &who, profile->name,
	    profile->body.open);
	ask_end();
	return answer;
}

static int
by_name(const void *a, const void *b)
{
	const struct acme_profile *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

const struct acme_profile **
acme_profiles(struct acme_req *req, size_t *n)
{
	const struct acme_profile **list;
	const struct version *v;
	size_t count = 0;

	ask_begin();
	for (v = versions; v != NULL; v = v->next)
		count++;
	list = arena_alloc(req->arena, (count + 1) * sizeof(*list));
	*n = 0;
	for (v = versions; v != NULL; v = v->next)
		if (!v->withdrawn && v == version_newest(v->profile.name))
			list[(*n)++] = &v->profile;
	ask_end();
	qsort(list, *n, sizeof(*list), by_name);
	return list;
}

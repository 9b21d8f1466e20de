/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles and their issuers: read from the rows that the ceremony and acts
 * of officers sealed, believed only when the seals hold, looked at again each
 * second so that a new version is taken up without a restart.  A row that
 * cannot be believed stops its own profile and no other.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../db/db.h"
#include "db/queries-signer.h"
#include "../server/log.h"
#include "../server/mem.h"
#include "../server/proc.h"
#include "signer.h"
#include "tbs.h"
#include "validity.h"

#define CHECK_MS	1000
#define POLICY_MEMORY	(1u << 20)
#define ROWS_MEMORY	(64u << 20)	/* all rows, for the mark */
#define WITHDRAWN	"null"

/* Columns of the statement `policy`. */
enum {
	P_ID, P_NAME, P_VERSION, P_BODY, P_SEAL,
	I_ID, I_NAME, I_CERTIFICATE, I_ROOT, I_KEY_ID, I_SEAL
};

void
policy_free(struct policy *p)
{
	struct policy *next;

	for (; p != NULL; p = next) {
		next = p->next;
		X509_free(p->issuer);
		arena_free(p->arena);
	}
}

const struct policy *
policy_find(const struct signer *s, const char *name)
{
	const struct policy *p;

	for (p = s->policies; p != NULL; p = p->next)
		if (strcmp(p->profile_name, name) == 0)
			break;
	return p;
}

bool
policy_idle(const struct signer *s, const struct policy *p)
{
	return p->broken || p->until < s->now;
}

bool
policy_whole(const struct signer *s)
{
	const struct policy *p;

	for (p = s->policies; p != NULL; p = p->next)
		if (policy_idle(s, p))
			return false;
	return s->policies != NULL;
}

/* A digest over all that would change if a row did. */
static void
policies_digest(const struct rows *rows, unsigned char out[DIGEST_LEN])
{
	static const int columns[] = { P_SEAL, I_CERTIFICATE, I_ROOT,
	    I_KEY_ID, I_SEAL };
	struct arena *a = arena_new(ROWS_MEMORY);
	struct buf b;
	size_t r, i, len;

	buf_init(&b, a);
	for (r = 0; r < rows_count(rows); r++) {
		buf_printf(&b, "%lld %lld %lld %s %s %s",
		    (long long)row_int(rows, r, P_ID),
		    (long long)row_int(rows, r, P_VERSION),
		    (long long)row_int(rows, r, I_ID),
		    row_text(rows, r, P_NAME), row_text(rows, r, I_NAME),
		    row_text(rows, r, P_BODY));
		for (i = 0; i < nitems(columns); i++) {
			const unsigned char *p = row_bytes(rows, r,
			    columns[i], &len);

			buf_printf(&b, " %zu ", len);
			buf_add(&b, p, len);
		}
	}
	sha256(b.data, b.len, out);
	arena_free(a);
}

static bool
seals_hold(const struct signer *s, const struct rows *rows, size_t r)
{
	const unsigned char *der, *root, *key_id, *seal;
	size_t der_len, root_len, key_id_len, len;

	seal = row_bytes(rows, r, P_SEAL, &len);
	if (!seal_holds(&s->seal, "profile", seal_profile(
	    row_int(rows, r, P_ID), row_text(rows, r, P_NAME),
	    row_int(rows, r, P_VERSION), row_int(rows, r, I_ID),
	    row_text(rows, r, P_BODY)), seal, len))
		return false;
	der = row_bytes(rows, r, I_CERTIFICATE, &der_len);
	root = row_bytes(rows, r, I_ROOT, &root_len);
	key_id = row_bytes(rows, r, I_KEY_ID, &key_id_len);
	seal = row_bytes(rows, r, I_SEAL, &len);
	return seal_holds(&s->seal, "issuer", seal_issuer(
	    row_int(rows, r, I_ID), row_text(rows, r, I_NAME), der, der_len,
	    root, root_len, key_id, key_id_len), seal, len);
}

static const unsigned char *
spki_copy(struct arena *a, X509 *cert, size_t *len)
{
	const unsigned char *copy = NULL;
	unsigned char *der = NULL;
	int n;

	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (n > 0) {
		copy = arena_memdup(a, der, (size_t)n);
		*len = (size_t)n;
	}
	OPENSSL_free(der);
	return copy;
}

static int
issuer_read(struct policy *p, const struct rows *rows, size_t r)
{
	const unsigned char *der, *root_der, *key_id;
	size_t len, root_len, key_id_len;
	X509 *root = NULL;

	key_id = row_bytes(rows, r, I_KEY_ID, &key_id_len);
	root_der = row_bytes(rows, r, I_ROOT, &root_len);
	der = row_bytes(rows, r, I_CERTIFICATE, &len);
	sha256(der, len, p->issuer_digest);
	p->issuer = d2i_X509(NULL, &der, (long)len);
	root = d2i_X509(NULL, &root_der, (long)root_len);
	if (root != NULL)
		p->root_spki = spki_copy(p->arena, root, &p->root_spki_len);
	X509_free(root);
	if (p->issuer == NULL || p->root_spki == NULL ||
	    key_id_len != KEY_ID_LEN)
		return -1;
	memcpy(p->key_id, key_id, KEY_ID_LEN);
	p->issuer_id = row_int(rows, r, I_ID);
	p->issuer_name = arena_strdup(p->arena, row_text(rows, r, I_NAME));
	p->spki = spki_copy(p->arena, p->issuer, &p->spki_len);
	if (p->spki == NULL || !X509_NAME_get0_der(
	    X509_get_subject_name(p->issuer), &p->name, &p->name_len))
		return -1;
	return validity_read(p->issuer, &p->from, &p->until);
}

/* From the row to a policy: 0, or -1 with the reason. */
static int
policy_read(struct policy *p, const struct rows *rows, size_t r, char *why,
    size_t whylen)
{
	const char *body = row_text(rows, r, P_BODY);

	p->profile_id = row_int(rows, r, P_ID);
	profile_hash(body, p->hash);
	if (profile_parse(p->arena, body, &p->profile, why, whylen) == -1)
		return -1;
	if (strcmp(p->profile.name, p->profile_name) != 0) {
		snprintf(why, whylen, "profile: its body has another name");
		return -1;
	}
	if (issuer_read(p, rows, r) == -1) {
		snprintf(why, whylen, "issuer: its certificate cannot be "
		    "read");
		return -1;
	}
	return 0;
}

/* The row as a policy, which is broken when the row is; NULL: withdrawn.
 * Without `s` the seals are not looked at. */
static struct policy *
policy_new(const struct signer *s, const struct rows *rows, size_t r,
    char *why, size_t whylen)
{
	struct arena *a = arena_new(POLICY_MEMORY);
	struct policy *p = arena_alloc(a, sizeof(*p));
	char reason[160] = "";

	p->arena = a;
	p->profile_name = arena_strdup(a, row_text(rows, r, P_NAME));
	if (s != NULL && !seals_hold(s, rows, r)) {
		snprintf(reason, sizeof(reason), "the seal of issuer or "
		    "profile does not hold: a row was changed by another "
		    "hand");
	} else if (strcmp(row_text(rows, r, P_BODY), WITHDRAWN) == 0) {
		policy_free(p);
		return NULL;
	} else {
		policy_read(p, rows, r, reason, sizeof(reason));
	}
	p->broken = *reason != '\0';
	if (p->broken)
		snprintf(why, whylen, "profile %.64s: %s", p->profile_name,
		    reason);
	return p;
}

/* All of them; what is wrong with the last that is broken in `why`. */
static struct policy *
policies_read(const struct signer *s, const struct rows *rows, char *why,
    size_t whylen)
{
	struct policy *list = NULL, **end = &list;
	size_t r;

	for (r = 0; r < rows_count(rows); r++) {
		*end = policy_new(s, rows, r, why, whylen);
		if (*end != NULL)
			end = &(*end)->next;
	}
	return list;
}

static struct rows *
policy_rows(struct signer *s)
{
	struct rows *rows = NULL;

	if (db_query(s->db, Q_POLICY, &rows, NO_ARGS) == -1)
		return NULL;
	return rows;
}

static void
expiry_text(int64_t until, char *text, size_t len)
{
	time_t t = (time_t)until;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, len, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* One that has not expired, or the last that has; NULL: none can be read. */
static const struct policy *
policy_living(const struct policy *list, int64_t now)
{
	const struct policy *found = NULL;

	for (; list != NULL; list = list->next) {
		if (list->broken)
			continue;
		found = list;
		if (list->until >= now)
			break;
	}
	return found;
}

void
policy_require(struct signer *s)
{
	char why[256] = "every profile is withdrawn", when[32];
	const struct policy *living;
	struct policy *list;
	struct rows *rows;

	rows = policy_rows(s);
	if (rows == NULL)
		die(EXIT_FAILED, "issuer and profile cannot be read from the "
		    "database; see the line above");
	if (rows_count(rows) == 0)
		die(EXIT_OPERATOR, "no issuer in the database: run "
		    "`chanceryctl init`");
	list = policies_read(NULL, rows, why, sizeof(why));
	rows_free(rows);
	living = policy_living(list, time(NULL));
	if (living == NULL && list != NULL)
		die(EXIT_OPERATOR, "%s: restore the database or run a new "
		    "ceremony", why);
	if (living != NULL && living->until < time(NULL)) {
		expiry_text(living->until, when, sizeof(when));
		die(EXIT_OPERATOR, "issuer certificate expired at %s: run a "
		    "new ceremony", when);
	}
	/* Only looked at: they count once their seals are checked. */
	policy_free(list);
}

/* Say what is wrong once, not each second. */
static void
policy_complain(struct signer *s, const char *why)
{
	if (strcmp(s->policy_why, why) != 0 && *why != '\0')
		log_error("no certificates are issued: %s", why);
	snprintf(s->policy_why, sizeof(s->policy_why), "%s", why);
}

static void
policy_change(struct signer *s, const struct rows *rows)
{
	const struct policy *p;
	char why[256] = "";

	policy_free(s->policies);
	s->policies = policies_read(s, rows, why, sizeof(why));
	if (s->policies == NULL)
		snprintf(why, sizeof(why), "no profile in the database: run "
		    "`chanceryctl init`, or `chanceryctl profile set`");
	policy_complain(s, why);
	for (p = s->policies; p != NULL; p = p->next)
		if (!p->broken)
			log_info("issuer=%s profile=%s profile_id=%lld",
			    p->issuer_name, p->profile_name,
			    (long long)p->profile_id);
}

/* The first issuer that has expired is told of. */
static void
expiry_watch(struct signer *s)
{
	const struct policy *p;
	char why[256], when[32];

	for (p = s->policies; p != NULL; p = p->next) {
		if (p->broken || p->until >= time(NULL))
			continue;
		expiry_text(p->until, when, sizeof(when));
		snprintf(why, sizeof(why), "issuer certificate expired at "
		    "%s: run a new ceremony", when);
		policy_complain(s, why);
		return;
	}
}

int
policy_tend(struct signer *s)
{
	unsigned char mark[DIGEST_LEN];
	struct rows *rows;

	guard_tend(s);
	if (s->policy_checked != 0 &&
	    proc_monotonic_ms() - s->policy_checked < CHECK_MS)
		return 0;
	rows = policy_rows(s);
	if (rows == NULL)
		return -1;
	policies_digest(rows, mark);
	if (memcmp(s->policies_mark, mark, DIGEST_LEN) != 0) {
		policy_change(s, rows);
		memcpy(s->policies_mark, mark, DIGEST_LEN);
	}
	s->policy_checked = proc_monotonic_ms();
	rows_free(rows);
	expiry_watch(s);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Issuer and profile of the signer: read from the rows that the ceremony
 * sealed, believed only when the seals hold, looked at again each second so
 * that a new version is taken up without a restart.
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

/* Columns of the statement `policy`. */
enum {
	P_ID, P_NAME, P_VERSION, P_BODY, P_SEAL,
	I_ID, I_NAME, I_CERTIFICATE, I_ROOT, I_KEY_ID, I_SEAL
};

void
policy_free(struct policy *p)
{
	if (p == NULL)
		return;
	X509_free(p->issuer);
	arena_free(p->arena);
}

/* A digest over all that would change if a row did. */
static void
policy_mark(const struct rows *rows, unsigned char out[DIGEST_LEN])
{
	static const int columns[] = { P_SEAL, I_CERTIFICATE, I_ROOT,
	    I_KEY_ID, I_SEAL };
	struct arena *a = arena_new(POLICY_MEMORY);
	struct buf b;
	size_t i, len;

	buf_init(&b, a);
	buf_printf(&b, "%lld %lld %lld %s %s %s",
	    (long long)row_int(rows, 0, P_ID),
	    (long long)row_int(rows, 0, P_VERSION),
	    (long long)row_int(rows, 0, I_ID), row_text(rows, 0, P_NAME),
	    row_text(rows, 0, I_NAME), row_text(rows, 0, P_BODY));
	for (i = 0; i < nitems(columns); i++) {
		const unsigned char *p = row_bytes(rows, 0, columns[i], &len);

		buf_printf(&b, " %zu ", len);
		buf_add(&b, p, len);
	}
	sha256(b.data, b.len, out);
	arena_free(a);
}

static bool
seals_hold(const struct signer *s, const struct rows *rows)
{
	const unsigned char *der, *root, *key_id, *seal;
	size_t der_len, root_len, key_id_len, len;

	seal = row_bytes(rows, 0, P_SEAL, &len);
	if (!seal_holds(&s->seal, "profile", seal_profile(
	    row_int(rows, 0, P_ID), row_text(rows, 0, P_NAME),
	    row_int(rows, 0, P_VERSION), row_int(rows, 0, I_ID),
	    row_text(rows, 0, P_BODY)), seal, len))
		return false;
	der = row_bytes(rows, 0, I_CERTIFICATE, &der_len);
	root = row_bytes(rows, 0, I_ROOT, &root_len);
	key_id = row_bytes(rows, 0, I_KEY_ID, &key_id_len);
	seal = row_bytes(rows, 0, I_SEAL, &len);
	return seal_holds(&s->seal, "issuer", seal_issuer(
	    row_int(rows, 0, I_ID), row_text(rows, 0, I_NAME), der, der_len,
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
issuer_read(struct policy *p, const struct rows *rows)
{
	const unsigned char *der, *root_der, *key_id;
	size_t len, root_len, key_id_len;
	X509 *root = NULL;

	key_id = row_bytes(rows, 0, I_KEY_ID, &key_id_len);
	root_der = row_bytes(rows, 0, I_ROOT, &root_len);
	der = row_bytes(rows, 0, I_CERTIFICATE, &len);
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
	p->issuer_id = row_int(rows, 0, I_ID);
	p->issuer_name = arena_strdup(p->arena, row_text(rows, 0, I_NAME));
	p->spki = spki_copy(p->arena, p->issuer, &p->spki_len);
	if (p->spki == NULL || !X509_NAME_get0_der(
	    X509_get_subject_name(p->issuer), &p->name, &p->name_len))
		return -1;
	return validity_read(p->issuer, &p->from, &p->until);
}

/* From the row to a policy, or NULL with the reason. */
static struct policy *
policy_read(const struct rows *rows, char *why, size_t whylen)
{
	struct arena *a = arena_new(POLICY_MEMORY);
	struct policy *p = arena_alloc(a, sizeof(*p));
	const char *body = row_text(rows, 0, P_BODY);

	p->arena = a;
	p->profile_id = row_int(rows, 0, P_ID);
	profile_hash(body, p->hash);
	if (profile_parse(a, body, &p->profile, why, whylen) == -1)
		goto bad;
	if (strcmp(p->profile.name, row_text(rows, 0, P_NAME)) != 0) {
		snprintf(why, whylen, "profile: its body has another name");
		goto bad;
	}
	if (issuer_read(p, rows) == -1) {
		snprintf(why, whylen, "issuer: its certificate cannot be "
		    "read");
		goto bad;
	}
	return p;
bad:
	policy_free(p);
	return NULL;
}

static struct rows *
policy_row(struct signer *s)
{
	struct rows *rows = NULL;

	if (db_query(s->db, Q_POLICY, &rows,
	    ARGS(arg_text(PROFILE_DEFAULT))) == -1)
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

void
policy_require(struct signer *s)
{
	char why[256] = "", when[32];
	struct policy *p = NULL;
	struct rows *rows;

	rows = policy_row(s);
	if (rows == NULL)
		die(EXIT_FAILED, "issuer and profile cannot be read from the "
		    "database; see the line above");
	if (rows_count(rows) == 0)
		die(EXIT_OPERATOR, "no issuer in the database: run "
		    "`chanceryctl init`");
	p = policy_read(rows, why, sizeof(why));
	rows_free(rows);
	if (p == NULL)
		die(EXIT_OPERATOR, "%s: restore the database or run a new "
		    "ceremony", why);
	expiry_text(p->until, when, sizeof(when));
	if (p->until < time(NULL))
		die(EXIT_OPERATOR, "issuer certificate expired at %s: run a "
		    "new ceremony", when);
	/* Only looked at: it counts once its seals are checked. */
	policy_free(p);
}

/* Say what is wrong once, not each second. */
static void
policy_complain(struct signer *s, const char *why)
{
	if (strcmp(s->policy_why, why) != 0 && *why != '\0')
		log_error("nothing is issued: %s", why);
	snprintf(s->policy_why, sizeof(s->policy_why), "%s", why);
}

static void
policy_change(struct signer *s, const struct rows *rows,
    const unsigned char mark[DIGEST_LEN])
{
	struct policy *p = NULL;
	char why[256] = "";

	if (!seals_hold(s, rows))
		snprintf(why, sizeof(why), "the seal of issuer or profile "
		    "does not hold: a row was changed outside of a ceremony");
	else
		p = policy_read(rows, why, sizeof(why));
	policy_free(s->policy);
	s->policy = p;
	policy_complain(s, why);
	if (p == NULL)
		return;
	memcpy(p->mark, mark, DIGEST_LEN);
	log_info("issuer=%s profile=%s profile_id=%lld", p->issuer_name,
	    p->profile.name, (long long)p->profile_id);
}

int
policy_tend(struct signer *s)
{
	unsigned char mark[DIGEST_LEN];
	char why[256], when[32];
	struct rows *rows;

	if (s->policy_checked != 0 &&
	    proc_monotonic_ms() - s->policy_checked < CHECK_MS)
		return 0;
	rows = policy_row(s);
	if (rows == NULL)
		return -1;
	s->policy_checked = proc_monotonic_ms();
	if (rows_count(rows) == 0) {
		policy_free(s->policy);
		s->policy = NULL;
		policy_complain(s, "no issuer in the database: run "
		    "`chanceryctl init`");
	} else {
		policy_mark(rows, mark);
		if (s->policy == NULL ||
		    memcmp(s->policy->mark, mark, DIGEST_LEN) != 0)
			policy_change(s, rows, mark);
	}
	rows_free(rows);
	if (s->policy != NULL && s->policy->until < time(NULL)) {
		expiry_text(s->policy->until, when, sizeof(when));
		snprintf(why, sizeof(why), "issuer certificate expired at "
		    "%s: run a new ceremony", when);
		policy_complain(s, why);
	}
	return 0;
}

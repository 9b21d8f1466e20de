/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: what an order cannot cost less than, from the price of each
 * thing that must happen and how often it must.  The prices are measured by
 * loops that do nothing else; the formula is in floor_formula.c.
 */
#ifndef CHANCERY_FLOOR_H
#define CHANCERY_FLOOR_H

#include <stdbool.h>
#include <stddef.h>

/* What one of something takes: of a processor, and until it is done. */
struct price {
	double	cpu_us;
	double	wall_us;
};

/*
 * Repeat `once` for so many seconds; it returns 0, or ends the process.  The
 * processor's time is this thread's, and that of children waited for.
 */
struct price price_of(double seconds, int (*once)(void *), void *arg);

/* floor_crypto.c */
struct price price_verify(double seconds);	/* P-256, SHA-256 */
struct price price_csr(double seconds);		/* parse, prove possession */

/* floor_token.c: C_SignInit and C_Sign with the key of this label. */
struct token_options {
	const char	*module;
	const char	*label;		/* of the token */
	const char	*key;
	const char	*pin_file;
};
struct price price_sign(double seconds, const struct token_options *);

/* floor_net.c */
struct price price_get(double seconds);		/* HTTP on loopback */
struct price price_fork(double seconds);	/* a child that exits */
struct price price_tls(double seconds);		/* a request, a reply */

/* floor_commit.c: at this number of connections; libpq's environment. */
struct commits {
	unsigned	workers;
	double		per_second;
	double		cpu_us;		/* of one, PostgreSQL and client */
};
void	measure_commits(double seconds, struct commits *);

/* floor_formula.c */
enum item {
	ITEM_VERIFY_FRONT,
	ITEM_VERIFY_SIGNER,
	ITEM_VERIFY_ISSUED,
	ITEM_CSR,
	ITEM_SIGN,
	ITEM_GET,
	ITEM_FORK,
	ITEM_TLS,
	ITEMS
};

struct floor {
	unsigned	 cores;		/* that the server may use */
	double		 client_us;	/* of an order, when on these cores */
	struct price	 price[ITEMS];
	struct commits	*commits;	/* the first is of one worker */
	size_t		 ncommits;
};

void	floor_print(const struct floor *);
/* 0, or -1 when the file cannot be written. */
int	floor_json(const struct floor *, const char *file);

#endif

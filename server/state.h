/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status is derived, never stored (RFC 8555, 7.1.6): these pure functions
 * and the views authorization_status and order_status of db/schema.sql say
 * the same, which a test proves over every combination of facts.
 */
#ifndef CHANCERY_STATE_H
#define CHANCERY_STATE_H

#include <stdbool.h>

enum authz_status {
	AUTHZ_PENDING, AUTHZ_VALID, AUTHZ_INVALID, AUTHZ_DEACTIVATED,
	AUTHZ_EXPIRED, AUTHZ_REVOKED
};

enum order_status {
	ORDER_PENDING, ORDER_READY, ORDER_PROCESSING, ORDER_VALID,
	ORDER_INVALID
};

enum challenge_status {
	CHALLENGE_PENDING, CHALLENGE_PROCESSING, CHALLENGE_VALID,
	CHALLENGE_INVALID
};

struct authz_facts {
	bool	deactivated;	/* authorization_end row */
	bool	revoked;
	bool	proven;		/* evidence with result valid */
	bool	failed;		/* evidence with result invalid */
	bool	past_expiry;	/* valid evidence's, else own */
	bool	account_valid;
	bool	granted;	/* valid by an officer's word */
};

struct order_facts {
	bool	certificate;	/* issued */
	bool	rejected;	/* a terminal refusal of its finalize */
	bool	finalizing;	/* a finalize request without an outcome */
	bool	past_expiry;
	bool	account_valid;
	bool	all_valid;	/* every authorization is valid */
	bool	any_dead;	/* one is neither pending nor valid */
};

enum authz_status authz_status(const struct authz_facts *);
enum order_status order_status(const struct order_facts *);
enum challenge_status challenge_status(bool ready, bool proven, bool failed);

const char *authz_status_text(enum authz_status);
const char *order_status_text(enum order_status);
const char *challenge_status_text(enum challenge_status);

#endif

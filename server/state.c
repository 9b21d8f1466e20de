/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The derived statuses.  Each function reads top down, the first fact that
 * holds decides, and stands line by line beside the CASE of its view in
 * db/schema.sql.  There is no clock here: being past a time is a fact.
 */
#include <assert.h>
#include <stddef.h>

#include "mem.h"
#include "state.h"

enum authz_status
authz_status(const struct authz_facts *f)
{
	if (f->deactivated)
		return AUTHZ_DEACTIVATED;
	if (f->revoked)
		return AUTHZ_REVOKED;
	if (f->failed)
		return AUTHZ_INVALID;
	if (f->proven && f->past_expiry)
		return AUTHZ_EXPIRED;
	if (!f->account_valid)
		return AUTHZ_DEACTIVATED;
	if (f->proven)
		return AUTHZ_VALID;
	if (f->granted)
		return f->past_expiry ? AUTHZ_EXPIRED : AUTHZ_VALID;
	/* RFC 8555, 7.1.6: only what was valid can expire. */
	if (f->past_expiry)
		return AUTHZ_INVALID;
	return AUTHZ_PENDING;
}

enum order_status
order_status(const struct order_facts *f)
{
	if (f->certificate)
		return ORDER_VALID;
	if (f->rejected)
		return ORDER_INVALID;
	if (f->finalizing)
		return ORDER_PROCESSING;
	if (!f->account_valid || f->past_expiry || f->any_dead)
		return ORDER_INVALID;
	return f->all_valid ? ORDER_READY : ORDER_PENDING;
}

enum challenge_status
challenge_status(bool ready, bool proven, bool failed)
{
	if (failed)
		return CHALLENGE_INVALID;
	if (proven)
		return CHALLENGE_VALID;
	return ready ? CHALLENGE_PROCESSING : CHALLENGE_PENDING;
}

const char *
authz_status_text(enum authz_status status)
{
	static const char *const texts[] = {
		[AUTHZ_PENDING] = "pending",
		[AUTHZ_VALID] = "valid",
		[AUTHZ_INVALID] = "invalid",
		[AUTHZ_DEACTIVATED] = "deactivated",
		[AUTHZ_EXPIRED] = "expired",
		[AUTHZ_REVOKED] = "revoked",
	};

	assert(status < nitems(texts));
	return texts[status];
}

const char *
order_status_text(enum order_status status)
{
	static const char *const texts[] = {
		[ORDER_PENDING] = "pending",
		[ORDER_READY] = "ready",
		[ORDER_PROCESSING] = "processing",
		[ORDER_VALID] = "valid",
		[ORDER_INVALID] = "invalid",
	};

	assert(status < nitems(texts));
	return texts[status];
}

const char *
challenge_status_text(enum challenge_status status)
{
	static const char *const texts[] = {
		[CHALLENGE_PENDING] = "pending",
		[CHALLENGE_PROCESSING] = "processing",
		[CHALLENGE_VALID] = "valid",
		[CHALLENGE_INVALID] = "invalid",
	};

	assert(status < nitems(texts));
	return texts[status];
}

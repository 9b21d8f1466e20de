/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of an account's orders (RFC 8555, 7.1.2.1): newest first, in
 * pages.  A page begins below the order that its URL ends with.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acme.h"
#include "conf.h"
#include "db/queries-acme.h"

#define PAGE		100
#define SCANNED		1000	/* orders that one request looks at */

/* The decimal id that the URL ends with: 0, or -1 for what we did not write. */
static int
cursor_take(struct acme_req *req, int64_t *below)
{
	const char *text = req->name;

	*below = INT64_MAX;
	if (text == NULL)
		return 0;
	errno = 0;
	if (*text >= '1' && *text <= '9' &&
	    text[strspn(text, "0123456789")] == '\0')
		*below = strtoll(text, NULL, 10);
	else
		errno = EINVAL;
	return errno == 0 ? 0 : acme_not_found(req);
}

static void
next_add(struct acme_req *req, int64_t below)
{
	http_header(req->reply, "Link", "<%s/%lld>;rel=\"next\"",
	    acme_url(req, "orders", req->account.id, req->account.public),
	    (long long)below);
}

/* The row after the last one of the page says that there is more; one
 * without a secret, how far the search went. */
static json_t *
page_print(struct acme_req *req, const struct rows *rows)
{
	json_t *list = json_array();
	const unsigned char *public;
	size_t i, len;

	for (i = 0; i < rows_count(rows); i++) {
		if (row_null(rows, i, 1)) {
			next_add(req, row_int(rows, i, 0));
			break;
		}
		if (i == PAGE) {
			next_add(req, row_int(rows, i - 1, 0));
			break;
		}
		public = row_bytes(rows, i, 1, &len);
		if (len == SECRET_LEN)
			json_array_append_new(list, json_string(acme_url(req,
			    "order", row_int(rows, i, 0), public)));
	}
	return list;
}

int
account_orders(struct acme_req *req)
{
	struct rows *rows = NULL;
	int64_t below;

	if (account_mine(req) == -1 || cursor_take(req, &below) == -1 ||
	    acme_query(req, Q_ORDERS_OF_ACCOUNT, &rows,
	    ARGS(arg_int(req->account.id), arg_int(below), arg_int(SCANNED),
	    arg_int(PAGE + 1))) == -1)
		return -1;
	acme_reply_json(req, 200, json_pack("{s:o}", "orders",
	    page_print(req, rows)));
	rows_free(rows);
	return 0;
}

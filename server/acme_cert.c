/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates (RFC 8555, 7.4.2): the leaf and the certificate of its
 * issuer; the root is left out, as a client has to trust it already.  Other
 * ways up, which officers made known, stand behind the URL with a number.
 *
 * One format is served, whatever Accept says: the RFC makes it the default
 * and leaves the others to the server, and clients send Accept carelessly.
 */
#include <string.h>

#include "acme.h"
#include "acme_rules.h"
#include "conf.h"
#include "db/queries-acme.h"

#define CHAINS_MAX	32	/* alternates that are offered */

/* The number in the URL, as we wrote it; 0: the chain of the ceremony. */
static int
number_take(struct acme_req *req, size_t *number)
{
	const char *text = req->name;
	size_t len;

	*number = 0;
	if (text == NULL)
		return 0;
	len = strlen(text);
	if (len > 2 || text[0] == '0' || strspn(text, "0123456789") != len)
		return acme_not_found(req);
	while (*text != '\0')
		*number = *number * 10 + (size_t)(*text++ - '0');
	return *number == 0 || *number > CHAINS_MAX ? acme_not_found(req) : 0;
}

static void
pem_add(struct buf *chain, const void *der, size_t len)
{
	buf_puts(chain, pem_encode(chain->arena, "CERTIFICATE", der, len));
}

/* The chain of that number, from behind the leaf on; 0 or -1: none. */
static int
chain_add(struct acme_req *req, const struct rows *rows, size_t number,
    struct buf *chain)
{
	const unsigned char *issuer;
	unsigned char *der;
	const char *text;
	json_t *other;
	size_t i, len;

	if (number == 0) {
		issuer = row_bytes(rows, 0, 3, &len);
		pem_add(chain, issuer, len);
		return 0;
	}
	other = acme_rules_chain(row_text(rows, 0, 4), number - 1);
	if (other == NULL)
		return acme_not_found(req);
	for (i = 0; i < json_array_size(other); i++) {
		text = json_string_value(json_array_get(other, i));
		if (text != NULL && b64u_decode(req->arena, text,
		    strlen(text), &der, &len) == 0)
			pem_add(chain, der, len);
	}
	json_decref(other);
	return 0;
}

/* RFC 8555, 7.4.2: each chain names the others. */
static void
alternates_link(struct acme_req *req, const struct rows *rows, size_t number)
{
	const char *url = acme_url(req, "certificate", req->id, req->public);
	json_t *other;
	size_t i;

	if (number != 0)
		http_header(req->reply, "Link", "<%s>;rel=\"alternate\"",
		    url);
	for (i = 1; i <= CHAINS_MAX; i++) {
		other = acme_rules_chain(row_text(rows, 0, 4), i - 1);
		if (other == NULL)
			break;
		json_decref(other);
		if (i != number)
			http_header(req->reply, "Link",
			    "<%s/%zu>;rel=\"alternate\"", url, i);
	}
}

static int
certificate_reply(struct acme_req *req, const struct rows *rows,
    size_t number)
{
	const unsigned char *public, *leaf;
	struct buf chain;
	size_t len;

	public = row_bytes(rows, 0, 1, &len);
	if (acme_access(req, public, len, row_int(rows, 0, 0)) == -1)
		return -1;
	leaf = row_bytes(rows, 0, 2, &len);
	buf_init(&chain, req->arena);
	pem_add(&chain, leaf, len);
	if (chain_add(req, rows, number, &chain) == -1)
		return -1;
	alternates_link(req, rows, number);
	req->reply->type = "application/pem-certificate-chain";
	req->reply->body = chain.data;
	req->reply->body_len = chain.len;
	return 0;
}

int
certificate_post(struct acme_req *req)
{
	struct rows *rows = NULL;
	size_t number;
	int rv;

	if (number_take(req, &number) == -1 ||
	    acme_query(req, Q_CERTIFICATE_GET, &rows, ARGS(arg_int(req->id)))
	    == -1)
		return -1;
	rv = rows_count(rows) == 1 ? certificate_reply(req, rows, number) :
	    acme_not_found(req);
	rows_free(rows);
	return rv;
}

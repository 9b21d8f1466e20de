/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates (RFC 8555, 7.4.2): the leaf and the certificate of its
 * issuer; the root is left out, as a client has to trust it already.
 *
 * One format is served, whatever Accept says: the RFC makes it the default
 * and leaves the others to the server, and clients send Accept carelessly.
 */
#include <string.h>

#include "acme.h"
#include "db/queries-acme.h"

int
certificate_post(struct acme_req *req)
{
	const unsigned char *public, *leaf, *issuer;
	size_t public_len, leaf_len, issuer_len;
	struct rows *rows = NULL;
	struct buf chain;
	int rv = -1;

	if (acme_query(req, Q_CERTIFICATE_GET, &rows,
	    ARGS(arg_int(req->id))) == -1)
		goto out;
	if (rows_count(rows) != 1) {
		problem_status(&req->problem, 404, PR_MALFORMED,
		    "there is no such resource");
		goto out;
	}
	public = row_bytes(rows, 0, 1, &public_len);
	if (acme_access(req, public, public_len, row_int(rows, 0, 0)) == -1)
		goto out;
	leaf = row_bytes(rows, 0, 2, &leaf_len);
	issuer = row_bytes(rows, 0, 3, &issuer_len);
	buf_init(&chain, req->arena);
	buf_puts(&chain, pem_encode(req->arena, "CERTIFICATE", leaf,
	    leaf_len));
	buf_puts(&chain, pem_encode(req->arena, "CERTIFICATE", issuer,
	    issuer_len));
	req->reply->type = "application/pem-certificate-chain";
	req->reply->body = chain.data;
	req->reply->body_len = chain.len;
	rv = 0;
out:
	rows_free(rows);
	return rv;
}

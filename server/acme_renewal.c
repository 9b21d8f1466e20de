/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACME renewal information (RFC 9773): when a certificate is best replaced,
 * for whoever can name it, and which orders may say that they replace it.
 */
#include <string.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "acme.h"
#include "acme_renewal.h"
#include "conf.h"
#include "json.h"
#include "db/queries-acme.h"

#define CERT_ID_MAX	128	/* of text; ours have some 51 */
#define SERIAL_MAX	20	/* RFC 5280, 4.1.2.2 */
#define DAY		86400
#define SHORT_LIFE	(10 * DAY)
#define ASK_AGAIN	(6 * 3600)	/* RFC 9773, 4.3.2 */

/* ---------------------------------------------------------------- the name */

/* RFC 9773, 4.1: key identifier and content octets of the serial. */
static const char *
cert_id_print(struct arena *arena, X509 *cert)
{
	const ASN1_OCTET_STRING *key;
	const ASN1_INTEGER *serial;
	unsigned char octets[SERIAL_MAX + 1] = { 0 };
	const unsigned char *data;
	size_t len;
	bool pad;

	key = X509_get0_authority_key_id(cert);
	serial = X509_get0_serialNumber(cert);
	len = (size_t)ASN1_STRING_length(serial);
	if (key == NULL || len == 0 || len > SERIAL_MAX)
		return NULL;
	data = ASN1_STRING_get0_data(serial);
	pad = (data[0] & 0x80) != 0;
	memcpy(octets + (pad ? 1 : 0), data, len);
	return arena_printf(arena, "%s.%s",
	    b64u_encode(arena, ASN1_STRING_get0_data(key),
	    (size_t)ASN1_STRING_length(key)),
	    b64u_encode(arena, octets, len + (pad ? 1 : 0)));
}

/* The serial as the column has it: without a leading zero.  0, or -1. */
static int
cert_id_serial(struct acme_req *req, const char *text,
    const unsigned char **serial, size_t *len)
{
	const char *dot = strchr(text, '.');
	unsigned char *key, *octets;
	size_t key_len;

	if (strlen(text) > CERT_ID_MAX || dot == NULL ||
	    b64u_decode(req->arena, text, (size_t)(dot - text), &key,
	    &key_len) == -1 || key_len == 0 ||
	    b64u_decode(req->arena, dot + 1, strlen(dot + 1), &octets, len)
	    == -1 || *len == 0 || *len > SERIAL_MAX + 1)
		return problem(&req->problem, PR_MALFORMED, "RFC 9773, 4.1: "
		    "a certificate is named by its authority key identifier "
		    "and its serial, both base64url, with a dot between them");
	if (*len > 1 && octets[0] == 0) {
		octets++;
		(*len)--;
	}
	*serial = octets;
	return 0;
}

/* The row that `q` has for the certificate, if the name is its own: 0, or -1
 * with the status given. */
static int
cert_find(struct acme_req *req, int q, int der_column, const char *text,
    int status, struct rows **rows, X509 **cert)
{
	const unsigned char *serial = NULL, *der;
	const char *name;
	size_t len = 0;

	if (cert_id_serial(req, text, &serial, &len) == -1 ||
	    acme_query(req, q, rows, ARGS(arg_bytes(serial, len))) == -1)
		return -1;
	if (rows_count(*rows) == 1) {
		der = row_bytes(*rows, 0, der_column, &len);
		*cert = d2i_X509(NULL, &der, (long)len);
	}
	name = *cert == NULL ? NULL : cert_id_print(req->arena, *cert);
	if (name == NULL || strcmp(name, text) != 0)
		return problem_status(&req->problem, status, PR_MALFORMED,
		    "RFC 9773, 4.1: there is no certificate of that name");
	return 0;
}

/* -------------------------------------------------------------- the window */

/*
 * Two thirds of a life, half of a short one, and for a fiftieth of it, so
 * that what was issued together is not renewed together.
 */
static void
window_make(int64_t not_before, int64_t not_after, int64_t *start,
    int64_t *end)
{
	int64_t life = not_after - not_before + 1, width = life / 50;

	*start = not_before + (life >= SHORT_LIFE ? life / 3 * 2 : life / 2);
	*end = *start + (width < 60 ? 60 : width);
}

int
renewal_info(struct acme_req *req)
{
	int64_t start, end, life;
	struct rows *rows = NULL;
	X509 *cert = NULL;
	int rv;

	rv = cert_find(req, Q_RENEWAL_GET, 0, req->name, 404, &rows, &cert);
	if (rv == 0) {
		life = row_int(rows, 0, 2) - row_int(rows, 0, 1) + 1;
		window_make(row_int(rows, 0, 1), row_int(rows, 0, 2), &start,
		    &end);
		acme_retry_after(req, life / 24 < ASK_AGAIN ?
		    (unsigned)(life / 24 + 1) : ASK_AGAIN);
		rv = acme_reply_json(req, 200, json_pack("{s:{s:o, s:o}}",
		    "suggestedWindow", "start", acme_time(start), "end",
		    acme_time(end)));
	}
	X509_free(cert);
	rows_free(rows);
	return rv;
}

/* ---------------------------------------------------------------- replaces */

static bool
name_among(const char *type, const char *value, const struct ident *names,
    size_t count)
{
	bool wildcard = strncmp(value, "*.", 2) == 0;
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(names[i].type, type) == 0 &&
		    names[i].wildcard == wildcard &&
		    strcmp(names[i].value, value + (wildcard ? 2 : 0)) == 0)
			return true;
	return false;
}

static bool
san_among(const GENERAL_NAME *san, const struct ident *names, size_t count)
{
	struct ident address;

	if (san->type == GEN_DNS)
		return name_among("dns", (const char *)
		    ASN1_STRING_get0_data(san->d.dNSName), names, count);
	return san->type == GEN_IPADD && ident_from_octets(
	    ASN1_STRING_get0_data(san->d.iPAddress),
	    (size_t)ASN1_STRING_length(san->d.iPAddress), &address) == 0 &&
	    name_among("ip", address.value, names, count);
}

static bool
names_shared(const X509 *cert, const struct ident *names, size_t count)
{
	GENERAL_NAMES *sans;
	bool shared = false;
	int i;

	sans = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (i = 0; !shared && i < sk_GENERAL_NAME_num(sans); i++)
		shared = san_among(sk_GENERAL_NAME_value(sans, i), names,
		    count);
	GENERAL_NAMES_free(sans);
	return shared;
}

static int
replaces_check(struct acme_req *req, const struct rows *rows,
    const X509 *cert, const struct ident *names, size_t count)
{
	if (row_null(rows, 0, 1) || row_int(rows, 0, 1) != req->account.id)
		return problem(&req->problem, PR_UNAUTHORIZED, "RFC 9773, 5: "
		    "replaces names a certificate of another account");
	if (!names_shared(cert, names, count))
		return problem(&req->problem, PR_MALFORMED, "RFC 9773, 5: "
		    "the order and the certificate that it replaces have no "
		    "identifier in common");
	if (row_bool(rows, 0, 4))
		return problem(&req->problem, PR_ALREADY_REPLACED,
		    "RFC 9773, 5: another order replaces this certificate");
	return 0;
}

int
renewal_replaces(struct acme_req *req, const char *text,
    const struct ident *names, size_t count, struct replaced *out)
{
	struct rows *rows = NULL;
	X509 *cert = NULL;
	int rv;

	rv = cert_find(req, Q_REPLACES_FIND, 2, text, 400, &rows, &cert);
	if (rv == 0)
		rv = replaces_check(req, rows, cert, names, count);
	if (rv == 0) {
		out->certificate_id = row_int(rows, 0, 0);
		out->attempt = row_int(rows, 0, 3);
	}
	X509_free(cert);
	rows_free(rows);
	return rv;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * newAuthz (RFC 8555, 7.4.1): proof of control before there is an order.
 */
#include <string.h>

#include "acme.h"
#include "acme_authz.h"
#include "acme_names.h"
#include "conf.h"
#include "json.h"
#include "db/queries-acme.h"

/* One identifier, judged as in an order; an unwilling server says 403. */
static int
name_take(struct acme_req *req, struct ident **name)
{
	json_t *identifier = json_object_get(req->payload, "identifier");
	json_t *list = json_pack("[O]", identifier);
	size_t count;
	int rv;

	if (list == NULL)
		return problem(&req->problem, PR_MALFORMED, "RFC 8555, "
		    "7.4.1: identifier is not there");
	rv = names_parse(req, list, name, &count);
	json_decref(list);
	if (rv == -1) {
		if (req->problem.type == PR_REJECTED_IDENTIFIER)
			req->problem.status = 403;
		return -1;
	}
	if ((*name)->wildcard)
		return problem_status(&req->problem, 403,
		    PR_REJECTED_IDENTIFIER, "RFC 8555, 7.4.1: a wildcard "
		    "name is proven in an order only");
	return 0;
}

/* One that there is already: 1, 0, or -1. */
static int
authz_find(struct acme_req *req, const struct ident *name,
    const struct authz_spec *spec, int64_t *id)
{
	struct rows *rows = NULL;
	int found;

	if (acme_query(req, Q_AUTHZ_FIND, &rows, ARGS(arg_int(req->account.id),
	    arg_text(name->type), arg_text(name->value),
	    arg_bool(spec->granted), arg_text(spec->methods),
	    arg_bool(req->conf->acme.authorization_reuse))) == -1)
		return -1;
	found = rows_count(rows) == 1;
	if (found == 1)
		*id = row_int(rows, 0, 0);
	rows_free(rows);
	return found;
}

static int
authz_insert(struct acme_req *req, const struct ident *name,
    const struct authz_spec *spec, int64_t *id)
{
	struct rows *rows = NULL;

	if (acme_query(req, Q_AUTHZ_INSERT, &rows,
	    ARGS(arg_int(req->account.id), arg_text(name->type),
	    arg_text(name->value), arg_bool(spec->granted),
	    arg_text(spec->methods), arg_text(spec->public),
	    arg_text(spec->token))) == -1)
		return -1;
	*id = row_int(rows, 0, 0);
	rows_free(rows);
	return 0;
}

int
authz_new(struct acme_req *req)
{
	struct authz_spec spec;
	struct ident *name;
	int64_t id;
	int found;

	if (name_take(req, &name) == -1)
		return -1;
	names_authz(req, name, &spec);
	found = authz_find(req, name, &spec, &id);
	if (found != 0)
		return found == -1 ? -1 : authz_show(req, id, 200);
	if (limit_names(req, name, 1, spec.granted ? 0 : 1) == -1 ||
	    authz_insert(req, name, &spec, &id) == -1)
		return -1;
	return authz_show(req, id, 201);
}

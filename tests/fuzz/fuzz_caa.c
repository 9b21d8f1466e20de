/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any record set.  The first octet asks (1: wildcard), then records follow,
 * each behind an octet with its length.  Order and repeats must not matter.
 */
#include "fuzz.h"

#include "server/caa.h"
#include "server/problem.h"

#define RECORDS_MAX	32

static int
verdict(const struct caa_rr *rrs, size_t n, bool wildcard)
{
	static const char *const issuers[] = { "ca.test" };
	const struct caa_request request = {
		.name = "host.test", .wildcard = wildcard,
		.method = "http-01",
		.account_uri = "https://ca.test/acme/account/A",
		.issuers = issuers, .nissuers = nitems(issuers),
	};
	struct problem p = { 0 };
	int rc;

	rc = caa_check(rrs, n, &request, &p);
	assert(rc == 0 ? p.type == PR_NONE : p.type == PR_CAA);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct caa_rr rrs[2 * RECORDS_MAX] = { 0 };
	size_t i, take, n = 0;
	bool wildcard;
	int rc;

	if (len == 0)
		return 0;
	wildcard = (data[0] & 1) != 0;
	for (i = 1; i < len && n < RECORDS_MAX; i += 1 + take) {
		take = data[i];
		if (take > len - i - 1)
			take = len - i - 1;
		rrs[n++] = (struct caa_rr){ data + i + 1, take };
	}
	rc = verdict(rrs, n, wildcard);
	for (i = 0; i < n; i++)
		rrs[n + i] = rrs[n - 1 - i];
	assert(verdict(rrs + n, n, wildcard) == rc);
	assert(verdict(rrs, 2 * n, wildcard) == rc);
	return 0;
}

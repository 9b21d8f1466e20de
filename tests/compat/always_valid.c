/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A validator that asks nobody: every proof holds, and no CAA record forbids.
 * For the tests of ACME clients alone (tests/compat/README): linked into a
 * chancery-validator in place of the modules that prove.
 */
#include "server/validate_run.h"

int
validate_http01(struct run *r)
{
	(void)r;
	return 0;
}

int
validate_dns01(struct run *r)
{
	(void)r;
	return 0;
}

int
validate_dns_account01(struct run *r)
{
	(void)r;
	return 0;
}

int
validate_tls_alpn01(struct run *r)
{
	(void)r;
	return 0;
}

int
validate_caa(struct run *r)
{
	(void)r;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ASN.1 times into seconds.
 */
#include <time.h>

#include "validity.h"

static int
seconds(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return -1;
	*out = timegm(&tm);
	return 0;
}

int
validity_read(const X509 *cert, int64_t *from, int64_t *until)
{
	return seconds(X509_get0_notBefore(cert), from) == -1 ||
	    seconds(X509_get0_notAfter(cert), until) == -1 ? -1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validity of a decoded certificate as seconds since 1970
 * (RFC 5280, 4.1.2.5).  Pure.
 */
#ifndef CHANCERY_VALIDITY_H
#define CHANCERY_VALIDITY_H

#include <stdint.h>
#include <openssl/x509.h>

/* notBefore and notAfter; 0, or -1 when one of them is not a time. */
int	validity_read(const X509 *, int64_t *from, int64_t *until);

#endif

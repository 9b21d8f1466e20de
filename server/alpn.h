/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate that a host shows for tls-alpn-01 (RFC 8737, 3), taken
 * apart into facts of fixed size.  Used by disposable children of
 * chancery-probe only; what the facts must be is the validator's to say.
 */
#ifndef CHANCERY_ALPN_H
#define CHANCERY_ALPN_H

#include <openssl/types.h>

#include "probe.h"

/* Fills in what is of the certificate: its names and its acmeIdentifier. */
void	alpn_take_apart(const X509 *, struct alpn_facts *);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address policy of this host (RFC 8555, 10.4): the operator's prefixes,
 * and the CA's own addresses, which prove nothing about anybody.
 */
#ifndef CHANCERY_VALIDATOR_POLICY_H
#define CHANCERY_VALIDATOR_POLICY_H

#include "address.h"

/* Before the sandbox.  What it points to lives as long as the process. */
struct address_policy policy_of_host(const struct conf *);

#endif

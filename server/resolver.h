/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS for chancery-resolver: libunbound behind questions and answers of
 * fixed size.  What was learned is forgotten as a whole after a minute, so
 * that an applicant who corrects a record does not fail again because of our
 * memory, while each answer keeps its true TTL.
 */
#ifndef CHANCERY_RESOLVER_H
#define CHANCERY_RESOLVER_H

#include <stddef.h>

#include "resolve.h"

struct conf;
struct dns_query;

/* Called by dns_process(); the query is gone afterwards. */
typedef void dns_answered(int who, const struct resolve_answer *);

/* Before the sandbox; ends the process when the configuration is wrong. */
void	dns_open(const struct conf *, dns_answered *);
/* Ask on behalf of `who`; NULL, and logged, when that is not possible. */
struct dns_query *dns_ask(int who, const struct resolve_question *);
void	dns_cancel(struct dns_query *);

/* What to poll, and what to call when one of them is readable. */
#define DNS_FDS	2
void	dns_fds(int fds[DNS_FDS]);	/* -1: none */
void	dns_process(void);

#endif

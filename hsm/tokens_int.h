/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between tokens.c and tokens_start.c, the part of it that runs a worker of
 * our own for the ceremony.  Nobody else includes this.
 */
#ifndef CHANCERY_TOKENS_INT_H
#define CHANCERY_TOKENS_INT_H

#include <stddef.h>
#include <sys/types.h>

#include "tokens.h"

struct wire_answer;
struct wire_question;

/* A worker that we started ourselves, connected and ready. */
struct tokens *tokens_adopt(const struct conf *, int fd, pid_t pid);

/* One message out or in, at once; -1 when it fails or is not well formed. */
int	wire_ask(int fd, struct wire_question *, const void *data, size_t len);
int	wire_hear(int fd, struct wire_answer *, void *data, size_t cap);

#endif

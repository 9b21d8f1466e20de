/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validator's side of its two helpers: blocking questions with a
 * deadline (proc_monotonic_ms), for one challenge in one thread.  Answers
 * are of fixed size and checked for their bounds here, once.
 */
#ifndef CHANCERY_ASK_H
#define CHANCERY_ASK_H

#include <stddef.h>

#include "probe.h"
#include "resolve.h"

struct conf;

enum ask_result {
	ASK_DONE,
	ASK_LATE,	/* no answer before the deadline */
	ASK_GONE	/* the other side went away, or broke the protocol */
};

/*
 * Ask chancery-resolver; where it is being restarted, again until the
 * deadline.  The connection is in *fd, -1 before the first of some questions;
 * close it after the last, since a resolver that is to be recycled waits.
 */
enum ask_result	ask_resolver(const struct conf *, int *fd,
	    enum resolve_type, const char *name, long long deadline,
	    struct resolve_answer *);
/* Close what is open; -1 afterwards. */
void	ask_close(int *fd);
/* Record `i` of an answer. */
const unsigned char *ask_record(const struct resolve_answer *, size_t i,
	    size_t *len);

/* A child of chancery-probe of our own; -1 at the deadline. */
int	ask_probe_open(const struct conf *, long long deadline);
enum ask_result	ask_probe(int fd, const struct probe_request *,
	    long long deadline, struct probe_reply *);

#endif

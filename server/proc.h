/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every long-running process does at its start and its end: options,
 * configuration, signals, readiness, sockets in the run directory.
 */
#ifndef CHANCERY_PROC_H
#define CHANCERY_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct conf;

/*
 * Common beginning: names the log, takes `-c FILE`, `-V` (version) and `-h`,
 * loads the configuration, ignores SIGPIPE, turns SIGTERM and SIGINT into
 * proc_stopping(), sets umask 077, dies with the parent when started by
 * chanceryd.  Never returns on an error.
 */
const struct conf *proc_start(const char *process, int argc, char **argv);

/* True once SIGTERM or SIGINT came; proc_stop_fd() is then readable. */
bool	proc_stopping(void);
int	proc_stop_fd(void);

/* Tell the supervisor that work begins (sd_notify(3) READY=1) or a status. */
void	proc_ready(void);

/* CLOCK_MONOTONIC and CLOCK_REALTIME in milliseconds. */
long long	proc_monotonic_ms(void);

/*
 * A socket in run_dir/<dir>/<name>, bound anew (an old one is unlinked), mode
 * 0660, non-blocking, close-on-exec; SOCK_DGRAM or SOCK_SEQPACKET (which also
 * listens).  -1 with a logged line.
 */
int	proc_bind(const struct conf *, const char *dir, const char *name,
	    int type);
/* Connect to one (SEQPACKET, blocking); -1 with errno, nothing logged. */
int	proc_connect(const struct conf *, const char *dir, const char *name);
/* The user at the other end is `user` (or, with NULL users, ourselves). */
bool	proc_peer_is(int fd, const char *user);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SoftHSM's weak moment: its C_Login empties token.object and writes it
 * again, so that a process killed in between leaves a token that is lost with
 * all its keys.  Any older copy of the file (with the same PIN) brings the
 * token back; so a copy is kept, and put back where the file is empty.
 */
#ifndef CHANCERY_SOFTHSM_H
#define CHANCERY_SOFTHSM_H

#include <stddef.h>

/* directories.tokendir of a softhsm2.conf; 0, or -1 with a line in `why`. */
int	softhsm_tokendir(const char *conf, char *dir, size_t dirlen, char *why,
	    size_t whylen);

/*
 * Take the lock that serialises logins, on a file or directory that all
 * processes with this token can read; close(2) gives it back.  The
 * descriptor, or -1 with a line in `why`.  Waits a minute, then SIGALRM ends
 * the process.
 */
int	softhsm_lock(const char *path, char *why, size_t whylen);

/*
 * For each token below `dir`: an empty token.object is restored from
 * token.object.keep, any other is copied to it, atomically.  The caller holds
 * the lock that serialises logins.  0, or -1 with a line in `why`.
 */
int	softhsm_guard(const char *dir, char *why, size_t whylen);

#endif

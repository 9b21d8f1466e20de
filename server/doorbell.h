/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doorbells: an empty datagram to run_dir/<process>/bell says "there may be
 * work in PostgreSQL".  Rung after COMMIT, never waited for, carries nothing:
 * a lost or a false ring costs one sweep.
 */
#ifndef CHANCERY_DOORBELL_H
#define CHANCERY_DOORBELL_H

#include <stdbool.h>

struct conf;

/* Our own bell, to poll for; -1 with a logged line. */
int	doorbell_open(const struct conf *, const char *process);
/* For those who only ring. */
void	doorbell_ringer(void);
/*
 * Take all rings that wait, after sleeping so that two calls lie at least
 * 2 ms apart: a thief at the bell cannot make us spin.
 */
void	doorbell_take(int fd);
/*
 * Wait until a ring, the end (proc_stop_fd) or `ms`; takes the rings.
 * Returns true when rung.
 */
bool	doorbell_wait(int fd, int ms);
/* Ring another's; silent when nobody listens.  After one of the first two,
 * then from any thread. */
void	doorbell_ring(const struct conf *, const char *process);

#endif

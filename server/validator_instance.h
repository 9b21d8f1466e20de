/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validator's row in `instance`: one run of the process, alive while a
 * connection of its own holds the lock on it.
 */
#ifndef CHANCERY_VALIDATOR_INSTANCE_H
#define CHANCERY_VALIDATOR_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct instance;

/*
 * Insert and lock our row; ends the process when PostgreSQL is away.
 * *unclean says that the run before did not end well.
 */
struct instance *instance_start(const struct conf *, bool *unclean);
int64_t	instance_id(const struct instance *);
/* Call often: takes the lock anew every few seconds, and after a lost
 * connection. */
void	instance_tend(struct instance *);
/* PostgreSQL went away from another connection: look at this one, too. */
void	instance_doubt(struct instance *);
/* A clean stop. */
void	instance_stop(struct instance *);

#endif

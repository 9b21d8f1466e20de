/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of the appliance as chanceryd starts them: which there are,
 * as whom they run, and the run directory where their sockets are.
 */
#ifndef CHANCERY_SPAWN_H
#define CHANCERY_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct conf;

/* One executable, in the order of their starts; stops go backwards. */
struct program {
	const char	*name;		/* "signer": also its directory */
	const char	*user;		/* NULL: ours */
	unsigned	 count;
	bool		 low_ports;	/* may bind below 1024 */
	const char	*needs[3];	/* sockets in run_dir to wait for */
};

#define PROGRAMS	8

/* Fill in the table; ends the process when the configuration names users
 * or files that cannot be used: one line says which. */
void	spawn_prepare(const struct conf *, struct program[PROGRAMS]);

/* Start one; the process id, or -1 with errno. */
pid_t	spawn(const struct conf *, const struct program *);

/*
 * Make run_dir and a directory for each process in it, take away old sockets,
 * lock run_dir/chanceryd.pid and write our number there.  Returns the socket
 * that children report to (sd_notify(3)), with SO_PASSCRED.  Ends the process
 * when another chanceryd has this directory or it cannot be made.
 */
int	rundir_open(const struct conf *, const struct program[PROGRAMS]);
/* Take the files of this run away. */
void	rundir_close(const struct conf *);

#endif

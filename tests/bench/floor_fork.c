/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor_fork SECONDS: what a child costs that does nothing.  A program of its
 * own, with the C library and nothing else: the price of a fork is that of
 * the mappings, and a zygote need not have any that its child does not use.
 * Prints microseconds of CPU time, and until the child has been waited for.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
cpu_of(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void
fork_once(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid == -1 || waitpid(pid, NULL, 0) != pid) {
		perror("floor_fork: fork");
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	double seconds = argc == 2 ? atof(argv[1]) : 0;
	double began, cpu, wall = 0;
	unsigned long count;

	if (!(seconds > 0)) {
		fputs("usage: floor_fork SECONDS\n", stderr);
		return 100;
	}
	fork_once();
	began = now();
	cpu = cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN);
	for (count = 0; wall < seconds; count++) {
		fork_once();
		wall = now() - began;
	}
	cpu = cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN) - cpu;
	printf("%.3f %.3f\n", cpu * 1e6 / (double)count,
	    wall * 1e6 / (double)count);
	return 0;
}

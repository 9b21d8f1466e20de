/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc is read once for all named processes: a process belongs to the
 * nearest named one among its ancestors.  The time of children that have
 * ended and were waited for is in their parent's own line.
 */
#include <sys/resource.h>

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load_proc.h"

#define SEEN_MAX	32768

struct seen {
	pid_t	pid, parent;
	double	cpu_ms;
};

int
proc_add(struct proc_list *list, const char *text)
{
	const char *equals = strchr(text, '=');
	struct proc *p;
	char *end;
	long pid;

	if (equals == NULL || equals == text || list->count == PROC_MAX)
		return -1;
	pid = strtol(equals + 1, &end, 10);
	if (end == equals + 1 || *end != '\0' || pid <= 0)
		return -1;
	p = &list->at[list->count++];
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%.*s", (int)(equals - text), text);
	p->pid = (pid_t)pid;
	return 0;
}

/* /proc/PID/stat: what follows the name, which may hold anything. */
static int
read_stat(pid_t pid, struct seen *s)
{
	unsigned long user, system;
	long child_user, child_system;
	char path[64], text[1024], *at;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	if ((at = strrchr(text, ')')) == NULL ||
	    sscanf(at + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	    "%lu %lu %ld %ld", &s->parent, &user, &system, &child_user,
	    &child_system) != 5)
		return -1;
	s->pid = pid;
	s->cpu_ms = (double)(user + system + (unsigned long)child_user +
	    (unsigned long)child_system) * 1000 / (double)sysconf(_SC_CLK_TCK);
	return 0;
}

static size_t
read_all(struct seen *seen, size_t max)
{
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	if ((dir = opendir("/proc")) == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL && count < max)
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    read_stat((pid_t)atoi(entry->d_name), &seen[count]) == 0)
			count++;
	closedir(dir);
	return count;
}

/* The named process that this one counts for, or NULL. */
static struct proc *
owner(struct proc_list *list, const struct seen *seen, size_t count,
    const struct seen *s)
{
	size_t i, steps;

	for (steps = 0; steps < 16 && s != NULL; steps++) {
		const struct seen *up = NULL;

		for (i = 0; i < list->count; i++)
			if (list->at[i].pid == s->pid)
				return &list->at[i];
		for (i = 0; i < count && up == NULL; i++)
			if (seen[i].pid == s->parent)
				up = &seen[i];
		s = up;
	}
	return NULL;
}

/* A "Name:  123 kB" line of a file of /proc/PID; 0 when it is not there. */
static double
read_kb(pid_t pid, const char *file, const char *name)
{
	char path[64], line[256];
	double kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	while (kb == 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			kb = strtod(line + strlen(name), NULL);
	fclose(f);
	return kb;
}

void
proc_read(struct proc_list *list, int memory)
{
	struct seen *seen;
	struct proc *p;
	double cpu[PROC_MAX] = { 0 };
	size_t i, count;

	if (list->count == 0 ||
	    (seen = calloc(SEEN_MAX, sizeof(*seen))) == NULL)
		return;
	count = read_all(seen, SEEN_MAX);
	for (i = 0; memory && i < list->count; i++)
		list->at[i].rss_kb = list->at[i].pss_kb = 0;
	for (i = 0; i < count; i++) {
		if ((p = owner(list, seen, count, &seen[i])) == NULL)
			continue;
		cpu[p - list->at] += seen[i].cpu_ms;
		if (!memory)
			continue;
		p->rss_kb += read_kb(seen[i].pid, "status", "VmRSS:");
		p->pss_kb += read_kb(seen[i].pid, "smaps_rollup", "Pss:");
	}
	for (i = 0; i < list->count; i++)
		if (cpu[i] > 0)
			list->at[i].cpu_ms = cpu[i];
	free(seen);
}

double
proc_own_cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

pid_t
proc_parent(pid_t pid)
{
	struct seen s;

	return read_stat(pid, &s) == -1 ? -1 : s.parent;
}

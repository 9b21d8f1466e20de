/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target once on each file of its corpus, for where there is no
 * libFuzzer: fuzz_NAME reads tests/fuzz/corpus/NAME below the directory it
 * is started in, or the files it is given.  Prints what tests/run-unit
 * counts; a failure is an abort.
 */
#include <glob.h>
#include <stdio.h>

#include "fuzz.h"

static int
replay(const char *file)
{
	unsigned char *data;
	size_t len;
	FILE *in;

	in = fopen(file, "rb");
	if (in == NULL) {
		printf("not ok - %s cannot be read\n", file);
		return 1;
	}
	data = xcalloc(1, 1 << 20);
	len = fread(data, 1, 1 << 20, in);
	fclose(in);
	/* A copy of just that size, so that a sanitizer sees its end. */
	data = realloc(data, len + 1);
	assert(data != NULL);
	memmove(data + 1, data, len);
	printf("# %s\n", file);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data + 1, len);
	free(data);
	printf("ok - %s\n", file);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *name;
	char pattern[128];
	glob_t found;
	size_t i;
	int n, failed = 0;

	if (argc > 1) {
		for (n = 1; n < argc; n++)
			failed |= replay(argv[n]);
		return failed;
	}
	name = strstr(argv[0], "fuzz_");
	snprintf(pattern, sizeof(pattern), "tests/fuzz/corpus/%s/*",
	    name == NULL ? "" : name + strlen("fuzz_"));
	if (glob(pattern, 0, NULL, &found) != 0) {
		printf("not ok - no corpus in %s\n", pattern);
		return 1;
	}
	for (i = 0; i < found.gl_pathc; i++)
		failed |= replay(found.gl_pathv[i]);
	globfree(&found);
	return failed;
}

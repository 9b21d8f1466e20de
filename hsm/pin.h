/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file with a token's PIN, and the memory of a PIN that was refused: a
 * device that counts wrong PINs must not be asked again by the next worker.
 */
#ifndef CHANCERY_PIN_H
#define CHANCERY_PIN_H

#include <stdbool.h>
#include <stddef.h>

struct stat;

#define PIN_MAX	256

/*
 * First line of the file, which nobody but its owner may be able to read.
 * `st` tells this state of the file from others.  0, or -1 with one line in
 * `why`.  The caller wipes `pin` in both cases.
 */
int	pin_read(const char *file, char pin[PIN_MAX], struct stat *st,
	    char *why, size_t whylen);

/* `memory` (a file, or NULL for none) names this state of the PIN file. */
bool	pin_was_refused(const char *memory, const struct stat *);
void	pin_note_refused(const char *memory, const struct stat *);

#endif

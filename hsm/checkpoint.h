/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of a log's checkpoint (C2SP tlog-checkpoint v1.0.0), so that the
 * log key signs nothing else.  Pure.
 */
#ifndef CHANCERY_CHECKPOINT_H
#define CHANCERY_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The note's text: origin, size in decimal, base64 of a SHA-256, then perhaps
 * extension lines; every line ends with a newline.
 */
bool	checkpoint_is(const unsigned char *text, size_t len);

#endif

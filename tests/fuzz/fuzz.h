/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share.  A target is one function that takes any
 * octets and aborts when something that must always hold does not.  Linked
 * with libFuzzer it searches; linked with replay.c it repeats its corpus.
 */
#ifndef CHANCERY_FUZZ_H
#define CHANCERY_FUZZ_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/mem.h"

#define FUZZ_LIMIT	(16 * 1024 * 1024)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#endif

#pragma once

#include <stddef.h>
#include <stdint.h>

/* The checksum of what was written to an unfinished output: XXH3, 128 bits, of the xxHash library (Yann Collet,
   https://xxhash.com), whose header holds all of it. It finds damage, not forgery. */

typedef struct checksum {
  uint64_t low, high;
} checksum;

/// The checksum of `count` bytes.
checksum checksum_of(const void *bytes, size_t count);

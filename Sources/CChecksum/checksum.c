#define XXH_INLINE_ALL
#include <xxhash.h>

#include "checksum.h"

checksum checksum_of(const void *bytes, size_t count) {
  XXH128_hash_t hash = XXH3_128bits(bytes, count);
  return (checksum){.low = hash.low64, .high = hash.high64};
}

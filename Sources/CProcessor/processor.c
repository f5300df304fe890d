#define _GNU_SOURCE
#include "processor.h"

#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include <errno.h>
#include <sched.h>
#endif

int processor_supports_avx2_and_fma(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
#else
  return 1;
#endif
}

int processor_supports_avx512(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
#else
  return 0;
#endif
}

int processor_is_to_use_baseline(void) {
  const char *kernels = getenv("BN_STREAM_KERNELS");
  return kernels != NULL && strcmp(kernels, "baseline") == 0;
}

int processor_affinity_count(void) {
#if defined(__linux__)
  // The kernel refuses a set with room for fewer processors than it was built for.
  for (int room = CPU_SETSIZE; room <= 1 << 20; room *= 2) {
    cpu_set_t *set = CPU_ALLOC(room);
    if (set == 0) return 0;
    size_t size = CPU_ALLOC_SIZE(room);
    CPU_ZERO_S(size, set);
    int failed = sched_getaffinity(0, size, set), number = errno;
    int count = failed ? 0 : CPU_COUNT_S(size, set);
    CPU_FREE(set);
    if (!failed || number != EINVAL) return count;
  }
#endif
  return 0;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t processor_crc32c(uint32_t check, const void *words, size_t count) {
  uint64_t next = check;
  for (size_t index = 0; index < count; index++) {
    uint64_t word;
    memcpy(&word, (const char *)words + 8 * index, 8);
    next = __builtin_ia32_crc32di(next, word);
  }
  return (uint32_t)next;
}
#endif

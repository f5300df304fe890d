#pragma once

#include <stddef.h>
#include <stdint.h>

/* What Swift has no words for: the processor. */

/// Asks the processor to bring the cache line at `address` near, for reading soon. A hint: any address will do.
static inline __attribute__((always_inline)) void processor_prefetch(const void *address) {
  __builtin_prefetch(address, 0, 3);
}

#if defined(__x86_64__)
/// The check CRC-32C, neither begun nor inverted here, of `count` more words of eight bytes, in the order of memory. The processor has SSE 4.2,
/// as all have that have AVX2.
uint32_t processor_crc32c(uint32_t check, const void *words, size_t count);
#endif

/// 1 if the processor has AVX2, FMA and F16C, which the kernels are built with on x86-64; 0 if not.
int processor_supports_avx2_and_fma(void);

/// 1 if the processor has AVX-512 F, BW, CD, DQ and VL, which WideKernels is built with, and the system keeps its registers; 0 if not.
int processor_supports_avx512(void);

/// 1 if the environment says `BN_STREAM_KERNELS=baseline`: to measure on one processor what others without AVX-512 do.
int processor_is_to_use_baseline(void);

/// How many processors the calling thread may run on, as `sched_getaffinity` says; 0 if the system does not say.
int processor_affinity_count(void);

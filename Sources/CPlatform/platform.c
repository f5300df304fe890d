#define _GNU_SOURCE
#include "platform.h"

#include <errno.h>
#include <fcntl.h>

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

int file_allocate(int descriptor, int64_t length) {
#if defined(__linux__)
  // Not posix_fallocate: where the file system cannot allocate, that writes every block.
  int result;
  do {
    result = fallocate(descriptor, 0, 0, length);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO)) return errno;
#else
  (void)descriptor;
  (void)length;
#endif
  return 0;
}

void file_begin_writeback(int descriptor, int64_t offset, int64_t length) {
#if defined(__linux__)
  sync_file_range(descriptor, offset, length, SYNC_FILE_RANGE_WRITE);
#else
  (void)descriptor;
  (void)offset;
  (void)length;
#endif
}

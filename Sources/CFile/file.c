#define _GNU_SOURCE
#include "file.h"

#include <errno.h>
#include <fcntl.h>

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

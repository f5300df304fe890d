#pragma once

#include <stdint.h>

/* What Swift has no words for: system calls of Linux about a file's place on its storage device. */

/// Gives the first `length` bytes of an open file their place on the storage device, without writing them.
///
/// Returns 0, or the error number; 0 also where the file system cannot do it, for then nothing is lost.
int file_allocate(int descriptor, int64_t length);

/// Asks that the written bytes of a range of an open file be brought to the storage device, without waiting for it. A hint.
void file_begin_writeback(int descriptor, int64_t offset, int64_t length);

import CFile
import HDF5

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file that is read and written at positions, by several threads at once: `pread` and `pwrite`.
///
/// All system calls on file contents pass here. No memory mapping: a truncated file or a full disk would be a SIGBUS
/// instead of an error.
package final class PositionalFile: Sendable {
  package let path: String
  private let descriptor: Int32
  private let beginsWriteback: Bool

  /// No single request is larger; Linux itself stops at 2 GiB - 4 KiB.
  private static let largestRequest = 1 << 30
  /// Larger writes take several times the processor's time in Linux's page cache, and other writers of the file wait.
  private static let largestWrite = 1 << 20

  /// Opens a file for reading.
  package init(reading path: String) throws(StreamError) {
    self.path = path
    beginsWriteback = false
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 {
      throw errno == ENOENT
        ? .noSuchInput(path: path) : .inputUnreadable(path: path, errorNumber: errno)
    }
  }

  /// Opens an existing file for writing.
  /// - Parameter beginsWriteback: true to have what is written brought to the storage device meanwhile, so that `synchronize` has
  ///   little left to wait for.
  package init(writing path: String, beginsWriteback: Bool) throws(StreamError) {
    self.path = path
    self.beginsWriteback = beginsWriteback
    descriptor = open(path, O_RDWR | O_CLOEXEC)
    if descriptor < 0 { throw .outputNotCreated(path: path, errorNumber: errno) }
  }

  deinit { close(descriptor) }

  /// Reads until `buffer` is full.
  ///
  /// The corresponding C function is `pread`.
  ///
  /// - Throws: `inputTruncated` with the name `dataset` if the file ends before.
  package func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer, dataset: String)
    throws(StreamError)
  {
    var done = 0
    while done < buffer.count {
      let count = min(buffer.count - done, Self.largestRequest)
      let result = pread(descriptor, buffer.baseAddress.map { $0 + done }, count, off_t(offset) + off_t(done))
      if result < 0 {
        if errno == EINTR { continue }
        throw .readFailed(path: path, errorNumber: errno)
      }
      if result == 0 { throw .inputTruncated(path: path, dataset: dataset) }
      done += result
    }
  }

  /// Writes all of `buffer`.
  ///
  /// The corresponding C functions are `pwrite`, and Linux's `sync_file_range`, a hint whose failure changes nothing.
  package func write(at offset: Int64, from buffer: UnsafeRawBufferPointer) throws(StreamError) {
    var done = 0
    while done < buffer.count {
      let count = min(buffer.count - done, Self.largestWrite)
      let result = pwrite(
        descriptor, buffer.baseAddress.map { $0 + done }, count, off_t(offset) + off_t(done))
      if result < 0 {
        if errno == EINTR { continue }
        throw .writeFailed(path: path, errorNumber: errno)
      }
      done += result
    }
    // A length of 0 would mean all of the file.
    if beginsWriteback, !buffer.isEmpty { file_begin_writeback(descriptor, offset, Int64(buffer.count)) }
  }

  /// Gives the whole file its place on the storage device, so that a full disk shows before hours of work, not after, and
  /// writing need not look for it.
  ///
  /// The corresponding C function is `fallocate`, where the file system has it.
  package func allocate() throws(StreamError) {
    let result = try file_allocate(descriptor, Int64(status().size))
    if result != 0 { throw .writeFailed(path: path, errorNumber: result) }
  }

  /// Waits until the storage device has everything.
  ///
  /// The corresponding C function is `fsync`.
  package func synchronize() throws(StreamError) {
    if fsync(descriptor) != 0 { throw .writeFailed(path: path, errorNumber: errno) }
  }

  /// Tells the kernel that the file will be read from front to back, so that it reads ahead further.
  ///
  /// The corresponding C function is `posix_fadvise`. A hint: its failure changes nothing.
  package func adviseSequentialReading() {
    #if canImport(Glibc)
      _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    #endif
  }

  /// Size, identity and time of the last change.
  package func status() throws(StreamError) -> FileStatus {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .readFailed(path: path, errorNumber: errno) }
    return FileStatus(status)
  }
}

/// What the file system says of a file.
package struct FileStatus: Hashable, Sendable {
  package let device: UInt64
  package let inode: UInt64
  package let size: Int
  package let isRegularFile: Bool
  package let isFolder: Bool
  /// Nanoseconds since 1970.
  package let modified: Int64

  package init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int(status.st_size)
    isRegularFile = status.st_mode & S_IFMT == S_IFREG
    isFolder = status.st_mode & S_IFMT == S_IFDIR
    #if canImport(Glibc)
      modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    #else
      modified = Int64(status.st_mtimespec.tv_sec) * 1_000_000_000 + Int64(status.st_mtimespec.tv_nsec)
    #endif
  }

  /// The status of the file at `path`, through symbolic links; nil if there is none.
  package init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  package func isSameFile(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }
}

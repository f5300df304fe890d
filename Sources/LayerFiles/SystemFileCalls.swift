import CFile
import FileNames
import SystemPackage

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The calls of the operating system.
package struct SystemFileCalls: FileCalls {
  package init() {}

  package func open(
    _ path: String, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions,
    permissions: FilePermissions?
  ) throws(Errno) -> FileDescriptor {
    try called {
      try path.withFileName {
        try FileDescriptor.open(
          $0, mode, options: options, permissions: permissions, retryOnInterrupt: false)
      }
    }
  }

  package func close(_ file: FileDescriptor) throws(Errno) { try called { try file.close() } }

  package func read(
    _ file: FileDescriptor, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Int {
    try called { try file.read(fromAbsoluteOffset: offset, into: buffer, retryOnInterrupt: false) }
  }

  package func write(
    _ file: FileDescriptor, at offset: Int64, from buffer: UnsafeRawBufferPointer
  ) throws(Errno) -> Int {
    try called { try file.write(toAbsoluteOffset: offset, buffer, retryOnInterrupt: false) }
  }

  package func synchronize(_ file: FileDescriptor) throws(Errno) { try check(fsync(file.rawValue)) }

  package func allocate(_ file: FileDescriptor, byteCount: Int64) throws(Errno) {
    let number = file_allocate(file.rawValue, byteCount)
    if number != 0 { throw Errno(rawValue: number) }
  }

  package func beginWriteback(_ file: FileDescriptor, offset: Int64, byteCount: Int64) {
    file_begin_writeback(file.rawValue, offset, byteCount)
  }

  package func adviseSequentialReading(_ file: FileDescriptor) {
    #if canImport(Glibc)
      _ = posix_fadvise(file.rawValue, 0, 0, POSIX_FADV_SEQUENTIAL)
    #endif
  }

  package func lock(_ file: FileDescriptor) throws(Errno) {
    try check(flock(file.rawValue, LOCK_EX | LOCK_NB))
  }

  package func lockShared(_ file: FileDescriptor) throws(Errno) {
    try check(flock(file.rawValue, LOCK_SH | LOCK_NB))
  }

  package func status(_ file: FileDescriptor) throws(Errno) -> FileStatus { FileStatus(try Stat(file)) }

  package func status(of path: String, followsLinks: Bool) throws(Errno) -> FileStatus {
    try called {
      try path.withFileName {
        FileStatus(try Stat($0, followTargetSymlink: followsLinks, retryOnInterrupt: false))
      }
    }
  }

  package func resolved(_ path: String) throws(Errno) -> String {
    guard let resolved = path.withFileName({ realpath($0, nil) }) else { throw Errno(rawValue: errno) }
    defer { free(resolved) }
    return String(fileName: resolved)
  }

  package func checkWritable(_ path: String) throws(Errno) {
    try check(path.withFileName { access($0, W_OK) })
  }

  package func freeByteCount(at path: String) throws(Errno) -> Int {
    var status = statvfs()
    try check(path.withFileName { statvfs($0, &status) })
    return Int(
      clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
  }

  package func link(_ path: String, to newPath: String) throws(Errno) {
    #if canImport(Glibc)
      try check(path.withFileName { old in newPath.withFileName { Glibc.link(old, $0) } })
    #else
      try check(path.withFileName { old in newPath.withFileName { Darwin.link(old, $0) } })
    #endif
  }

  package func rename(_ path: String, to newPath: String) throws(Errno) {
    #if canImport(Glibc)
      try check(path.withFileName { old in newPath.withFileName { Glibc.rename(old, $0) } })
    #else
      try check(path.withFileName { old in newPath.withFileName { Darwin.rename(old, $0) } })
    #endif
  }

  package func unlink(_ path: String) throws(Errno) {
    #if canImport(Glibc)
      try check(path.withFileName { Glibc.unlink($0) })
    #else
      try check(path.withFileName { Darwin.unlink($0) })
    #endif
  }

  package func makeFolder(_ path: String) throws(Errno) { try check(path.withFileName { mkdir($0, 0o777) }) }

  package func removeFolder(_ path: String) throws(Errno) { try check(path.withFileName { rmdir($0) }) }

  package func setOwnerAndMode(_ file: FileDescriptor, of other: FileStatus) throws(Errno) {
    // Who may not give files away may still have the group.
    if fchown(file.rawValue, other.owner.rawValue, other.group.rawValue) != 0 {
      _ = fchown(file.rawValue, uid_t.max, other.group.rawValue)
    }
    // Afterwards: a change of the owner clears some of it.
    try check(fchmod(file.rawValue, other.permissions.rawValue))
  }

  private func check(_ result: Int32) throws(Errno) {
    if result != 0 { throw Errno(rawValue: errno) }
  }

  /// Calls a function of swift-system, which throws nothing else.
  private func called<Result>(_ body: () throws -> Result) throws(Errno) -> Result {
    do {
      return try body()
    } catch {
      throw error as? Errno ?? .ioError
    }
  }
}

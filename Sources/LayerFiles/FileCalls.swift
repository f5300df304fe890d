import SystemPackage

/// The system calls that the program makes on files, each as it is: one call, which may be interrupted, take less than it was given,
/// or fail.
///
/// All of them pass here but those of the HDF5 library, so that a test can put its own layer between: to see their order, to pause
/// where it wants, or to have one fail. What a result means, and whether to call again, is up to who calls.
package protocol FileCalls: Sendable {
  /// The corresponding C function is `open`.
  /// - Parameter permissions: of a file that is created.
  func open(
    _ path: String, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions,
    permissions: FilePermissions?
  ) throws(Errno) -> FileDescriptor
  /// The corresponding C function is `close`.
  func close(_ file: FileDescriptor) throws(Errno)
  /// The corresponding C function is `pread`.
  /// - Returns: how many bytes were read; 0 at the end of the file.
  func read(
    _ file: FileDescriptor, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Int
  /// The corresponding C function is `pwrite`.
  /// - Returns: how many bytes were written.
  func write(
    _ file: FileDescriptor, at offset: Int64, from buffer: UnsafeRawBufferPointer
  ) throws(Errno) -> Int
  /// The corresponding C function is `fsync`.
  func synchronize(_ file: FileDescriptor) throws(Errno)
  /// The corresponding C function is `fallocate`, where the system and the file system have it.
  func allocate(_ file: FileDescriptor, byteCount: Int64) throws(Errno)
  /// The corresponding C function is `sync_file_range`, where the system has it: a hint, which cannot fail.
  func beginWriteback(_ file: FileDescriptor, offset: Int64, byteCount: Int64)
  /// The corresponding C function is `posix_fadvise`: a hint, which cannot fail.
  func adviseSequentialReading(_ file: FileDescriptor)
  /// Takes the lock of an open file, if nobody has it. The corresponding C function is `flock`.
  func lock(_ file: FileDescriptor) throws(Errno)
  /// Takes a share of the lock of an open file, if nobody has it for himself. The corresponding C function is `flock`.
  func lockShared(_ file: FileDescriptor) throws(Errno)
  /// The corresponding C function is `fstat`.
  func status(_ file: FileDescriptor) throws(Errno) -> FileStatus
  /// The corresponding C functions are `stat` and, if links are not followed, `lstat`.
  func status(of path: String, followsLinks: Bool) throws(Errno) -> FileStatus
  /// Where symbolic links lead. The corresponding C function is `realpath`.
  func resolved(_ path: String) throws(Errno) -> String
  /// Throws if the process may not write there. The corresponding C function is `access`.
  func checkWritable(_ path: String) throws(Errno)
  /// Bytes that the process may still use of the file system. The corresponding C function is `statvfs`.
  func freeByteCount(at path: String) throws(Errno) -> Int
  /// The corresponding C function is `link`, which replaces nothing.
  func link(_ path: String, to newPath: String) throws(Errno)
  /// The corresponding C function is `rename`, which replaces a file.
  func rename(_ path: String, to newPath: String) throws(Errno)
  /// The corresponding C function is `unlink`.
  func unlink(_ path: String) throws(Errno)
  /// The corresponding C function is `mkdir`.
  func makeFolder(_ path: String) throws(Errno)
  /// Removes a folder that holds nothing. The corresponding C function is `rmdir`.
  func removeFolder(_ path: String) throws(Errno)
  /// The corresponding C functions are `fchown` and `fchmod`.
  func setOwnerAndMode(_ file: FileDescriptor, of other: FileStatus) throws(Errno)
}

/// Which calls are made.
package enum FileLayer {
  /// Who opens a file keeps these for all that is done with it, on whatever thread.
  @TaskLocal package static var current: any FileCalls = SystemFileCalls()
}

extension FileCalls {
  /// Calls until no signal comes in between.
  func uninterrupted<Result>(_ body: (Self) throws(Errno) -> Result) throws(Errno) -> Result {
    while true {
      do throws(Errno) {
        return try body(self)
      } catch .interrupted {
        continue
      }
    }
  }

  /// Removes a name.
  func remove(_ path: String) throws(Errno) {
    try uninterrupted { calls throws(Errno) in try calls.unlink(path) }
  }

  /// Removes a folder that holds nothing.
  func removeEmpty(_ folder: String) throws(Errno) {
    try uninterrupted { calls throws(Errno) in try calls.removeFolder(folder) }
  }

  /// True if the file system allows no such name.
  func nameIsTooLong(_ path: String) -> Bool {
    do throws(Errno) {
      _ = try uninterrupted { calls throws(Errno) in try calls.status(of: path, followsLinks: false) }
      return false
    } catch {
      return error == .fileNameTooLong
    }
  }

  /// The status of the file at `path`, through symbolic links; nil if there is none.
  package func status(at path: String) -> FileStatus? {
    try? uninterrupted { calls throws(Errno) in try calls.status(of: path, followsLinks: true) }
  }

  /// True if `path` is a symbolic link, wherever it leads.
  func isLink(_ path: String) -> Bool {
    let status = try? uninterrupted { calls throws(Errno) in
      try calls.status(of: path, followsLinks: false)
    }
    return status?.isSymbolicLink == true
  }

  /// True if something has the name `path`.
  func isTaken(_ path: String) -> Bool {
    do throws(Errno) {
      _ = try uninterrupted { calls throws(Errno) in try calls.status(of: path, followsLinks: false) }
      return true
    } catch {
      return error != .noSuchFileOrDirectory
    }
  }
}

import CHDF5
import FileNames

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The ways to open a file.
enum OpeningMode {
  case read, update, create, createNew

  /// Opens the file, locked if the file system can lock.
  ///
  /// - Returns: the handle and whether it is locked.
  func open(_ path: String) throws(HDF5Error) -> (handle: Handle, isLocked: Bool) {
    do {
      return (try openPatiently(path), true)
    } catch {
      guard Self.isLockingUnsupported(error) else { throw error }
      // The file was created before it could not be locked, and would now be in its own way.
      if self == .createNew { _ = path.withFileName { unlink($0) } }
      return (try open(path, locked: false), false)
    }
  }

  /// Opens the file with a lock, trying again for a fifth of a second if another program has it.
  ///
  /// A process that is just being started holds copies of all open files of the one that starts it, with their locks, until
  /// it has become the new program: a file that was closed a moment ago can still be locked.
  private func openPatiently(_ path: String) throws(HDF5Error) -> Handle {
    for _ in 0..<10 {
      do {
        return try open(path, locked: true)
      } catch {
        // What is created is either new or emptied already.
        guard self == .read || self == .update, error.isLockedElsewhere else { throw error }
        usleep(20_000)
      }
    }
    return try open(path, locked: true)
  }

  private func open(_ path: String, locked: Bool) throws(HDF5Error) -> Handle {
    let attempt = self == .create || self == .createNew ? "create \(path)" : "open \(path)"
    // The library would use the part before it.
    try require(!path.utf8.contains(0), "H5Fopen", to: attempt, "the path has a zero byte")
    let access = try accessProperties(locked: locked, to: attempt)
    switch self {
    case .read:
      return try Handle(.file, "H5Fopen", to: attempt) {
        path.withFileName { H5Fopen($0, chdf5_read_only(), access.identifier) }
      }
    case .update:
      return try Handle(.file, "H5Fopen", to: attempt) {
        path.withFileName { H5Fopen($0, chdf5_read_write(), access.identifier) }
      }
    case .create, .createNew:
      let creation = try Handle(.propertyList, "H5Pcreate", to: attempt) {
        H5Pcreate(chdf5_file_creation())
      }
      // The root group's times; those of other objects are switched off where they are created.
      try call("H5Pset_obj_track_times", to: attempt) {
        H5Pset_obj_track_times(creation.identifier, false)
      }
      return try Handle(.file, "H5Fcreate", to: attempt) {
        path.withFileName {
          H5Fcreate(
            $0, self == .create ? chdf5_truncate() : chdf5_exclusive(), creation.identifier, access.identifier
          )
        }
      }
    }
  }

  private func accessProperties(locked: Bool, to attempt: String) throws(HDF5Error) -> Handle {
    let properties = try Handle(.propertyList, "H5Pcreate", to: attempt) {
      H5Pcreate(chdf5_file_access())
    }
    let identifier = properties.identifier
    try call("H5Pset_fclose_degree", to: attempt) { H5Pset_fclose_degree(identifier, H5F_CLOSE_STRONG) }
    // The environment variable HDF5_USE_FILE_LOCKING overrides this. The last argument would hide a missing lock.
    try call("H5Pset_file_locking", to: attempt) { H5Pset_file_locking(identifier, locked, !locked) }
    // Thousands of layers have more metadata than is worth keeping.
    try call("H5Pset_mdc_config", to: attempt) { chdf5_limit_metadata_cache(identifier, 2 << 20) }
    // The format of 1.8: compact groups and headers with checksums, attributes above 64 KiB, and no flag that keeps
    // an interrupted file from being opened again.
    try call("H5Pset_libver_bounds", to: attempt) {
      H5Pset_libver_bounds(identifier, H5F_LIBVER_V18, H5F_LIBVER_V110)
    }
    return properties
  }

  /// Whether an error is the file system's inability to lock. A file that another program has locked for writing is
  /// not: what would be read from it could change meanwhile.
  private static func isLockingUnsupported(_ error: HDF5Error) -> Bool {
    error.lockingFailure != nil && !error.isLockedElsewhere
  }
}

extension HDF5Error {
  /// Whether it is another program's lock.
  public var isLockedElsewhere: Bool {
    let number = lockingFailure?.osErrno
    return number == EAGAIN || number == EACCES
  }

  /// The step at which locking failed; nil if something else did.
  fileprivate var lockingFailure: Frame? { stack.last { $0.function.hasSuffix("_lock") } }
}

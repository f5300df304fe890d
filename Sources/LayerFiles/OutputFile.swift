import HDF5
import Synchronization
import SystemPackage

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file that appears under its name only when it is complete.
///
/// It is written under a temporary name in the same folder, closed with every error checked, and, if so wanted, handed to the
/// storage device; then it takes its name, atomically. Whatever goes wrong before, nothing is ever seen under that name.
package final class OutputFile: Sendable {
  /// The name that it gets, as the user gave it.
  package let path: String
  /// The file under its temporary name.
  package let file: File
  /// The same file for `pwrite`.
  package let positional: PositionalFile
  private let temporaryPath: String
  /// The file that gets the name: `path`, or what it leads to as a symbolic link.
  private let target: String
  private let replaces: Bool
  private let synchronizes: Bool
  private let isComplete = Atomic<Bool>(false)

  /// Creates the temporary file.
  /// - Parameters:
  ///   - input: the input file, which must not be the output.
  ///   - replaces: true if an existing output may be replaced.
  ///   - byteCount: about how large the output becomes.
  ///   - synchronizes: false to leave it to the system when the storage device gets the data.
  package init(path: String, input: String, replaces: Bool, byteCount: Int, synchronizes: Bool = true)
    throws(StreamError)
  {
    try Self.check(path: path, input: input, replaces: replaces)
    try Self.checkSpace(path: path, byteCount: byteCount)
    self.path = path
    self.replaces = replaces
    self.synchronizes = synchronizes
    target = Self.target(of: path)
    temporaryPath = "\(target).\(getpid()).partial"
    try Self.create(temporaryPath, for: path)
    do {
      file = try File(creatingNew: temporaryPath)
    } catch {
      unlink(temporaryPath)
      throw .libraryWriteFailed(path: path, error)
    }
    do {
      positional = try PositionalFile(writing: temporaryPath, for: path, beginsWriteback: synchronizes)
    } catch {
      unlink(temporaryPath)
      throw error
    }
  }

  deinit { if !isComplete.load(ordering: .acquiring) { unlink(temporaryPath) } }

  /// Refuses an output that cannot be: the input itself, an existing file, a folder, or a file in no folder.
  package static func check(path: String, input: String, replaces: Bool) throws(StreamError) {
    if let output = FileStatus(path: path) {
      if let status = FileStatus(path: input), output.isSameFile(as: status) {
        throw .sameFile(input: input, output: path)
      }
      if output.isFolder { throw .outputIsFolder(path: path) }
      // Renaming onto a device or a pipe would remove it.
      guard output.isRegularFile else { throw .outputIsSpecial(path: path) }
      if !replaces { throw .outputExists(path: path) }
    } else if FileStatus.isLink(path), !replaces {
      // It leads nowhere, but the output cannot have its name all the same.
      throw .outputExists(path: path)
    }
    let folder = folder(of: target(of: path))
    guard FileStatus(path: folder)?.isFolder == true else {
      throw .outputFolderMissing(path: path, folder: folder)
    }
    if access(folder, W_OK) != 0 { throw .outputNotCreated(path: path, .current) }
  }

  /// Makes sure that the temporary file can be created, and that none is there.
  private static func create(_ temporaryPath: String, for path: String) throws(StreamError) {
    func create() throws {
      try temporaryPath.withCString {
        try FileDescriptor.open(
          $0, .readWrite, options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
          permissions: FilePermissions(rawValue: 0o666))
      }.close()
    }
    do {
      do {
        try create()
      } catch Errno.fileExists where isAbandoned(temporaryPath) {
        unlink(temporaryPath)
        try create()
      }
    } catch {
      // The library's own error for a folder that cannot be written is harder to read than the system's.
      throw .outputNotCreated(path: path, Errno(error))
    }
    // The library creates it itself: a file that it only empties would take long to close, see `File.init(creatingNew:)`.
    unlink(temporaryPath)
  }

  /// True if a temporary file was left by a process that was killed; in containers all have the same number. HDF5 locks the
  /// files that it writes.
  private static func isAbandoned(_ temporaryPath: String) -> Bool {
    let descriptor = try? temporaryPath.withCString {
      try FileDescriptor.open($0, .readWrite, options: [.noFollow, .closeOnExec])
    }
    guard let descriptor else { return false }
    defer { try? descriptor.close() }
    return flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0
  }

  /// Where a symbolic link leads, so that an output that is one stays one; `path` itself if it is none.
  private static func target(of path: String) -> String {
    guard FileStatus.isLink(path), let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// Refuses an output that the file system has no room for, before hours of work.
  private static func checkSpace(path: String, byteCount: Int) throws(StreamError) {
    var status = statvfs()
    guard statvfs(folder(of: target(of: path)), &status) == 0 else { return }
    let free = Int(
      clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    if free < byteCount { throw .notEnoughSpace(path: path, need: byteCount, free: free) }
  }

  /// Closes the file, waits for the storage device if it synchronizes, and gives the file its name.
  package func complete() throws(StreamError) {
    do {
      try file.close()
    } catch {
      throw .libraryWriteFailed(path: path, error)
    }
    if synchronizes { try positional.synchronize() }
    if replaces {
      guard rename(temporaryPath, target) == 0 else {
        throw .outputNotCreated(path: path, .current)
      }
    } else if link(temporaryPath, target) == 0 {
      // Unlike rename, link does not replace a file that appeared under the name meanwhile.
      unlink(temporaryPath)
    } else if errno == EEXIST {
      throw .outputExists(path: path)
    } else {
      // A file system without hard links.
      guard rename(temporaryPath, target) == 0 else {
        throw .outputNotCreated(path: path, .current)
      }
    }
    isComplete.store(true, ordering: .releasing)
    if synchronizes { synchronizeFolder() }
  }

  /// Makes the new name itself durable. Some file systems cannot; the data is safe all the same.
  private func synchronizeFolder() {
    try? Self.folder(of: target).withCString {
      let folder = try FileDescriptor.open($0, .readOnly, options: .closeOnExec)
      fsync(folder.rawValue)
      try folder.close()
    }
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}

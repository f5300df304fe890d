import CSupervision
import FileNames
import SystemPackage

#if canImport(Glibc)
  import Glibc  // usleep
#else
  import Darwin
#endif

/// The folder beside an output in which the output is written until it is complete: `NAME.partial`.
///
/// It belongs to whoever has locked the file `lock` in it. The system ends the lock with the process, however that ends; numbers
/// of processes mean nothing in another container, and HDF5's own locks can be switched off from outside. What a dead owner
/// left is removed by the next run for the same output. Where a file system has no locks, it belongs to who made the file.
final class Workspace: Sendable {
  /// The file that becomes the output.
  let data: String
  private let folder: String
  private let lockPath: String
  private let lock: FileDescriptor
  private let calls: any FileCalls

  /// Takes the workspace of an output.
  /// - Parameters:
  ///   - target: the output's path, no symbolic link.
  ///   - path: the same as the user gave it, for messages.
  /// - Throws: `outputBusy` while another process has it.
  init(for target: String, path: String, _ calls: any FileCalls) throws(StreamError) {
    self.calls = calls
    folder = Self.folder(for: target)
    data = folder + "/data.h5"
    lockPath = folder + "/lock"
    // What the process makes before it has the lock is empty, and so may go, too.
    Self.note(data, lockPath, folder)
    do {
      lock = try Self.take(folder, lockPath, path: path, calls)
    } catch {
      supervision_note_unfinished(nil, nil, nil)
      throw error
    }
    try? calls.remove(data)
  }

  deinit { try? calls.close(lock) }

  /// For the process that watches.
  private static func note(_ data: String, _ lock: String, _ folder: String) {
    data.withFileName { data in
      lock.withFileName { lock in folder.withFileName { supervision_note_unfinished(data, lock, $0) } }
    }
  }

  /// Removes the folder with what is in it, and gives up the lock.
  func remove() {
    supervision_note_unfinished(nil, nil, nil)
    try? calls.remove(data)
    // Whoever waits for the lock finds that the file has no name any more.
    try? calls.remove(lockPath)
    try? calls.removeEmpty(folder)
  }

  /// The name of the folder, shortened where no file may have such a long one.
  static func folder(for target: String, longestName: Int = 255) -> String {
    let suffix = ".partial"
    let bytes = target.fileNameBytes
    let name = bytes.split(separator: UInt8(ascii: "/")).last.map { Array($0) } ?? []
    guard name.count + suffix.utf8.count > longestName else { return target + suffix }
    // FNV-1a: names that begin alike have places of their own.
    let hash = name.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    var kept = name.prefix(longestName - suffix.utf8.count - 17)
    // Not in the middle of a character.
    while let last = kept.last, last & 0xC0 == 0x80 { kept.removeLast() }
    if let last = kept.last, last >= 0xC0 { kept.removeLast() }
    let parent = bytes.dropLast(name.count)
    return String(fileName: Array(parent) + kept) + "-" + String(hash, radix: 16) + suffix
  }

  /// Makes the folder where it is missing, and locks it.
  private static func take(
    _ folder: String, _ lockPath: String, path: String, _ calls: any FileCalls
  ) throws(StreamError) -> FileDescriptor {
    var failure = StreamError.outputBusy(path: path, workspace: folder)
    for attempt in 0..<10 {
      // A process that is just being started holds a lock of the one that starts it.
      if attempt > 0 { usleep(20_000) }
      do throws(Errno) {
        try makeFolder(folder, calls)
        guard calls.status(at: folder)?.isFolder ?? true, !calls.isLink(folder) else {
          throw .notDirectory
        }
        if let lock = try lockFile(lockPath, calls) { return lock }
        failure = .outputBusy(path: path, workspace: folder)
      } catch .noSuchFileOrDirectory {
        // Its owner removed it at this moment.
        failure = .outputNotCreated(path: path, .noSuchFileOrDirectory)
      } catch .notDirectory {
        throw .outputNotCreated(path: folder, .fileExists)
      } catch {
        try? calls.removeEmpty(folder)
        throw .outputNotCreated(path: path, error)
      }
    }
    throw failure
  }

  private static func makeFolder(_ folder: String, _ calls: any FileCalls) throws(Errno) {
    do throws(Errno) {
      try calls.uninterrupted { calls throws(Errno) in try calls.makeFolder(folder) }
    } catch .fileExists {
      // Another run's, or what it left.
    }
  }

  /// Opens the file, which it makes where it is missing, and locks it.
  /// - Returns: nil if another process has the lock, or the file has lost its name meanwhile.
  private static func lockFile(_ path: String, _ calls: any FileCalls) throws(Errno) -> FileDescriptor? {
    func open(_ options: FileDescriptor.OpenOptions) throws(Errno) -> FileDescriptor {
      try calls.uninterrupted { calls throws(Errno) in
        try calls.open(
          path, .readWrite, options.union([.create, .noFollow, .closeOnExec]),
          permissions: FilePermissions(rawValue: 0o666))
      }
    }
    var isNew = true
    let lock: FileDescriptor
    do throws(Errno) {
      lock = try open(.exclusiveCreate)
    } catch .fileExists {
      isNew = false
      lock = try open([])
    }
    var isOwn = true
    do throws(Errno) {
      try calls.uninterrupted { calls throws(Errno) in try calls.lock(lock) }
    } catch .wouldBlock {
      isOwn = false
    } catch {
      // No locks here.
      isOwn = isNew
    }
    if isOwn, let own = try? calls.uninterrupted({ calls throws(Errno) in try calls.status(lock) }),
      calls.status(at: path)?.isSameFile(as: own) != true
    {
      isOwn = false
    }
    if isOwn { return lock }
    try? calls.close(lock)
    return nil
  }
}

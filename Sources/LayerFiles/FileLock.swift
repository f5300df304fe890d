import SystemPackage

/// The lock of a file, which ends with the process, however that ends.
///
/// The system keeps it. Where a file system has no locks, the owner makes the file and lets it change every two seconds, see `Heartbeat`; who wants it looks
/// on for some seconds, by its own clock, for clocks of machines differ.
final class FileLock: Sendable {
  private let file: FileDescriptor
  private let calls: any FileCalls
  private let heartbeat: Heartbeat?

  /// Opens the file, which it makes where it is missing, and locks it.
  /// - Parameter isShared: true for a share, of which there can be several.
  /// - Returns: nil if another process has the lock, or the file has lost its name meanwhile.
  init?(_ path: String, isShared: Bool = false, _ calls: any FileCalls) throws(Errno) {
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
    var (isOwn, hasLocks) = (true, true)
    do throws(Errno) {
      try calls.uninterrupted { calls throws(Errno) in
        if isShared { try calls.lockShared(lock) } else { try calls.lock(lock) }
      }
    } catch .wouldBlock {
      isOwn = false
    } catch {
      hasLocks = false
      isOwn = isNew || isShared || Heartbeat.takeOver(lock, path, calls)
    }
    if isOwn, let own = try? calls.uninterrupted({ calls throws(Errno) in try calls.status(lock) }),
      calls.status(at: path)?.isSameFile(as: own) != true
    {
      isOwn = false
    }
    guard isOwn else {
      try? calls.close(lock)
      return nil
    }
    file = lock
    self.calls = calls
    heartbeat = hasLocks ? nil : Heartbeat(lock, path, isShared: isShared, calls)
  }

  deinit {
    heartbeat?.stop()
    try? calls.close(file)
  }
}

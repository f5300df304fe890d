import LayerFiles
import Parallel
import SystemPackage

/// The system's calls up to one at which the machine loses its power: none after it is made, and what was written and not handed to the
/// device may be lost.
package final class LosingFileCalls: FileCalls {
  /// What becomes of what was not handed to the device.
  package enum Loss: Sendable, CaseIterable {
    /// All of it is there, as after a kill.
    case nothing
    /// None of it is there.
    case everything
    /// Every other write is there, and the last one to its half.
    case someWrites

    /// 0 to 2.
    package var number: Int { Self.allCases.firstIndex(of: self)! }
  }

  private struct Write {
    let file: Int32
    let offset: Int64
    let before: [UInt8]
    let count: Int
  }

  private struct State {
    var made = 0
    var isDead = false
    var pending: [Write] = []
  }

  private let system = SystemFileCalls()
  private let state = Guarded(State())
  private let last: Int
  private let loss: Loss

  /// - Parameter last: how many calls are made.
  package init(after last: Int = .max, _ loss: Loss = .nothing) {
    self.last = last
    self.loss = loss
  }

  /// How many calls there were before the end.
  package var count: Int { state.withLock { $0.made } }

  /// Runs `body`, whose files are opened through this layer.
  package func watch<Result>(_ body: () throws -> Result) rethrows -> Result {
    try FileLayer.$current.withValue(self) { try body() }
  }

  private func begin() throws(Errno) {
    let isDead = state.withLock { state in
      if state.made >= last, !state.isDead {
        state.isDead = true
        lose(&state)
      }
      state.made += state.isDead ? 0 : 1
      return state.isDead
    }
    if isDead { throw .ioError }
  }

  private func lose(_ state: inout State) {
    for (index, write) in state.pending.enumerated().reversed() {
      let kept: Int
      switch loss {
      case .nothing: kept = write.count
      case .everything: kept = 0
      case .someWrites:
        kept = index == state.pending.count - 1 ? write.count / 2 : index % 2 == 0 ? write.count : 0
      }
      guard kept < write.count else { continue }
      // What was not there before reads as zeros, as in a file with a hole.
      var bytes = write.before + Array(repeating: 0, count: write.count - write.before.count)
      bytes.removeFirst(kept)
      bytes.withUnsafeBytes {
        _ = try? system.write(FileDescriptor(rawValue: write.file), at: write.offset + Int64(kept), from: $0)
      }
    }
    state.pending = []
  }

  package func open(
    _ path: String, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions,
    permissions: FilePermissions?
  ) throws(Errno) -> FileDescriptor {
    try begin()
    return try system.open(path, mode, options, permissions: permissions)
  }

  package func close(_ file: FileDescriptor) throws(Errno) {
    // Counted first, for what is closed cannot be changed any more. Whatever happens, the system closes what a process has open.
    let counted = Result { () throws(Errno) in try begin() }
    try system.close(file)
    state.withLock { $0.pending.removeAll { $0.file == file.rawValue } }
    try counted.get()
  }

  package func read(
    _ file: FileDescriptor, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Int {
    try begin()
    return try system.read(file, at: offset, into: buffer)
  }

  package func write(
    _ file: FileDescriptor, at offset: Int64, from buffer: UnsafeRawBufferPointer
  ) throws(Errno) -> Int {
    try begin()
    if loss != .nothing {
      var before = [UInt8](repeating: 0, count: buffer.count)
      let there =
        before.withUnsafeMutableBytes { try? system.read(file, at: offset, into: $0) } ?? 0
      before.removeLast(before.count - there)
      let write = Write(file: file.rawValue, offset: offset, before: before, count: buffer.count)
      state.withLock { $0.pending.append(write) }
    }
    return try system.write(file, at: offset, from: buffer)
  }

  package func synchronize(_ file: FileDescriptor) throws(Errno) {
    try begin()
    try system.synchronize(file)
    state.withLock { $0.pending.removeAll { $0.file == file.rawValue } }
  }

  package func allocate(_ file: FileDescriptor, byteCount: Int64) throws(Errno) {
    try begin()
    try system.allocate(file, byteCount: byteCount)
  }

  package func beginWriteback(_ file: FileDescriptor, offset: Int64, byteCount: Int64) {}
  package func adviseSequentialReading(_ file: FileDescriptor) {}

  package func lock(_ file: FileDescriptor) throws(Errno) {
    try begin()
    try system.lock(file)
  }

  package func lockShared(_ file: FileDescriptor) throws(Errno) {
    try begin()
    try system.lockShared(file)
  }

  package func status(_ file: FileDescriptor) throws(Errno) -> FileStatus {
    try begin()
    return try system.status(file)
  }

  package func status(of path: String, followsLinks: Bool) throws(Errno) -> FileStatus {
    try begin()
    return try system.status(of: path, followsLinks: followsLinks)
  }

  package func resolved(_ path: String) throws(Errno) -> String {
    try begin()
    return try system.resolved(path)
  }

  package func checkWritable(_ path: String) throws(Errno) {
    try begin()
    try system.checkWritable(path)
  }

  package func freeByteCount(at path: String) throws(Errno) -> Int {
    try begin()
    return try system.freeByteCount(at: path)
  }

  package func link(_ path: String, to newPath: String) throws(Errno) {
    try begin()
    try system.link(path, to: newPath)
  }

  package func rename(_ path: String, to newPath: String) throws(Errno) {
    try begin()
    try system.rename(path, to: newPath)
  }

  package func unlink(_ path: String) throws(Errno) {
    try begin()
    try system.unlink(path)
  }

  package func makeFolder(_ path: String) throws(Errno) {
    try begin()
    try system.makeFolder(path)
  }

  package func removeFolder(_ path: String) throws(Errno) {
    try begin()
    try system.removeFolder(path)
  }

  package func setOwnerAndMode(_ file: FileDescriptor, of other: FileStatus) throws(Errno) {
    try begin()
    try system.setOwnerAndMode(file, of: other)
  }
}

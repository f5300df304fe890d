import LayerFiles
import Parallel
import SystemPackage

/// Calls of the operating system that a test sees, pauses, and has fail.
///
/// What a call is told to do it is told before it is made; a test that does something in a hook does it between two calls.
package final class WatchedFileCalls: FileCalls {
  /// A call, as a test sees it.
  package struct Call: Sendable, Equatable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
      case open, close, read, write, synchronize, allocate, beginWriteback, adviseSequentialReading, lock
      case status, resolve, checkWritable, freeByteCount, link, rename, unlink
      case makeFolder, removeFolder, setOwnerAndMode
    }

    package let kind: Kind
    /// The name of the file, without its folder: that under which it was opened.
    package let name: String
    /// The new name, of `link` and `rename`.
    package var newName: String?
    /// What a `write` is given, and where `allocate` and `beginWriteback` are to act.
    package var bytes: Range<Int>?

    /// The same call of the same file, wherever in it.
    package static func == (left: Call, right: Call) -> Bool {
      left.kind == right.kind && left.name == right.name && left.newName == right.newName
    }

    package init(kind: Kind, name: String, newName: String? = nil) {
      self.kind = kind
      self.name = name
      self.newName = newName
    }

    package var description: String {
      ([kind.rawValue, name] + (newName.map { [$0] } ?? [])).joined(separator: " ")
    }
  }

  /// What becomes of a call.
  package enum Outcome: Sendable {
    case made
    case fails(Errno)
    /// Of a read or write: so many bytes at most.
    case short(Int)
    /// Of `freeByteCount`.
    case free(Int)
  }

  private let system = SystemFileCalls()
  private let seen = Guarded<[Call]>([])
  private let names = Guarded<[Int32: String]>([:])
  private let decide: @Sendable (Call, _ number: Int) throws -> Outcome

  /// - Parameter decide: asked before each call, with its number from 0 on.
  package init(_ decide: @escaping @Sendable (Call, _ number: Int) throws -> Outcome = { _, _ in .made }) {
    self.decide = decide
  }

  /// All calls so far, in order.
  package var calls: [Call] { seen.withLock { $0 } }

  /// Runs `body`, whose files are opened through this layer.
  package func watch<Result>(_ body: () throws -> Result) rethrows -> Result {
    try FileLayer.$current.withValue(self) { try body() }
  }

  private func outcome(
    _ kind: Call.Kind, _ path: String, to newPath: String? = nil, _ bytes: Range<Int>? = nil
  ) throws(Errno) -> Outcome {
    func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
    var call = Call(kind: kind, name: name(path), newName: newPath.map(name))
    call.bytes = bytes
    let number = seen.withLock { seen in
      seen.append(call)
      return seen.count - 1
    }
    let outcome: Outcome
    do { outcome = try decide(call, number) } catch { throw error as? Errno ?? .ioError }
    if case .fails(let error) = outcome { throw error }
    return outcome
  }

  private func outcome(
    _ kind: Call.Kind, _ file: FileDescriptor, _ bytes: Range<Int>? = nil
  ) throws(Errno) -> Outcome {
    try outcome(kind, names.withLock { $0[file.rawValue] } ?? "?", bytes)
  }

  package func open(
    _ path: String, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions,
    permissions: FilePermissions?
  ) throws(Errno) -> FileDescriptor {
    _ = try outcome(.open, path)
    let file = try system.open(path, mode, options, permissions: permissions)
    names.withLock { $0[file.rawValue] = path }
    return file
  }

  package func close(_ file: FileDescriptor) throws(Errno) {
    // Whatever it says, a file that was closed is closed.
    let name = names.withLock { $0.removeValue(forKey: file.rawValue) } ?? "?"
    try system.close(file)
    _ = try outcome(.close, name)
  }

  package func read(
    _ file: FileDescriptor, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Int {
    var buffer = buffer
    if case .short(let count) = try outcome(.read, file) {
      buffer = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(count))
    }
    return try system.read(file, at: offset, into: buffer)
  }

  package func write(
    _ file: FileDescriptor, at offset: Int64, from buffer: UnsafeRawBufferPointer
  ) throws(Errno) -> Int {
    var buffer = buffer
    if case .short(let count) = try outcome(.write, file, Int(offset)..<Int(offset) + buffer.count) {
      buffer = UnsafeRawBufferPointer(rebasing: buffer.prefix(count))
    }
    return try system.write(file, at: offset, from: buffer)
  }

  package func synchronize(_ file: FileDescriptor) throws(Errno) {
    _ = try outcome(.synchronize, file)
    try system.synchronize(file)
  }

  package func allocate(_ file: FileDescriptor, byteCount: Int64) throws(Errno) {
    _ = try outcome(.allocate, file, 0..<Int(byteCount))
    try system.allocate(file, byteCount: byteCount)
  }

  package func beginWriteback(_ file: FileDescriptor, offset: Int64, byteCount: Int64) {
    let bytes = Int(offset)..<Int(offset + byteCount)
    guard (try? outcome(.beginWriteback, file, bytes)) != nil else { return }
    system.beginWriteback(file, offset: offset, byteCount: byteCount)
  }

  package func adviseSequentialReading(_ file: FileDescriptor) {
    guard (try? outcome(.adviseSequentialReading, file)) != nil else { return }
    system.adviseSequentialReading(file)
  }

  package func lock(_ file: FileDescriptor) throws(Errno) {
    _ = try outcome(.lock, file)
    try system.lock(file)
  }

  package func lockShared(_ file: FileDescriptor) throws(Errno) {
    _ = try outcome(.lock, file)
    try system.lockShared(file)
  }

  package func status(_ file: FileDescriptor) throws(Errno) -> FileStatus {
    _ = try outcome(.status, file)
    return try system.status(file)
  }

  package func status(of path: String, followsLinks: Bool) throws(Errno) -> FileStatus {
    _ = try outcome(.status, path)
    return try system.status(of: path, followsLinks: followsLinks)
  }

  package func resolved(_ path: String) throws(Errno) -> String {
    _ = try outcome(.resolve, path)
    return try system.resolved(path)
  }

  package func checkWritable(_ path: String) throws(Errno) {
    _ = try outcome(.checkWritable, path)
    try system.checkWritable(path)
  }

  package func freeByteCount(at path: String) throws(Errno) -> Int {
    if case .free(let count) = try outcome(.freeByteCount, path) { return count }
    return try system.freeByteCount(at: path)
  }

  package func link(_ path: String, to newPath: String) throws(Errno) {
    _ = try outcome(.link, path, to: newPath)
    try system.link(path, to: newPath)
  }

  package func rename(_ path: String, to newPath: String) throws(Errno) {
    _ = try outcome(.rename, path, to: newPath)
    try system.rename(path, to: newPath)
  }

  package func unlink(_ path: String) throws(Errno) {
    _ = try outcome(.unlink, path)
    try system.unlink(path)
  }

  package func makeFolder(_ path: String) throws(Errno) {
    _ = try outcome(.makeFolder, path)
    try system.makeFolder(path)
  }

  package func removeFolder(_ path: String) throws(Errno) {
    _ = try outcome(.removeFolder, path)
    try system.removeFolder(path)
  }

  package func setOwnerAndMode(_ file: FileDescriptor, of other: FileStatus) throws(Errno) {
    _ = try outcome(.setOwnerAndMode, file)
    try system.setOwnerAndMode(file, of: other)
  }
}

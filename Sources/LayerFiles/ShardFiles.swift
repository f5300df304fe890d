import Configuration
import Foundation
import SystemPackage

/// What shards have in a workspace: each a ledger, a spool, and empty files that say how far it is; and all together what they have
/// joined. See `Workspace`.
extension Workspace {
  /// The path of one of a shard's files.
  static func path(of shard: Shard, _ ending: String, in folder: String) -> String {
    "\(folder)/shard-\(shard.index)-of-\(shard.count)\(ending)"
  }

  /// The ledger of a shard; nil if it has none yet.
  func existingLedger(of shard: Shard) throws(StreamError) -> Ledger? {
    let path = Self.path(of: shard, ".ledger", in: folder)
    return ownFile(path) == nil ? nil : try Ledger(reading: path)
  }

  /// The ledger of a shard, which is made where it is missing.
  func ledger(of shard: Shard, for path: String) throws(StreamError) -> Ledger {
    try Ledger(Self.path(of: shard, ".ledger", in: folder), for: path)
  }

  /// How far a shard is, as a look at the folder tells.
  enum Milestone: String {
    case summed = ".summed"
    case done = ".done"
  }

  /// Says that a shard is so far.
  func mark(_ shard: Shard, _ milestone: Milestone, for path: String) throws(StreamError) {
    do throws(Errno) {
      let file = try calls.uninterrupted { calls throws(Errno) in
        try calls.open(
          Self.path(of: shard, milestone.rawValue, in: folder), .readWrite,
          [.create, .noFollow, .closeOnExec],
          permissions: FilePermissions(rawValue: 0o666))
      }
      try? calls.close(file)
    } catch {
      throw .writeFailed(path: path, error)
    }
  }

  /// The numbers of the shards that are so far.
  func shards(at milestone: Milestone, of count: Int) -> Set<Int> {
    let ending = "-of-\(count)\(milestone.rawValue)"
    return Set(
      Self.shardFiles(in: folder).compactMap { name in
        name.hasSuffix(ending) ? Int(name.dropFirst("shard-".count).dropLast(ending.count)) : nil
      })
  }

  /// Removes the ledger of a shard, and what says how far it is.
  func removeLedger(of shard: Shard, for path: String) throws(StreamError) {
    do throws(Errno) {
      for milestone in [Milestone.done, .summed] {
        let path = Self.path(of: shard, milestone.rawValue, in: folder)
        if calls.isTaken(path) { try calls.remove(path) }
      }
      try calls.remove(Self.path(of: shard, ".ledger", in: folder))
    } catch {
      throw .outputNotCreated(path: path, error)
    }
  }

  /// The spool of a shard; nil if it has none yet.
  func existingSpool(of shard: Shard) throws(StreamError) -> Spool? {
    let path = Self.path(of: shard, ".spool", in: folder)
    return ownFile(path) == nil ? nil : try Spool(reading: path)
  }

  /// The ledger of what shards have joined, which is made where it is missing. While `beginSetup` holds.
  func joined(for path: String) throws(StreamError) -> Ledger { try Ledger(joinedPath, for: path) }

  /// The same, to read; nil if there is none yet.
  func existingJoined() throws(StreamError) -> Ledger? {
    ownFile(joinedPath) == nil ? nil : try Ledger(reading: joinedPath)
  }

  /// Names of what shards left.
  static func shardFiles(in folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasPrefix("shard-") }
  }
}

extension OutputFile {
  /// The ledger of this process's shard, which is made where it is missing.
  package func ledger(of shard: Shard) throws(StreamError) -> Ledger {
    try workspace.ledger(of: shard, for: path)
  }

  /// The ledger of another one's; nil if it has none yet.
  package func existingLedger(of shard: Shard) throws(StreamError) -> Ledger? {
    try workspace.existingLedger(of: shard)
  }

  /// A new ledger of this process's shard, in place of one that does not hold any more.
  package func newLedger(of shard: Shard) throws(StreamError) -> Ledger {
    try workspace.removeLedger(of: shard, for: path)
    return try workspace.ledger(of: shard, for: path)
  }

  /// Says that this process's shard has summed its parts of shared batches; `isDone`: that all of it is done.
  package func mark(_ shard: Shard, isDone: Bool) throws(StreamError) {
    try workspace.mark(shard, isDone ? .done : .summed, for: path)
  }

  /// The shards that have said so, which a look at the folder tells.
  package func shards(of count: Int, areDone: Bool) -> Set<Int> {
    workspace.shards(at: areDone ? .done : .summed, of: count)
  }

  /// What another one keeps; nil if it keeps nothing yet.
  package func existingSpool(of shard: Shard) throws(StreamError) -> Spool? {
    try workspace.existingSpool(of: shard)
  }

  /// What the shards have joined so far, to be read; nil if that is nothing.
  package func existingJoined() throws(StreamError) -> Ledger? { try workspace.existingJoined() }

  /// The same, to be written. While `beginFinish` holds.
  package func joined() throws(StreamError) -> Ledger { try workspace.joined(for: path) }

  /// The error that says that what a shard recorded is not there.
  package func damage(of shard: Shard) -> StreamError {
    .shardDamaged(path: path, workspace: workspace.folder, shard: shard)
  }
}

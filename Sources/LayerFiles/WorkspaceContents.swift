import Configuration
import Foundation
import SystemPackage

/// The folder of an unfinished output, looked at from outside: nothing of it is taken or changed. See `Workspace`.
package struct WorkspaceContents: Sendable {
  package let folder: String
  /// Bytes of what lies in it.
  package let byteCount: Int
  /// True if a process works on it now. One on another host is not seen where the file system has no locks.
  package let isOwned: Bool
  /// The job that is written down; nil if nothing is, so that the next run begins anew.
  package let job: [UInt8]?

  private let files: [String]

  private static let names = ["lock", "data.h5", "job.json", "ledger", "spool", "joined"]

  /// - Returns: nil if it is no folder, or nothing in it is of an unfinished output.
  /// - Throws: `StreamError` if it cannot be read.
  package init?(folder: String) throws(StreamError) {
    let calls = FileLayer.current
    guard let status = calls.status(at: folder), status.isFolder else { return nil }
    var name = folder
    while name.count > 1, name.hasSuffix("/") { name.removeLast() }
    let found = (Self.names + Workspace.shardFiles(in: name)).compactMap { file in
      calls.status(at: name + "/" + file).flatMap { $0.isRegularFile ? (file, $0.size) : nil }
    }
    guard !found.isEmpty else { return nil }
    self.folder = name
    files = found.map(\.0)
    byteCount = found.reduce(0) { $0 + $1.1 }
    isOwned = try Self.isLocked(name + "/lock", calls)
    guard let size = found.first(where: { $0.0 == "job.json" })?.1, size <= Workspace.largestJob else {
      job = nil
      return
    }
    job = try PositionalFile(reading: name + "/job.json").bytes(count: size, dataset: "job.json")
  }

  /// True if the file of what is finished is there, without which the next run begins anew.
  /// - Parameter spools: true if copies are what counts, for the output has to be made again.
  package func hasWork(spools: Bool, isDivided: Bool) -> Bool {
    Workspace.workFile(spools: spools, isDivided: isDivided).map(files.contains) ?? true
  }

  /// The records so far; nil if there are none.
  package func ledger() throws(StreamError) -> Ledger? {
    FileLayer.current.status(at: folder + "/ledger") == nil
      ? nil : try Ledger(reading: folder + "/ledger")
  }

  /// The records of a shard; nil if there are none.
  package func ledger(of shard: Shard) throws(StreamError) -> Ledger? {
    let path = Workspace.path(of: shard, ".ledger", in: folder)
    return FileLayer.current.status(at: path) == nil ? nil : try Ledger(reading: path)
  }

  /// True if a process works on a shard now.
  package func isOwned(_ shard: Shard) throws(StreamError) -> Bool {
    try Self.isLocked(Workspace.path(of: shard, ".lock", in: folder), FileLayer.current)
  }

  private static func isLocked(_ path: String, _ calls: any FileCalls) throws(StreamError) -> Bool {
    guard
      let file = try? calls.uninterrupted({ calls throws(Errno) in
        try calls.open(path, .readOnly, [.noFollow, .closeOnExec], permissions: nil)
      })
    else { return false }
    defer { try? calls.close(file) }
    do throws(Errno) {
      try calls.uninterrupted { calls throws(Errno) in try calls.lock(file) }
      return false
    } catch .wouldBlock {
      return true
    } catch {
      // No locks here: whoever works changes the file.
      let age = calls.status(at: path).map { Date().timeIntervalSince1970 * 1e9 - Double($0.modified) }
      return abs(age ?? .infinity) < 30e9
    }
  }
}

import CSupervision
import Configuration
import FileNames
import Foundation
import Parallel
import SystemPackage

#if canImport(Glibc)
  import Glibc  // usleep
#else
  import Darwin
#endif

/// The folder beside an output in which the output is written until it is complete: `NAME.partial`.
///
/// It belongs to whoever has locked the file `lock` in it. The system ends the lock with the process, however that ends; numbers
/// of processes mean nothing in another container, and HDF5's own locks can be switched off from outside. Where a file system has
/// no locks, see `Heartbeat`.
///
///     lock      whose lock says that somebody works here
///     data.h5   the output to be
///     job.json  which job it is; comes with the first record
///     ledger    what is finished of it, see `Ledger`
///     spool     copies of what is finished, where `data.h5` has to be made again, see `Spool`
///
/// Where a job is divided into shards, each of their processes has a share of the lock, and beside `ledger`, which then holds its first record only:
///
///     setup               whose lock has who creates `data.h5`, joins what shards know of a batch, or finishes the output
///     joined              what the batches gave that several shards share
///     shard-I-of-N.lock   whose lock says that somebody works on that shard
///     shard-I-of-N.ledger what is finished of that shard
///     shard-I-of-N.spool  what of it is written by who finishes the output
///     shard-I-of-N.summed the shard has done its first turn
///     shard-I-of-N.done   the shard is done: so a look at the folder tells what is missing, and nobody opens the files of all
///
/// What a dead owner left without `job.json` is removed by the next run for the same output; with it, the next run of the same job
/// goes on with it.
final class Workspace: Sendable {
  /// The file that becomes the output.
  let data: String
  let folder: String
  private let lockPath: String
  private let jobPath: String
  private let ledgerPath: String
  private let spoolPath: String
  let joinedPath: String
  private let lock: FileLock
  private let shard: Shard?
  private let shardLock: FileLock?
  /// Held while the output is created or finished, where several processes could.
  private let setup = Guarded<FileLock?>(nil)
  let calls: any FileCalls

  /// Takes the workspace of an output.
  /// - Parameters:
  ///   - target: the output's path, no symbolic link.
  ///   - path: the same as the user gave it, for messages.
  ///   - shard: what this process does of it; nil if it does everything.
  ///   - waits: called again and again while another process works on the shard; nil to refuse that.
  /// - Throws: `outputBusy` while another process has it, `shardBusy` while another one works on the shard.
  init(
    for target: String, path: String, shard: Shard? = nil,
    waits: (() throws(StreamError) -> Void)? = nil, _ calls: any FileCalls
  ) throws(StreamError) {
    let folder = Self.folder(for: target)
    self.calls = calls
    self.shard = shard
    self.folder = folder
    data = folder + "/data.h5"
    lockPath = folder + "/lock"
    jobPath = folder + "/job.json"
    ledgerPath = folder + "/ledger"
    spoolPath = shard.map { Self.path(of: $0, ".spool", in: folder) } ?? folder + "/spool"
    joinedPath = folder + "/joined"
    // What the process makes before it has the lock is empty, and so may go, too.
    if shard == nil, calls.status(at: jobPath) == nil { Self.note([data, spoolPath], lockPath, folder) }
    do throws(StreamError) {
      lock = try Self.take(
        folder, lockPath, isShared: shard != nil, .outputBusy(path: path, workspace: folder), path: path,
        calls)
      shardLock = try shard.map { shard throws(StreamError) in
        let busy = StreamError.shardBusy(path: path, workspace: folder, shard: shard)
        while true {
          do throws(StreamError) {
            return try Self.take(folder, Self.path(of: shard, ".lock", in: folder), busy, path: path, calls)
          } catch {
            guard let waits, error == busy else { throw error }
            try waits()
          }
        }
      }
    } catch {
      supervision_note_unfinished(nil, nil, nil, nil)
      throw error
    }
  }

  /// Waits until no other process creates or finishes the output.
  /// - Parameter isGone: asked while it waits; true to wait no longer.
  /// - Returns: false if it did not wait any longer.
  func beginSetup(for path: String, unless isGone: () -> Bool = { false }) throws(StreamError) -> Bool {
    while true {
      do throws(Errno) {
        if isGone() { return false }
        if let lock = try FileLock(folder + "/setup", calls) {
          setup.withLock { $0 = lock }
          return true
        }
      } catch .noSuchFileOrDirectory where isGone() {
        return false
      } catch {
        throw .outputNotCreated(path: path, error)
      }
      usleep(20_000)
    }
  }

  func endSetup() { setup.withLock { $0 = nil } }

  /// True if the folder has been taken away, because the output has its name.
  var isGone: Bool { !calls.isTaken(jobPath) }

  /// Makes it ready for a new output: what was left here goes.
  /// - Throws: `outputNotCreated` if something stays that the next run would go on with.
  func empty(for path: String) throws(StreamError) {
    removeFiles()
    if calls.isTaken(jobPath) { throw .outputNotCreated(path: path, .notPermitted) }
    if shard == nil { Self.note([data, spoolPath], lockPath, folder) }
  }

  private func removeFiles() {
    // First the job: without it the rest counts for nothing.
    for path in [jobPath, ledgerPath, spoolPath, joinedPath, data] where calls.isTaken(path) {
      try? calls.remove(path)
    }
    // Of a run that was killed while it wrote its job down.
    if ownFile(newJobPath) != nil { try? calls.remove(newJobPath) }
    removeAll(Self.shardFiles(in: folder).filter { !$0.hasSuffix(".lock") })
  }

  /// Removes files of the folder, several at a time: each waits for a file server, or for the disk to be told what is free.
  private func removeAll(_ names: [String]) {
    let pool = WorkerPool(workerCount: Self.mostRemovedAtOnce, cancellation: Cancellation())
    try? pool.run(taskCount: names.count) { [calls, folder] index in
      try? calls.remove(folder + "/" + names[index])
    }
  }

  private static let mostRemovedAtOnce = 16

  /// The job that is written down here; nil if there is none, so that what lies here counts for nothing.
  /// - Parameter spools: true if copies are what counts, for the output has to be made again.
  func job(spools: Bool) throws(StreamError) -> [UInt8]? {
    guard let status = ownFile(jobPath), status.size <= Self.largestJob, ownFile(ledgerPath) != nil else {
      return nil
    }
    if let name = Self.workFile(spools: spools, isDivided: shard != nil), ownFile(folder + "/" + name) == nil
    {
      return nil
    }
    return try PositionalFile(reading: jobPath).bytes(count: status.size, dataset: "job.json")
  }

  /// The file of what is finished, without which a run begins anew. Of chunks in shards there is none before the last one is done.
  static func workFile(spools: Bool, isDivided: Bool) -> String? {
    spools ? isDivided ? nil : "spool" : "data.h5"
  }

  /// 32 MiB: the names of as many files as a process may open, each many folders deep. What is larger no run has written.
  static let largestJob = 32 << 20

  /// The status of a file; nil if there is none, or something else has the name, as a link of somebody who may write here.
  func ownFile(_ path: String) -> FileStatus? {
    let status = try? calls.uninterrupted { calls throws(Errno) in
      try calls.status(of: path, followsLinks: false)
    }
    return status?.isRegularFile == true ? status : nil
  }

  /// Says to the process that watches that a later run can go on from here.
  func noteContinued() { folder.withFileName { supervision_note_resumable($0) } }

  /// The ledger, which is made where it is missing.
  func ledger(for path: String) throws(StreamError) -> Ledger { try Ledger(ledgerPath, for: path) }

  /// The spool, which is made where it is missing.
  func spool(for path: String, beginsWriteback: Bool) throws(StreamError) -> Spool {
    try Spool(spoolPath, for: path, beginsWriteback: beginsWriteback)
  }

  /// Lets the output go that an earlier run did not finish, to make it again.
  func removeData() throws(Errno) {
    if calls.isTaken(data) { try calls.remove(data) }
  }

  /// Where the job is written before it has its name.
  private var newJobPath: String { jobPath + ".new" }

  /// Writes down which job it is. From then on a later run goes on with what the ledger says, however this one ends.
  func write(job: [UInt8], for path: String, synchronizes: Bool) throws(StreamError) {
    let newPath = newJobPath
    do throws(Errno) {
      let file = try calls.uninterrupted { calls throws(Errno) in
        try calls.open(
          newPath, .readWrite, [.create, .truncate, .noFollow, .closeOnExec],
          permissions: FilePermissions(rawValue: 0o666))
      }
      defer { try? calls.close(file) }
      var rest = job[...]
      while !rest.isEmpty {
        let written: Result<Int, Errno> = rest.withUnsafeBytes { bytes in
          Result { () throws(Errno) in
            try calls.uninterrupted { calls throws(Errno) in
              try calls.write(file, at: Int64(job.count - bytes.count), from: bytes)
            }
          }
        }
        rest.removeFirst(try written.get())
      }
      if synchronizes { try calls.uninterrupted { calls throws(Errno) in try calls.synchronize(file) } }
      try calls.uninterrupted { calls throws(Errno) in try calls.rename(newPath, to: jobPath) }
    } catch {
      try? calls.remove(newPath)
      throw .writeFailed(path: path, error)
    }
    supervision_note_unfinished(nil, nil, nil, nil)
    noteContinued()
  }

  /// For the process that watches.
  private static func note(_ files: [String], _ lock: String, _ folder: String) {
    files[0].withFileName { data in
      files[1].withFileName { spool in
        lock.withFileName { lock in
          folder.withFileName { supervision_note_unfinished(data, spool, lock, $0) }
        }
      }
    }
  }

  /// Removes the folder with what is in it, and gives up the lock.
  func remove() {
    supervision_note_unfinished(nil, nil, nil, nil)
    supervision_note_resumable(nil)
    removeFiles()
    removeAll((Self.shardFiles(in: folder) + ["setup"]).filter { calls.isTaken(folder + "/" + $0) })
    // Whoever waits for the lock finds that the file has no name any more.
    try? calls.remove(lockPath)
    try? calls.removeEmpty(folder)
  }

  /// What the folder's name has in addition to the output's.
  static let suffix = ".partial"

  /// The name of the folder, shortened where no file may have such a long one.
  static func folder(for target: String, longestName: Int = 255) -> String {
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
  /// - Parameter busy: the error if another process has the lock.
  private static func take(
    _ folder: String, _ lockPath: String, isShared: Bool = false, _ busy: StreamError, path: String,
    _ calls: any FileCalls
  ) throws(StreamError) -> FileLock {
    var failure = busy
    let start = ContinuousClock.now
    var isFirst = true
    // A process that is just being started holds a lock of the one that starts it.
    while isFirst || ContinuousClock.now - start < .milliseconds(200) {
      if !isFirst { usleep(20_000) }
      isFirst = false
      do throws(Errno) {
        try makeFolder(folder, calls)
        guard calls.status(at: folder)?.isFolder ?? true, !calls.isLink(folder) else {
          throw .notDirectory
        }
        if let lock = try FileLock(lockPath, isShared: isShared, calls) { return lock }
        failure = busy
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
}

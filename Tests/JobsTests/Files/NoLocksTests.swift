import Configuration
import Foundation
import Jobs
import Parallel
import SystemPackage
import TestSupport
import Testing

@testable import LayerFiles

/// On a file system without locks, as some that many machines share: owners are known by files that change.
@Suite(.timeLimit(.minutes(30))) struct NoLocksTests {
  /// Every lock is refused; calls `act` before each other call.
  private func calls(_ act: @escaping @Sendable (WatchedFileCalls.Call) -> Void = { _ in })
    -> WatchedFileCalls
  {
    WatchedFileCalls { call, _ in
      if call.kind == .lock { return .fails(.noLocks) }
      act(call)
      return .made
    }
  }

  /// - Parameter milliseconds: long where a living owner must not be late on a busy machine.
  private func quickly<Result>(_ milliseconds: Int = 40, _ body: () throws -> Result) rethrows -> Result {
    try Heartbeat.$period.withValue(.milliseconds(milliseconds)) { try body() }
  }

  private func job() throws -> SmallJob { try SmallJob.recording(#""batch_size": 3, "sync": false"#) }

  @Test func everyShardDoesItsPart() throws {
    var job = try job()
    let expected = try job.expectedBytes()
    for index in [1, 0, 2] {
      job.shard = Shard(index: index, count: 3)
      try quickly { _ = try job.run(calls()) }
      // Who comes next need not look on.
      if index != 2 { #expect(!FileManager.default.fileExists(atPath: job.output + ".partial/setup")) }
    }
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }

  /// Files of an owner that is gone do not change, whatever the clocks say: after a while another process takes its place.
  @Test(arguments: ["setup", "shard-1-of-3.lock"]) func anOwnerThatIsGone(name: String) throws {
    var job = try job()
    let expected = try job.expectedBytes()
    job.shard = Shard(index: 0, count: 3)
    try quickly { _ = try job.run(calls()) }
    let left = URL(fileURLWithPath: job.output + ".partial/" + name)
    for bytes in [Data(), Data(repeating: 7, count: 16)] {
      try bytes.write(to: left)
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: 1e6)], ofItemAtPath: left.path)
      job.shard = Shard(index: 1, count: 3)
      try quickly { _ = try job.run(calls()) }
    }
    // One that died over the taking does not keep it for ever.
    try Data(repeating: 7, count: 16).write(to: left)
    try Data().write(to: URL(fileURLWithPath: left.path + ".after-707070707070707"))
    try quickly { _ = try job.run(calls()) }
    job.shard = Shard(index: 2, count: 3)
    try quickly { _ = try job.run(calls()) }
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }

  /// One that lives is seen within a few of its changes.
  @Test func anOwnerThatLives() throws {
    var job = try job()
    job.shard = Shard(index: 1, count: 2)
    let (other, output) = (job, job.output)
    let refused = Guarded(0)
    try quickly(400) {
      _ = try job.run(
        calls { call in
          guard call.kind == .write, call.name == "shard-1-of-2.spool" else { return }
          #expect(
            throws: StreamError.shardBusy(path: output, workspace: output + ".partial", shard: other.shard!)
          ) { try quickly(400) { _ = try other.run(calls()) } }
          refused.withLock { $0 += 1 }
        })
    }
    #expect(refused.withLock { $0 } > 0)
  }

  /// The same of a run that does everything.
  @Test func aRunThatLives() throws {
    let job = try job()
    let refused = Guarded(0)
    try quickly(400) {
      _ = try job.run(
        calls { call in
          guard call.kind == .write, call.name == job.partialName, refused.withLock({ $0 }) < 2 else {
            return
          }
          #expect(throws: StreamError.outputBusy(path: job.output, workspace: job.output + ".partial")) {
            try quickly(400) { _ = try job.run(calls()) }
          }
          refused.withLock { $0 += 1 }
        })
    }
    #expect(refused.withLock { $0 } > 0)
    #expect(try job.left == ["out.h5"])
  }

  /// A single run of which a killed one's files are left.
  @Test func aSingleRunGoesOn() throws {
    let job = try job()
    let expected = try job.expectedBytes()
    try FileManager.default.createDirectory(
      atPath: job.output + ".partial", withIntermediateDirectories: false)
    try Data(repeating: 9, count: 16).write(to: URL(fileURLWithPath: job.output + ".partial/lock"))
    try quickly { _ = try job.run(calls()) }
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }

  /// Who only looks tells by when the owner's file changed last.
  @Test(arguments: [true, false]) func whoLooksSeesAnOwnerThatLives(lives: Bool) throws {
    let folder = try TemporaryFolder()
    for name in ["lock", "shard-1-of-3.lock"] {
      try Data(repeating: 7, count: 16).write(to: folder.url.appending(path: name))
      if !lives { try FileManager.default.changeTime(ofItemAtPath: folder.path(name)) }
    }
    try calls().watch {
      let contents = try #require(try WorkspaceContents(folder: folder.url.path))
      #expect(contents.isOwned == lives)
      let shard = try #require(Shard(index: 1, count: 3))
      #expect(try contents.isOwned(shard) == lives)
    }
  }

  /// Several that see the same dead owner: one takes its place.
  @Test func oneOfSeveralTakesThePlace() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("lock")
    for round in 0..<3 {
      try Data(repeating: UInt8(round + 1), count: 16).write(to: URL(fileURLWithPath: path))
      let owners = Guarded<[FileLock]>([])
      DispatchQueue.concurrentPerform(iterations: 4) { _ in
        quickly(400) {
          if let lock = try? FileLock(path, calls()) { owners.withLock { $0.append(lock) } }
        }
      }
      #expect(owners.withLock { $0.count } == 1)
    }
  }
}

import Configuration
import Foundation
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Jobs

/// What the processes of shards do about a batch that they share: who joins it, who waits, and who finds that something is gone.
@Suite(.timeLimit(.minutes(30))) struct SharedBatchTests {
  /// Two layers of 30,000 samples in batches of 20,000 and 10,000, for three shards. The second one has the last batch of the first layer, and
  /// of the first batch of the second layer 8192 samples: two leaves. The third one has the rest.
  private func job() throws -> SmallJob {
    var job = try SmallJob(samples: 30_000)
    job.keys = #""batch_size": 20000, "sync": false"#
    return job
  }

  private func share(_ job: SmallJob) throws -> Double? {
    try WorkspaceReport(folder: job.output + ".partial") { JobSummary.Failure(code: 0, message: "\($0)") }?
      .share
  }

  /// One that waits for the others hears a signal when it has looked again, and has written down before what it has computed.
  @Test func whoWaitsHearsASignal() throws {
    var job = try job()
    job.shard = Shard(index: 1, count: 3)
    job.waits = true
    var made = job
    (made.shard, made.waits) = (Shard(index: 2, count: 3), false)
    let other = made
    let cancellation = Cancellation()
    // How often it has looked for what is joined; nil before it has summed its part.
    let looks = Guarded<Int?>(nil)
    let calls = WatchedFileCalls { call, _ in
      if call.kind == .open, call.name == "shard-1-of-3.summed" { looks.withLock { $0 = 0 } }
      guard call.kind == .status, call.name == "joined" else { return .made }
      let count: Int? = looks.withLock { looks in
        looks = looks.map { $0 + 1 }
        return looks
      }
      if count == 2 { cancellation.request() }
      if count == 6 {
        // Who does not hear it would wait for ever: through the system's own calls, the other shard's process comes.
        _ = try? FileLayer.$current.withValue(SystemFileCalls()) { try other.runHere() }
      }
      return .made
    }
    #expect(throws: StreamError.suspended(workspace: job.output + ".partial")) {
      try job.run(calls, cancellation: cancellation)
    }
    #expect(looks.withLock { $0 } == 2)
    // A batch of 10,000 samples, and the first of two passes over 8192, of 60,000.
    let expected = (10_000.0 + 4096) / 60_000
    #expect(abs(try #require(try share(job)) - expected) < 1e-9)
  }

  /// Each layer is told of before its turn: before its part of a batch, then before its whole batches, then before its part again.
  @Test func layersAreToldOf() throws {
    var job = try job()
    func told(_ index: Int) throws -> [String] {
      job.shard = Shard(index: index, count: 3)
      var paths: [String] = []
      let execution = Execution(
        try job.plan(), progress: JobProgress(), cancellation: Cancellation(),
        layerBegins: { layer, _ in paths.append(layer.path) })
      do {
        _ = try execution.write(to: job.output)
      } catch StreamError.waitsForShards {
        // It has done its first turn.
      }
      return paths
    }
    #expect(try told(1) == ["/second", "/first"])
    #expect(try told(2) == ["/second", "/second", "/second"])
  }

  /// What is joined the device has before anybody goes on, and each batch behind the one that another process has joined; who has joined lets
  /// others do the same before it writes results.
  @Test(arguments: [true, false]) func whatIsJoinedIsOnTheDevice(synchronizes: Bool) throws {
    var job = try SmallJob.recording(
      synchronizes ? #""batch_size": "all""# : #""batch_size": "all", "sync": false"#, samples: 30_000)
    let expected = try job.expectedBytes()
    for index in [0, 1] {
      job.shard = Shard(index: index, count: 3)
      #expect(throws: StreamError.self) { try job.run() }
    }
    let after = (synchronizes ? ["synchronize joined"] : []) + ["close setup"]
    var places: [Range<Int>] = []
    // The third one joins the batch of the second layer, and the first one that of the first.
    for index in [2, 0] {
      job.shard = Shard(index: index, count: 3)
      let calls = WatchedFileCalls()
      #expect(try job.run(calls).status == .part)
      let all = calls.calls.filter {
        [.write, .synchronize].contains($0.kind) || $0.kind == .close && $0.name == "setup"
      }
      let joins = all.indices.filter { all[$0].kind == .write && all[$0].name == "joined" }
      try #require(joins.count == 1)
      let next = all[(joins[0] + 1)...].prefix(after.count).map(\.description)
      #expect(next == after)
      places.append(try #require(all[joins[0]].bytes))
    }
    #expect(places[0].lowerBound == 0 && places[1].lowerBound == places[0].upperBound)
    job.shard = Shard(index: 1, count: 3)
    #expect(try job.run().status == .done)
    #expect(try job.folder.bytes("out.h5") == expected)
  }

  /// Two processes find a batch complete at the same time: the second one waits for the first, and does not join it again.
  @Test func oneJoinsForAll() throws {
    var job = try SmallJob.recording(
      #""batch_size": "all", "sync": false, "layers": ["first"]"#, samples: 30_000)
    let expected = try job.expectedBytes()
    job.shard = Shard(index: 0, count: 2)
    #expect(throws: StreamError.self) { try job.run() }
    let other = job
    job.shard = Shard(index: 1, count: 2)
    let isSummed = Guarded(false)
    let joined = Guarded<[Bool]>([])
    let calls = WatchedFileCalls { call, _ in
      if call.kind == .open, call.name == "shard-1-of-2.summed" { isSummed.withLock { $0 = true } }
      let wasSummed = isSummed.withLock { $0 }
      if wasSummed, call.kind == .open, call.name == "setup", joined.withLock({ $0.isEmpty }) {
        // Through the system's own calls, as another process.
        let summary = try? FileLayer.$current.withValue(SystemFileCalls()) { try other.runHere() }
        joined.withLock { $0.append(summary?.status == .part) }
      }
      return .made
    }
    #expect(try job.run(calls).status == .done)
    #expect(joined.withLock { $0 } == [true])
    #expect(!calls.calls.contains { $0.kind == .write && $0.name == "joined" })
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }

  /// The device may have lost what a shard has summed, and not its mark: who joins the batch names that shard, which sums it again.
  @Test(arguments: [true, false]) func aMarkWithoutItsMoments(isTorn: Bool) throws {
    var job = try SmallJob.recording(
      #""batch_size": "all", "sync": false, "layers": ["first"]"#, samples: 30_000)
    let expected = try job.expectedBytes()
    let first = try #require(Shard(index: 0, count: 2))
    job.shard = first
    #expect(throws: StreamError.self) { try job.run() }
    let ledger = URL(fileURLWithPath: job.output + ".partial/shard-0-of-2.ledger")
    let bytes = try Data(contentsOf: ledger)
    try #require(bytes.count > 100)
    if isTorn {
      try bytes.prefix(10).write(to: ledger)
    } else {
      try FileManager.default.removeItem(at: ledger)
    }
    job.shard = Shard(index: 1, count: 2)
    #expect(
      throws: StreamError.shardDamaged(path: job.output, workspace: job.output + ".partial", shard: first)
    ) { try job.run() }
    job.shard = first
    #expect(try job.run().status == .part)
    job.shard = Shard(index: 1, count: 2)
    #expect(try job.run().status == .done)
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }
}

import Configuration
import Foundation
import Parallel
import TestSupport
import Testing

@testable import Jobs
@testable import LayerFiles

/// How far each shard is, as `inspect` says it: in each state that there is.
@Suite(.timeLimit(.minutes(30))) struct ShardStateTests {
  private typealias State = WorkspaceReport.ShardState.State

  private static func states(_ job: SmallJob) throws -> [State]? {
    try WorkspaceReport(folder: job.output + ".partial") { JobSummary.Failure(code: 0, message: "\($0)") }?
      .shards?.map(\.state)
  }

  /// A batch that three share: nobody goes on before all have summed their parts.
  @Test(arguments: [Duration.zero, .seconds(3600)]) func ofASharedBatch(interval: Duration) throws {
    var job = try SmallJob(samples: 30_000)
    job.keys = #""batch_size": "all", "sync": false, "layers": ["first"]"#
    job.recordInterval = interval
    job.shard = Shard(index: 1, count: 3)
    // Stopped before it has written down anything of its part.
    let cancellation = Cancellation()
    let stopping = WatchedFileCalls { call, _ in
      if call.kind == .open, call.name == "shard-1-of-3.ledger" { cancellation.request() }
      return .made
    }
    #expect(throws: StreamError.self) { try job.run(stopping, cancellation: cancellation) }
    #expect(try Self.states(job) == [.missing, .interrupted, .missing])
    let running = Guarded<[[State]?]>([])
    let (other, output) = (job, job.output + ".partial/shard-1-of-3.summed")
    let looking = WatchedFileCalls { call, _ in
      if call.kind == .open, output.hasSuffix(call.name) {
        // Through the system's own calls, as another process looks.
        let states = try? FileLayer.$current.withValue(SystemFileCalls()) { try Self.states(other) }
        running.withLock { $0.append(states) }
      }
      return .made
    }
    #expect(throws: StreamError.self) { try job.run(looking) }
    #expect(running.withLock { $0 } == [[.missing, .running, .missing]])
    #expect(try Self.states(job) == [.missing, .waiting, .missing])
    job.shard = Shard(index: 0, count: 3)
    #expect(throws: StreamError.self) { try job.run() }
    #expect(try Self.states(job) == [.waiting, .waiting, .missing])
    job.shard = Shard(index: 2, count: 3)
    try job.run()
    #expect(try Self.states(job) == [.waiting, .waiting, .done])
    // It has waited, and runs again.
    job.shard = Shard(index: 1, count: 3)
    let again = Guarded<[[State]?]>([])
    let looked = job
    try job.run(
      WatchedFileCalls { call, _ in
        if call.kind == .write, call.name == "shard-1-of-3.spool" {
          let states = try? FileLayer.$current.withValue(SystemFileCalls()) { try Self.states(looked) }
          again.withLock { $0.append(states) }
        }
        return .made
      })
    #expect(again.withLock { $0.first } == [.waiting, .running, .done])
    #expect(try Self.states(job) == [.waiting, .done, .done])
  }

  /// A job of one batch that three shards share: the first two wait for the others, and the last one has done its part.
  private static func jobThatAllCameTo(_ first: [Int]) throws -> SmallJob {
    var job = try SmallJob(samples: 30_000)
    job.keys = #""batch_size": "all", "sync": false, "layers": ["first"]"#
    job.recordInterval = .zero
    for index in first {
      job.shard = Shard(index: index, count: 3)
      #expect(throws: StreamError.self) { try job.run() }
    }
    job.shard = Shard(index: 2, count: 3)
    try job.run()
    return job
  }

  /// A shard whose records do not hold any more begins anew in all that it has said: that it is done, and that its parts are summed.
  @Test func ofDamage() throws {
    let job = try Self.jobThatAllCameTo([0, 1])
    // Where it wrote its last samples.
    let data = URL(fileURLWithPath: job.output + ".partial/data.h5")
    let spool = URL(fileURLWithPath: job.output + ".partial/shard-2-of-3.spool")
    var bytes = try Data(contentsOf: spool)
    try #require(bytes.count > 100)
    for place in bytes.indices { bytes[place] ^= 0x10 }
    try bytes.write(to: spool)
    #expect(FileManager.default.fileExists(atPath: data.path))
    // Its milestones are gone before it says anything new.
    let names = Guarded<[String]>([])
    let folder = job.output + ".partial"
    let calls = WatchedFileCalls { call, _ in
      if call.kind == .open, call.name == "shard-2-of-3.summed" {
        let there = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        names.withLock { $0 += there.filter { $0.hasSuffix(".summed") || $0.hasSuffix(".done") }.sorted() }
      }
      return .made
    }
    try job.run(calls)
    #expect(names.withLock { $0 } == ["shard-0-of-3.summed", "shard-1-of-3.summed"])
    #expect(job.continued.last?.damaged == ["/first"])
    #expect(try Self.states(job) == [.waiting, .waiting, .done])
  }

  /// A shard is done if its records say so to the end, whatever its mark says: the device may have had one and not the other.
  @Test(arguments: [0, 1, 2], [true, false]) func aMarkWithoutItsRecords(index: Int, isTorn: Bool) throws {
    var job = try SmallJob.recording(#""batch_size": 3, "sync": false"#, samples: 30)
    let expected = try job.expectedBytes()
    let others = (0..<3).filter { $0 != index }
    for shard in [index, others[0]] {
      job.shard = Shard(index: shard, count: 3)
      try job.run()
    }
    let ledger = URL(fileURLWithPath: job.output + ".partial/shard-\(index)-of-3.ledger")
    let bytes = try Data(contentsOf: ledger)
    if isTorn {
      try bytes.dropLast(3).write(to: ledger)
    } else {
      try FileManager.default.removeItem(at: ledger)
    }
    job.shard = Shard(index: others[1], count: 3)
    let summary = try job.run()
    #expect(summary.status == .part && summary.shard?.missing == [index])
    job.shard = Shard(index: index, count: 3)
    #expect(try job.run().status == .done)
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }

  /// A process that was killed between its last record and its mark has done its shard: the next one says so, and nothing is missing.
  @Test(arguments: [0, 1]) func recordsWithoutTheirMark(index: Int) throws {
    var job = try SmallJob.recording(#""batch_size": 3, "sync": false"#, samples: 30)
    let expected = try job.expectedBytes()
    job.shard = Shard(index: index, count: 2)
    try job.run()
    try FileManager.default.removeItem(atPath: job.output + ".partial/shard-\(index)-of-2.done")
    job.shard = Shard(index: 1 - index, count: 2)
    let summary = try job.run()
    #expect(summary.status == .part && summary.shard?.missing == [index])
    job.shard = Shard(index: index, count: 2)
    let last = try job.run()
    #expect(last.status == .done && last.shard?.missing == [])
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }

  /// What is computed again is what the shard has: no layer is named that is another shard's.
  @Test(arguments: [(0, ["/first"]), (1, ["/first", "/second"]), (2, ["/second"])] as [(Int, [String])])
  func damageIsOfTheShardsLayers(index: Int, layers: [String]) throws {
    var job = try SmallJob.recording(
      #""batch_size": 3, "sync": false, "output_storage": {"layout": "chunked", "chunk_samples": 3}"#,
      samples: 30)
    job.shard = Shard(index: index, count: 3)
    #expect(try job.run().status == .part)
    let spool = URL(fileURLWithPath: job.output + ".partial/shard-\(index)-of-3.spool")
    var bytes = try Data(contentsOf: spool)
    try #require(!bytes.isEmpty)
    for place in bytes.indices { bytes[place] ^= 0x10 }
    try bytes.write(to: spool)
    #expect(try job.run().status == .part)
    #expect(job.continued.map(\.damaged) == [layers])
    #expect(job.continued.map(\.folder) == [job.output + ".partial"])
    #expect(job.continued.map(\.share) == [0])
  }

  /// What an unfinished output takes is what all files of all shards have, with what they have joined, however its folder is called.
  @Test func allFilesAreItsBytes() throws {
    let job = try Self.jobThatAllCameTo([1, 0])
    let folder = job.output + ".partial"
    var sizes: [String: Int] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
      let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/" + name)
      sizes[name] = attributes[.size] as? Int
    }
    for name in ["joined", "job.json", "ledger", "shard-0-of-3.ledger", "shard-2-of-3.ledger"] {
      #expect((sizes[name] ?? 0) > 0, "\(name)")
    }
    for ending in ["", "/", "///"] {
      let contents = try #require(try WorkspaceContents(folder: folder + ending))
      #expect(contents.folder == folder)
      #expect(contents.byteCount == sizes.values.reduce(0, +))
    }
  }
}

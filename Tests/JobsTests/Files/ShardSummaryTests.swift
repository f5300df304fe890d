import Configuration
import Foundation
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Jobs

/// What is said of a job in shards: how far it is, what all of them counted, and that it is finished.
@Suite(.timeLimit(.minutes(30))) struct ShardSummaryTests {
  /// What `inspect` says of the whole job, and what a shard's progress says, beside what the division gives each shard.
  @Test func howFarItIsIsSaid() throws {
    let (samples, keys) = DividedJobs.all[0]
    var job = try SmallJob.recording(keys, samples: samples)
    let layers = try job.plan().layers
    let division = ShardDivision(layers, count: 3)
    let all = layers.reduce(0) { $0 + $1.batches.sampleCount }
    // Of each shard that has come, how much of its parts of shared batches is done: half after the first turn.
    var done: [Int: Double] = [:]
    func expectShare() throws {
      let report = try #require(
        try WorkspaceReport(folder: job.output + ".partial") { JobSummary.Failure(code: 0, message: "\($0)") }
      )
      let share = try #require(report.share)
      var expected = 0.0
      for (index, layer) in layers.enumerated() {
        for (shard, turns) in done {
          let piece = division.piece(ofLayer: index, shard: shard)
          let parts = piece.parts.reduce(0) { $0 + $1.samples.count }
          expected += Double(layer.samples(in: piece.batches)) + turns * Double(parts)
        }
      }
      #expect(abs(share - expected / Double(all)) < 1e-9, "\(done)")
    }
    for index in [0, 1] {
      job.shard = Shard(index: index, count: 3)
      #expect(throws: StreamError.self) { try job.run() }
      done[index] = 0.5
      try expectShare()
    }
    // It finds what the others have summed, and takes both turns at once.
    job.shard = Shard(index: 2, count: 3)
    let progress = JobProgress()
    var execution = Execution(try job.plan(), progress: progress, cancellation: Cancellation())
    execution.recordInterval = .zero
    #expect(try execution.write(to: job.output).status == .part)
    // The total leaves out small results.
    #expect(abs(Double(progress.bytes.done) / Double(progress.bytes.total) - 1) < 0.02, "\(progress.bytes)")
    done[2] = 1
    try expectShare()
    job.shard = Shard(index: 0, count: 3)
    try job.run()
    done[0] = 1
    try expectShare()
  }

  /// A shard's progress ends with what it has of each layer: of x, dy, y and dx 24 bytes for each sample. A third of the samples of both layers
  /// ends at 13,333 of the first and at 6666 of the second: at the next batch of 100.
  @Test(arguments: [(0, 13_400), (1, 6600 + 6700), (2, 13_300)] as [(Int, Int)])
  func progressOfWholeBatches(index: Int, samples: Int) throws {
    var job = try SmallJob.recording(#""batch_size": 100, "sync": false"#, samples: 20_000)
    job.shard = Shard(index: index, count: 3)
    let progress = JobProgress()
    let execution = Execution(try job.plan(), progress: progress, cancellation: Cancellation())
    #expect(try execution.write(to: job.output).status == .part)
    let (done, total): (Int, Int) = progress.bytes
    #expect(done == 4 * 24 * samples)
    // What a layer has is rounded down.
    #expect(abs(total - done) <= 2)
  }

  /// A shard that has summed its parts of batches has left to read them once more, and to write their results; one that was stopped while it
  /// summed them has some of the first turn, too.
  @Test(arguments: [false, true]) func progressOfAShardThatGoesOn(isStopped: Bool) throws {
    let (samples, keys) = DividedJobs.all[0]
    var job = try SmallJob.recording(keys, samples: samples)
    job.shard = Shard(index: 1, count: 3)
    let layers = try job.plan().layers
    let parts = layers.indices.flatMap { layer in
      ShardDivision(layers, count: 3).piece(ofLayer: layer, shard: 1).parts.map(\.samples.count)
    }
    try #require(parts.count == 2)
    // 24 bytes of each of x and dy are read twice, and as many of y and dx are written.
    let (both, second): (Int, Int) = (6 * 24 * parts.reduce(0, +), 4 * 24 * parts.reduce(0, +))
    func run(_ index: Int) throws -> (done: Int, total: Int) {
      job.shard = Shard(index: index, count: 3)
      let progress = JobProgress()
      var execution = Execution(try job.plan(), progress: progress, cancellation: Cancellation())
      execution.recordInterval = .zero
      do { _ = try execution.write(to: job.output) } catch StreamError.waitsForShards {}
      return progress.bytes
    }
    if isStopped {
      try job.stop(atRecord: 1, of: "shard-1-of-3.ledger")
      let (_, total): (Int, Int) = try run(1)
      #expect(total > second && total < both, "\(total)")
    } else {
      let (_, total): (Int, Int) = try run(1)
      #expect(total == both)
    }
    for index in [0, 2] { _ = try run(index) }
    let (done, total): (Int, Int) = try run(1)
    #expect(total == second)
    // The total leaves out small results.
    #expect(abs(Double(done) / Double(total) - 1) < 0.02, "\(done)")
  }

  /// What the process that finishes reads of a layer, for quantiles, is not what it has read before as a shard, nor of another layer.
  @Test func bytesOfALayerAreItsOwn() throws {
    var job = try SmallJob.recording(#""batch_size": 3, "sync": false, "outputs": ["output", "population"]"#)
    let once = try job.run().layers.map(\.bytesRead)
    try FileManager.default.removeItem(atPath: job.output)
    job.keys += #", "quantiles": [25, 50]"#
    let whole = try job.run().layers.map(\.bytesRead)
    try FileManager.default.removeItem(atPath: job.output)
    job.shard = Shard(index: 0, count: 2)
    #expect(try job.run().layers.isEmpty)
    job.shard = Shard(index: 1, count: 2)
    let last = try job.run()
    try #require(once.count == 2 && whole.count == 2 && once[0] > 0)
    #expect(last.layers.map(\.bytesRead) == [whole[0] - once[0], whole[1] - once[1]])
  }

  /// Where no large results are written, nothing is left to do with a part of a batch that is summed.
  @Test func howFarItIsWithoutLargeResults() throws {
    let (samples, keys) = DividedJobs.all[3]
    var job = try SmallJob.recording(keys, samples: samples)
    // The first layer is cut at sample 20,000 and the second at 10,000, each at the nearest of the leaves of 4096.
    for (index, done) in [(0, 20_480.0), (1, 38_192)] {
      job.shard = Shard(index: index, count: 3)
      #expect(try job.run().status == .part)
      let report = try #require(
        try WorkspaceReport(folder: job.output + ".partial") { JobSummary.Failure(code: 0, message: "\($0)") }
      )
      #expect(abs(try #require(report.share) - done / 60_000) < 1e-9)
    }
  }

  /// What the shards' processes count is in the summary of the one that finishes, as in that of a process that does all: also where each
  /// part of a batch is written in many segments.
  @Test(arguments: [(90, "3"), (30_000, #""all""#), (200_000, #""all", "memory": "18MiB""#)], [2, 3])
  func whatAllCountIsSaid(_ made: (samples: Int, batchSize: String), count: Int) throws {
    // Numbers of x̂ beyond 1.09 do not fit float16.
    var job = try SmallJob(samples: made.samples, gamma: 60_000)
    job.keys =
      #""batch_size": \#(made.batchSize), "sync": false, "output_type": "float16", "outputs": ["output"]"#
    job.recordInterval = .zero
    if made.samples == 200_000 {
      let length = try #require(try job.samplesPerSegment)
      try #require(length < 100_000)
    }
    let whole = try job.run()
    try FileManager.default.removeItem(atPath: job.output)
    var random = SeededGenerator(seed: UInt64(count))
    var last: JobSummary?
    _ = try job.finish(count, &random) { last = try $0.run() }
    let overflows = whole.layers.map(\.outputOverflow)
    #expect(overflows.allSatisfy { $0 > made.samples / 10 })
    #expect(last?.layers.map(\.outputOverflow) == overflows)
  }

  /// Another process finishes the output between a shard's word that it is done and its look at the others, or when it has found all of them
  /// done and would finish the output itself: then no shard is missing, and nothing is wrong.
  @Test(arguments: [false, true]) func anotherFinishesTheOutput(isLate: Bool) throws {
    // Chunks are laid out by who finishes the file: nobody else has it open.
    let (samples, keys) = DividedJobs.all[5]
    var job = try SmallJob.recording(keys, samples: samples)
    let expected = try job.expectedBytes()
    job.shard = Shard(index: 0, count: 2)
    try job.run()
    let other = job
    job.shard = Shard(index: 1, count: 2)
    let isMarked = Guarded(false)
    let finished = Guarded<[Bool]>([])
    let calls = WatchedFileCalls { call, _ in
      let marks = call.kind == .close && call.name == "shard-1-of-2.done"
      if marks { isMarked.withLock { $0 = true } }
      let wasMarked = isMarked.withLock { $0 }
      let begins = wasMarked && call.kind == .open && call.name == "setup"
      if isLate ? begins : marks, finished.withLock({ $0.isEmpty }) {
        // Through the system's own calls, as another process.
        let summary = try? FileLayer.$current.withValue(SystemFileCalls()) { try other.runHere() }
        finished.withLock { $0.append(summary?.status == .done) }
      }
      return .made
    }
    let summary = try job.run(calls)
    #expect(finished.withLock { $0 } == [true])
    #expect(summary.status == .done && summary.shard?.missing == [])
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }
}

import Configuration
import Foundation
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Jobs

/// Shards that are stopped, whose copies are damaged or whose files lose bytes go on to the same bytes.
@Suite(.timeLimit(.minutes(30))) struct StoppedShardTests {
  /// The same with a process that is stopped at any of its calls, and what was not synchronized lost.
  @Test(
    arguments: [DividedJobs.all[0], DividedJobs.all[2], DividedJobs.all[5], DividedJobs.all[7]],
    LosingFileCalls.Loss.allCases)
  func cutAndStopped(_ made: (samples: Int, keys: String), loss: LosingFileCalls.Loss) throws {
    var job = try SmallJob.recording(
      made.keys.replacing(#", "sync": false"#, with: ""), samples: made.samples)
    let expected = try job.expectedBytes()
    var random = SeededGenerator(seed: 5)
    let counting = LosingFileCalls()
    _ = try job.finish(3, &random) { job in try counting.watch { _ = try job.runHere() } }
    try FileManager.default.removeItem(atPath: job.output)
    for number in Walk.places(
      of: counting.count, step: max(1, counting.count / 5), wholeStep: max(1, counting.count / 30),
      offset: loss.number)
    {
      let calls = LosingFileCalls(after: number, loss)
      var order = SeededGenerator(seed: UInt64(number))
      try? calls.watch { _ = try job.finish(3, &order) { job in _ = try job.runHere() } }
      _ = try job.finish(3, &order)
      #expect(try job.folder.bytes("out.h5") == expected, "\(loss) before call \(number)")
      job.replacesOutput = true
      try job.run()
      job.replacesOutput = false
      #expect(try job.left == ["out.h5"], "\(loss) before call \(number)")
      try FileManager.default.removeItem(atPath: job.output)
    }
  }

  /// What a shard has kept for who finishes the output is damaged: that is said, and that shard again is enough.
  @Test(arguments: [DividedJobs.all[5], DividedJobs.all[7]]) func damagedCopiesAreNamed(
    _ made: (samples: Int, keys: String)
  )
    throws
  {
    var job = try SmallJob.recording(made.keys, samples: made.samples)
    let expected = try job.expectedBytes()
    for index in [0, 1] {
      job.shard = Shard(index: index, count: 3)
      try job.run()
    }
    let spool = URL(fileURLWithPath: job.output + ".partial/shard-1-of-3.spool")
    var bytes = try Data(contentsOf: spool)
    try #require(bytes.count > 100)
    for place in stride(from: 0, to: bytes.count, by: bytes.count / 7) { bytes[place] ^= 0x10 }
    try bytes.write(to: spool)
    job.shard = Shard(index: 2, count: 3)
    #expect(
      throws: StreamError.shardDamaged(
        path: job.output, workspace: job.output + ".partial", shard: Shard(index: 1, count: 3)!)
    ) { try job.run() }
    job.shard = Shard(index: 1, count: 3)
    #expect(try job.run().status == .done)
    #expect(job.continued.last?.damaged.isEmpty == false)
    #expect(try job.folder.bytes("out.h5") == expected)
  }

  /// Who finishes the output and is interrupted while it writes what another shard has kept writes no more of it; the next run finishes it.
  @Test(arguments: [DividedJobs.all[5], DividedJobs.all[7]]) func whileItFinishes(
    _ made: (samples: Int, keys: String)
  ) throws {
    var job = try SmallJob.recording(made.keys, samples: made.samples)
    let expected = try job.expectedBytes()
    for index in [0, 1] {
      job.shard = Shard(index: index, count: 3)
      try job.run()
    }
    job.shard = Shard(index: 2, count: 3)
    let cancellation = Cancellation()
    let calls = WatchedFileCalls { call, _ in
      if call.kind == .read, call.name == "shard-0-of-3.spool" { cancellation.request() }
      return .made
    }
    #expect(throws: StreamError.suspended(workspace: job.output + ".partial")) {
      try job.run(calls, cancellation: cancellation)
    }
    #expect(calls.calls.count { $0.kind == .read && $0.name == "shard-0-of-3.spool" } == 1)
    #expect(try job.left == ["out.h5.partial"])
    #expect(try job.run().status == .done)
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }

  /// The process of a shard stops before each call in turn, with what the device does not have lost; then it runs again.
  @Test(arguments: LosingFileCalls.Loss.allCases) func afterAnyCall(loss: LosingFileCalls.Loss) throws {
    var job = try SmallJob.recording(ShardTests.keys[0])
    let expected = try job.expectedBytes()
    let (first, second) = (Shard(index: 0, count: 2), Shard(index: 1, count: 2))
    let counting = LosingFileCalls()
    job.shard = first
    try counting.watch { _ = try job.runHere() }
    job.shard = second
    try counting.watch { _ = try job.runHere() }
    try FileManager.default.removeItem(atPath: job.output)
    #expect(counting.count > 60)
    for number in Walk.places(of: counting.count, step: 16, wholeStep: 2, offset: loss.number) {
      let calls = LosingFileCalls(after: number, loss)
      try? calls.watch {
        for shard in [first, second] {
          job.shard = shard
          _ = try job.runHere()
        }
      }
      for shard in [second, first] where !FileManager.default.fileExists(atPath: job.output) {
        job.shard = shard
        try job.run()
      }
      #expect(try job.folder.bytes("out.h5") == expected, "\(loss) before call \(number)")
      try FileManager.default.removeItem(atPath: job.output)
      // What is left of a process that died when the output had its name already.
      job.shard = nil
      job.replacesOutput = true
      try job.run()
      job.replacesOutput = false
      #expect(try job.left == ["out.h5"], "\(loss) before call \(number)")
      try FileManager.default.removeItem(atPath: job.output)
    }
  }

  /// A shard that was stopped goes on behind the chunks of which it has copies: it writes none of them again, and gives the same bytes.
  @Test(arguments: [700, 900, 1100], [0, 1]) func goesOnBehindCopies(chunk: Int, index: Int) throws {
    let storage = #"{"layout": "chunked", "chunk_samples": \#(chunk), "gzip": 1}"#
    var job = try SmallJob.recording(
      #""batch_size": 1000, "sync": false, "output_storage": \#(storage)"#, samples: 200_000)
    let expected = try job.expectedBytes()
    job.shard = Shard(index: index, count: 2)
    /// How many bytes of copies a run writes.
    func copied(stopsAtRecord record: Int?) throws -> Int {
      let byteCount = Guarded(0)
      let cancellation = Cancellation()
      let calls = WatchedFileCalls.requesting(
        cancellation, atRecord: record ?? .max, of: "shard-\(index)-of-2.ledger"
      ) { call in
        guard call.kind == .write, call.name == "shard-\(index)-of-2.spool" else { return }
        byteCount.withLock { $0 += call.bytes?.count ?? 0 }
      }
      if record == nil {
        try job.run(calls, cancellation: cancellation)
      } else {
        #expect(throws: StreamError.self) { try job.run(calls, cancellation: cancellation) }
      }
      return byteCount.withLock { $0 }
    }
    let whole = try copied(stopsAtRecord: nil)
    try FileManager.default.removeItem(atPath: job.output + ".partial")
    let (before, after) = (try copied(stopsAtRecord: 2), try copied(stopsAtRecord: nil))
    // The stop came within the first of two layers of one size, and nothing is written twice.
    #expect(before > 0 && before < whole / 2)
    #expect(before + after == whole)
    job.shard = Shard(index: 1 - index, count: 2)
    try job.run()
    #expect(try job.folder.bytes("out.h5") == expected)
  }

  /// A shard whose part of a batch has many segments is stopped while it sums it, or while it writes its results: it goes on behind its last
  /// record, and writes again what it had in a chunk that was not full. Without a stop its records follow each other, too.
  @Test(
    arguments: [#""layout": "contiguous""#, #""layout": "chunked", "chunk_samples": 1000, "gzip": 1"#],
    [(nil, nil), (1, nil), (3, 1), (nil, 2)] as [(Int?, Int?)])
  func withinItsPart(storage: String, _ stops: (summing: Int?, writing: Int?)) throws {
    var job = try SmallJob.inSegments(storage: storage)
    let expected = try job.expectedBytes()
    let (ledger, parts) = ("shard-1-of-3.ledger", try partsOfTheBatch(job, count: 3))
    job.shard = Shard(index: 1, count: 3)
    let length = try #require(try job.samplesPerSegment)
    // A part is a third, of five records at least.
    try #require(length <= 1 << 14 && parts[1].count > 65_536)
    if let record = stops.summing { try job.stop(atRecord: record, of: ledger) }
    for index in [1, 0] {
      job.shard = Shard(index: index, count: 3)
      #expect(throws: StreamError.self) { try job.run() }
    }
    job.shard = Shard(index: 2, count: 3)
    #expect(try job.run().status == .part)
    job.shard = Shard(index: 1, count: 3)
    if let record = stops.writing {
      let calls = try job.stop(atRecord: record, of: ledger)
      let records = calls.calls.count { $0.kind == .write && $0.name == ledger }
      // The first segment of a part may have begun before it.
      let end = min((parts[1].lowerBound / length + records) * length, parts[1].upperBound)
      let report = try #require(
        try WorkspaceReport(folder: job.output + ".partial") { JobSummary.Failure(code: 0, message: "\($0)") }
      )
      // All are summed, and of the last two shards' parts so much is written.
      let written = parts[2].count + end - parts[1].lowerBound
      let share = Double(200_000 + written) / 400_000
      #expect(abs(try #require(report.share) - share) < 1e-9, "\(records) records")
    }
    #expect(try job.run().status == .part)
    // It is done, and finds all that it has said.
    #expect(try job.run().status == .part)
    job.shard = Shard(index: 0, count: 3)
    #expect(try job.run().status == .done)
    #expect(!job.continued.contains { !$0.damaged.isEmpty })
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }

  /// The samples that each shard has of the one batch of the one layer.
  private func partsOfTheBatch(_ job: SmallJob, count: Int) throws -> [Range<Int>] {
    let division = ShardDivision(try job.plan().layers, count: count)
    return try (0..<count).map { shard in
      let piece = division.piece(ofLayer: 0, shard: shard)
      try #require(piece.batches.isEmpty && piece.parts.count == 1)
      return piece.parts[0].samples
    }
  }

  /// Bytes that somebody changes after a shard wrote them down are computed again by the next run of that shard.
  @Test func changedBytesAreComputedAgain() throws {
    var job = try SmallJob.recording(#""batch_size": 100, "sync": false"#, samples: 20_000)
    var other = try SmallJob.recording(job.keys, samples: 20_000)
    other.shard = Shard(index: 1, count: 2)
    try other.run()
    let others = try other.folder.bytes("out.h5.partial/data.h5")
    let expected = try job.expectedBytes()
    job.shard = Shard(index: 0, count: 2)
    try job.run()
    let data = URL(fileURLWithPath: job.output + ".partial/data.h5")
    var bytes = try Data(contentsOf: data)
    let written = bytes.indices.filter { bytes[$0] == expected[$0] && others[$0] != expected[$0] }
    bytes[try #require(written.dropFirst(written.count / 2).first)] ^= 0x10
    try bytes.write(to: data)
    try job.run()
    job.shard = Shard(index: 1, count: 2)
    try job.run()
    #expect(try job.folder.bytes("out.h5") == expected)
  }
}

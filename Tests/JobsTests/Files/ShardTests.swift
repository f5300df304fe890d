import Configuration
import Foundation
import LayerFiles
import Parallel
import SystemPackage
import TestSupport
import Testing

@testable import Jobs

/// A job that several processes do gives the very bytes of one that does it alone.
@Suite(.timeLimit(.minutes(30))) struct ShardTests {
  static let keys = [
    #""batch_size": 3"#, #""batch_size": "all", "sync": false"#,
    #""batch_size": 3, "sync": false, "outputs": ["output", "normalized", "grad_input", "batches", "running", "population", "diagnostics"]"#,
    // For quantiles all is read again, by who finishes.
    #""batch_size": 3, "sync": false, "outputs": ["output", "population"], "quantiles": [25, 50]"#,
  ]

  /// In any order, with other numbers of threads, each part twice.
  @Test(arguments: keys.orEachThirdForRaces, [1, 2, 3, 5, 16]) func anyNumberInAnyOrder(
    keys: String, count: Int
  ) throws {
    var job = try SmallJob.recording(keys)
    let expected = try job.expectedBytes()
    let whole = try job.run()
    try FileManager.default.removeItem(atPath: job.output)
    var random = SeededGenerator(seed: UInt64(count))
    var order = Array(0..<count).shuffled(using: &random)
    let last = order.removeLast()
    for (number, index) in order.enumerated() {
      job.threads = 1 + number % 3
      job.shard = Shard(index: index, count: count)
      for _ in 0..<2 {
        let summary = try job.run()
        #expect(summary.status == .part)
        #expect(summary.shard?.missing == Array(Set(0..<count).subtracting(order[...number])).sorted())
      }
      #expect(try job.left == ["out.h5.partial"])
    }
    job.shard = Shard(index: last, count: count)
    let summary = try job.run()
    #expect(summary.status == .done && summary.shard?.missing == [])
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
    for (one, other) in zip(whole.layers, summary.layers) { #expect(other.withoutCost == one.withoutCost) }
    #expect(whole.layers.count == summary.layers.count)
  }

  /// What is refused is refused by the shard that meets it, and not hours later by the last one.
  @Test func aShardRefusesItsOwnData() throws {
    var job = try SmallJob(isIrregular: true)
    job.keys = #""batch_size": 8, "nonfinite": "error""#
    job.shard = Shard(index: 0, count: 2)
    #expect(
      throws: StreamError.nonfinite(file: job.input, layer: "/first", batch: 0, feature: 1, count: 1)
    ) { try job.run() }
    #expect(try !job.left.contains("out.h5"))
  }

  /// What a batch that several share is refused for is said by the first that knows all of it, and nobody writes results of it.
  @Test func aSharedBatchIsRefusedBeforeItIsWritten() throws {
    var job = try SmallJob(samples: 30_000, isIrregular: true)
    job.keys = #""batch_size": "all", "nonfinite": "error", "sync": false"#
    job.recordInterval = .zero
    for (turn, index) in [0, 1, 2, 0, 1, 2].enumerated() {
      job.shard = Shard(index: index, count: 3)
      let calls = WatchedFileCalls()
      let error = #expect(throws: StreamError.self) { try job.run(calls) }
      if turn < 2 {
        guard case .waitsForShards? = error else {
          Issue.record("\(String(describing: error))")
          return
        }
      } else {
        // The last one has a part of the second layer only.
        let layer = index == 2 ? "/second" : "/first"
        #expect(error == .nonfinite(file: job.input, layer: layer, batch: 0, feature: 1, count: 1))
        #expect(!calls.calls.contains { $0.kind == .write && $0.name == "data.h5" })
      }
    }
    #expect(try !job.left.contains("out.h5"))
  }

  /// A shard that reads other data than those that its job began with finishes nothing.
  @Test(arguments: [0, 1]) func theInputMayNotChange(index: Int) throws {
    var made = try SmallJob.recording(Self.keys[0])
    made.shard = Shard(index: index, count: 2)
    let job = made
    let isChanged = Guarded(false)
    let calls = WatchedFileCalls { call, _ in
      if call.kind == .write {
        let before = isChanged.withLock { was in
          defer { was = true }
          return was
        }
        if !before {
          try FileManager.default.changeTime(ofItemAtPath: job.input)
        }
      }
      return .made
    }
    #expect(throws: StreamError.inputChanged(path: job.input)) { try job.run(calls) }
    #expect(isChanged.withLock { $0 })
    #expect(try !job.left.contains("out.h5"))
  }

  /// Wherever batches and chunks are cut.
  @Test(arguments: DividedJobs.all, [1, 2, 3, 5, 16]) func cutAnywhere(
    _ made: (samples: Int, keys: String), count: Int
  ) throws {
    let job = try SmallJob.recording(made.keys, samples: made.samples)
    let expected = try job.expectedBytes()
    let whole = try job.run()
    try FileManager.default.removeItem(atPath: job.output)
    var random = SeededGenerator(seed: UInt64(count))
    var shard = job
    shard.shard = Shard(index: 0, count: count)
    let turns = try shard.plan().shardPlan?.turns
    var last: JobSummary?
    let waits = try job.finish(count, &random) { last = try $0.run() }
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
    #expect(last?.status == .done && last?.layers.count == whole.layers.count)
    for (one, other) in zip(whole.layers, last?.layers ?? []) {
      var same = other
      same.passes = one.passes
      #expect(same.withoutCost == one.withoutCost)
    }
    #expect(turns == (waits > 0 ? 2 : 1))
    // Two shards have a layer each.
    let mayCut =
      count > 2 && (made.keys.contains(#""all""#) || made.keys.contains("20000"))
      && !made.keys.contains("diagnostics")
    #expect((waits > 0) == (mayCut && !made.keys.contains(#"["batches", "population"]"#)))
  }

  /// Others build on what a shard says as soon as it says it: what it says is on the device before.
  @Test(arguments: [Duration.zero, .seconds(3600)]) func whatIsSaidIsTrueBefore(interval: Duration) throws {
    let (samples, keys) = DividedJobs.all[0]
    var job = try SmallJob.recording(keys, samples: samples)
    job.recordInterval = interval
    job.shard = Shard(index: 1, count: 3)
    let ledger = job.output + ".partial/shard-1-of-3.ledger"
    @Sendable func size() -> Int {
      (try? FileManager.default.attributesOfItem(atPath: ledger)[.size] as? Int) ?? 0
    }
    let before = Guarded<Int?>(nil)
    let calls = WatchedFileCalls { call, _ in
      if call.kind == .open, call.name == "shard-1-of-3.summed" { before.withLock { $0 = $0 ?? size() } }
      return .made
    }
    #expect(throws: StreamError.self) { try job.run(calls) }
    // All but the word that it waits.
    #expect(try #require(before.withLock { $0 }) > size() - 64 && size() > 200)
  }

  /// No page of the output is written by the processes of two shards.
  @Test(arguments: [DividedJobs.all[0], DividedJobs.all[7]]) func pagesAreNobodyElses(
    _ made: (samples: Int, keys: String)
  )
    throws
  {
    var job = try SmallJob.recording(made.keys, samples: made.samples)
    var pages: [Int: Set<Int>] = [:]
    for _ in 0..<2 {
      // The last one writes what others have kept, too.
      for index in 0..<3 {
        job.shard = Shard(index: index, count: 4)
        let written = Guarded<Set<Int>>([])
        let name = job.partialName
        let calls = WatchedFileCalls { call, _ in
          if call.kind == .write, call.name == name, let bytes = call.bytes, !bytes.isEmpty {
            written.withLock { $0.formUnion(bytes.lowerBound / 65536...(bytes.upperBound - 1) / 65536) }
          }
          return .made
        }
        do { try job.run(calls) } catch StreamError.waitsForShards {}
        // A shard that creates the file does so through the library.
        pages[index, default: []].formUnion(written.withLock { $0 })
      }
    }
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
      #expect(
        !pages[one, default: []].isEmpty
          && pages[one, default: []].isDisjoint(with: pages[other, default: []]))
    }
  }

  /// Every sample is of one shard, whatever the batches are.
  @Test func divisionsAreComplete() throws {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<60 {
      var job = try SmallJob(samples: Int.random(in: 1...20_000, using: &random))
      job.keys =
        #""batch_size": \#(Int.random(in: 1...20_000, using: &random)), "single_value_batch": "allow""#
      let layers = try job.plan().layers
      let count = Int.random(in: 1...40, using: &random)
      let division = ShardDivision(layers, count: count)
      for (index, layer) in layers.enumerated() {
        var (nextBatch, within) = (0, 0)
        for shard in 0..<count {
          let piece = division.piece(ofLayer: index, shard: shard)
          // In the order in which they lie.
          let before = piece.parts.filter { $0.batch < piece.batches.lowerBound || piece.batches.isEmpty }
          for part in before {
            #expect(part.batch == nextBatch && part.samples.lowerBound == within)
            within = part.samples.upperBound
            if within == layer.batches[nextBatch].count { (nextBatch, within) = (nextBatch + 1, 0) }
          }
          if !piece.batches.isEmpty {
            #expect(within == 0 && piece.batches.lowerBound == nextBatch)
            nextBatch = piece.batches.upperBound
          }
          for part in piece.parts.dropFirst(before.count) {
            #expect(part.batch == nextBatch && within == 0 && part.samples.lowerBound == 0)
            within = part.samples.upperBound
          }
          for part in piece.parts {
            let sharers = division.sharers(ofBatch: part.batch, layer: index)
            #expect(sharers.contains { $0.shard == shard && $0.part == part })
            #expect(sharers.reduce(0) { $0 + $1.part.samples.count } == layer.batches[part.batch].count)
          }
        }
        #expect(nextBatch == layer.batches.count && within == 0)
      }
    }
  }

  /// Another number of shards, and a job that is not divided, are other jobs.
  @Test func anotherDivisionIsNamed() throws {
    var job = try SmallJob.recording(Self.keys[0])
    job.shard = Shard(index: 0, count: 3)
    try job.run()
    func refused(_ difference: StreamError.JobDifference) {
      #expect(
        throws: StreamError.workspaceOfAnotherJob(
          path: job.output, workspace: job.output + ".partial", differences: [difference])
      ) { _ = try job.run() }
    }
    job.shard = Shard(index: 0, count: 4)
    refused(.shards(found: 3, now: 4))
    job.shard = nil
    refused(.shards(found: 3, now: nil))
  }

  /// Of two processes with the same shard one is refused, whatever the other one is doing.
  @Test func theSameShardTwice() throws {
    var job = try SmallJob.recording(Self.keys[0])
    job.shard = Shard(index: 1, count: 2)
    let (other, output) = (job, job.output)
    let refused = Guarded(0)
    let calls = WatchedFileCalls { call, _ in
      guard call.kind == .write, call.name == "shard-1-of-2.spool" else { return .made }
      #expect(
        throws: StreamError.shardBusy(
          path: output, workspace: output + ".partial", shard: other.shard!)
      ) { _ = try other.run() }
      var whole = other
      whole.shard = nil
      #expect(
        throws: StreamError.outputBusy(path: output, workspace: output + ".partial")
      ) { _ = try whole.run() }
      refused.withLock { $0 += 1 }
      return .made
    }
    try job.run(calls)
    #expect(refused.withLock { $0 } > 0)
  }

  /// What a link leads to that has the name of a shard's file is not written over.
  @Test(arguments: ["ledger", "spool"]) func noLinkIsWrittenThrough(name: String) throws {
    var job = try SmallJob.recording(Self.keys[0])
    job.shard = Shard(index: 0, count: 2)
    try job.run()
    try Data("precious".utf8).write(to: job.folder.url.appending(path: "precious"))
    try FileManager.default.createSymbolicLink(
      atPath: job.output + ".partial/shard-1-of-2.\(name)", withDestinationPath: "../precious")
    job.shard = Shard(index: 1, count: 2)
    #expect(throws: StreamError.outputNotCreated(path: job.output, .tooManySymbolicLinkLevels)) {
      try job.run()
    }
    #expect(try job.folder.bytes("precious") == Data("precious".utf8))
    #expect(try !job.left.contains("out.h5"))
  }

  @Test func launchersAreUnderstood() {
    func shard(_ environment: [String: String]) -> String? { Shard(environment: environment)?.text }
    #expect(
      shard([
        "SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_COUNT": "4",
        "SLURM_ARRAY_TASK_STEP": "2", "SLURM_PROCID": "0", "SLURM_NTASKS": "1",
      ]) == "2/4")
    #expect(
      shard([
        "SLURM_ARRAY_TASK_ID": "8", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_COUNT": "4",
        "SLURM_ARRAY_TASK_STEP": "2",
      ]) == nil)
    #expect(shard(["SLURM_PROCID": "2", "SLURM_NTASKS": "8"]) == "2/8")
    #expect(shard(["OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"]) == "0/2")
    #expect(shard(["PMI_RANK": "1", "PMI_SIZE": "2"]) == "1/2")
    #expect(shard(["PMI_RANK": "2", "PMI_SIZE": "2"]) == nil)
    #expect(shard([:]) == nil)
    // Of several the first of these, but what is said by half says nothing.
    let (slurm, openMPI, pmi) = (
      ["SLURM_PROCID": "2", "SLURM_NTASKS": "8"],
      ["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "3"], ["PMI_RANK": "4", "PMI_SIZE": "5"]
    )
    func both(_ one: [String: String], _ other: [String: String]) -> [String: String] {
      one.merging(other) { own, _ in own }
    }
    #expect(shard(both(slurm, openMPI)) == "2/8")
    #expect(shard(both(slurm, pmi)) == "2/8")
    #expect(shard(both(openMPI, pmi)) == "1/3")
    #expect(shard(both(["SLURM_PROCID": "2"], pmi)) == "4/5")
    #expect(shard(both(["SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "7"], slurm)) == "2/8")
    for text in ["4/4", "-1/4", "1", "1/", "/2", "1/0", "a/b", "0/1/2", "+1/2"] {
      #expect(throws: ValueError.self) { try ShardChoice(parsing: text) }
    }
  }
}

import Configuration
import Foundation
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

/// A job that several processes do gives the very bytes of one that does it alone.
@Suite(.timeLimit(.minutes(30))) struct ShardTests {
  private static let keys = [
    #""batch_size": 3"#, #""batch_size": "all", "sync": false"#,
    #""batch_size": 3, "sync": false, "outputs": ["output", "normalized", "grad_input", "batches", "running", "population", "diagnostics"]"#,
  ]

  private func job(_ keys: String, samples: Int = 20) throws -> SmallJob {
    var job = try SmallJob(samples: samples)
    job.keys = keys
    job.recordInterval = .zero
    return job
  }

  /// In any order, with other numbers of threads, each part twice.
  @Test(arguments: keys, [1, 2, 3, 5, 16]) func anyNumberInAnyOrder(keys: String, count: Int) throws {
    var job = try job(keys)
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
    for (one, other) in zip(whole.layers, summary.layers) {
      var same = other
      (same.bytesRead, same.bytesWritten) = (one.bytesRead, one.bytesWritten)
      #expect(same == one)
    }
    #expect(whole.layers.count == summary.layers.count)
  }

  /// The process of a shard stops before each call in turn, with what the device does not have lost; then it runs again.
  @Test(arguments: LosingFileCalls.Loss.allCases) func afterAnyCall(loss: LosingFileCalls.Loss) throws {
    var job = try job(Self.keys[0])
    let expected = try job.expectedBytes()
    let (first, second) = (Shard(index: 0, count: 2), Shard(index: 1, count: 2))
    let counting = LosingFileCalls()
    job.shard = first
    try counting.watch { _ = try job.runHere() }
    job.shard = second
    try counting.watch { _ = try job.runHere() }
    try FileManager.default.removeItem(atPath: job.output)
    #expect(counting.count > 60)
    let step = Sanitizer.isPresent ? 11 : 4
    for number in stride(from: loss.number % step, to: counting.count, by: step) {
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

  /// Bytes that somebody changes after a shard wrote them down are computed again by the next run of that shard.
  @Test func changedBytesAreComputedAgain() throws {
    var job = try job(#""batch_size": 3, "sync": false"#)
    var other = try self.job(job.keys)
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

  /// Another number of shards, and a job that is not divided, are other jobs.
  @Test func anotherDivisionIsNamed() throws {
    var job = try job(Self.keys[0])
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
    var job = try job(Self.keys[0])
    job.shard = Shard(index: 1, count: 2)
    let (other, output) = (job, job.output)
    let refused = Guarded(0)
    let calls = WatchedFileCalls { call, _ in
      guard call.kind == .write, call.name == "data.h5" else { return .made }
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
    for text in ["4/4", "-1/4", "1", "1/", "/2", "1/0", "a/b", "0/1/2", "+1/2"] {
      #expect(throws: ValueError.self) { try ShardChoice(parsing: text) }
    }
  }
}

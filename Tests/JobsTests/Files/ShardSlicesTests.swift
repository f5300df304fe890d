import Configuration
import Foundation
import HDF5
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Jobs

/// Shards of a layer whose features little memory divides: of a batch that they share each joins the slices one by one.
@Suite(.timeLimit(.minutes(30))) struct ShardSlicesTests {
  private static let (samples, features, count) = (768, 1024, 3)

  /// Three leaves of 256 samples, one for each shard.
  private func job() throws -> SmallJob {
    var job = try SmallJob(wide: Self.features, samples: Self.samples)
    job.keys = #""batch_size": "all", "memory": "17MiB", "sync": false"#
    job.recordInterval = .zero
    try #require(featuresPerSlice(job) < Self.features / 2)
    return job
  }

  private func featuresPerSlice(_ job: SmallJob) throws -> Int {
    try #require(job.plan().schedules.first).featuresPerSlice
  }

  /// Runs each shard in turn until the output is there.
  private func finish(_ job: SmallJob) throws {
    var job = job
    for index in [1, 0, 2, 0, 1, 2] where !FileManager.default.fileExists(atPath: job.output) {
      job.shard = Shard(index: index, count: Self.count)
      do {
        try job.run()
      } catch StreamError.waitsForShards {
        // It has done its first turn.
      }
    }
  }

  @Test func giveTheBytesOfOneProcess() throws {
    let job = try job()
    let expected = try job.expectedBytes()
    try finish(job)
    #expect(try job.folder.bytes("out.h5") == expected)
    #expect(try job.left == ["out.h5"])
  }

  /// A process that stops when it has joined some of the slices has joined no batch.
  @Test func areFinishedAfterAStopWhileTheyAreJoined() throws {
    var job = try job()
    let expected = try job.expectedBytes()
    for index in [0, 1] {
      job.shard = Shard(index: index, count: Self.count)
      #expect(throws: StreamError.self) { try job.run() }
    }
    job.shard = Shard(index: 2, count: Self.count)
    let calls = try job.stop(atRecord: 2, of: "joined")
    #expect(calls.calls.count { $0.kind == .write && $0.name == "joined" } == 2)
    job.shard = nil
    try finish(job)
    #expect(try job.folder.bytes("out.h5") == expected)
  }

  /// Who finishes a job reads what the others wrote down of each slice: all cut the features alike, of whichever layer.
  @Test(arguments: ["a", "z"]) func aShardThatCutsOtherwiseIsRefused(other: String) throws {
    var job = try job()
    let file = try File(updating: job.input)
    try file.root.createGroup(other).createDataset(
      "activations", type: .float32, shape: [12, 2], storage: .contiguous
    ).writeDoubles((0..<24).map { Double($0 * $0 % 7) })
    try file.close()
    job.shard = Shard(index: 0, count: Self.count)
    #expect(throws: StreamError.self) { try job.run() }
    #expect(FileManager.default.fileExists(atPath: job.output + ".partial/job.json"))
    job.keys = job.keys.replacing("17MiB", with: "1GiB")
    job.shard = Shard(index: 1, count: Self.count)
    #expect {
      try job.run()
    } throws: { error in
      guard case StreamError.workspaceOfAnotherJob(_, _, let differences) = error else { return false }
      return differences == [.plan]
    }
  }

  /// How far a job is counts the features of what is finished.
  @Test func theShareIsThatOfASlice() throws {
    var job = try job()
    let perSlice = try featuresPerSlice(job)
    job.shard = Shard(index: 0, count: Self.count)
    try job.stop(atRecord: 1, of: "shard-0-of-3.ledger")
    let report = try #require(
      try WorkspaceReport(folder: job.output + ".partial") { JobSummary.Failure(code: 0, message: "\($0)") })
    // The first of two passes over a third of the samples.
    let expected = Double(perSlice) / Double(Self.features) / 6
    #expect(abs(try #require(report.share) - expected) < 1e-9)
  }
}

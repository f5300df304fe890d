import Configuration
import Foundation
import HDF5
import LayerFiles
import TestSupport
import Testing

@testable import Jobs

/// What is said of a job in shards before it begins, and which processes do not do one job together.
@Suite(.timeLimit(.minutes(30))) struct ShardPlanTests {
  /// One layer alone, and two: whichever of the cuts is within a batch, a shard that has a part of one comes twice.
  @Test(arguments: [#""layers": ["first"], "#, ""], [1, 2, 3, 4, 7]) func turns(layers: String, count: Int)
    throws
  {
    // A leaf has 4096 samples.
    var job = try SmallJob(samples: 30_000)
    for batchSize in [#""all""#, "20000", "11000", "100"] {
      job.keys = layers + #""batch_size": \#(batchSize)"#
      job.shard = Shard(index: 0, count: count)
      let plan = try job.plan()
      let division = ShardDivision(plan.layers, count: count)
      let isShared = plan.layers.indices.contains { layer in
        (0..<count).contains { !division.piece(ofLayer: layer, shard: $0).parts.isEmpty }
      }
      #expect(plan.shardPlan?.turns == (isShared ? 2 : 1), "batches of \(batchSize)")
      if batchSize == #""all""#, !layers.isEmpty { #expect(isShared == (count > 1)) }
    }
  }

  /// Who has less memory cuts the features of a wide layer into slices, and writes down of each what nobody else could find.
  @Test func anotherMemoryCutsFeaturesOtherwise() throws {
    var job = try SmallJob()
    let (samples, features) = (6, 200_000)
    let wide = job.folder.path("in.h5")
    try FileManager.default.removeItem(atPath: wide)
    let file = try File(anew: wide)
    try file.root.createGroup("wide").createDataset(
      "activations", type: .float32, shape: [samples, features], storage: .contiguous
    )
    .writeDoubles((0..<samples * features).map { Double($0 % 89) })
    try file.close()
    func plan(_ memory: String, _ index: Int) throws -> JobPlan {
      job.keys = #""batch_size": 3, "sync": false, "outputs": ["output"], "memory": "\#(memory)""#
      job.shard = Shard(index: index, count: 2)
      return try job.plan()
    }
    let (large, small) = (try plan("1GiB", 0), try plan("40MiB", 1))
    #expect(large.schedules[0].featuresPerSlice == features)
    try #require(small.schedules[0].featuresPerSlice < features)
    #expect(try JobIdentity(plan("900MiB", 1)).differences(from: JobIdentity(large).json) == [])
    #expect(JobIdentity(small).differences(from: JobIdentity(large).json) == [.plan])
    // One process alone has no such bounds: its features may be cut otherwise when it goes on.
    job.shard = nil
    let alone = JobIdentity(try job.plan())
    job.keys = job.keys.replacing("40MiB", with: "1GiB")
    #expect(try alone.differences(from: JobIdentity(job.plan()).json) == [])
  }
}

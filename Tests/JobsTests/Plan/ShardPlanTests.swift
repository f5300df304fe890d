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

  /// Shards move as many bytes, read and written. Of 32 samples of 6 numbers one layer reads 2 bytes for each and writes 4, and the other reads
  /// and writes 4: 1152 and 1536 of 2688, so that half ends 192 bytes within the second, with 4 of its samples of 48.
  @Test func bytesThatAreWrittenCountToo() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    for (name, type) in [("a", .native(.float16)), ("b", .float32)] as [(String, NumericType)] {
      try file.root.createGroup(name).createDataset(
        "activations", type: type, shape: [32, 6], storage: .contiguous
      ).writeDoubles((0..<192).map { Double($0 * $0 % 89) })
    }
    try file.close()
    let configuration = try JobConfiguration(
      json: #"{"batch_size": 2, "outputs": ["output"], "output_type": "float32", "sync": false}"#,
      source: "test")
    let plan = try JobPlan(
      Job(
        input: folder.path("in.h5"), output: nil, configuration: configuration, replacesOutput: false))
    let division = ShardDivision(plan.layers, count: 2)
    let pieces: [[ShardPiece]] = [0, 1].map { shard in
      [0, 1].map { division.piece(ofLayer: $0, shard: shard) }
    }
    let (all, none): (Range<Int>, Range<Int>) = (0..<16, 16..<16)
    #expect(pieces[0] == [ShardPiece(batches: all, parts: []), ShardPiece(batches: 0..<2, parts: [])])
    #expect(pieces[1] == [ShardPiece(batches: none, parts: []), ShardPiece(batches: 2..<16, parts: [])])
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

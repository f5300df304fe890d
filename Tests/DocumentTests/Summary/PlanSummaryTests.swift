import Configuration
import Foundation
import LayerFiles
import Parallel
import StrictJSON
import Testing

@testable import Jobs
@testable import bn_stream

@Suite("PlanSummary", .timeLimit(.minutes(30)))
struct PlanSummaryTests {
  private let layer = LayerPlan(
    path: "/", shape: [100, 8], elementType: "float32", outputType: "float32", featureAxis: 1, features: 8,
    samples: 100, batches: 1, batchSize: .all, passes: 3, forwardOnly: false,
    schedule: "passes over tiles",
    bufferSetBytes: 4096, bufferSets: 2, bytesToRead: 9600, bytesToWrite: 6400)

  @Test("sums its layers' bytes and decodes to an equal plan")
  func roundTrip() throws {
    let plan = PlanSummary(
      version: "1.0.0", input: "a.h5", configuration: JobConfiguration(), threads: 2, memoryLimit: 1 << 20,
      layers: [layer, layer])
    #expect(plan.bytesToRead == 19200)
    #expect(plan.bytesToWrite == 12800)
    let json = try JSONParser.parse(Array(plan.json.utf8))
    #expect(
      json.members.map(\.0) == [
        "bytes_to_read", "bytes_to_write", "configuration", "input", "layers", "memory_limit", "threads",
        "version",
        "warnings",
      ])
    #expect(
      json["layers"]?.items.first?.members.map(\.0) == [
        "arrangement", "batch_size", "batches", "buffer_set_bytes", "buffer_sets", "bytes_to_read",
        "bytes_to_write", "datasets", "element_type", "feature_axis", "features", "forward_only",
        "output_type", "passes",
        "path", "samples", "settings", "shape",
      ])
    #expect(try JSONDecoder().decode(PlanSummary.self, from: Data(plan.json.utf8)) == plan)
  }

  /// How many of what are taken at a time, and how many of those at once.
  @Test(
    arguments: [
      (128, 2, 1, .segments(samplesPerSegment: 64, retained: 1), "128 features at a time, 2 times at once"),
      (128, 2, 1, .wholeBatches(batchesPerTask: 1), "128 features at a time, 2 times at once"),
      (
        128, 1, 3, .wholeBatches(batchesPerTask: 5),
        "128 features at a time: 5 batches at a time, 3 times at once"
      ),
      (256, 1, 3, .wholeBatches(batchesPerTask: 1), "whole batches, 3 at once"),
      (256, 1, 3, .wholeBatches(batchesPerTask: 5), "5 batches at a time, 3 times at once"),
      (
        256, 1, 3, .segments(samplesPerSegment: 4096, retained: 2),
        "each batch in segments of 4096 samples, 3 at once"
      ),
      (
        256, 1, 3, .segments(samplesPerSegment: 1, retained: 2),
        "each batch in segments of 1 sample, 3 at once"
      ),
      (256, 1, 1, .wholeBatches(batchesPerTask: 5), "5 batches at a time, 1 time at once"),
    ] as [(Int, Int, Int, Schedule.Division, String)])
  func arrangementsSayHowMany(
    features: Int, slicesAtOnce: Int, workers: Int, division: Schedule.Division, words: String
  ) {
    let none = MemoryNeed(0, of: 0)
    let needs = SliceNeeds(
      buffers: none, tensorBytes: 0, collectors: none, gradientCollectors: none, results: none, fold: none)
    let schedule = Schedule(
      featuresPerSlice: features, isWhole: features == 256, slicesAtOnce: slicesAtOnce, workers: workers,
      division: division, needs: needs)
    #expect(schedule.words == words)
  }

  /// Shards that share batches need two turns; a job that is not divided has none.
  @Test(
    arguments: [
      (nil, ""),
      (
        ShardPlan(index: 0, count: 4, turns: 1), ", all 4 shards together, each in one turn"
      ),
      (ShardPlan(index: 0, count: 1, turns: 1), ", the only shard in one turn"),
      (ShardPlan(index: 2, count: 3, turns: 2), ", all 3 shards together, each in two turns"),
    ] as [(ShardPlan?, String)])
  func aPlanSaysHowManyTurnsShardsNeed(shard: ShardPlan?, words: String) {
    let plan = PlanSummary(
      version: "1.0.0", input: "a.h5", configuration: JobConfiguration(), threads: 2, memoryLimit: 1 << 20,
      layers: [layer], shard: shard)
    let end = "with 2 threads and at most 1 MiB of buffers\(words). Nothing was written."
    #expect(PlanText(plan).text.hasSuffix(end))
  }

  /// What is this process's comes before what the machine has.
  @Test func limitsSayWhatIsLeftOfWhat() throws {
    var memory = Machine.Share(available: 64 << 30)
    memory.limit(to: 2 << 30, by: .controlGroup(path: "/batch"))
    #expect(
      try #require(ResourceLimit(.memory, memory)).words
        == "memory: the limit of the control group /batch leaves 2 GiB of 64 GiB, of which buffers take a quarter; another "
        + "limit with --memory")
    var threads = Machine.Share(available: 16)
    threads.limit(to: 3, by: .affinity)
    #expect(
      try #require(ResourceLimit(.threads, threads)).words
        == "threads: the process's affinity leaves 3 of 16 processors; another number with --threads")
  }
}

import Configuration
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

/// How many samples a chunk of an output has where nobody says it: about 1 MiB of them, so that batches are cut into whole chunks, or chunks
/// hold whole batches.
@Suite(.timeLimit(.minutes(30))) struct ChunkPlanTests {
  @Test(
    arguments: [
      // A sample is as large as a chunk is to be, or larger.
      ([3, 262_144], #""batch_size": "all""#, 1), ([3, 280_000], #""batch_size": "all""#, 1),
      ([4, 280_000], #""batch_size": 2, "output_type": "float64""#, 1),
      // 256 samples are 1 MiB: two batches, one, half of all, and no divisor from 128 on.
      ([1000, 1024], #""batch_size": 100"#, 200), ([1000, 1024], #""batch_size": 256"#, 256),
      ([1000, 1024], #""batch_size": "all""#, 250), ([997, 1024], #""batch_size": "all""#, 256),
      // There are no more.
      ([100, 1024], #""batch_size": "all""#, 100),
      // Of other numbers 128, and 512.
      ([1000, 1024], #""batch_size": "all", "output_type": "float64""#, 125),
      ([1000, 1024], #""batch_size": "all", "output_type": "float16""#, 500),
    ] as [([Int], String, Int)])
  func samplesOfAChunk(shape: [Int], keys: String, expected: Int) throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    _ = try file.root.createGroup("layer").createDataset(
      "activations", type: .float32, shape: shape, storage: .contiguous)
    try file.close()
    let configuration = try JobConfiguration(
      json: #"{"outputs": ["output"], "output_storage": {"layout": "chunked"}, \#(keys)}"#, source: "test")
    let plan = try JobPlan(
      Job(
        input: folder.path("in.h5"), output: nil, configuration: configuration, replacesOutput: false))
    let layer = try #require(plan.layers.first)
    let chunks = try #require(ChunkPlan(layer, configuration.outputStorage))
    #expect(chunks.samplesPerChunk == expected)
  }

  /// What encoding takes: of each output a chunk and its codec for each worker, and as many chunks and one more that are being filled or wait;
  /// and of each worker once what the compressing library takes, for it compresses one chunk at a time.
  @Test func memoryOfChunks() throws {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    let layer = try file.root.createGroup("layer")
    for name in ["activations", "grad_output"] {
      _ = try layer.createDataset(name, type: .float32, shape: [100, 64], storage: .contiguous)
    }
    try file.close()
    func memory(_ outputs: String, _ filter: String, workers: Int) throws -> Int {
      let configuration = try JobConfiguration(
        json:
          #"{"outputs": [\#(outputs)], "output_storage": {"layout": "chunked", "chunk_samples": 10, \#(filter)}}"#,
        source: "test")
      let plan = try JobPlan(
        Job(
          input: folder.path("in.h5"), output: nil, configuration: configuration, replacesOutput: false))
      let layer = try #require(plan.layers.first)
      let chunks = try #require(ChunkPlan(layer, configuration.outputStorage))
      return chunks.memory(layer, workers: workers)
    }
    let (one, three) = (#""output""#, #""output", "normalized", "grad_input""#)
    let ofOneWorker = try memory(one, #""gzip": 1"#, workers: 1)
    let ofTwo = try memory(one, #""gzip": 1"#, workers: 2)
    let chunk = 10 * 64 * 4
    #expect(ofTwo - ofOneWorker > 2 * chunk)
    #expect(ofOneWorker - (ofTwo - ofOneWorker) == chunk)
    #expect(try memory(three, #""gzip": 1"#, workers: 2) == 3 * ofTwo)
    func library(workers: Int) throws -> Int {
      let ofOne = try memory(one, #""zstd": 3"#, workers: workers)
      let ofThree = try memory(three, #""zstd": 3"#, workers: workers)
      return ofOne - (ofThree - ofOne) / 2
    }
    let ofLibrary = try library(workers: 1)
    #expect(ofLibrary > 0)
    #expect(try library(workers: 3) == 3 * ofLibrary)
  }
}

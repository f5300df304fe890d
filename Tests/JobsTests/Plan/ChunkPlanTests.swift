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
}

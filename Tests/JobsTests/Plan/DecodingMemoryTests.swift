import Configuration
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

/// What a plan counts with for decoding: of chunks that are read whole, and of parts of the features, which the HDF5 library takes out of its
/// cache.
@Suite(.timeLimit(.minutes(30))) struct DecodingMemoryTests {
  /// Compressed float32 numbers.
  private func activations(_ shape: [Int], chunk: [Int]) throws -> InputDataset {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    _ = try file.root.createGroup("layer").createDataset(
      "activations", type: .float32, shape: shape,
      storage: .chunked(shape: chunk, filters: [.deflate(level: 1)]))
    try file.close()
    let plan = try JobPlan(
      Job(
        input: folder.path("in.h5"), output: nil,
        configuration: JobConfiguration(
          json: #"{"outputs": ["population"], "memory": "1GiB", "threads": 1}"#, source: "test"),
        replacesOutput: false))
    return try #require(plan.layers.first).activations
  }

  /// Two chunks that are decoded from and to, and the cache: all chunks of a row of them, as far as that is a sixteenth of the limit or two
  /// chunks, and 256 MiB at most.
  @Test(
    arguments: [
      // Chunks of 256,000 bytes in one column: the library's own cache of 1 MiB is enough.
      ([128, 1000], [64, 1000], 1_073_741_824, 1_560_576),
      // Eight chunks of 256 KiB, and nine where the last one reaches beyond the features.
      ([64, 8192], [64, 1024], 1_073_741_824, 2_621_440),
      ([64, 8200], [64, 1024], 1_073_741_824, 2_883_584),
      // 16 MiB and 4 MiB in all.
      ([64, 8192], [64, 1024], 16_777_216, 1_572_864),
      ([64, 8192], [64, 1024], 4_194_304, 1_048_576),
      // 200 chunks of 2,048,000 bytes.
      ([512, 200_000], [512, 1000], 1_099_511_627_776, 272_531_456),
    ] as [([Int], [Int], Int, Int)])
  func ofSlices(shape: [Int], chunk: [Int], memory: Int, expected: Int) throws {
    let found = try activations(shape, chunk: chunk)
      .decodingMemory(readsSlices: true, workers: 2, memory: memory)
    #expect(found == expected)
  }

  /// What workers decode by themselves takes a quarter of the limit at most; with less the library does it.
  @Test func ofWholeSamples() throws {
    let activations = try activations([128, 1000], chunk: [64, 1000])
    let need = activations.decodingMemory(workers: 2, memory: 1 << 40)
    // Two workers have a chunk as it is stored each, and five chunks wait.
    #expect(need > 7 * 256_000)
    #expect(activations.decodingMemory(workers: 2, memory: 4 * need) == need)
    #expect(activations.decodingMemory(workers: 2, memory: 4 * need - 1) == 1_560_576)
  }
}

import HDF5
import TestSupport
import Testing

/// Chunked inputs and outputs whose chunks do not divide the batches, so that chunks are shared by batches, by pieces and by
/// threads, and the last one is a part.
@Suite(.timeLimit(.minutes(30))) struct ChunksTests {
  static let filters: [[FilterRequest]] = [
    [], [.deflate(level: 1)], [.shuffle, .deflate(level: 4)], [.fletcher32],
    [.shuffle, .deflate(level: 1), .fletcher32],
  ]

  /// Chunks of 37 samples and of parts of the other axes, in every type's size, beside batches of 110.
  @Test(.timeLimit(.minutes(30)), arguments: 0..<5)
  func inputs(filters: Int) throws {
    let kinds: [NumericType.Kind] = [.float32, .float16, .float64, .int16, .uint8, .bfloat16, .int32]
    let layers = kinds.enumerated().map { number, kind in
      let shape = [[421, 331], [421, 5, 7, 9], [421, 12, 2, 13]][number % 3]
      let type = NumericType(kind: kind, byteOrder: number % 2 == 0 ? .little : .big)
      var layer = InputLayer(
        at: "\(kind)", shape, featureAxis: number % 3 == 2 ? -1 : 1, type: type, gradientType: type,
        seed: UInt64(51 + number))
      layer.storage = .chunked(
        shape: [37] + shape.dropFirst().map { ($0 + 1) / 2 }, filters: Self.filters[filters])
      return layer
    }
    try expectEveryResult(
      of: layers, Settings(batchSize: 110), [Arrangement(1), Arrangement(2), Arrangement(7)])
    try expectEveryResult(
      of: Array(layers.prefix(2)), Settings(), [Arrangement(3, "22MiB"), Arrangement(2)])
  }

  /// Batches of 96 samples beside chunks of 37, and beside those that the program chooses, of about 1 MiB: the tensor has
  /// two of them and a part.
  @Test(
    .timeLimit(.minutes(30)),
    arguments: [
      (#"{"layout": "chunked", "chunk_samples": 37}"#, 37, []),
      (#"{"layout": "chunked", "chunk_samples": 5, "gzip": 1}"#, 5, [1]),
      (
        #"{"layout": "chunked", "chunk_samples": 37, "gzip": 1, "shuffle": true, "fletcher32": true}"#, 37,
        [2, 1, 3]
      ),
      (#"{"layout": "chunked", "chunk_samples": 1000, "fletcher32": true}"#, 700, [3]),
      (#"{"layout": "chunked", "shuffle": true, "gzip": 6}"#, nil, [2, 1]),
      (#"{"layout": "chunked", "shuffle": true, "zstd": 1, "chunk_samples": 37}"#, 37, [2, 32015]),
      (#"{"layout": "chunked", "bitshuffle": true, "lz4": true}"#, nil, [32008]),
    ] as [(String, Int?, [Int])])
  func outputs(storage: String, chunkSamples: Int?, filters: [Int]) throws {
    let layers = [
      InputLayer(at: "a", [700, 811], seed: 61),
      InputLayer(at: "b", [700, 7, 9, 12], type: .native(.float16), seed: 62),
    ]
    var settings = Settings(batchSize: 96, outputStorage: storage)
    for outputType in [nil, NumericType.Kind.float64] {
      settings.outputType = outputType
      let program = try Program()
      try layers.write(to: program.path("input.h5"))
      let expected = layers.map { ExpectedResults($0, settings) }
      for arrangement in [Arrangement(1), Arrangement(3), Arrangement(7), Arrangement(2, "150MiB")] {
        try program.runSuccessfully(settings, arrangement.options)
        try program.expectEveryResult(layers, settings, expected, "\(arrangement)")
      }
      let root = try File(reading: program.path("output.h5")).root
      for name in ["output", "normalized", "grad_input"] {
        let dataset = try root.dataset("a/\(name)")
        guard case .chunked(let chunks) = dataset.storage else {
          Issue.record("\(name) is not chunked")
          continue
        }
        #expect(chunks.filters.map(\.identifier) == filters)
        #expect(Array(chunks.shape.dropFirst()) == [811])
        if let chunkSamples { #expect(chunks.shape[0] == chunkSamples) }
      }
      // What is not large is contiguous whatever is asked for.
      guard case .contiguous = try root.dataset("a/batches/mean").storage else {
        Issue.record("batches/mean is not contiguous")
        continue
      }
    }
  }
}

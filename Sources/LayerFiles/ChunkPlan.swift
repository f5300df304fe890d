import ChunkCodec
import Configuration
import HDF5

/// How the large outputs of a layer are cut into chunks and compressed.
package struct ChunkPlan {
  /// A chunk has this many samples, and all the other axes whole.
  package let samplesPerChunk: Int
  package let filters: [ChunkFilter]
  /// The same filters as HDF5 is told of them.
  private let requests: [FilterRequest]

  /// A chunk is about this large: HDF5's own cache holds one, and a core's cache too.
  private static let chunkBytes = 1 << 20

  /// - Returns: nil if the outputs are contiguous, or have no samples to cut.
  package init?(_ layer: Layer, _ storage: OutputStorage) {
    let samples = layer.batches.sampleCount
    guard storage.layout == .chunked, samples > 0 else { return nil }
    let elementSize = layer.outputType.byteCount
    let fitting = max(1, Self.chunkBytes / (layer.layout.valuesPerSample * elementSize))
    samplesPerChunk = min(
      samples, storage.chunkSamples ?? Self.divisor(of: layer.batches.largest, upTo: fitting))
    var filters: [(ChunkFilter, FilterRequest)] = []
    if storage.shuffles { filters.append((.shuffle(elementSize: elementSize), .shuffle)) }
    if storage.gzipLevel > 0 {
      filters.append((.deflate(level: storage.gzipLevel), .deflate(level: storage.gzipLevel)))
    }
    if storage.hasChecksum { filters.append((.fletcher32, .fletcher32)) }
    self.filters = filters.map(\.0)
    requests = filters.map(\.1)
  }

  /// A chunk that divides the batches is compressed where its batch is computed. If no divisor is near the limit, the limit.
  private static func divisor(of batch: Int, upTo limit: Int) -> Int {
    if batch <= limit { return limit / max(1, batch) * max(1, batch) }
    return (max(1, limit / 2)...limit).last { batch % $0 == 0 } ?? limit
  }

  /// Memory for chunks that are being filled, compressed, or waiting for their turn.
  package func memory(_ layer: Layer, workers: Int) -> Int {
    let chunk = samplesPerChunk * layer.layout.valuesPerSample * layer.outputType.byteCount
    let tensors = OutputTensor.large.filter(layer.writes).count
    return tensors * (workers * (chunk + ChunkCodec.memory(chunkByteCount: chunk)) + (workers + 1) * chunk)
  }

  /// What HDF5 is told when the dataset is created.
  package func request(shape: [Int]) -> StorageRequest {
    .chunked(shape: [samplesPerChunk] + shape.dropFirst(), filters: requests)
  }
}

import ChunkCodec
import Configuration
import HDF5
import Parallel

/// Chunks of one large output: assembled from the samples that workers bring in any order, compressed by the worker that
/// brought the last one, and written in order.
final class ChunkedWriter: TensorWriter {
  private let samplesPerChunk: Int
  private let sampleCount: Int
  private let sampleByteCount: Int
  private let sequence: ChunkSequence
  /// Which of the layer's chunked tensors this is.
  private let index: Int
  private let clock: StageClock
  private let codecs: ResourcePool<HandedOver<ChunkCodec>>
  /// Chunks that workers have brought a part of.
  private let partial = Guarded<[Int: Partial]>([:])

  /// A chunk that is being filled.
  private struct Partial {
    let bytes: AlignedBuffer
    var missing: Int
  }

  /// - Parameters:
  ///   - samplesPerChunk: a chunk has all the other axes whole.
  ///   - index: the tensor's place among those that `sequence` writes.
  init(
    filters: [ChunkFilter], samplesPerChunk: Int, sampleCount: Int, sampleByteCount: Int,
    sequence: ChunkSequence, index: Int, clock: StageClock
  ) {
    self.samplesPerChunk = samplesPerChunk
    self.sampleCount = sampleCount
    self.sampleByteCount = sampleByteCount
    self.sequence = sequence
    self.index = index
    self.clock = clock
    let chunkByteCount = samplesPerChunk * sampleByteCount
    codecs = ResourcePool { HandedOver(try ChunkCodec(filters: filters, chunkByteCount: chunkByteCount)) }
  }

  /// - Parameter part: whole samples.
  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws {
    let samples = part.samples
    guard !samples.isEmpty else { return }
    for chunk in samples.lowerBound / samplesPerChunk...(samples.upperBound - 1) / samplesPerChunk {
      let whole = chunk * samplesPerChunk..<(chunk + 1) * samplesPerChunk
      let present = samples.clamped(to: whole)
      let start = (present.lowerBound - samples.lowerBound) * sampleByteCount
      let bytes = UnsafeRawBufferPointer(rebasing: buffer[start..<start + present.count * sampleByteCount])
      if present == whole {
        try encode(chunk, bytes)
      } else if let complete = try add(
        bytes, to: chunk, at: present.lowerBound - whole.lowerBound, present.count)
      {
        try encode(chunk, UnsafeRawBufferPointer(complete.bytes))
      }
    }
  }

  /// Adds samples to a chunk.
  /// - Returns: the chunk if nothing is missing any more.
  private func add(_ bytes: UnsafeRawBufferPointer, to chunk: Int, at first: Int, _ count: Int) throws
    -> AlignedBuffer?
  {
    let target = try partial.withLock { partial in
      if let entry = partial[chunk] { return entry.bytes }
      let buffer = try AlignedBuffer(byteCount: samplesPerChunk * sampleByteCount)
      // A chunk at the end has its full size in the file; what lies beyond the dataset is zero.
      let present = min(samplesPerChunk, sampleCount - chunk * samplesPerChunk)
      _ = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[(present * sampleByteCount)...])
        .initializeMemory(as: UInt8.self, repeating: 0)
      partial[chunk] = Partial(bytes: buffer, missing: present)
      return buffer
    }
    // Parts do not overlap, so workers copy theirs at the same time.
    UnsafeMutableRawBufferPointer(rebasing: target.bytes[(first * sampleByteCount)...]).copyMemory(
      from: bytes)
    return partial.withLock { partial in
      partial[chunk]?.missing -= count
      return partial[chunk]?.missing == 0 ? partial.removeValue(forKey: chunk)?.bytes : nil
    }
  }

  private func encode(_ chunk: Int, _ bytes: UnsafeRawBufferPointer) throws {
    let codec = try codecs.take()
    let encoded = try clock.measure(.encode) { try Array(codec.value.encode(bytes)) }
    codecs.giveBack(codec)
    try clock.measure(.write) {
      try sequence.write(encoded, tensor: index, chunk: chunk, firstSample: chunk * samplesPerChunk)
    }
  }
}

/// Writes the chunks of a layer's tensors in one fixed order, chunk by chunk and tensor by tensor, whichever is ready first:
/// so the file has the same bytes for every number of threads.
final class ChunkSequence: Sendable {
  private let datasets: [Dataset]
  private let delivery: OrderedDelivery<(dataset: Int, offset: [Int], bytes: [UInt8])>

  /// - Parameter datasets: all with chunks of the same number of samples.
  init(_ datasets: [Dataset]) {
    self.datasets = datasets
    delivery = OrderedDelivery(window: .max) { _, chunk in
      try chunk.bytes.withUnsafeBytes {
        try datasets[chunk.dataset].writeChunk(at: chunk.offset, filterMask: 0, from: $0)
      }
    }
  }

  func write(_ bytes: [UInt8], tensor: Int, chunk: Int, firstSample: Int) throws {
    let offset = [firstSample] + Array(repeating: 0, count: datasets[tensor].shape.count - 1)
    try delivery.deliver((tensor, offset, bytes), for: chunk * datasets.count + tensor)
  }
}

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
    let tensors = layer.largeResults.count
    return tensors * (workers * (chunk + ChunkCodec.memory(chunkByteCount: chunk)) + (workers + 1) * chunk)
  }

  /// What HDF5 is told when the dataset is created.
  package func request(shape: [Int]) -> StorageRequest {
    .chunked(shape: [samplesPerChunk] + shape.dropFirst(), filters: requests)
  }
}

extension ChunkSequence {
  /// Closes the datasets, when all is written.
  func close() throws(HDF5Error) { for dataset in datasets { try dataset.close() } }
}

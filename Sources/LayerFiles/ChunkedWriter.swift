import ChunkCodec
import Configuration
import HDF5
import Parallel
import Synchronization

/// Chunks of one large output: assembled from the samples that workers bring in any order, compressed by the worker that
/// brought the last one, and written in order; or kept for whoever writes them.
final class ChunkedWriter: TensorWriter {
  private let samplesPerChunk: Int
  private let sampleCount: Int
  private let sampleByteCount: Int
  /// Those that come here: all, or a shard's.
  private let samples: Range<Int>
  /// Up to here an earlier run has written all.
  private let keptSamples: Int
  /// nil where chunks are only kept, for whoever finishes the job.
  private let sequence: ChunkSequence?
  /// Which of the layer's chunked tensors this is.
  private let index: Int
  /// Where copies are kept for a later run; nil if none is to go on.
  private let spool: Spool?
  private let spooled = Guarded<[SpooledChunk]>([])
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
  ///   - samples: those that come here.
  ///   - keptSamples: up to here an earlier run has written all.
  ///   - sequence: nil if chunks are only kept.
  ///   - index: the tensor's place among those that `sequence` writes.
  init(
    filters: [ChunkFilter], samplesPerChunk: Int, sampleCount: Int, sampleByteCount: Int,
    samples: Range<Int>, keptSamples: Int, sequence: ChunkSequence?, index: Int, spool: Spool?,
    clock: StageClock
  ) {
    self.samplesPerChunk = samplesPerChunk
    self.samples = samples
    self.keptSamples = keptSamples
    self.sampleCount = sampleCount
    self.sampleByteCount = sampleByteCount
    self.sequence = sequence
    self.index = index
    self.spool = spool
    self.clock = clock
    let chunkByteCount = samplesPerChunk * sampleByteCount
    codecs = ResourcePool { HandedOver(try ChunkCodec(filters: filters, chunkByteCount: chunkByteCount)) }
  }

  /// The samples of a chunk, those beyond the last one included.
  private func whole(_ chunk: Int) -> Range<Int> { chunk * samplesPerChunk..<(chunk + 1) * samplesPerChunk }

  /// - Parameter part: whole samples.
  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws {
    guard !part.samples.isEmpty else { return }
    for chunk in part.samples.lowerBound / samplesPerChunk...(part.samples.upperBound - 1) / samplesPerChunk
    where whole(chunk).clamped(to: samples).upperBound > keptSamples {
      let whole = whole(chunk)
      let present = part.samples.clamped(to: whole)
      let start = (present.lowerBound - part.samples.lowerBound) * sampleByteCount
      let bytes = UnsafeRawBufferPointer(rebasing: buffer[start..<start + present.count * sampleByteCount])
      if present == whole {
        try encode(chunk, bytes)
      } else if let complete = try add(
        bytes, to: chunk, at: present.lowerBound - whole.lowerBound, present.count)
      {
        try finish(chunk, complete)
      }
    }
  }

  /// Adds samples to a chunk.
  /// - Returns: the chunk if nothing is missing any more of what comes here.
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
      partial[chunk] = Partial(bytes: buffer, missing: whole(chunk).clamped(to: samples).count)
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

  /// Takes a chunk of which all has come: compresses it, unless other processes have samples of it, too.
  private func finish(_ chunk: Int, _ complete: AlignedBuffer) throws {
    let whole = whole(chunk)
    let own = whole.clamped(to: samples)
    if let spool, own != whole.clamped(to: 0..<sampleCount) {
      let bytes = complete.bytes[
        (own.lowerBound - whole.lowerBound) * sampleByteCount..<(own.upperBound - whole.lowerBound)
          * sampleByteCount]
      let place = try clock.measure(.write) {
        try spool.keep(UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(rebasing: bytes)))
      }
      spooled.withLock { $0.append(SpooledChunk(chunk: chunk, samples: own, isPlain: true, place: place)) }
    } else {
      try encode(chunk, UnsafeRawBufferPointer(complete.bytes))
    }
  }

  private func encode(_ chunk: Int, _ bytes: UnsafeRawBufferPointer) throws {
    let codec = try codecs.take()
    let encoded = try clock.measure(.encode) { try Array(codec.value.encode(bytes)) }
    codecs.giveBack(codec)
    if let spool {
      let place = try clock.measure(.write) { try encoded.withUnsafeBytes { try spool.keep($0) } }
      let samples = whole(chunk).clamped(to: 0..<sampleCount)
      spooled.withLock {
        $0.append(SpooledChunk(chunk: chunk, samples: samples, isPlain: false, place: place))
      }
    }
    guard let sequence else { return }
    try clock.measure(.write) {
      try sequence.write(encoded, tensor: index, chunk: chunk, firstSample: chunk * samplesPerChunk)
    }
  }
}

extension ChunkedWriter {
  func takeSpooled() -> [SpooledChunk] {
    spooled.withLock { spooled in
      defer { spooled = [] }
      return spooled
    }
  }
}

/// Writes the chunks of a layer's tensors in one fixed order, chunk by chunk and tensor by tensor, whichever is ready first:
/// so the file has the same bytes for every number of threads.
final class ChunkSequence: Sendable {
  private let datasets: [Dataset]
  private let delivery: OrderedDelivery<(dataset: Int, offset: [Int], bytes: [UInt8])>
  private let kept = Atomic<Int>(0)
  /// So many chunks of each tensor were written from copies.
  var keptChunks: Int { kept.load(ordering: .relaxed) }

  /// - Parameter datasets: all with chunks of the same number of samples.
  init(_ datasets: [Dataset]) {
    self.datasets = datasets
    delivery = OrderedDelivery(window: .max) { _, chunk in
      try chunk.bytes.withUnsafeBytes {
        try datasets[chunk.dataset].writeChunk(at: chunk.offset, filterMask: 0, from: $0)
      }
    }
  }

  /// Writes the first chunks of all tensors, from copies that an earlier run kept.
  /// - Parameter copy: gives a chunk of a tensor; nil where there is none.
  func writeKept(samplesPerChunk: Int, copy: (_ tensor: Int, _ chunk: Int) throws -> AlignedBuffer?) throws {
    guard !datasets.isEmpty else { return }
    while true {
      var copies: [AlignedBuffer] = []
      for tensor in datasets.indices {
        guard let bytes = try copy(tensor, keptChunks) else { return }
        copies.append(bytes)
      }
      for (tensor, bytes) in copies.enumerated() {
        try write(
          Array(bytes.bytes), tensor: tensor, chunk: keptChunks, firstSample: keptChunks * samplesPerChunk)
      }
      kept.wrappingAdd(1, ordering: .relaxed)
    }
  }

  func write(_ bytes: [UInt8], tensor: Int, chunk: Int, firstSample: Int) throws {
    let offset = [firstSample] + Array(repeating: 0, count: datasets[tensor].shape.count - 1)
    try delivery.deliver((tensor, offset, bytes), for: chunk * datasets.count + tensor)
  }
}

extension ChunkSequence {
  /// Closes the datasets, when all is written.
  func close() throws(HDF5Error) { for dataset in datasets { try dataset.close() } }
}

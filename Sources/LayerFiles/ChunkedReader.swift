import BatchNorm
import ChunkCodec
import HDF5
import Parallel

/// Chunked data, read chunk by chunk as it lies in the file and decoded by the worker that needs it: only the raw read
/// holds the HDF5 library's lock, so all cores decompress.
final class ChunkedReader: TensorReader {
  let type: NumericType
  private let dataset: Dataset
  /// For parts of the features.
  private let library: LibraryReader
  private let layout: FeatureLayout
  private let grid: ChunkGrid
  private let path: String
  private let fileSize: Int
  /// One element of a chunk that was never written.
  private let fillValue: [UInt8]
  private let decoders: ResourcePool<HandedOver<Decoder>>
  /// Chunks of which only a part was needed so far; whoever reads the next samples finds the rest here.
  private let recent: Guarded<RecentChunks>

  /// What one worker decodes with.
  private final class Decoder {
    let codec: ChunkCodec
    var raw: AlignedBuffer

    init(codec: ChunkCodec, raw: AlignedBuffer) {
      self.codec = codec
      self.raw = raw
    }
  }

  /// - Returns: nil if the data needs the library's own way: filters that are unknown here, or chunks too large to have
  ///   several of.
  init?(
    _ input: InputDataset, library: LibraryReader, layout: FeatureLayout, workers: Int, memory: Int
  ) {
    guard let chunks = input.decodableChunks, let chunkByteCount = input.chunkGrid(chunks).chunkByteCount
    else { return nil }
    let needs = Self.needs(chunkByteCount: chunkByteCount, workers: workers)
    guard needs.decoders.total + needs.chunks.total <= memory / 4 else { return nil }
    dataset = library.dataset
    self.library = library
    self.layout = layout
    type = input.type
    grid = input.chunkGrid(chunks)
    path = input.place.filePath
    fileSize = input.place.file.status.size
    fillValue = input.fillValue
    recent = Guarded(RecentChunks(limit: needs.chunks.count - workers))
    let filters = chunks.codecFilters(elementSize: input.type.byteCount) ?? []
    decoders = ResourcePool(needs.decoders, nil) {
      HandedOver(
        Decoder(
          codec: try ChunkCodec(filters: filters, chunkByteCount: chunkByteCount),
          raw: try AlignedBuffer(byteCount: chunkByteCount)))
    }
  }

  /// Memory for decoding, beside the buffers that samples are read into: what each worker decodes with; and chunks, one that it
  /// copies from, and those that wait for whoever reads on.
  static func needs(chunkByteCount: Int, workers: Int) -> (decoders: MemoryNeed, chunks: MemoryNeed) {
    (
      MemoryNeed(workers, of: ChunkCodec.memory(chunkByteCount: chunkByteCount) + chunkByteCount),
      MemoryNeed(2 * workers + 1, of: chunkByteCount)
    )
  }

  var suitsStretches: Bool { false }

  func read(_ part: TensorPart, into buffer: UnsafeMutableRawBufferPointer, clock: StageClock) throws {
    guard part.features.count == layout.featureCount else {
      return try readFeatures(part, into: buffer, clock: clock)
    }
    let decoder = try decoders.take()
    defer { decoders.giveBack(decoder) }
    for origin in grid.origins(ofSamples: part.samples) {
      let chunkPart = grid.part(origin, samples: part.samples)
      if let target = grid.place(of: chunkPart, in: buffer) {
        // The chunk is wanted whole and in one place: no copy.
        try decode(origin, decoder.value, into: target, clock)
      } else {
        let chunk = try decoded(origin, decoder.value, isFinished: chunkPart.reachesEnd, clock)
        clock.measure(.decode) { grid.copy(chunkPart, from: UnsafeRawBufferPointer(chunk.bytes), to: buffer) }
      }
    }
  }

  /// Some of the features: the library takes them out of its own cache of chunks.
  private func readFeatures(
    _ part: TensorPart, into buffer: UnsafeMutableRawBufferPointer, clock: StageClock
  ) throws {
    try library.read(part, into: buffer, clock: clock)
    // It delivers native byte order, and the caller expects the file's.
    if type != library.type { buffer.swapBytes(ofNumbers: type.byteCount) }
  }

  /// A chunk of which a part is needed.
  private func decoded(_ origin: [Int], _ decoder: Decoder, isFinished: Bool, _ clock: StageClock) throws
    -> AlignedBuffer
  {
    if let chunk = recent.withLock({ $0.take(origin, isFinished: isFinished) }) { return chunk }
    let chunk = try AlignedBuffer(byteCount: decoder.codec.chunkByteCount)
    try decode(origin, decoder, into: chunk.bytes, clock)
    if !isFinished { recent.withLock { $0.add(chunk, at: origin) } }
    return chunk
  }

  private func decode(
    _ origin: [Int], _ decoder: Decoder, into target: UnsafeMutableRawBufferPointer, _ clock: StageClock
  ) throws {
    let raw = try clock.measure(.read) { try readRaw(origin, decoder) }
    try clock.measure(.decode) {
      guard let (size, mask) = raw else { return target.fill(with: fillValue) }
      do {
        try decoder.codec.decode(
          UnsafeRawBufferPointer(rebasing: decoder.raw.bytes[..<size]), mask: mask, into: target)
      } catch let error as ChunkCodecError {
        throw StreamError.chunkDamaged(path: path, dataset: dataset.path, chunk: origin, error)
      }
    }
  }

  /// Reads a chunk as it lies in the file.
  /// - Returns: the number of its bytes, and the mask of skipped filters; nil if it was never written.
  private func readRaw(_ origin: [Int], _ decoder: Decoder) throws -> (size: Int, mask: UInt32)? {
    do {
      let size = try dataset.chunkStorageSize(at: origin)
      guard size > 0 else { return nil }
      guard size <= fileSize else { throw StreamError.inputTruncated(path: path, dataset: dataset.path) }
      let chunkByteCount = decoder.codec.chunkByteCount
      guard size <= ChunkCheck.largestStored(chunkByteCount: chunkByteCount) else {
        throw StreamError.chunkDamaged(
          path: path, dataset: dataset.path, chunk: origin, .wrongLength(size, expected: chunkByteCount))
      }
      if size > decoder.raw.bytes.count { decoder.raw = try AlignedBuffer(byteCount: size) }
      return try dataset.readChunk(at: origin, into: decoder.raw.bytes).map { (size, $0) }
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: path, error)
    }
  }
}

/// The few chunks that were decoded last and are not used up.
struct RecentChunks {
  let limit: Int
  private var entries: [(origin: [Int], chunk: AlignedBuffer)] = []

  init(limit: Int) { self.limit = limit }

  /// The chunk at `origin`, which is dropped if it is not needed any more.
  mutating func take(_ origin: [Int], isFinished: Bool) -> AlignedBuffer? {
    guard let index = entries.firstIndex(where: { $0.origin == origin }) else { return nil }
    return isFinished ? entries.remove(at: index).chunk : entries[index].chunk
  }

  mutating func add(_ chunk: AlignedBuffer, at origin: [Int]) {
    if entries.count == limit { entries.removeFirst() }
    entries.append((origin, chunk))
  }
}

extension ChunkedReader {
  /// The chunks of a dataset if they can be decoded here.
  static func decodableChunks(_ dataset: Dataset, _ type: NumericType) -> ChunkLayout? {
    guard case .chunked(let chunks) = dataset.storage,
      chunks.codecFilters(elementSize: type.byteCount) != nil
    else { return nil }
    return chunks
  }
}

extension InputDataset {
  fileprivate func chunkGrid(_ chunks: ChunkLayout) -> ChunkGrid {
    ChunkGrid(shape: shape, chunk: chunks.shape, elementByteCount: elementByteCount)
  }

  /// What the library caches of chunks when parts of the features are read, one after the other: two chunks let the next part begin
  /// where this one ends, and what is more than a sixteenth of the limit keeps little from being decoded again. nil for other
  /// storage.
  func cacheForSlices(memory: Int) -> Int? {
    guard case .chunked(let chunks) = storage, let chunkByteCount = chunkGrid(chunks).chunkByteCount,
      let needed = place.chunkCacheByteCount
    else { return nil }
    return min(needed, max(2 * chunkByteCount, memory / 16))
  }

  /// What decoding takes beside the buffers that samples are read into.
  /// - Parameter readsSlices: true if parts of the features are read, which the library takes out of its own cache.
  package func decodingMemory(readsSlices: Bool = false, workers: Int, memory: Int) -> Int {
    guard parts.isEmpty else {
      let share = memory / JoinedReader.share
      return JoinedReader.share
        * (parts.map { $0.decodingMemory(readsSlices: readsSlices, workers: workers, memory: share) }.max()
          ?? 0)
    }
    guard case .chunked(let chunks) = storage, let chunkByteCount = chunkGrid(chunks).chunkByteCount else {
      return 0
    }
    let needs = ChunkedReader.needs(chunkByteCount: chunkByteCount, workers: workers)
    let need = needs.decoders.total + needs.chunks.total
    if !readsSlices, decodableChunks != nil, need <= memory / 4 { return need }
    // The library's cache, and the chunk that it decodes from one place to another.
    let cache = readsSlices ? cacheForSlices(memory: memory) : place.chunkCacheByteCount
    return (cache ?? 1 << 20) + 2 * chunkByteCount
  }
}

extension Dataset {
  /// The chunk cache that lets the library read on without decoding a chunk twice; nil if its own size is enough.
  var neededChunkCache: Int? {
    guard case .chunked(let chunks) = storage else { return nil }
    // All chunks that hold one sample.
    var count = Double(elementByteCount)
    for (length, chunk) in zip(shape, chunks.shape).dropFirst() {
      count *= (Double(length) / Double(chunk)).rounded(.up) * Double(chunk)
    }
    count *= Double(chunks.shape[0])
    return count > 1_048_576 ? Int(min(count, 268_435_456)) : nil
  }
}

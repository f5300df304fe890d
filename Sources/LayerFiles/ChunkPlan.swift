import ChunkCodec
import Configuration
import HDF5
import Parallel

extension OutputStorage {
  /// The filters in the order in which they are applied, for elements of so many bytes.
  func filters(elementSize: Int) -> [ChunkFilter] {
    var filters: [ChunkFilter] = []
    if shuffles { filters.append(.shuffle(elementSize: elementSize)) }
    let bitshuffle = bitshuffles ? Bitshuffle(elementSize: elementSize) : nil
    switch (compression, bitshuffle) {
    case (.none, nil): break
    case (.none, let bits?): filters.append(.bitshuffle(bits))
    case (.gzip(let level), nil): filters.append(.deflate(level: level))
    case (.gzip(let level), let bits?): filters += [.bitshuffle(bits), .deflate(level: level)]
    case (.zstd(let level), nil): filters.append(.compression(.zstd(level: level)))
    case (.lz4, nil): filters.append(.compression(.lz4))
    // These the bitshuffle filter has inside, block by block.
    case (.zstd(let level), let bits?): filters.append(.compression(.bitshuffle(bits, .zstd(level: level))))
    case (.lz4, let bits?): filters.append(.compression(.bitshuffle(bits, .lz4)))
    }
    if hasChecksum { filters.append(.fletcher32) }
    return filters
  }

  /// The library that compresses and is not here, and the key that asks for it.
  package var missingEncoder: (key: String, library: CompressionLibrary)? {
    let needed: (key: Key, library: CompressionLibrary)? =
      switch compression {
      case .none, .gzip: nil
      case .zstd: (.zstd, .zstd)
      case .lz4: (.lz4, .lz4)
      }
    guard layout == .chunked, let needed, !needed.library.isPresent else { return nil }
    return (OutputStorage.path(of: needed.key), needed.library)
  }

  /// Tells one compressor from another, whose chunks have other bytes: its name, and what it makes of certain numbers, for libraries do
  /// not say which one is loaded. nil if nothing is compressed.
  package var codecDigest: String? {
    let name: String
    switch compression {
    case .none: return nil
    case .gzip: name = "gzip"
    case .zstd: name = "zstd"
    case .lz4: name = "lz4"
    }
    guard layout == .chunked else { return nil }
    var storage = self
    (storage.shuffles, storage.hasChecksum) = (false, false)
    // Runs, repetitions at a distance, and what does not compress.
    let sample = (0..<1 << 14).flatMap { (index: Int) -> [UInt8] in
      let mixed = UInt32(truncatingIfNeeded: index) &* 2_654_435_761
      return [UInt8(index >> 8), UInt8(index & 7), UInt8(mixed >> 24), UInt8(mixed >> 28)]
    }
    guard
      let codec = try? ChunkCodec(filters: storage.filters(elementSize: 4), chunkByteCount: sample.count)
    else { return nil }
    // What it gives lies in its memory.
    let digest = withExtendedLifetime(codec) {
      try? sample.withUnsafeBytes { Checksum(of: try codec.encode($0)) }
    }
    return digest.map { "\(name) \($0.text.prefix(8))" }
  }
}

/// How the large outputs of a layer are cut into chunks and compressed.
package struct ChunkPlan {
  /// A chunk has this many samples, and all the other axes whole.
  package let samplesPerChunk: Int
  package let filters: [ChunkFilter]

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
    filters = storage.filters(elementSize: elementSize)
  }

  /// A chunk that divides the batches is compressed where its batch is computed. If no divisor is near the limit, the limit.
  private static func divisor(of batch: Int, upTo limit: Int) -> Int {
    if batch <= limit { return limit / max(1, batch) * max(1, batch) }
    return (max(1, limit / 2)...limit).last { batch % $0 == 0 } ?? limit
  }

  /// What each tensor takes: what each worker compresses with, and chunks that are being filled or wait for their turn.
  private func needs(chunkByteCount: Int, workers: Int) -> (codecs: MemoryNeed, chunks: MemoryNeed) {
    (
      MemoryNeed(
        workers, of: chunkByteCount + ChunkCodec.memory(encoding: filters, chunkByteCount: chunkByteCount)),
      MemoryNeed(workers + 1, of: chunkByteCount)
    )
  }

  /// Memory for the chunks of all tensors of a layer.
  package func memory(_ layer: Layer, workers: Int) -> Int {
    let chunk = samplesPerChunk * layer.layout.valuesPerSample * layer.outputType.byteCount
    let needs = needs(chunkByteCount: chunk, workers: workers)
    // A worker encodes one chunk at a time, whichever tensor it is of.
    let library = ChunkCodec.libraryMemory(encoding: filters, chunkByteCount: chunk)
    return layer.largeResults.count * (needs.codecs.total + needs.chunks.total) + workers * library
  }

  /// What HDF5 is told when the dataset is created.
  package func request(shape: [Int]) -> StorageRequest {
    .chunked(
      shape: [samplesPerChunk] + shape.dropFirst(), filters: filters.compactMap { FilterRequest($0) })
  }
}

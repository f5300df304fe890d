import BatchNorm
import HDF5
import Parallel

/// A part of a tensor [N, P, C, S]: some of its samples, and of each some features.
package struct TensorPart: Sendable, Equatable {
  package var samples: Range<Int>
  package var features: Range<Int>

  package init(samples: Range<Int>, features: Range<Int>) {
    self.samples = samples
    self.features = features
  }
}

/// Where the samples of a large dataset come from: reads parts of it, from several threads at once.
package protocol TensorReader: Sendable {
  /// The type of the numbers that `read` delivers.
  var type: NumericType { get }

  /// True if a range of samples costs the same read in stretches as at once.
  var suitsStretches: Bool { get }

  /// Reads a part as it is, in the type's own byte order.
  /// - Parameters:
  ///   - buffer: exactly the bytes of the part, [samples, P, features, S].
  ///   - clock: told how long reading and decompressing takes.
  func read(_ part: TensorPart, into buffer: UnsafeMutableRawBufferPointer, clock: StageClock) throws
}

extension InputDataset {
  /// The fastest reader that suits how the data lies in the file.
  /// - Parameters:
  ///   - layout: of a sample.
  ///   - featureAxis: the features' axis of the dataset.
  ///   - readsSlices: true if parts of the features will be read.
  ///   - workers: how many threads will read.
  ///   - memory: the job's limit, of which decompression may take a part.
  package func reader(
    _ layout: FeatureLayout, featureAxis: Int, readsSlices: Bool, workers: Int, memory: Int
  ) throws -> any TensorReader {
    guard parts.isEmpty else {
      return JoinedReader(parts, type: .native(type.kind)) { part in
        try part.reader(
          layout, featureAxis: featureAxis, readsSlices: readsSlices, workers: workers,
          memory: memory / JoinedReader.share)
      }
    }
    if neverWritten.isAll { return FillReader(type: type, fillValue: fillValue) }
    if case .contiguous(let offset?) = storage, !format.isConverted {
      return ContiguousReader(
        file: place.file.positional, offset: offset, type: type, layout: layout, dataset: path)
    }
    let library = try LibraryReader(
      self, featureAxis: featureAxis,
      chunkCache: readsSlices ? cacheForSlices(memory: memory) : place.chunkCacheByteCount)
    return ChunkedReader(
      self, library: library, layout: layout, workers: workers, memory: memory)
      ?? library
  }
}

/// What no other reader suits, read through the library, one call at a time: compact data, chunks with other filters than
/// `ChunkCodec` knows, chunks too large to have several of, parts of the features of chunked data, and numbers of formats that it
/// converts.
struct LibraryReader: TensorReader {
  let dataset: Dataset
  /// What the bytes mean; the library is asked for `storedType` in native byte order.
  let type: NumericType
  private let storedType: NumericType
  private let featureAxis: Int
  private let path: String
  /// One element, in native byte order, where some were never written; nil where all were.
  private let fillValue: [UInt8]?

  init(_ input: InputDataset, featureAxis: Int, chunkCache: Int?) throws(StreamError) {
    dataset = try input.place.open(chunkCacheByteCount: chunkCache)
    type = .native(input.type.kind)
    // A uint16 that holds bfloat16 bits is read as the integer that it is in the file.
    storedType = .native(input.format.storedType.kind)
    self.featureAxis = featureAxis
    path = input.place.filePath
    do {
      fillValue = input.neverWritten.samples > 0 ? try dataset.fillValue(as: storedType) : nil
    } catch {
      throw .libraryReadFailed(path: input.place.filePath, error)
    }
  }

  var suitsStretches: Bool { false }

  func read(_ part: TensorPart, into buffer: UnsafeMutableRawBufferPointer, clock: StageClock) throws {
    // The library leaves a place as it is where nothing was written and the file forbids to fill.
    if let fillValue { buffer.fill(with: fillValue) }
    do {
      try clock.measure(.read) {
        var rest = buffer[...]
        for samples in cut(
          part.samples, bytesPerSample: part.samples.isEmpty ? 0 : buffer.count / part.samples.count)
        {
          let byteCount = buffer.count / part.samples.count * samples.count
          try dataset.read(
            leading: samples, of: AxisRange(axis: featureAxis, part.features), as: storedType,
            into: UnsafeMutableRawBufferPointer(rebasing: rest.prefix(byteCount)))
          rest = rest.dropFirst(byteCount)
        }
      }
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: path, error)
    }
  }
}

extension LibraryReader {
  /// No single read is larger, but for one sample or one row of chunks: a call that takes long is taken for one that does not
  /// come back.
  private static let largestRead = 1 << 24

  /// Consecutive parts of some samples, cut where chunks begin.
  private func cut(_ samples: Range<Int>, bytesPerSample: Int) -> [Range<Int>] {
    let chunkLength = if case .chunked(let chunks) = dataset.storage { chunks.shape[0] } else { 1 }
    let most = max(1, Self.largestRead / max(1, bytesPerSample * chunkLength)) * chunkLength
    var parts: [Range<Int>] = []
    var start = samples.lowerBound
    while start < samples.upperBound {
      let end = min(samples.upperBound, (start / chunkLength) * chunkLength + most)
      parts.append(start..<end)
      start = end
    }
    return parts
  }
}

import HDF5
import Parallel

/// Where the samples of a large dataset come from: reads ranges of samples, from several threads at once.
package protocol TensorSource: Sendable {
  /// The type of the numbers that `read` delivers.
  var type: NumericType { get }

  /// True if a range costs the same read in pieces as at once.
  var suitsPieces: Bool { get }

  /// Reads samples as they are, in the type's own byte order.
  /// - Parameters:
  ///   - buffer: exactly the bytes of these samples.
  ///   - clock: told how long reading and decompressing takes.
  func read(samples: Range<Int>, into buffer: UnsafeMutableRawBufferPointer, clock: StageClock) throws
}

extension TensorSource {
  package var suitsPieces: Bool { false }
}

/// Contiguous data, read around the library with `pread`: no lock, no copy.
package struct ContiguousSource: TensorSource {
  package let file: PositionalFile
  package let offset: Int64
  package let type: NumericType
  package let sampleByteCount: Int
  package let dataset: String

  package var suitsPieces: Bool { true }

  package func read(samples: Range<Int>, into buffer: UnsafeMutableRawBufferPointer, clock: StageClock) throws
  {
    try clock.measure(.read) {
      try file.read(
        at: offset + Int64(samples.lowerBound) * Int64(sampleByteCount), into: buffer, dataset: dataset)
    }
  }
}

/// What no other source suits, read through the library, one call at a time: compact and never written data, chunks with
/// other filters than `ChunkCodec` knows or with a fill value, and chunks too large to have several of.
package struct LibrarySource: TensorSource {
  package let dataset: Dataset
  /// What the bytes mean; the library is asked for `storedType` in native byte order.
  package let type: NumericType
  package let storedType: NumericType
  package let path: String

  package init(_ input: InputDataset, path: String) {
    dataset = input.dataset
    type = .native(input.type.kind)
    // A uint16 that holds bfloat16 bits is read as the integer that it is in the file.
    storedType = .native(input.dataset.type.numericType?.kind ?? input.type.kind)
    self.path = path
  }

  package func read(samples: Range<Int>, into buffer: UnsafeMutableRawBufferPointer, clock: StageClock) throws
  {
    do {
      try clock.measure(.read) { try dataset.read(leading: samples, as: storedType, into: buffer) }
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: path, error)
    }
  }
}

extension InputDataset {
  /// The fastest source that suits how the data lies in the file.
  /// - Parameters:
  ///   - workers: how many threads will read.
  ///   - memory: the run's limit, of which decompression may take a part.
  package func source(_ file: PositionalFile, workers: Int, memory: Int) throws -> any TensorSource {
    if case .contiguous(let offset?) = dataset.storage {
      return ContiguousSource(
        file: file, offset: offset, type: type, sampleByteCount: sampleByteCount, dataset: dataset.path)
    }
    let fileSize = try file.status().size
    return ChunkedSource(self, path: file.path, fileSize: fileSize, workers: workers, memory: memory)
      ?? LibrarySource(self, path: file.path)
  }
}

/// Reads masks: one byte for each (sample, p, s), 0 where a value counts in no statistic.
package struct MaskSource: Sendable {
  package let mask: MaskDataset
  /// P·S, bytes for each sample.
  package let positions: Int
  package let path: String

  package init(mask: MaskDataset, positions: Int, path: String) {
    self.mask = mask
    self.positions = positions
    self.path = path
  }

  /// - Parameter target: [samples, positions]
  package func read(samples: Range<Int>, into target: UnsafeMutableBufferPointer<UInt8>) throws {
    let entries = mask.entriesPerSample
    var values = [Int8](repeating: 0, count: samples.count * entries)
    do {
      try values.withUnsafeMutableBytes { bytes in
        try mask.dataset.read(leading: samples, as: .native(.int8), into: bytes)
      }
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: path, error)
    }
    for sample in 0..<samples.count {
      for position in 0..<positions {
        let entry = values[sample * entries + (entries == 1 ? 0 : position)]
        target[sample * positions + position] = entry == 0 ? 0 : 1
      }
    }
  }
}

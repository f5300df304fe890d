import HDF5
import Parallel

/// What of a dataset was never written, and so reads as the fill value: a file may state a shape, and hold less.
package struct NeverWritten: Sendable, Equatable {
  /// Samples of which something was never written.
  package let samples: Int
  /// True if that is everything.
  let isAll: Bool

  /// Of several datasets together.
  init(_ parts: [NeverWritten]) {
    samples = parts.reduce(0) { $0 + $1.samples }
    isAll = parts.allSatisfy(\.isAll)
  }

  /// - Throws: `HDF5Error` if the chunks cannot be counted.
  init(in dataset: Dataset) throws(HDF5Error) {
    switch dataset.storage {
    case .contiguous(nil):
      (samples, isAll) = (dataset.rowCount, true)
    case .chunked(let chunks) where dataset.elementCount > 0:
      let grid = ChunkGrid(
        shape: dataset.shape, chunk: chunks.shape, elementByteCount: dataset.elementByteCount)
      let written = try dataset.writtenChunkCount
      isAll = written == 0
      samples = try Self.samples(of: grid, in: dataset, written: written, isFiltered: !chunks.filters.isEmpty)
    case .contiguous, .chunked, .compact, .external, .virtual:
      (samples, isAll) = (0, false)
    }
  }

  /// Above this, the rows of chunks are counted, not looked at: a look takes longer the more chunks there are.
  private static let mostComparisons = 1 << 26

  private static func samples(
    of grid: ChunkGrid, in dataset: Dataset, written: Int, isFiltered: Bool
  ) throws(HDF5Error) -> Int {
    let (sampleCount, chunkSamples) = (grid.shape[0], grid.chunk[0])
    if written == 0 { return sampleCount }
    let rows = (sampleCount - 1) / chunkSamples + 1
    // As many as a row has; that it does not overflow, the number of elements tells.
    let columns = zip(grid.shape, grid.chunk).dropFirst().reduce(1) { $0 * (($1.0 - 1) / $1.1 + 1) }
    let missing = rows * columns - written
    guard missing > 0 else { return 0 }
    func isWritten(_ origin: [Int]) throws(HDF5Error) -> Bool {
      if isFiltered { return try dataset.chunkStorageSize(at: origin) > 0 }
      return try dataset.chunkIsWritten(at: origin)
    }
    let last = (rows - 1) * chunkSamples
    let beyondEnd = rows * chunkSamples - sampleCount
    let looks = isFiltered ? rows * columns : (rows * columns).multipliedReportingOverflow(by: written).0
    if columns == 1 || !(0...mostComparisons).contains(looks) {
      // Exact for chunks of whole samples, and else the least that it can be.
      let lastOrigin = [last] + grid.shape.dropFirst().map { _ in 0 }
      return ((missing - 1) / columns + 1) * chunkSamples
        - (try isWritten(lastOrigin) ? 0 : beyondEnd)
    }
    var samples = 0
    for row in 0..<rows {
      let start = row * chunkSamples
      let range = start..<min(start + chunkSamples, sampleCount)
      for origin in grid.origins(ofSamples: range) where try !isWritten(origin) {
        samples += range.count
        break
      }
    }
    return samples
  }
}

/// Data of which nothing was ever written: every element is the fill value.
struct FillReader: TensorReader {
  let type: NumericType
  /// One element.
  let fillValue: [UInt8]

  var suitsStretches: Bool { true }

  func read(_ part: TensorPart, into buffer: UnsafeMutableRawBufferPointer, clock: StageClock) throws {
    clock.measure(.decode) { buffer.fill(with: fillValue) }
  }
}

extension UnsafeMutableRawBufferPointer {
  /// Makes the other byte order of each number.
  func swapBytes(ofNumbers byteCount: Int) {
    for start in stride(from: 0, to: count, by: byteCount) {
      var number = self[start..<start + byteCount]
      number.reverse()
    }
  }

  /// Repeats the bytes of one element until all is full.
  func fill(with element: [UInt8]) {
    guard let first = element.first, element.contains(where: { $0 != first }) else {
      _ = initializeMemory(as: UInt8.self, repeating: element.first ?? 0)
      return
    }
    copyBytes(from: element.prefix(count))
    var filled = Swift.min(element.count, count)
    while filled < count {
      let next = Swift.min(filled, count - filled)
      UnsafeMutableRawBufferPointer(rebasing: self[filled..<filled + next])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: self[..<next]))
      filled += next
    }
  }
}

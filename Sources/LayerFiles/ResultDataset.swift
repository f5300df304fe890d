import BatchNorm
import HDF5
import Parallel

/// A dataset of results that another program, or an earlier run, has written; read by ranges of rows as Doubles.
package struct ResultDataset: Sendable {
  /// Its path in the file.
  package let path: String
  /// The type of its elements as they are stored.
  package let type: NumericType
  /// Bytes that decompression takes.
  package let decodingMemory: Int
  private let source: any TensorSource
  private let rowElementCount: Int
  /// Nobody asks how long this takes.
  private let clock = StageClock()

  /// - Parameters:
  ///   - shape: what its shape must be.
  ///   - like: what has that shape, for the message.
  ///   - workers: how many threads will read.
  ///   - memory: the limit, of which decompression may take a part.
  /// - Throws: `StreamError` if its shape is another, its elements are not numbers, or its data cannot be read safely.
  package init(_ dataset: Dataset, in file: InputFile, shape: [Int], like: String, workers: Int, memory: Int)
    throws
  {
    guard let type = dataset.type.numericType else {
      throw StreamError.notNumeric(
        file: file.path, dataset: dataset.path, type: dataset.type.description)
    }
    guard dataset.shape == shape else {
      throw StreamError.wrongShape(
        file: file.path, dataset: dataset.path, shape: dataset.shape, expected: shape, like: like)
    }
    try StorageCheck(file: file.path, fileSize: file.status.size).check(dataset, type)
    path = dataset.path
    self.type = type
    let input = InputDataset(dataset: dataset, type: type)
    decodingMemory = input.decodingMemory(workers: workers, memory: memory)
    source = try input.source(
      file.positional, workers: workers, memory: memory)
    rowElementCount = dataset.rowElementCount
  }

  /// Reads rows.
  /// - Parameter buffer: exactly the numbers of these rows, 8 bytes each.
  package func read(rows: Range<Int>, into buffer: UnsafeMutableRawBufferPointer) throws {
    let count = rows.count * rowElementCount
    precondition(buffer.count == count * 8, "\(buffer.count) bytes for \(count) Doubles")
    let stored = count * source.type.byteCount
    try source.read(
      samples: rows, into: UnsafeMutableRawBufferPointer(rebasing: buffer[(buffer.count - stored)...]),
      clock: clock)
    if source.type != .float64 {
      Decoding.decode(buffer, count: count, from: source.type, to: .double)
    }
  }
}

import BatchNorm
import HDF5
import Parallel

/// A dataset of results that another program, or an earlier job, has written; read part by part as Doubles.
package struct ResultDataset: Sendable {
  /// Its path in the file.
  package let path: String
  /// The type of its elements as they are stored.
  package let type: NumericType
  /// Bytes that decompression takes.
  package let decodingMemory: Int
  private let reader: any TensorReader
  private let layout: FeatureLayout
  /// True if all of the dataset is one row, so that its own rows are its numbers.
  private let isVector: Bool
  /// Nobody asks how long this takes.
  private let clock = StageClock()

  /// - Parameters:
  ///   - group: where it lies.
  ///   - result: what it must be.
  ///   - like: what has that shape, for the message.
  ///   - workers: how many threads will read.
  ///   - memory: the limit, of which decompression may take a part.
  ///   - readsUInt16AsBFloat16: true if integers of 16 bits are the bits of bfloat16.
  /// - Throws: `StreamError` if its shape is another, its elements are not numbers, or its data cannot be read safely.
  package init(
    _ name: String, in group: Group, of file: InputFile, as result: LayerResult, of layer: Layer,
    like: String, workers: Int, memory: Int, readsUInt16AsBFloat16: Bool
  ) throws {
    let dataset = try group.dataset(name)
    guard let format = NumberFormat(dataset.type, readsUInt16AsBFloat16: readsUInt16AsBFloat16) else {
      throw StreamError.notNumeric(
        file: file.path, dataset: dataset.path, type: dataset.type.description)
    }
    let shape = layer.shape(of: result)
    guard dataset.shape == shape else {
      throw StreamError.wrongShape(
        file: file.path, dataset: dataset.path, shape: dataset.shape, expected: shape, like: like)
    }
    try StorageCheck(file: file.path, fileSize: file.status.size).check(dataset)
    path = dataset.path
    type = format.type
    let input = try InputDataset(
      dataset,
      at: DatasetPlace(
        file: file.library, filePath: file.path, path: dataset.path,
        chunkCacheByteCount: dataset.neededChunkCache), format)
    decodingMemory = input.decodingMemory(workers: workers, memory: memory)
    layout = layer.layout(of: result)
    isVector = result.entry.shape == .features
    // To a reader, a vector is C samples of one number.
    let rows = isVector ? FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1) : layout
    let featureAxis = result.entry.shape == .samples ? layer.featureAxis : 1
    reader = try input.reader(
      rows, featureAxis: featureAxis, readsSlices: false, in: file, workers: workers, memory: memory)
  }

  /// Reads a part.
  /// - Parameter buffer: exactly the numbers of the part, 8 bytes each.
  package func read(_ part: TensorPart, into buffer: UnsafeMutableRawBufferPointer) throws {
    let count = buffer.count / 8
    let stored = UnsafeMutableRawBufferPointer(
      rebasing: buffer[(buffer.count - count * reader.type.byteCount)...])
    try reader.read(
      isVector ? TensorPart(samples: part.features, features: 0..<1) : part, into: stored, clock: clock)
    if reader.type != .float64 { Decoding.decode(buffer, count: count, from: reader.type, to: .double) }
  }
}

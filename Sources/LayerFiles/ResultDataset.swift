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
  private let place: ResultPlace
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
    guard let place = ResultPlace(of: result, of: layer, in: dataset.shape) else {
      throw StreamError.wrongShape(
        file: file.path, dataset: dataset.path, shape: dataset.shape, expected: shape, like: like)
    }
    try StorageCheck(file: file.path, fileSize: file.status.size).check(dataset)
    path = dataset.path
    type = format.type
    let input = try InputDataset(
      dataset,
      at: DatasetPlace(
        file: file, path: dataset.path, chunkCacheByteCount: dataset.neededChunkCache), format)
    decodingMemory = input.decodingMemory(workers: workers, memory: memory)
    self.place = place
    reader = try input.reader(
      place.layout, featureAxis: place.featureAxis, readsSlices: false, workers: workers, memory: memory)
  }

  /// True if a dataset of this shape can be the result.
  package static func suits(_ shape: [Int], _ result: LayerResult, of layer: Layer) -> Bool {
    ResultPlace(of: result, of: layer, in: shape) != nil
  }

  /// Reads a part.
  /// - Parameter buffer: exactly the numbers of the part, 8 bytes each.
  package func read(_ part: TensorPart, into buffer: UnsafeMutableRawBufferPointer) throws {
    let count = buffer.count / 8
    let stored = UnsafeMutableRawBufferPointer(
      rebasing: buffer[(buffer.count - count * reader.type.byteCount)...])
    try reader.read(place.part(part), into: stored, clock: clock)
    if reader.type != .float64 { Decoding.decode(buffer, count: count, from: reader.type, to: .double) }
  }
}

/// Where the numbers of a result lie in a dataset: it has the result's shape, or one with further axes of length 1.
private struct ResultPlace {
  /// How the dataset is seen by a reader: samples along its first axis, each of [P, C, S].
  let layout: FeatureLayout
  let featureAxis: Int
  /// From a part of the result to the same of the dataset.
  let part: @Sendable (TensorPart) -> TensorPart

  /// Nil if the shape is another.
  init?(of result: LayerResult, of layer: Layer, in shape: [Int]) {
    let expected = layer.shape(of: result)
    switch result.entry.shape {
    case .samples:
      guard shape == expected else { return nil }
      self.init(layout: layer.layout(of: result), featureAxis: layer.featureAxis) { $0 }
    case .features: self.init(vector: expected[0], in: shape) { $0.features }
    case .batches, .bins: self.init(vector: expected[0], in: shape) { $0.samples }
    case .batchesAndFeatures, .quantilesAndFeatures:
      // [batches, C], or [batches, 1, C, 1, 1] as means come that were kept for broadcasting.
      guard shape.first == expected[0], shape.dropFirst().vectorLength == expected[1] else {
        // Of one batch programs keep [C].
        guard expected[0] == 1 else { return nil }
        self.init(vector: expected[1], in: shape) { $0.features }
        return
      }
      self.init(
        layout: layer.layout(of: result), featureAxis: shape.dropFirst().firstIndex { $0 != 1 } ?? 1
      ) { $0 }
    }
  }

  private init(layout: FeatureLayout, featureAxis: Int, part: @escaping @Sendable (TensorPart) -> TensorPart)
  {
    self.layout = layout
    self.featureAxis = featureAxis
    self.part = part
  }

  /// - Parameter range: which of its numbers a part of the result is.
  private init?(vector count: Int, in shape: [Int], _ range: @escaping @Sendable (TensorPart) -> Range<Int>) {
    guard shape[...].vectorLength == count else { return nil }
    func layout(_ count: Int) -> FeatureLayout {
      FeatureLayout(positionRows: 1, featureCount: count, planeLength: 1)
    }
    if shape[0] == count {
      // So many samples of one number.
      self.init(layout: layout(1), featureAxis: 1) { TensorPart(samples: range($0), features: 0..<1) }
    } else {
      // One sample of so many features.
      self.init(layout: layout(count), featureAxis: shape.firstIndex { $0 != 1 } ?? 1) {
        TensorPart(samples: 0..<1, features: range($0))
      }
    }
  }
}

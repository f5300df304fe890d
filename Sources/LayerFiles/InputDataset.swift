import BatchNorm
import ChunkCodec
import HDF5

/// Where a dataset of the input is. It is opened when it is read: what is open takes the library's memory, and files have
/// thousands of layers.
struct DatasetPlace: Sendable {
  let file: InputFile
  /// The dataset's path in the file.
  let path: String
  /// The chunk cache that lets the library read on without decoding a chunk twice; nil if its own size is enough.
  let chunkCacheByteCount: Int?

  /// The file's path as the user gave it, for messages.
  var filePath: String { file.path }

  /// Opens the dataset.
  /// - Throws: `StreamError.libraryReadFailed`.
  func open() throws(StreamError) -> Dataset { try open(chunkCacheByteCount: chunkCacheByteCount) }

  /// Opens the dataset with another chunk cache; nil for the library's own size.
  /// - Throws: `StreamError.libraryReadFailed`.
  func open(chunkCacheByteCount: Int?) throws(StreamError) -> Dataset {
    do {
      return try file.library.root.dataset(path, chunkCacheByteCount: chunkCacheByteCount)
    } catch {
      throw .libraryReadFailed(path: filePath, error)
    }
  }
}

/// A dataset as large as the activations, described and closed again. It may lie in several files, of which each has some of its
/// samples.
public struct InputDataset: Sendable {
  /// In the first of the files.
  let place: DatasetPlace
  /// [N, …]
  public private(set) var shape: [Int]
  /// How its elements are to be understood.
  public var type: NumericType { format.type }
  /// How they are read.
  let format: NumberFormat
  /// The bytes of an element in the file.
  let elementByteCount: Int
  /// How it lies in the file, or in the first of them.
  package let storage: Storage
  /// The chunks, if they can be decoded here; nil for other storage, unknown filters, and numbers that the library converts.
  package let decodableChunks: ChunkLayout?
  /// What was never written.
  package private(set) var neverWritten: NeverWritten
  /// An element that was never written, as the file would hold it.
  let fillValue: [UInt8]
  /// What each file has of it, in the samples' order; empty where it lies in one.
  private(set) var parts: [InputDataset] = []

  /// - Parameter dataset: open; its place is kept.
  /// - Throws: `HDF5Error` if its chunks cannot be counted.
  init(_ dataset: Dataset, at place: DatasetPlace, _ format: NumberFormat) throws(HDF5Error) {
    self.place = place
    shape = dataset.shape
    self.format = format
    elementByteCount = dataset.elementByteCount
    storage = dataset.storage
    decodableChunks = format.isConverted ? nil : ChunkedReader.decodableChunks(dataset, format.type)
    neverWritten = try NeverWritten(in: dataset)
    fillValue = try dataset.fillValue(as: format.storedType)
  }

  /// Its path in the file.
  public var path: String { place.path }

  /// The same with the samples of other files' after its own.
  /// - Parameter others: of the same kind of numbers, and of the same shape but for the number of samples.
  func followed(by others: [InputDataset]) -> InputDataset {
    guard !others.isEmpty else { return self }
    var whole = self
    whole.parts = [self] + others
    whole.shape[0] = whole.parts.reduce(0) { $0 + $1.shape[0] }
    whole.neverWritten = NeverWritten(whole.parts.map(\.neverWritten))
    return whole
  }
}

/// One number for each feature, as γ: kept if there are few features, else read range by range.
struct FeatureVector: Sendable {
  private enum Contents: Sendable {
    /// [C]
    case kept([Double])
    case stored(DatasetPlace)
  }

  private let contents: Contents
  private let format: NumberFormat
  /// Its path in the file.
  let path: String

  /// Vectors of more features are read when they are needed: memory must not follow what a file claims.
  static let mostKept = 1 << 16

  /// - Parameter dataset: a vector, open.
  init(_ dataset: Dataset, at place: DatasetPlace, _ format: NumberFormat) throws {
    self.format = format
    path = place.path
    contents =
      dataset.elementCount <= Self.mostKept
      ? .kept(try Self.read(0..<dataset.elementCount, of: dataset, at: place, format)) : .stored(place)
  }

  /// The numbers of some features.
  /// - Throws: `StreamError.libraryReadFailed`.
  func values(_ features: Range<Int>) throws -> [Double] {
    switch contents {
    case .kept(let values): Array(values[features])
    case .stored(let place): try Self.read(features, of: place.open(), at: place, format)
    }
  }

  private static func read(
    _ features: Range<Int>, of dataset: Dataset, at place: DatasetPlace, _ format: NumberFormat
  ) throws -> [Double] {
    do {
      if format.isBFloat16Bits {
        var bits = [UInt16](repeating: 0, count: features.count)
        try bits.withUnsafeMutableBytes { bytes in
          try dataset.read(vector: features, as: .native(.uint16), into: bytes)
        }
        return bits.map { Double(Float(bitPattern: UInt32($0) << 16)) }
      }
      var values = [Double](repeating: 0, count: features.count)
      try values.withUnsafeMutableBytes { bytes in
        try dataset.read(vector: features, as: .float64, into: bytes)
      }
      return values
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: place.filePath, error)
    }
  }
}

extension ArraySlice<Int> {
  /// The length of a tensor of this shape, if it is a vector: of its axes, at most one is longer than 1.
  var vectorLength: Int? { isEmpty || count(where: { $0 != 1 }) > 1 ? nil : reduce(1, *) }
}

extension Dataset {
  /// The length, if this is a vector: of its axes, at most one is longer than 1. MATLAB has no arrays of one axis, and stores
  /// [C, 1] or [1, C]; frameworks keep [1, C, 1, 1] for broadcasting.
  var vectorLength: Int? { shape[...].vectorLength }

  /// Reads some elements of a vector.
  func read(
    vector range: Range<Int>, as type: NumericType, into buffer: UnsafeMutableRawBufferPointer
  ) throws(HDF5Error) {
    let axis = shape.firstIndex { $0 != 1 } ?? 0
    if axis == 0 {
      try read(leading: range, as: type, into: buffer)
    } else {
      try read(leading: 0..<1, of: AxisRange(axis: axis, range), as: type, into: buffer)
    }
  }
}

import BatchNorm
import ChunkCodec
import HDF5

/// Where a dataset of the input is. It is opened when it is read: what is open takes the library's memory, and files have
/// thousands of layers.
struct DatasetPlace: Sendable {
  let file: File
  /// The file's path as the user gave it, for messages.
  let filePath: String
  /// The dataset's path in the file.
  let path: String
  /// The chunk cache that lets the library read on without decoding a chunk twice; nil if its own size is enough.
  let chunkCacheByteCount: Int?

  /// Opens the dataset.
  /// - Throws: `StreamError.libraryReadFailed`.
  func open() throws(StreamError) -> Dataset { try open(chunkCacheByteCount: chunkCacheByteCount) }

  /// Opens the dataset with another chunk cache; nil for the library's own size.
  /// - Throws: `StreamError.libraryReadFailed`.
  func open(chunkCacheByteCount: Int?) throws(StreamError) -> Dataset {
    do {
      return try file.root.dataset(path, chunkCacheByteCount: chunkCacheByteCount)
    } catch {
      throw .libraryReadFailed(path: filePath, error)
    }
  }
}

/// A dataset as large as the activations, described and closed again.
public struct InputDataset: Sendable {
  let place: DatasetPlace
  /// [N, …]
  public let shape: [Int]
  /// How its elements are to be understood.
  public let type: NumericType
  /// What its elements are for the library; another type than `type` if integers hold the bits of bfloat16.
  let storedType: NumericType
  /// How it lies in the file.
  package let storage: Storage
  /// The chunks, if they can be decoded here; nil for other storage and unknown filters.
  package let decodableChunks: ChunkLayout?
  /// What was never written.
  package let neverWritten: NeverWritten
  /// An element that was never written, as the file would hold it.
  let fillValue: [UInt8]

  /// - Parameter dataset: open; its place is kept.
  /// - Throws: `HDF5Error` if its chunks cannot be counted.
  init(_ dataset: Dataset, at place: DatasetPlace, storedType: NumericType, type: NumericType)
    throws(HDF5Error)
  {
    self.place = place
    shape = dataset.shape
    self.type = type
    self.storedType = storedType
    storage = dataset.storage
    decodableChunks = ChunkedReader.decodableChunks(dataset, type)
    neverWritten = try NeverWritten(in: dataset, elementByteCount: type.byteCount)
    fillValue = try dataset.fillValue(as: storedType)
  }

  /// Its path in the file.
  public var path: String { place.path }
}

/// One number for each feature, as γ: kept if there are few features, else read range by range.
struct FeatureVector: Sendable {
  private enum Contents: Sendable {
    /// [C]
    case kept([Double])
    case stored(DatasetPlace, isBFloat16: Bool)
  }

  private let contents: Contents

  /// Vectors of more features are read when they are needed: memory must not follow what a file claims.
  static let mostKept = 1 << 16

  /// - Parameters:
  ///   - dataset: of shape [C], open.
  ///   - isBFloat16: true if its integers are the bits of bfloat16.
  init(_ dataset: Dataset, at place: DatasetPlace, isBFloat16: Bool) throws {
    contents =
      dataset.elementCount <= Self.mostKept
      ? .kept(try Self.read(0..<dataset.elementCount, of: dataset, at: place, isBFloat16))
      : .stored(place, isBFloat16: isBFloat16)
  }

  /// The numbers of some features.
  /// - Throws: `StreamError.libraryReadFailed`.
  func values(_ features: Range<Int>) throws -> [Double] {
    switch contents {
    case .kept(let values): Array(values[features])
    case .stored(let place, let isBFloat16):
      try Self.read(features, of: place.open(), at: place, isBFloat16)
    }
  }

  private static func read(
    _ features: Range<Int>, of dataset: Dataset, at place: DatasetPlace, _ isBFloat16: Bool
  ) throws -> [Double] {
    do {
      if isBFloat16 {
        var bits = [UInt16](repeating: 0, count: features.count)
        try bits.withUnsafeMutableBytes { bytes in
          try dataset.read(leading: features, as: .native(.uint16), into: bytes)
        }
        return bits.map { Double(Float(bitPattern: UInt32($0) << 16)) }
      }
      var values = [Double](repeating: 0, count: features.count)
      try values.withUnsafeMutableBytes { bytes in
        try dataset.read(leading: features, as: .float64, into: bytes)
      }
      return values
    } catch let error as HDF5Error {
      throw StreamError.libraryReadFailed(path: place.filePath, error)
    }
  }
}

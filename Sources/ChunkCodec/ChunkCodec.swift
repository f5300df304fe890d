/// A filter that chunks can pass through here, outside of the HDF5 library and in parallel.
public enum ChunkFilter: Hashable, Sendable {
  case shuffle(elementSize: Int)
  case deflate(level: Int)
  case fletcher32
  /// Compression that is only undone here, if its library is present.
  case library(CompressionLibrary)
}

/// Why a chunk could not be decoded or encoded.
public enum ChunkCodecError: Error, Hashable, Sendable {
  /// The chunk is not what this filter writes.
  case damaged(filter: String)
  /// After all filters the chunk has another length than its shape needs.
  case wrongLength(Int, expected: Int)
  case outOfMemory
}

/// Applies a dataset's filters to its chunks and undoes them, with memory that is reused from chunk to chunk.
///
/// For one thread at a time; each worker has its own.
public final class ChunkCodec {
  /// In the order in which they are applied in writing.
  public let filters: [ChunkFilter]
  /// Bytes of a chunk before any filter.
  public let chunkByteCount: Int
  private let deflate: Deflate
  /// Two places that the filters work to in turn.
  private let places: [UnsafeMutableRawBufferPointer]

  /// Bytes that one codec keeps, not counting what a caller reads into.
  public static func memory(chunkByteCount: Int) -> Int { 2 * Deflate.bound(chunkByteCount + 16) }

  /// - Parameters:
  ///   - filters: in the order in which they are applied in writing.
  ///   - chunkByteCount: bytes of a chunk before any filter.
  public init(filters: [ChunkFilter], chunkByteCount: Int) throws(ChunkCodecError) {
    self.filters = filters
    self.chunkByteCount = chunkByteCount
    deflate = try Deflate()
    let size = Deflate.bound(chunkByteCount + Fletcher32.byteCount * filters.count)
    places = (0..<2).map { _ in .allocate(byteCount: size, alignment: 64) }
  }

  deinit { for place in places { place.deallocate() } }

  /// Undoes the filters.
  /// - Parameters:
  ///   - chunk: as it lies in the file.
  ///   - mask: bit i is set if the chunk skipped filter i.
  ///   - target: `chunkByteCount` bytes.
  /// - Throws: `ChunkCodecError` if the chunk is damaged.
  public func decode(
    _ chunk: UnsafeRawBufferPointer, mask: UInt32, into target: UnsafeMutableRawBufferPointer
  ) throws(ChunkCodecError) {
    let applied = filters.indices.filter { mask >> UInt32($0) & 1 == 0 }
    // The filters that write to memory; the last of them to be undone writes to the target.
    let writers = applied.filter { filters[$0] != .fletcher32 }
    var current = chunk
    for index in applied.reversed() {
      let place = index == writers.first ? target : places[index % 2]
      switch filters[index] {
      case .fletcher32:
        guard Fletcher32.isValid(current) else { throw .damaged(filter: "fletcher32") }
        current = UnsafeRawBufferPointer(rebasing: current[..<(current.count - Fletcher32.byteCount)])
      case .deflate, .library:
        let checksums = applied.count { $0 < index && filters[$0] == .fletcher32 }
        let count = chunkByteCount + checksums * Fletcher32.byteCount
        // A checksum before compression makes it longer than the target; such a chunk takes the long way.
        let output = count <= place.count ? place : places[index % 2]
        let result = UnsafeMutableRawBufferPointer(rebasing: output[..<count])
        try decompress(current, filters[index], into: result)
        current = UnsafeRawBufferPointer(result)
      case .shuffle(let elementSize):
        guard current.count <= places[0].count else {
          throw .wrongLength(current.count, expected: chunkByteCount)
        }
        let output = current.count <= place.count ? place : places[index % 2]
        let result = UnsafeMutableRawBufferPointer(rebasing: output[..<current.count])
        Shuffle.undo(current, result, elementSize: elementSize)
        current = UnsafeRawBufferPointer(result)
      }
    }
    guard current.count == chunkByteCount else {
      throw .wrongLength(current.count, expected: chunkByteCount)
    }
    if current.baseAddress != UnsafeRawPointer(target.baseAddress) { target.copyMemory(from: current) }
  }

  /// Fills `target` exactly.
  private func decompress(
    _ source: UnsafeRawBufferPointer, _ filter: ChunkFilter, into target: UnsafeMutableRawBufferPointer
  ) throws(ChunkCodecError) {
    guard case .library(let library) = filter else { return try deflate.decompress(source, into: target) }
    guard library.decompress(source, into: target) == target.count else {
      throw .damaged(filter: library.name)
    }
  }

  /// Applies the filters, none of which may be `library`.
  /// - Parameter chunk: `chunkByteCount` bytes.
  /// - Returns: what is to lie in the file, valid until the next use of this codec.
  public func encode(_ chunk: UnsafeRawBufferPointer) throws(ChunkCodecError) -> UnsafeRawBufferPointer {
    var current = chunk
    for (index, filter) in filters.enumerated() {
      let place = places[index % 2]
      switch filter {
      case .shuffle(let elementSize):
        let result = UnsafeMutableRawBufferPointer(rebasing: place[..<current.count])
        Shuffle.apply(current, result, elementSize: elementSize)
        current = UnsafeRawBufferPointer(result)
      case .deflate(let level):
        let count = try deflate.compress(current, into: place, level: level)
        current = UnsafeRawBufferPointer(rebasing: place[..<count])
      case .fletcher32:
        let sum = Fletcher32.checksum(current)
        place.copyMemory(from: current)
        place.storeBytes(of: sum.littleEndian, toByteOffset: current.count, as: UInt32.self)
        current = UnsafeRawBufferPointer(rebasing: place[..<(current.count + Fletcher32.byteCount)])
      case .library(let library):
        preconditionFailure("\(library) is only read")
      }
    }
    return current
  }
}

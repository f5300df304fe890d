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
  private let scratch = ChunkScratch()

  /// Bytes that one codec keeps for decoding, not counting what a caller reads into.
  public static func memory(chunkByteCount: Int) -> Int { 2 * Deflate.bound(chunkByteCount + 16) }

  /// Bytes that one codec keeps for encoding.
  public static func memory(encoding filters: [ChunkFilter], chunkByteCount: Int) -> Int {
    2 * bound(filters, Deflate.bound(chunkByteCount + 16))
  }

  /// Bytes that libraries take while a chunk is encoded, and give back.
  public static func libraryMemory(encoding filters: [ChunkFilter], chunkByteCount: Int) -> Int {
    filters.reduce(0) { most, filter in
      if case .compression(let compression) = filter {
        max(most, compression.memory(chunkByteCount))
      } else {
        most
      }
    }
  }

  /// The most bytes that so many become by any of the filters that a library compresses with.
  private static func bound(_ filters: [ChunkFilter], _ count: Int) -> Int {
    filters.reduce(count) { most, filter in
      if case .compression(let compression) = filter { max(most, compression.bound(count)) } else { most }
    }
  }

  /// - Parameters:
  ///   - filters: in the order in which they are applied in writing.
  ///   - chunkByteCount: bytes of a chunk before any filter.
  public init(filters: [ChunkFilter], chunkByteCount: Int) throws(ChunkCodecError) {
    self.filters = filters
    self.chunkByteCount = chunkByteCount
    deflate = try Deflate()
  }

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
    var turn = 0
    /// What a filter writes to, which is not what it reads; what is longer than the target takes the long way.
    func output(_ index: Int, _ count: Int) throws(ChunkCodecError) -> UnsafeMutableRawBufferPointer {
      if index == writers.first, count <= target.count {
        return UnsafeMutableRawBufferPointer(rebasing: target[..<count])
      }
      turn = 1 - turn
      guard count <= ChunkCheck.largestStored(chunkByteCount: chunkByteCount) else {
        throw .wrongLength(count, expected: chunkByteCount)
      }
      return scratch.place(turn, byteCount: count)
    }
    for index in applied.reversed() {
      switch filters[index] {
      case .fletcher32:
        guard Fletcher32.isValid(current) else { throw .damaged(filter: "fletcher32") }
        current = UnsafeRawBufferPointer(rebasing: current[..<(current.count - Fletcher32.byteCount)])
      case .deflate, .compression:
        let checksums = applied.count { $0 < index && filters[$0] == .fletcher32 }
        let result = try output(index, chunkByteCount + checksums * Fletcher32.byteCount)
        try decompress(current, filters[index], into: result)
        current = UnsafeRawBufferPointer(result)
      case .shuffle(let elementSize):
        let result = try output(index, current.count)
        Shuffle.undo(current, result, elementSize: elementSize)
        current = UnsafeRawBufferPointer(result)
      case .bitshuffle(let shuffle):
        let result = try output(index, current.count)
        guard shuffle.undo(current, result) else { throw .damaged(filter: "bitshuffle") }
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
    guard case .compression(let compression) = filter else {
      return try deflate.decompress(source, into: target)
    }
    guard compression.decompress(source, into: target) == target.count else {
      throw .damaged(filter: compression.name)
    }
  }

  /// Applies the filters, of which those that a library compresses with have a ``ChunkFilter/registration``, and whose libraries
  /// are present.
  /// - Parameter chunk: `chunkByteCount` bytes.
  /// - Returns: what is to lie in the file, valid until the next use of this codec.
  public func encode(_ chunk: UnsafeRawBufferPointer) throws(ChunkCodecError) -> UnsafeRawBufferPointer {
    var current = chunk
    for (index, filter) in filters.enumerated() {
      func place(_ count: Int) -> UnsafeMutableRawBufferPointer {
        scratch.place(index % 2, byteCount: count)
      }
      switch filter {
      case .shuffle(let elementSize):
        let result = place(current.count)
        Shuffle.apply(current, result, elementSize: elementSize)
        current = UnsafeRawBufferPointer(result)
      case .deflate(let level):
        let result = place(Deflate.bound(current.count))
        let count = try deflate.compress(current, into: result, level: level)
        current = UnsafeRawBufferPointer(rebasing: result[..<count])
      case .fletcher32:
        let sum = Fletcher32.checksum(current)
        let result = place(current.count + Fletcher32.byteCount)
        result.copyMemory(from: current)
        result.storeBytes(of: sum.littleEndian, toByteOffset: current.count, as: UInt32.self)
        current = UnsafeRawBufferPointer(result)
      case .bitshuffle(let shuffle):
        let result = place(current.count)
        guard shuffle.apply(current, result) else {
          throw .wrongLength(
            current.count, expected: current.count / shuffle.elementSize * shuffle.elementSize)
        }
        current = UnsafeRawBufferPointer(result)
      case .compression(let compression):
        let result = place(compression.bound(current.count))
        let count = try compression.compress(current, into: result)
        current = UnsafeRawBufferPointer(rebasing: result[..<count])
      }
    }
    return current
  }
}

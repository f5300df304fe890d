/// Memory that is used again from chunk to chunk: what is given back in pieces of many sizes, the C library keeps.
///
/// Used by one thread at a time.
public final class ChunkScratch {
  private var places: [UnsafeMutableRawBufferPointer] = []
  private var deflate: Deflate?

  /// Has no memory yet.
  public init() {}

  deinit { for place in places { place.deallocate() } }

  /// What inflates.
  fileprivate func inflater() throws(ChunkCodecError) -> Deflate {
    if let deflate { return deflate }
    let inflater = try Deflate()
    deflate = inflater
    return inflater
  }

  /// The first bytes of one of several places; what it held before is lost where it has to grow.
  public func place(_ number: Int, byteCount: Int) -> UnsafeMutableRawBufferPointer {
    while places.count <= number { places.append(.allocate(byteCount: 1, alignment: 64)) }
    if places[number].count < byteCount {
      places[number].deallocate()
      places[number] = .allocate(byteCount: byteCount, alignment: 64)
    }
    return UnsafeMutableRawBufferPointer(rebasing: places[number][..<byteCount])
  }
}

/// Finds out whether a chunk decodes to exactly its elements, without keeping them: for what the HDF5 library decodes itself,
/// since it trusts every filter about the length of its result.
///
/// Takes memory for the chunk's own size, whatever the chunk claims.
public struct ChunkCheck: Sendable {
  /// A filter of the chunk.
  public enum Step: Hashable, Sendable {
    /// One that ``ChunkCodec`` undoes.
    case known(ChunkFilter)
    /// One that only the library undoes, whose parameters and data say how much it reads.
    case packed(PackedElements)
  }

  private let steps: [Step]
  private let chunkByteCount: Int

  /// - Parameters:
  ///   - steps: in the order in which they are applied in writing.
  ///   - chunkByteCount: bytes of a chunk before any filter.
  /// - Returns: nil where nobody could say how long data is between two of the filters.
  public init?(steps: [Step], chunkByteCount: Int) {
    for (index, step) in steps.enumerated() {
      guard case .packed = step else { continue }
      guard steps[..<index].allSatisfy(\.keepsLength) else { return nil }
    }
    self.steps = steps
    self.chunkByteCount = chunkByteCount
  }

  /// The most bytes that a chunk of this size has in the file: filters may make it longer, but none as much as twice.
  public static func largestStored(chunkByteCount: Int) -> Int {
    let (double, overflows) = chunkByteCount.multipliedReportingOverflow(by: 2)
    return overflows ? .max : double &+ min(1024, .max - double)
  }

  /// - Parameters:
  ///   - chunk: as it lies in the file.
  ///   - mask: bit i is set if the chunk skipped filter i.
  ///   - scratch: memory to decode into.
  /// - Throws: `ChunkCodecError` unless the chunk decodes to exactly its bytes.
  public func check(
    _ chunk: UnsafeRawBufferPointer, mask: UInt32, scratch: ChunkScratch = ChunkScratch()
  ) throws(ChunkCodecError) {
    guard chunk.count <= Self.largestStored(chunkByteCount: chunkByteCount) else {
      throw .wrongLength(chunk.count, expected: chunkByteCount)
    }
    let applied = steps.indices.filter { $0 >= 32 || mask >> UInt32($0) & 1 == 0 }.map { steps[$0] }
    var current = chunk
    // The first place may hold the chunk itself.
    var places = 1
    for (index, step) in applied.enumerated().reversed() {
      let inner = applied[..<index]
      // What was reached keeps its length from here on, and no checksum is left: the bytes themselves do not matter.
      if inner.allSatisfy(\.keepsLength), step.keepsLength { break }
      func newPlace(_ count: Int) -> UnsafeMutableRawBufferPointer {
        defer { places += 1 }
        return scratch.place(places, byteCount: count)
      }
      switch step {
      case .packed(let elements):
        try elements.check(current, chunkByteCount: chunkByteCount)
        return
      case .known(.fletcher32):
        guard Fletcher32.isValid(current) else { throw .damaged(filter: "fletcher32") }
        current = UnsafeRawBufferPointer(rebasing: current[..<(current.count - Fletcher32.byteCount)])
      case .known(.shuffle(let elementSize)):
        let result = newPlace(current.count)
        Shuffle.undo(current, result, elementSize: elementSize)
        current = UnsafeRawBufferPointer(result)
      case .known(.bitshuffle(let shuffle)):
        let result = newPlace(current.count)
        guard shuffle.undo(current, result) else { throw .damaged(filter: "bitshuffle") }
        current = UnsafeRawBufferPointer(result)
      case .known(.deflate), .known(.compression):
        let lengths = Self.lengths(after: inner, chunkByteCount: chunkByteCount)
        let result = newPlace(lengths.upperBound)
        let count = try Self.decompress(current, step, into: result, scratch)
        guard lengths.contains(count) else {
          throw .wrongLength(count, expected: lengths.lowerBound)
        }
        current = UnsafeRawBufferPointer(rebasing: result[..<count])
      }
    }
    guard current.count == chunkByteCount else {
      throw .wrongLength(current.count, expected: chunkByteCount)
    }
  }

  /// How long a chunk can be after some filters.
  private static func lengths(after steps: ArraySlice<Step>, chunkByteCount: Int) -> ClosedRange<Int> {
    var lengths = chunkByteCount...chunkByteCount
    for step in steps {
      switch step {
      case .known(.shuffle), .known(.bitshuffle): break
      case .known(.fletcher32):
        lengths =
          lengths.lowerBound + Fletcher32.byteCount...lengths.upperBound + Fletcher32.byteCount
      case .known(.deflate), .known(.compression), .packed:
        lengths = 1...largestStored(chunkByteCount: lengths.upperBound)
      }
    }
    return lengths
  }

  /// - Returns: the bytes that a compressed chunk becomes, at most those of `target`.
  private static func decompress(
    _ source: UnsafeRawBufferPointer, _ step: Step, into target: UnsafeMutableRawBufferPointer,
    _ scratch: ChunkScratch
  ) throws(ChunkCodecError) -> Int {
    guard case .known(.compression(let compression)) = step else {
      return try scratch.inflater().decompress(source, intoAtMost: target)
    }
    guard let count = compression.decompress(source, into: target) else {
      throw .damaged(filter: compression.name)
    }
    return count
  }
}

extension ChunkCheck.Step {
  /// Whether the filter changes neither the length nor what is looked at.
  fileprivate var keepsLength: Bool {
    if case .known(let filter) = self { filter.keepsLength } else { false }
  }
}

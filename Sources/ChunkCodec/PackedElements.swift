/// A filter of the HDF5 library that packs the bits of a chunk's elements: n-bit, scale-offset and szip.
///
/// The library decodes as many elements as the filter's parameters say, from as many bytes as that takes, without a look at
/// how many there are. Here both are compared with the chunk.
public enum PackedElements: Hashable, Sendable {
  /// `count` elements of `elementSize` bytes, of which `precision` bits are stored (`H5Znbit.c`).
  case nbit(count: Int, elementSize: Int, precision: Int)
  /// `count` elements of `elementSize` bytes as differences from the smallest (`H5Zscaleoffset.c`).
  case scaleOffset(count: Int, elementSize: Int)
  /// Stored unchanged, though the filter ran.
  case unchanged
  /// libaec's coding with a length before it (`H5Zszip.c`).
  case szip(SzipParameters)

  /// - Parameters:
  ///   - identifier: of the filter.
  ///   - parameters: as they lie in the file.
  ///   - elementSize: bytes of an element.
  ///   - chunkByteCount: bytes of a chunk before any filter.
  /// - Returns: nil if the parameters are not those of such a chunk, or it is another filter.
  public init?(filter identifier: Int, parameters: [UInt32], elementSize: Int, chunkByteCount: Int) {
    let numbers = parameters.map { Int($0) }
    let count = elementSize > 0 ? chunkByteCount / elementSize : 0
    switch identifier {
    case 5:
      guard let elements = Self.nbit(numbers, count: count, elementSize: elementSize) else { return nil }
      self = elements
    case 6:
      // Kind of scaling, factor, elements, class (0 for integers), bytes of an element, and fifteen more.
      guard numbers.count == 20, numbers[2] == count, numbers[4] == elementSize else { return nil }
      let isInteger = numbers[3] == 0
      guard numbers[0] == (isInteger ? 2 : 0) else { return nil }
      self =
        isInteger && numbers[1] == elementSize * 8
        ? .unchanged : .scaleOffset(count: count, elementSize: elementSize)
    case 4:
      guard let szip = SzipParameters(numbers) else { return nil }
      self = .szip(szip)
    default: return nil
    }
  }

  /// Parameters: how many there are, whether to do nothing, elements, and what one element is: its class, bytes, and for
  /// numbers (class 1) byte order, precision, and the first bit; class 4 is copied whole.
  private static func nbit(_ numbers: [Int], count: Int, elementSize: Int) -> PackedElements? {
    guard numbers.count >= 5, numbers[0] == numbers.count, numbers[2] == count, numbers[4] == elementSize
    else { return nil }
    if numbers[1] != 0 { return .unchanged }
    switch numbers[3] {
    case 1:
      guard numbers.count == 8, numbers[5] <= 1, numbers[6] >= 1, numbers[6] + numbers[7] <= 8 * elementSize
      else { return nil }
      return .nbit(count: count, elementSize: elementSize, precision: numbers[6])
    case 4: return .nbit(count: count, elementSize: elementSize, precision: 8 * elementSize)
    default: return nil
    }
  }

  /// - Throws: `ChunkCodecError` unless the library reads no byte beyond the chunk and fills all elements.
  func check(_ chunk: UnsafeRawBufferPointer, chunkByteCount: Int) throws(ChunkCodecError) {
    switch self {
    case .unchanged:
      guard chunk.count == chunkByteCount else {
        throw .wrongLength(chunk.count, expected: chunkByteCount)
      }
    case .nbit(let count, _, let precision):
      guard chunk.count >= (count * precision + 7) / 8 else { throw .damaged(filter: "nbit") }
    case .scaleOffset(let count, let elementSize):
      // The bits of an element, the size of the number that follows, the smallest element, and some bytes that are not used.
      let headerByteCount = 21
      guard chunk.count >= headerByteCount else { throw .damaged(filter: "scaleoffset") }
      let bits = Int(UInt32(littleEndian: chunk.loadUnaligned(as: UInt32.self)))
      guard bits <= 8 * elementSize, chunk.count >= headerByteCount + (count * bits + 7) / 8 else {
        throw .damaged(filter: "scaleoffset")
      }
    case .szip(let parameters): try parameters.check(chunk, chunkByteCount: chunkByteCount)
    }
  }
}

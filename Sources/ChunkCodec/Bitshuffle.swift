/// The bitshuffle filter (32008, K. Masui and others, Astronomy and Computing 12 (2015) 181): bit k of all elements of a
/// block together, as the shuffle filter does with bytes.
///
/// A block of n elements, a multiple of eight, becomes as many rows of n/8 bytes as an element has bits: row 8b + k has bit k
/// of byte b of every element, eight elements to a byte, the first in the lowest bit. What is left after whole blocks is a
/// shorter block, and up to seven elements at the end stay as they are.
public struct Bitshuffle: Hashable, Sendable {
  /// Bytes of an element.
  public let elementSize: Int
  /// Elements of a block.
  let blockElements: Int

  /// Elements are taken eight at a time, one for each bit of a byte.
  static let group = 8

  /// - Parameters:
  ///   - elementSize: bytes of an element, at least 1.
  ///   - blockElements: a multiple of eight; 0 for about 8 KiB.
  /// - Returns: nil for other numbers.
  public init?(elementSize: Int, blockElements: Int = 0) {
    guard elementSize > 0, blockElements >= 0, blockElements % Self.group == 0 else { return nil }
    self.elementSize = elementSize
    self.blockElements =
      blockElements > 0 ? blockElements : max(128, 8192 / elementSize / Self.group * Self.group)
  }

  /// What the filter's parameters begin with: the version of the format that has all its compressions, bytes of an element,
  /// elements of a block.
  var parameters: [UInt32] { [0, 4, UInt32(elementSize), UInt32(blockElements)] }

  /// The lengths of the blocks of so many elements, all multiples of eight.
  func blocks(_ count: Int) -> [Int] {
    let last = count % blockElements / Self.group * Self.group
    return Array(repeating: blockElements, count: count / blockElements) + (last > 0 ? [last] : [])
  }

  /// Puts the bits of each element together again.
  /// - Parameters:
  ///   - source: shuffled bytes.
  ///   - target: as many bytes, elsewhere.
  /// - Returns: false if they are not whole elements.
  func undo(_ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer) -> Bool {
    forEachBlock(source, target, Self.undoBlock)
  }

  /// Puts bit k of all elements of a block together.
  /// - Parameters:
  ///   - source: whole elements.
  ///   - target: as many bytes, elsewhere.
  /// - Returns: false if they are not whole elements.
  func apply(_ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer) -> Bool {
    forEachBlock(source, target, Self.applyBlock)
  }

  private func forEachBlock(
    _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer,
    _ change: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer, UnsafeMutableRawBufferPointer, Int) ->
      Void
  ) -> Bool {
    guard source.count % elementSize == 0 else { return false }
    let largest = min(blockElements, source.count / elementSize) * elementSize
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: largest, alignment: 64)
    defer { scratch.deallocate() }
    var start = 0
    for block in blocks(source.count / elementSize) {
      let range = start..<start + block * elementSize
      change(
        UnsafeRawBufferPointer(rebasing: source[range]),
        UnsafeMutableRawBufferPointer(rebasing: target[range]),
        scratch, elementSize)
      start = range.upperBound
    }
    UnsafeMutableRawBufferPointer(rebasing: target[start..<source.count]).copyMemory(
      from: UnsafeRawBufferPointer(rebasing: source[start...]))
    return true
  }

  // MARK: - A block

  /// One block of a multiple of eight elements: rows to bytes, eight rows at a time, and then the bytes of each element together.
  /// - Parameter scratch: at least as many bytes.
  static func undoBlock(
    _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer,
    _ scratch: UnsafeMutableRawBufferPointer, elementSize: Int
  ) {
    let planeByteCount = source.count / elementSize
    for start in stride(from: 0, to: source.count, by: planeByteCount) {
      let plane = UnsafeMutableRawBufferPointer(rebasing: scratch[start..<start + planeByteCount])
      // Eight rows of bits are shuffled elements of eight bytes.
      Shuffle.undo(
        UnsafeRawBufferPointer(rebasing: source[start..<start + planeByteCount]), plane, elementSize: group)
      transposeBits(plane)
    }
    let planes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(scratch)[..<source.count])
    Shuffle.undo(planes, target, elementSize: elementSize)
  }

  /// The same backwards.
  /// - Parameter scratch: at least as many bytes.
  static func applyBlock(
    _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer,
    _ scratch: UnsafeMutableRawBufferPointer, elementSize: Int
  ) {
    let planes = UnsafeMutableRawBufferPointer(rebasing: scratch[..<source.count])
    Shuffle.apply(source, planes, elementSize: elementSize)
    transposeBits(planes)
    let planeByteCount = source.count / elementSize
    for start in stride(from: 0, to: source.count, by: planeByteCount) {
      Shuffle.apply(
        UnsafeRawBufferPointer(rebasing: planes[start..<start + planeByteCount]),
        UnsafeMutableRawBufferPointer(rebasing: target[start..<start + planeByteCount]), elementSize: group)
    }
  }

  /// Takes every eight bytes for a matrix of 8 × 8 bits and transposes it in place: bit k of byte i becomes bit i of byte k.
  ///
  /// H. S. Warren, Hacker's Delight, 7-3: first within squares of two bits, then of four, then of eight.
  private static func transposeBits(_ bytes: UnsafeMutableRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    var offset = 0
    while offset + 32 <= bytes.count {
      let words = base.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
      base.storeBytes(of: transposed(words), toByteOffset: offset, as: SIMD4<UInt64>.self)
      offset &+= 32
    }
    while offset + 8 <= bytes.count {
      let word = SIMD4<UInt64>(repeating: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      base.storeBytes(of: transposed(word)[0], toByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
  }

  @inline(__always)
  private static func transposed(_ words: SIMD4<UInt64>) -> SIMD4<UInt64> {
    #if _endian(big)
      #error("bytes are taken for little-endian numbers")
    #endif
    var words = words
    exchange(&words, 7, 0x00AA_00AA_00AA_00AA)
    exchange(&words, 14, 0x0000_CCCC_0000_CCCC)
    exchange(&words, 28, 0x0000_0000_F0F0_F0F0)
    return words
  }

  /// Exchanges the bits of `mask` with those that are `distance` places higher.
  @inline(__always)
  private static func exchange(_ words: inout SIMD4<UInt64>, _ distance: UInt64, _ mask: UInt64) {
    let difference = (words ^ (words &>> distance)) & mask
    words ^= difference ^ (difference &<< distance)
  }
}

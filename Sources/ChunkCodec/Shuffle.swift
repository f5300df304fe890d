/// HDF5's shuffle filter: byte k of all elements together, so that what varies little lies side by side.
///
/// The format is the library's `H5Zshuffle.c`: the planes of bytes 0, 1, …, then bytes that make no whole element.
enum Shuffle {
  /// Puts the bytes of each element together again.
  /// - Parameters:
  ///   - source: shuffled bytes.
  ///   - target: as many bytes, elsewhere.
  ///   - elementSize: bytes of an element, at least 1.
  static func undo(
    _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer, elementSize: Int
  ) {
    guard let from = source.baseAddress, let to = target.baseAddress else { return }
    let count = source.count / elementSize
    var done = 0
    switch elementSize {
    case 1: return target.copyMemory(from: source)
    case 2: done = undo2(from, to, count)
    case 4: done = undo4(from, to, count)
    case 8: done = undo8(from, to, count)
    default: break
    }
    for element in done..<count {
      for byte in 0..<elementSize {
        to.storeBytes(
          of: from.load(fromByteOffset: byte * count + element, as: UInt8.self),
          toByteOffset: element * elementSize + byte, as: UInt8.self)
      }
    }
    copyRest(source, target, from: count * elementSize)
  }

  /// Puts byte k of all elements together.
  static func apply(
    _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer, elementSize: Int
  ) {
    guard let from = source.baseAddress, let to = target.baseAddress else { return }
    let count = source.count / elementSize
    switch elementSize {
    case 1: return target.copyMemory(from: source)
    case 2: apply(UInt16.self, from, to, count)
    case 4: apply(UInt32.self, from, to, count)
    case 8: apply(UInt64.self, from, to, count)
    default:
      for byte in 0..<elementSize {
        for element in 0..<count {
          to.storeBytes(
            of: from.load(fromByteOffset: element * elementSize + byte, as: UInt8.self),
            toByteOffset: byte * count + element, as: UInt8.self)
        }
      }
    }
    copyRest(source, target, from: count * elementSize)
  }

  /// Plane by plane, a few elements at a time so that they stay in the first-level cache; the inner loop becomes SIMD code.
  @inline(__always)
  private static func apply<Word: FixedWidthInteger>(
    _: Word.Type, _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ count: Int
  ) {
    let size = Word.bitWidth / 8
    var first = 0
    while first < count {
      let end = min(first &+ 1024, count)
      for byte in 0..<size {
        let plane = to + byte &* count
        let shift = Word(truncatingIfNeeded: 8 &* byte)
        var element = first
        while element < end {
          let word = Word(littleEndian: from.loadUnaligned(fromByteOffset: element &* size, as: Word.self))
          plane.storeBytes(
            of: UInt8(truncatingIfNeeded: word &>> shift), toByteOffset: element, as: UInt8.self)
          element &+= 1
        }
      }
      first = end
    }
  }

  private static func copyRest(
    _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer, from start: Int
  ) {
    for index in start..<source.count { target[index] = source[index] }
  }

  // MARK: - Sixteen elements at a time

  /// a₀ b₀ a₁ b₁ …
  @inline(__always)
  private static func interleave(_ even: SIMD16<UInt8>, _ odd: SIMD16<UInt8>) -> SIMD32<UInt8> {
    var result = SIMD32<UInt8>()
    result.evenHalf = even
    result.oddHalf = odd
    return result
  }

  @inline(__always)
  private static func interleave(_ even: SIMD16<UInt16>, _ odd: SIMD16<UInt16>) -> SIMD32<UInt16> {
    var result = SIMD32<UInt16>()
    result.evenHalf = even
    result.oddHalf = odd
    return result
  }

  @inline(__always)
  private static func plane(_ from: UnsafeRawPointer, _ offset: Int) -> SIMD16<UInt8> {
    from.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
  }

  /// The elements' bytes k and k + 1 as one number each.
  @inline(__always)
  private static func pairs(_ from: UnsafeRawPointer, _ count: Int, _ byte: Int, _ element: Int)
    -> SIMD16<UInt16>
  {
    unsafeBitCast(
      interleave(plane(from, byte * count + element), plane(from, (byte + 1) * count + element)),
      to: SIMD16<UInt16>.self)
  }

  private static func undo2(_ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ count: Int) -> Int {
    var element = 0
    while element + 16 <= count {
      to.storeBytes(
        of: pairs(from, count, 0, element), toByteOffset: 2 * element, as: SIMD16<UInt16>.self)
      element += 16
    }
    return element
  }

  private static func undo4(_ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ count: Int) -> Int {
    var element = 0
    while element + 16 <= count {
      let words = interleave(pairs(from, count, 0, element), pairs(from, count, 2, element))
      to.storeBytes(of: words, toByteOffset: 4 * element, as: SIMD32<UInt16>.self)
      element += 16
    }
    return element
  }

  private static func undo8(_ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ count: Int) -> Int {
    var element = 0
    while element + 16 <= count {
      let low = unsafeBitCast(
        interleave(pairs(from, count, 0, element), pairs(from, count, 2, element)), to: SIMD16<UInt32>.self)
      let high = unsafeBitCast(
        interleave(pairs(from, count, 4, element), pairs(from, count, 6, element)), to: SIMD16<UInt32>.self)
      var words = SIMD32<UInt32>()
      words.evenHalf = low
      words.oddHalf = high
      to.storeBytes(of: words, toByteOffset: 8 * element, as: SIMD32<UInt32>.self)
      element += 16
    }
    return element
  }
}

/// How much of a chunk's beginning deflate could not make shorter, found for a small part of what trying would cost.
///
/// After the shuffle filter a chunk of little-endian floating-point numbers begins with the bytes of their mantissas, which
/// look random; what compresses, signs and exponents, comes last. Deflate has two means, and a section of the chunk is called
/// incompressible if neither would save more than a small part of it:
///
/// - Shorter codes for frequent bytes. With counts cᵥ of n bytes let χ² = 256·Σcᵥ²/n² − 1. The most that a code for single
///   bytes can save is 8 − H ≤ log₂(1 + χ²) bits a byte, H their entropy; near uniformity it is half of that.
/// - References to bytes up to 32 KiB before. Positions with a byte from a set of eight are looked up by the four bytes
///   that begin there. The choice goes by content, so that a repeated part is chosen at the same positions each time, and
///   the repeated share of these positions estimates that of all.
///
/// A wrong answer makes the file larger, or the work longer, and changes nothing else. The answer is a function of the
/// bytes and the level alone. For one thread at a time.
final class IncompressiblePrefix {
  /// Bytes that are judged together. A block of deflate with codes of its own is not much shorter.
  static let sectionByteCount = 1 << 14
  /// How far back deflate can refer.
  static let window = 1 << 15

  /// Counts of the 256 bytes, four times, so that equal bytes in a row do not wait for each other.
  private let counts: UnsafeMutablePointer<UInt32>
  /// Where four bytes with this hash were seen last; `never` before.
  private let places: UnsafeMutablePointer<Int>
  private static let placeBits = 12
  private static let never = -1 << 32

  init() {
    counts = .allocate(capacity: 4 * 256)
    places = .allocate(capacity: 1 << Self.placeBits)
  }

  deinit {
    counts.deallocate()
    places.deallocate()
  }

  /// What may be lost by not compressing a section.
  private struct Allowance {
    /// χ² beyond what n random bytes have.
    let unevenness: Double
    /// Of the about 512 positions that are looked up in a section, how many may be repetitions.
    let repetitions: Int

    /// Huffman codes have whole numbers of bits, so a little unevenness saves nothing. Measured with libdeflate on bytes of
    /// mantissas: χ² of 0.05 saves nothing, 0.11 0.1 %, 0.18 1 %, 0.27 2 %. Up to level 5 at most about 1 % of a section is
    /// given up; above, where size matters more than time, 0.1 %.
    init(level: Int) {
      unevenness = level < 6 ? 0.15 : 0.06
      repetitions = level < 6 ? 5 : 2
    }
  }

  /// The bytes at the beginning of `chunk` that are not worth compressing: a multiple of `sectionByteCount`, or 0.
  /// - Parameter level: of compression, 1 to 9; from 6 on less is given up.
  func count(_ chunk: UnsafeRawBufferPointer, level: Int) -> Int {
    guard chunk.count >= Self.sectionByteCount, let base = chunk.baseAddress else { return 0 }
    let allowance = Allowance(level: level)
    places.update(repeating: Self.never, count: 1 << Self.placeBits)
    var end = 0
    while end + Self.sectionByteCount <= chunk.count {
      let section = end..<end + Self.sectionByteCount
      guard unevenness(base, section) <= allowance.unevenness else { break }
      // What is compressed has to include what it repeats.
      guard repetitions(chunk, section) <= allowance.repetitions else { return max(0, end - Self.window) }
      end = section.upperBound
    }
    let following = end..<min(end + Self.window, chunk.count)
    guard repetitions(chunk, following, of: end) <= allowance.repetitions else {
      return max(0, end - Self.window)
    }
    return end
  }

  /// χ² beyond its expectation for random bytes, 255/n.
  private func unevenness(_ base: UnsafeRawPointer, _ section: Range<Int>) -> Double {
    counts.update(repeating: 0, count: 4 * 256)
    for offset in stride(from: section.lowerBound, to: section.upperBound, by: 8) {
      let word = base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      counts[Int(word & 0xFF)] &+= 1
      counts[256 + Int(word >> 8 & 0xFF)] &+= 1
      counts[512 + Int(word >> 16 & 0xFF)] &+= 1
      counts[768 + Int(word >> 24 & 0xFF)] &+= 1
      counts[Int(word >> 32 & 0xFF)] &+= 1
      counts[256 + Int(word >> 40 & 0xFF)] &+= 1
      counts[512 + Int(word >> 48 & 0xFF)] &+= 1
      counts[768 + Int(word >> 56)] &+= 1
    }
    var squares = 0
    for byte in 0..<256 {
      let count = Int(counts[byte] + counts[256 + byte] + counts[512 + byte] + counts[768 + byte])
      squares += count * count
    }
    let n = Double(section.count)
    return 256 * Double(squares) / (n * n) - 1 - 255 / n
  }

  /// How many of the positions in `range`, of those that are looked up, have four bytes that were seen in the window before.
  /// - Parameter limit: only what was seen before this position counts.
  private func repetitions(_ chunk: UnsafeRawBufferPointer, _ range: Range<Int>, of limit: Int = .max) -> Int
  {
    guard let base = chunk.baseAddress else { return 0 }
    var found = 0
    var offset = range.lowerBound
    while offset + 12 <= min(range.upperBound + 4, chunk.count) {
      let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      // The bytes 0x50 to 0x57 become zero; their highest bits are then set, exactly.
      let zeroed = (word ^ 0x5050_5050_5050_5050) & 0xF8F8_F8F8_F8F8_F8F8
      let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
      var chosen = ~(((zeroed & low) &+ low) | zeroed | low)
      while chosen != 0 {
        let position = offset + chosen.trailingZeroBitCount / 8
        chosen &= chosen &- 1
        let four = UInt32(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt32.self))
        let place = places + Int((four &* 0x9E37_79B1) >> UInt32(32 - Self.placeBits))
        let earlier = place.pointee
        if earlier < limit, position - earlier <= Self.window,
          UInt32(littleEndian: base.loadUnaligned(fromByteOffset: earlier, as: UInt32.self)) == four
        {
          found += 1
        }
        place.pointee = position
      }
      offset += 8
    }
    return found
  }
}

/// How many numbers there are by the first bits of theirs: the sign, the eight bits of the exponent and two of the mantissa that they have
/// as float32, ordered as numbers are. So each power of two has four bins, and no bounds have to be guessed.
///
/// Counts are whole numbers: histograms of parts add to that of the whole, however it is divided. It is the first digit of
/// ``RadixSelection``, of all numbers together.
///
/// Edge cases: 0 and -0 have bins of their own, with what is smaller than 2⁻¹²⁷ on that side; infinities are with nothing else; every NaN is in
/// the bin ``nanBin``.
public struct BitHistogram: Sendable, Equatable {
  /// Of 11 bits.
  public static let binCount = 1 << digits.widths[0]
  /// That of quiet NaN with a sign of 0, which is above that of ∞.
  public static let nanBin = bin(of: Float(bitPattern: 0x7FC0_0000))
  /// [bins]
  public private(set) var counts = [Int](repeating: 0, count: binCount)

  private static let digits = Digits(.float)
  private static let shift = UInt64(digits.shift(0))

  /// Counts of nothing.
  public init() {}

  /// Counts that were written; nil unless there are as many as bins.
  public init?(counts: [Int]) {
    guard counts.count == Self.binCount else { return nil }
    self.counts = counts
  }

  /// How many numbers were counted.
  public var total: Int { counts.reduce(0, +) }

  /// Adds numbers.
  public mutating func add(_ numbers: UnsafeBufferPointer<Float>) {
    counts.withUnsafeMutableBufferPointer { counts in
      for number in numbers { counts[number.isNaN ? Self.nanBin : Self.bin(of: number)] += 1 }
    }
  }

  /// Adds numbers, each as the nearest of float32.
  public mutating func add(_ numbers: UnsafeBufferPointer<Double>) {
    counts.withUnsafeMutableBufferPointer { counts in
      for number in numbers { counts[number.isNaN ? Self.nanBin : Self.bin(of: Float(number))] += 1 }
    }
  }

  /// Adds samples of a tensor.
  /// - Parameters:
  ///   - x: [samples, P, C, S]
  ///   - count: samples·P·C·S.
  public mutating func add(_ x: ReadableTensor, count: Int) {
    switch x.type {
    case .float: add(UnsafeBufferPointer(start: x.pointer(Float.self), count: count))
    case .double: add(UnsafeBufferPointer(start: x.pointer(Double.self), count: count))
    }
  }

  /// Adds what another one counted.
  public mutating func add(_ other: BitHistogram) {
    for bin in counts.indices { counts[bin] += other.counts[bin] }
  }

  /// The bin of a number that is not NaN.
  @inline(__always)
  static func bin(of number: Float) -> Int { Int(digits.key(UInt64(number.bitPattern)) >> shift) }

  /// The least and the greatest number of a bin; NaN for those above ∞ and below -∞.
  public static func bounds(ofBin bin: Int) -> (least: Double, greatest: Double) {
    let first = UInt64(bin) << shift
    return (digits.value(first), digits.value(first | (1 << shift - 1)))
  }
}

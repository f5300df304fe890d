/// Sums of one block over each column, relative to the block's own first row.
@frozen
public struct BlockSums: Sendable {
  /// The block's first x in each column.
  public var shift: Lanes
  /// The block's first dy in each column.
  public var gradientShift: Lanes
  /// Σ(x - shift)
  public var sum = Lanes(repeating: 0)
  /// Σ(x - shift)²
  public var squareSum = Lanes(repeating: 0)
  /// Σ(dy - gradientShift)
  public var gradientSum = Lanes(repeating: 0)
  /// Σ(x - shift)(dy - gradientShift)
  public var productSum = Lanes(repeating: 0)

  /// Sums of no values, relative to these shifts.
  @inlinable @inline(__always)
  public init(shift: Lanes, gradientShift: Lanes) {
    self.shift = shift
    self.gradientShift = gradientShift
  }

  /// Adds one row: x of eight columns, and dy if `gradient` is true.
  @inlinable @inline(__always)
  public mutating func add(_ x: Lanes, _ dy: Lanes, gradient: Bool) {
    let distance = x - shift
    sum += distance
    squareSum = squareSum.addingProduct(distance, distance)
    if gradient {
      let gradientDistance = dy - gradientShift
      gradientSum += gradientDistance
      productSum = productSum.addingProduct(distance, gradientDistance)
    }
  }

  /// The moments of the block's `count` values in each column. In double-double from here on, so that data whose sums
  /// are exact gives mean and variance exactly, whatever the count.
  @inlinable @inline(__always)
  public func moments(count: Int) -> PairMoments<Lanes> {
    let n = Lanes(repeating: Double(count))
    let distance = DoubleDouble(sum) / n
    let gradientDistance = gradientSum / n
    var m2 = DoubleDouble(squareSum) - DoubleDouble(sum) * distance
    // Rounding can make the difference of two equal numbers negative; a NaN stays one.
    let isNegative = m2.high .< Lanes.zero
    m2.high.replace(with: Lanes.zero, where: isNegative)
    m2.low.replace(with: Lanes.zero, where: isNegative)
    return PairMoments(
      mean: DoubleDouble(shift) + distance,
      m2: m2,
      gradientMean: .sum(gradientShift, gradientDistance),
      comoment: productSum.addingProduct(-sum, gradientDistance))
  }

  /// False if a value or gradient in the block is infinite or NaN (or their sum overflows, which the caller finds out).
  @inlinable @inline(__always)
  public var isFinite: Bool { ((sum + gradientSum) * 0).total == 0 }
}

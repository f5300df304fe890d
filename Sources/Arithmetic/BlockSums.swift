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
  /// Σ(x - shift)(dy - gradientShift), or around a center Σ(x - center)·dy
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

  /// Adds one row whose products are summed around a center that is known before.
  /// - Parameters:
  ///   - x: a number of each column.
  ///   - dy: as x.
  ///   - center: what products are summed around, of each column.
  ///   - weight: dy, or 0 in lanes that are to add nothing to the products.
  @inlinable @inline(__always)
  public mutating func add(_ x: Lanes, _ dy: Lanes, center: Lanes, weight: Lanes) {
    let distance = x - shift
    sum += distance
    squareSum = squareSum.addingProduct(distance, distance)
    gradientSum += dy - gradientShift
    productSum = productSum.addingProduct(x - center, weight)
  }

  /// The moments of the block's `count` values in each column. In double-double, and by division instead of a product with
  /// 1/count: data whose sums are exact then has exact moments.
  /// - Parameters:
  ///   - count: rows that were added, at least 1.
  ///   - isCentered: true if the products were summed around a center.
  @inlinable @inline(__always)
  public func moments(count: Int, isCentered: Bool = false) -> PairMoments<Lanes> {
    BlockTotals(
      shift: shift, gradientShift: gradientShift, sum: sum, squareSum: squareSum, gradientSum: gradientSum,
      productSum: productSum
    ).moments(count: count, isCentered: isCentered)
  }
}

/// The sums of a block, of one column or of eight, as `BlockSums` describes them.
@frozen
public struct BlockTotals<Vector: LaneVector> {
  @usableFromInline let shift: Vector
  @usableFromInline let gradientShift: Vector
  @usableFromInline let sum: Vector
  @usableFromInline let squareSum: Vector
  @usableFromInline let gradientSum: Vector
  @usableFromInline let productSum: Vector

  /// Totals from sums relative to the two shifts.
  @inlinable @inline(__always)
  public init(
    shift: Vector, gradientShift: Vector, sum: Vector, squareSum: Vector, gradientSum: Vector,
    productSum: Vector
  ) {
    self.shift = shift
    self.gradientShift = gradientShift
    self.sum = sum
    self.squareSum = squareSum
    self.gradientSum = gradientSum
    self.productSum = productSum
  }

  /// The moments of `count` values:
  ///
  ///     mean = shift + sum/n      m2 = squareSum - sum²/n      comoment = productSum - sum·gradientSum/n
  ///
  /// - Parameters:
  ///   - count: n, at least 1.
  ///   - isCentered: true if the products were summed around a center: they are what is wanted in place of the comoment.
  @inlinable @inline(__always)
  public func moments(count: Int, isCentered: Bool = false) -> PairMoments<Vector> {
    let zero = Vector(repeating: 0)
    let distance = DoubleDouble(sum).divided(by: count)
    let gradientDistance = DoubleDouble(gradientSum).divided(by: count)
    let m2 = DoubleDouble(squareSum) - DoubleDouble(sum) * distance
    return PairMoments(
      mean: DoubleDouble(shift) + distance,
      m2: m2.replacingNegative(),
      gradientMean: DoubleDouble(gradientShift) + gradientDistance,
      comoment: isCentered ? productSum : productSum.addingProduct(zero - sum, gradientDistance.high))
  }
}

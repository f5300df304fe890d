/// What the exact arithmetic needs of a number: one Double, or eight of them side by side.
public protocol LaneVector: Sendable {
  /// The same number in every lane.
  init(repeating value: Double)
  static func + (left: Self, right: Self) -> Self
  static func - (left: Self, right: Self) -> Self
  static func * (left: Self, right: Self) -> Self
  static func / (left: Self, right: Self) -> Self

  /// `self + left · right` with one rounding (a fused multiply-add).
  func addingProduct(_ left: Self, _ right: Self) -> Self

  /// `self`, but 0 where `sign` is negative; NaN is not.
  func zeroed(whereNegative sign: Self) -> Self
}

extension SIMD8: LaneVector where Scalar == Double {
  @inlinable @inline(__always)
  public func zeroed(whereNegative sign: SIMD8<Double>) -> SIMD8<Double> {
    let zero = SIMD8<Double>.zero
    return replacing(with: zero, where: sign .< zero)
  }
}

extension Double: LaneVector {
  /// The number itself: a vector of one.
  @inlinable @inline(__always)
  public init(repeating value: Double) { self = value }

  @inlinable @inline(__always)
  public func zeroed(whereNegative sign: Double) -> Double { sign < 0 ? 0 : self }
}

/// An unevaluated sum `high + low` of two Doubles, |low| ≤ ½ ulp(high): about 106 significant bits.
///
/// The algorithms are the classical error-free transformations: T. J. Dekker, "A floating-point technique for
/// extending the available precision", Numer. Math. 18 (1971); D. E. Knuth, TAOCP vol. 2, §4.2.2;
/// M. Joldes, J.-M. Muller, V. Popescu, "Tight and rigorous error bounds for basic building blocks of
/// double-word arithmetic", ACM TOMS 44 (2017). Each operation below has a relative error of a few 2⁻¹⁰⁴.
///
/// Edge cases: an infinite or NaN operand makes both parts NaN or infinite; nothing traps.
@frozen
public struct DoubleDouble<Vector: LaneVector>: Sendable {
  /// The nearest Double.
  public var high: Vector
  /// What `high` leaves over.
  public var low: Vector

  /// The sum of two parts that already fulfil |low| ≤ ½ ulp(high).
  @inlinable @inline(__always)
  public init(_ high: Vector, _ low: Vector = Vector(repeating: 0)) {
    self.high = high
    self.low = low
  }

  /// `left + right`, exactly.
  @inlinable @inline(__always)
  public static func sum(_ left: Vector, _ right: Vector) -> DoubleDouble {
    let high = left + right
    let rightPart = high - left
    return DoubleDouble(high, (left - (high - rightPart)) + (right - rightPart))
  }

  /// `large + small`, exactly, where |large| ≥ |small| or large = 0.
  @inlinable @inline(__always)
  static func quickSum(_ large: Vector, _ small: Vector) -> DoubleDouble {
    let high = large + small
    return DoubleDouble(high, small - (high - large))
  }

  /// `left · right`, exactly (but for underflow).
  @inlinable @inline(__always)
  public static func product(_ left: Vector, _ right: Vector) -> DoubleDouble {
    let high = left * right
    return DoubleDouble(high, (Vector(repeating: 0) - high).addingProduct(left, right))
  }

  /// Joldes et al., algorithm 6: relative error at most 3·2⁻¹⁰⁶ + O(2⁻¹⁵⁹).
  @inlinable @inline(__always)
  public static func + (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble {
    let high = sum(left.high, right.high)
    let low = sum(left.low, right.low)
    let middle = quickSum(high.high, high.low + low.high)
    return quickSum(middle.high, middle.low + low.low)
  }

  /// `left + (-right)`.
  @inlinable @inline(__always)
  public static func - (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble {
    let zero = Vector(repeating: 0)
    return left + DoubleDouble(zero - right.high, zero - right.low)
  }

  /// Joldes et al., algorithm 11, which leaves out the product of the low parts.
  @inlinable @inline(__always)
  public static func * (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble {
    let high = product(left.high, right.high)
    let cross = (left.high * right.low).addingProduct(left.low, right.high)
    return quickSum(high.high, high.low + cross)
  }

  /// A quotient of the high parts, corrected once by the remainder.
  @inlinable @inline(__always)
  public static func / (left: DoubleDouble, right: Vector) -> DoubleDouble {
    let quotient = left.high / right
    let remainder = left - product(quotient, right)
    return quickSum(quotient, remainder.high / right)
  }

  /// `self / count`. By a power of two, which blocks of data mostly have, one exact product gives the same.
  @inlinable @inline(__always)
  public func divided(by count: Int) -> DoubleDouble {
    if count & (count &- 1) == 0 {
      let share = Vector(repeating: 1 / Double(count))
      return DoubleDouble(high * share, low * share)
    }
    return self / Vector(repeating: Double(count))
  }

  /// The nearest Double.
  @inlinable @inline(__always)
  public var value: Vector { high + low }

  /// The number, but 0 where it is negative: rounding can make the difference of two equal numbers negative. NaN stays.
  @inlinable @inline(__always)
  public func replacingNegative() -> DoubleDouble {
    DoubleDouble(high.zeroed(whereNegative: high), low.zeroed(whereNegative: high))
  }
}

extension DoubleDouble where Vector == Lanes {
  /// The number in one of the eight lanes.
  @inlinable @inline(__always)
  public subscript(lane: Int) -> DoubleDouble<Double> {
    get { DoubleDouble<Double>(high[lane], low[lane]) }
    set {
      high[lane] = newValue.high
      low[lane] = newValue.low
    }
  }
}

extension DoubleDouble: BitwiseCopyable where Vector: BitwiseCopyable {}

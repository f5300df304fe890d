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

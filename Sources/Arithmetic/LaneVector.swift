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
}

extension SIMD8: LaneVector where Scalar == Double {}

extension Double: LaneVector {
  /// The number itself: a vector of one.
  @inlinable @inline(__always)
  public init(repeating value: Double) { self = value }
}

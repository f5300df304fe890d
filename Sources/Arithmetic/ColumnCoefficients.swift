/// The coefficients of the last visit for eight columns, and the arithmetic of that visit:
///
///     distance = x - mean
///     y = distance · scale + beta
///     dx = scale · ((dy - gradientMean) - distance · slope)
@frozen
public struct ColumnCoefficients: Sendable {
  /// The mean in use, with its low part.
  public var mean: DoubleDouble<Lanes>
  /// γ·invStd
  public var scale: Lanes
  /// β
  public var beta: Lanes
  /// 1/√(variance + ε)
  public var invStd: Lanes
  /// dβ/m; 0 where the statistics are constants.
  public var gradientMean: DoubleDouble<Lanes>
  /// invStd·dγ/m; 0 where the statistics are constants.
  public var slope: Lanes

  /// Takes the coefficients of eight columns as they are.
  @inlinable @inline(__always)
  public init(
    mean: DoubleDouble<Lanes>, scale: Lanes, beta: Lanes, invStd: Lanes, gradientMean: DoubleDouble<Lanes>,
    slope: Lanes
  ) {
    self.mean = mean
    self.scale = scale
    self.beta = beta
    self.invStd = invStd
    self.gradientMean = gradientMean
    self.slope = slope
  }

  /// x - mean. The high part first: near the mean that difference is exact.
  @inlinable @inline(__always)
  public func distance(_ x: Lanes) -> Lanes { (x - mean.high) - mean.low }

  /// y = distance · scale + beta, rounded once.
  @inlinable @inline(__always)
  public func output(distance: Lanes) -> Lanes { beta.addingProduct(distance, scale) }

  /// dx = scale · ((dy - gradientMean) - distance · slope).
  @inlinable @inline(__always)
  public func gradient(_ dy: Lanes, distance: Lanes) -> Lanes {
    ((dy - gradientMean.high) - gradientMean.low).addingProduct(-distance, slope) * scale
  }

  /// The gradient where the statistics are constants: scale · dy.
  @inlinable @inline(__always)
  public func detachedGradient(_ dy: Lanes) -> Lanes { dy * scale }
}

/// The coefficients of the last visit for eight columns, and the arithmetic of that visit:
///
///     distance = x - mean
///     y = distance · scale + beta
///     dx = scale · ((dy - gradientMean) - distance · slope)
@frozen
public struct ColumnCoefficients: Sendable {
  public var mean: DoubleDouble<Lanes>
  public var scale: Lanes
  public var beta: Lanes
  public var invStd: Lanes
  public var gradientMean: DoubleDouble<Lanes>
  public var slope: Lanes

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

  @inlinable @inline(__always)
  public func output(distance: Lanes) -> Lanes { beta.addingProduct(distance, scale) }

  @inlinable @inline(__always)
  public func gradient(_ dy: Lanes, distance: Lanes) -> Lanes {
    ((dy - gradientMean.high) - gradientMean.low).addingProduct(-distance, slope) * scale
  }

  /// The gradient where the statistics are constants: scale · dy.
  @inlinable @inline(__always)
  public func detachedGradient(_ dy: Lanes) -> Lanes { dy * scale }
}

/// The coefficients of the apply pass for eight columns, and the arithmetic of that pass. With mean = high + low and
/// gradientMean = high + low,
///
///     x̂ = (x - mean) · invStd
///     y = (x - mean) · scale + beta
///     dx = scale · ((dy - gradientMean) - (x - mean) · slope)
///
/// The high parts are subtracted first: near the mean those differences are exact. What the low parts add is the same for all
/// values of a column, so it is multiplied out once, and not subtracted from every value:
///
///     distance = x - mean.high
///     x̂ = distance · invStd + normalizedOffset                       normalizedOffset = -mean.low · invStd
///     y = distance · scale + offset                                  offset = beta - mean.low · scale
///     dx = (dy - gradientMean.high) · scale + (distance · slopeScale + gradientOffset)
///                                                                    slopeScale = -scale · slope
///                                                                    gradientOffset = scale · (mean.low · slope - gradientMean.low)
@frozen
public struct ColumnCoefficients: Sendable {
  /// The high part of the mean in use.
  public var mean: Lanes
  /// γ·invStd
  public var scale: Lanes
  /// beta - mean.low·scale
  public var offset: Lanes
  /// 1/√(variance + ε)
  public var invStd: Lanes
  /// -mean.low·invStd
  public var normalizedOffset: Lanes
  /// The high part of dβ/m; 0 where the statistics are constants.
  public var gradientMean: Lanes
  /// -scale·invStd·dγ/m; 0 where the statistics are constants.
  public var slopeScale: Lanes
  /// scale·(mean.low·invStd·dγ/m - gradientMean.low); 0 where the statistics are constants.
  public var gradientOffset: Lanes

  /// Multiplies out the coefficients of eight columns.
  @inlinable @inline(__always)
  public init(
    mean: DoubleDouble<Lanes>, scale: Lanes, beta: Lanes, invStd: Lanes, gradientMean: DoubleDouble<Lanes>,
    slope: Lanes
  ) {
    self.mean = mean.high
    self.scale = scale
    self.invStd = invStd
    self.gradientMean = gradientMean.high
    // Where the low part is 0 nothing is added, not even 0 · ∞; nor beside an infinite scale.
    let zero = Lanes(repeating: 0)
    let low = mean.low .== zero
    let isInfinite = scale .== Lanes(repeating: .infinity) .| scale .== Lanes(repeating: -.infinity)
    offset = beta.addingProduct(-mean.low, scale).replacing(with: beta, where: low .| isInfinite)
    normalizedOffset = (-mean.low * invStd).replacing(with: zero, where: low)
    slopeScale = -(scale * slope)
    let rest = (mean.low * slope).replacing(with: zero, where: low) - gradientMean.low
    gradientOffset = (rest * scale).replacing(with: zero, where: rest .== zero)
  }

  /// x̂, from distance = x - mean.
  @inlinable @inline(__always)
  public func normalized(distance: Lanes) -> Lanes { normalizedOffset.addingProduct(distance, invStd) }

  /// y.
  @inlinable @inline(__always)
  public func output(distance: Lanes) -> Lanes { offset.addingProduct(distance, scale) }

  /// dx where the gradient flows through the statistics.
  @inlinable @inline(__always)
  public func gradient(_ dy: Lanes, distance: Lanes) -> Lanes {
    gradientOffset.addingProduct(distance, slopeScale).addingProduct(dy - gradientMean, scale)
  }

  /// dx where the statistics are constants: scale · dy.
  @inlinable @inline(__always)
  public func detachedGradient(_ dy: Lanes) -> Lanes { dy * scale }

  /// The coefficients of one of the columns in all lanes.
  @inlinable
  public func repeating(lane: Int) -> ColumnCoefficients {
    var result = self
    result.mean = Lanes(repeating: mean[lane])
    result.scale = Lanes(repeating: scale[lane])
    result.offset = Lanes(repeating: offset[lane])
    result.invStd = Lanes(repeating: invStd[lane])
    result.normalizedOffset = Lanes(repeating: normalizedOffset[lane])
    result.gradientMean = Lanes(repeating: gradientMean[lane])
    result.slopeScale = Lanes(repeating: slopeScale[lane])
    result.gradientOffset = Lanes(repeating: gradientOffset[lane])
    return result
  }
}

/// The moments of values x and of the gradients dy that belong to them, for a number of values that is known elsewhere:
///
///     mean = Σx / n      m2 = Σ(x - mean)²      gradientMean = Σdy / n      comoment = Σ(x - mean)(dy - gradientMean)
///
/// These five numbers are all that batch normalization takes from the data, in both directions: since Σ(x - mean) = 0,
/// Σdy·(x - mean) = comoment, and dβ = n·gradientMean. So one pass over the data gives the statistics and the
/// parameters' gradients. Two sets merge by the formulas of T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating
/// formulae and a pairwise algorithm for computing sample variances" (1979), eq. 2.1, here in double-double, so that
/// merging adds no error that could be seen in the result.
@frozen
public struct PairMoments<Vector: LaneVector>: Sendable {
  /// Σx / n
  public var mean: DoubleDouble<Vector>
  /// Σ(x - mean)²
  public var m2: DoubleDouble<Vector>
  /// Σdy / n
  public var gradientMean: DoubleDouble<Vector>
  /// Σ(x - mean)(dy - gradientMean)
  public var comoment: Vector

  /// Takes the numbers as they are.
  @inlinable @inline(__always)
  public init(
    mean: DoubleDouble<Vector>, m2: DoubleDouble<Vector>, gradientMean: DoubleDouble<Vector>, comoment: Vector
  ) {
    self.mean = mean
    self.m2 = m2
    self.gradientMean = gradientMean
    self.comoment = comoment
  }

  /// The moments of no values.
  @inlinable @inline(__always)
  public static var empty: PairMoments {
    let zero = DoubleDouble(Vector(repeating: 0))
    return PairMoments(mean: zero, m2: zero, gradientMean: zero, comoment: Vector(repeating: 0))
  }

  /// The moments of all values of `self` and `other`.
  @inlinable @inline(__always)
  public func merged(with other: PairMoments, _ weights: MergeWeights) -> PairMoments {
    let share = DoubleDouble(
      Vector(repeating: weights.share.high), Vector(repeating: weights.share.low))
    let weight = DoubleDouble(
      Vector(repeating: weights.weight.high), Vector(repeating: weights.weight.low))
    let distance = other.mean - mean
    let gradientDistance = other.gradientMean - gradientMean
    return PairMoments(
      mean: mean + distance * share,
      m2: (m2 + other.m2) + (distance * distance) * weight,
      gradientMean: gradientMean + gradientDistance * share,
      comoment: (comoment + other.comoment)
        .addingProduct(distance.high * gradientDistance.high, weight.high))
  }

  /// The same where `comoment` is Σdy·(x - center), around a center that both have in common: such sums are added.
  @inlinable @inline(__always)
  public func mergedAroundCenter(with other: PairMoments, _ weights: MergeWeights) -> PairMoments {
    var merged = merged(with: other, weights)
    merged.comoment = comoment + other.comoment
    return merged
  }
}

extension PairMoments {
  /// Each number added to the other's: for sums in the place of means.
  @inlinable @inline(__always)
  public func added(to other: PairMoments) -> PairMoments {
    PairMoments(
      mean: mean + other.mean, m2: m2 + other.m2, gradientMean: gradientMean + other.gradientMean,
      comoment: comoment + other.comoment)
  }

  /// Σ(x - mean)² / count: the biased variance, or with count = n - 1 the unbiased one.
  @inlinable @inline(__always)
  public func variance(count: Int) -> Vector { m2.divided(by: count).value }

  /// Σdy of `count` values.
  @inlinable @inline(__always)
  public func gradientSum(count: Int) -> Vector {
    (gradientMean * DoubleDouble(Vector(repeating: Double(count)))).value
  }
}

/// The two factors with which moments of nA and nB values merge: share = nB/(nA+nB), weight = nA·nB/(nA+nB).
@frozen
public struct MergeWeights: Sendable {
  /// nB / (nA + nB)
  public let share: DoubleDouble<Double>
  /// nA·nB / (nA + nB)
  public let weight: DoubleDouble<Double>

  /// - Parameters:
  ///   - left: nA, the number of values in the first set; at least 1 in all with `right`.
  ///   - right: nB, the number of values in the second set.
  @inlinable
  public init(_ left: Int, _ right: Int) {
    let total = Double(left + right)
    share = DoubleDouble(Double(right)) / total
    weight = DoubleDouble.product(Double(left), Double(right)) / total
  }
}

extension PairMoments where Vector == Lanes {
  /// The moments in one of the eight lanes.
  @inlinable
  public subscript(lane: Int) -> PairMoments<Double> {
    get {
      PairMoments<Double>(
        mean: mean[lane], m2: m2[lane], gradientMean: gradientMean[lane], comoment: comoment[lane])
    }
    set {
      mean[lane] = newValue.mean
      m2[lane] = newValue.m2
      gradientMean[lane] = newValue.gradientMean
      comoment[lane] = newValue.comoment
    }
  }
}

extension PairMoments: BitwiseCopyable where Vector: BitwiseCopyable {}

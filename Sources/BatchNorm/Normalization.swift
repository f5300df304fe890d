import Arithmetic

#if canImport(Glibc)
  import Glibc  // `squareRoot()` may become a call of libm.
#endif

/// Which mean and variance normalize a batch, and how its backward pass treats them.
public enum Normalization: Hashable, Sendable {
  /// The batch's own statistics; the gradient flows through them (Ioffe & Szegedy 2015, arXiv:1502.03167, §3).
  case batch
  /// The batch's own statistics, taken for constants by the backward pass: the mistake that §2 of the paper warns of.
  case batchDetached
  /// Given statistics, constants: inference, and layers whose statistics are frozen.
  case running
}

/// γ and β of one feature.
public struct FeatureParameters: Hashable, Sendable {
  /// γ, the scale.
  public var gamma: Double
  /// β, the shift.
  public var beta: Double

  /// Parameters; by default those that change nothing.
  public init(gamma: Double = 1, beta: Double = 0) {
    self.gamma = gamma
    self.beta = beta
  }
}

extension FeatureParameters {
  /// γ = √(variance + ε) and β = mean: the inverse of the normalization, so that y = x.
  ///
  /// With an infinite variance, which stands for a batch where no value counts, both are 0.
  public static func identity(mean: Double, variance: Double, epsilon: Double) -> FeatureParameters {
    variance == .infinity
      ? FeatureParameters(gamma: 0, beta: 0)
      : FeatureParameters(gamma: (variance + epsilon).squareRoot(), beta: mean)
  }
}

/// Statistics that were given instead of computed: of one feature.
public struct GivenStatistics: Hashable, Sendable {
  /// The mean to subtract.
  public var mean: Double
  /// The variance to divide by, at least 0.
  public var variance: Double

  /// Statistics; by default those that change nothing.
  public init(mean: Double = 0, variance: Double = 1) {
    self.mean = mean
    self.variance = variance
  }
}

/// All that the last visit of a batch needs to know of one feature:
///
///     x̂ = (x - mean) · invStd
///     y = (x - mean) · scale + beta                                  scale = γ·invStd
///     dx = scale · ((dy - gradientMean) - (x - mean) · slope)        gradientMean = dβ/m, slope = invStd·dγ/m
///
/// The mean is a double-double: a Double's rounding of a mean of 10⁷ alone would cost 10⁻⁹ in every x̂.
public struct FeatureCoefficients: Sendable {
  /// The mean in use, with its low part.
  public let mean: DoubleDouble<Double>
  /// 1/√(variance + ε)
  public let invStd: Double
  /// γ·invStd
  public let scale: Double
  /// β
  public let beta: Double
  /// dβ/m, or 0 where the statistics are constants.
  public let gradientMean: DoubleDouble<Double>
  /// invStd·dγ/m, or 0 where the statistics are constants.
  public let slope: Double
  /// dγ = Σdy·x̂
  public let dgamma: Double
  /// dβ = Σdy
  public let dbeta: Double

  /// - Parameters:
  ///   - all: the moments of all values of the batch, whose y and dy there are.
  ///   - statistics: the moments of the values that count in the statistics; `all` again if there is no mask.
  ///   - given: the statistics for `Normalization.running`.
  ///   - parameters: γ and β; nil for γ = √(variance + ε) and β = mean, which make y = x.
  ///   - epsilon: ε ≥ 0. Where variance + ε = 0, invStd is 0, so that y = β and dx = 0.
  public init(
    all: FeatureMoments, statistics: FeatureMoments, normalization: Normalization, given: GivenStatistics,
    parameters: FeatureParameters?, epsilon: Double
  ) {
    let variance: Double
    if normalization == .running {
      mean = DoubleDouble(given.mean)
      variance = given.variance
    } else if statistics.count == 0 {
      // No value counts: y = β, dx = 0.
      mean = DoubleDouble(0)
      variance = .infinity
    } else {
      // The exact low part only where the mean itself is finite; a poisoned feature stays poisoned.
      mean =
        statistics.nonfiniteValues.total == 0
        ? statistics.moments.mean : DoubleDouble(statistics.mean)
      variance = statistics.variance
    }
    invStd = variance + epsilon == 0 ? 0 : 1 / (variance + epsilon).squareRoot()
    let parameters =
      parameters ?? .identity(mean: mean.value, variance: variance, epsilon: epsilon)
    scale = parameters.gamma * invStd
    beta = parameters.beta

    dbeta = all.gradientSum
    // Σdy·(x - mean) for the mean in use, from the comoment about the mean of all values.
    let distance = (all.moments.mean - mean).value
    let product = all.moments.comoment.addingProduct(distance, distance == 0 ? 0 : dbeta)
    dgamma = product * invStd

    if normalization == .batch && statistics.count > 0 {
      let count = Double(statistics.count)
      gradientMean =
        statistics.count == all.count
        ? all.moments.gradientMean : all.moments.gradientMean * DoubleDouble(Double(all.count)) / count
      slope = invStd * invStd * product / count
    } else {
      gradientMean = DoubleDouble(0)
      slope = 0
    }
  }
}

extension FeatureCoefficients {
  /// False if a parameter or statistic of the feature is infinite or NaN.
  public var isFinite: Bool {
    (mean.value + scale + beta + gradientMean.value + slope).isFinite
  }
}

import Arithmetic

/// All that the apply pass of a batch needs to know of a feature, or of eight:
///
///     x̂ = (x - mean) · invStd
///     y = (x - mean) · scale + beta                                  scale = γ·invStd
///     dx = scale · ((dy - gradientMean) - (x - mean) · slope)        gradientMean = dβ/m, slope = invStd·dγ/m
///
/// The mean is a double-double: a Double's rounding of a mean of 10⁷ alone would cost 10⁻⁹ in every x̂.
public struct FeatureCoefficients<Vector: LaneVector>: Sendable {
  /// The mean in use, with its low part.
  public internal(set) var mean: DoubleDouble<Vector>
  /// 1/√(variance + ε)
  public internal(set) var invStd: Vector
  /// γ·invStd
  public internal(set) var scale: Vector
  /// β
  public internal(set) var beta: Vector
  /// dβ/m, or 0 where the statistics are constants.
  public internal(set) var gradientMean: DoubleDouble<Vector>
  /// invStd·dγ/m, or 0 where the statistics are constants.
  public internal(set) var slope: Vector
  /// dγ = Σdy·x̂
  public internal(set) var dgamma: Vector
  /// dβ = Σdy
  public internal(set) var dbeta: Vector
}

extension FeatureCoefficients where Vector == Lanes {
  /// The coefficients of the eight features of an octet.
  /// - Parameters:
  ///   - all: the moments of all values of the batch, whose y and dy there are.
  ///   - statistics: the moments of the values that count in the statistics; `all` again if there is no mask.
  @inline(__always)
  init(all: BatchMoments, statistics: BatchMoments, rule: NormalizationRule, octet: Int) {
    let zero = Lanes.zero
    let variance: Lanes
    if rule.normalization == .running {
      mean = DoubleDouble(rule.givenMean[octet])
      variance = rule.givenVariance[octet]
    } else if statistics.count == 0 {
      // No value counts: y = β, dx = 0.
      mean = DoubleDouble(zero)
      variance = Lanes(repeating: .infinity)
    } else {
      mean = statistics.exactMean(octet: octet)
      variance = statistics.variance(octet: octet)
    }
    let std = (variance + rule.epsilon).squareRoots
    invStd = (1 / std).replacing(with: zero, where: std .== zero)
    if let gamma = rule.gamma {
      scale = gamma[octet] * invStd
      beta = rule.beta[octet]
    } else {
      // The inverse of the normalization; where no value counts, both parameters are 0.
      let isEmpty = variance .== Lanes(repeating: .infinity)
      scale = std.replacing(with: zero, where: isEmpty) * invStd
      beta = mean.value.replacing(with: zero, where: isEmpty)
    }

    let sum = all.gradientSum(octet: octet)
    dbeta = sum
    // Σdy·(x - mean) for the mean in use, from the comoment about the mean of all values.
    let distance = (all.octets[octet].mean - mean).value
    let product = all.octets[octet].comoment.addingProduct(
      distance, sum.replacing(with: zero, where: distance .== zero))
    dgamma = product * invStd

    if rule.normalization == .batch && statistics.count > 0 {
      let count = Lanes(repeating: Double(statistics.count))
      gradientMean =
        statistics.count == all.count
        ? all.octets[octet].gradientMean
        : all.octets[octet].gradientMean * DoubleDouble(Lanes(repeating: Double(all.count))) / count
      slope = invStd * invStd * product / count
    } else {
      gradientMean = DoubleDouble(zero)
      slope = zero
    }
  }

  /// The coefficients of one of the eight features.
  subscript(lane: Int) -> FeatureCoefficients<Double> {
    FeatureCoefficients<Double>(
      mean: mean[lane], invStd: invStd[lane], scale: scale[lane], beta: beta[lane],
      gradientMean: gradientMean[lane], slope: slope[lane], dgamma: dgamma[lane], dbeta: dbeta[lane])
  }

  /// The same, multiplied out for the apply pass.
  var columns: ColumnCoefficients {
    ColumnCoefficients(
      mean: mean, scale: scale, beta: beta, invStd: invStd, gradientMean: gradientMean, slope: slope)
  }
}

extension FeatureCoefficients where Vector == Double {
  /// False if a parameter or statistic of the feature is infinite or NaN.
  public var isFinite: Bool {
    (mean.value + scale + beta + gradientMean.value + slope).isFinite
  }
}

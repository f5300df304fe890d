import Arithmetic

/// A mistake in the formulas of a batch without a mask, on purpose: what `verify` computes to tell whether another program made it.
///
/// With v and μ a batch's variance and mean of m values,
///
///     right:  x̂ = (x - μ)/√(v + ε)       dx = γ/√(v + ε) · (dy - dβ/m - x̂·dγ/m)
package enum FormulaMistake: Hashable, Sendable {
  /// 1/(√v + ε) in place of 1/√(v + ε), with this ε.
  case epsilonOutsideRoot(Double)
  /// 1/(v + ε): the root is forgotten.
  case rootForgotten
  /// √(v + ε) multiplies, where it should divide.
  case multipliedByDeviation
  /// x̂ = x/√(v + ε).
  case meanNotSubtracted
  /// E[x²] in place of v.
  case squareMean
  /// m/(m - 1)·v in place of v.
  case unbiasedVariance
  /// Sums over a batch divided by another count than m.
  case divisor(SumDivisor, DividedSums)
  /// dx without dβ/m.
  case gradientWithoutMean
  /// dx without x̂·dγ/m.
  case gradientWithoutNormalized
  /// dx with dβ and dγ in place of their means.
  case gradientOfSums
  /// dx without 1/√(v + ε) before the parenthesis.
  case gradientWithoutInvStd
  /// dγ = Σdy·(x - μ), without 1/√(v + ε).
  case gammaGradientWithoutInvStd
  /// dγ = Σdy·x/√(v + ε).
  case gammaGradientWithoutMean
  /// dγ = Σdy·x.
  case gammaGradientOfValues
  /// dγ and dβ as means in place of sums.
  case parameterGradientMeans
  /// dγ where dβ should be, and dβ where dγ should be.
  case parameterGradientsSwapped

  /// What sums over a batch are divided by, in place of its count m.
  package enum SumDivisor: Hashable, Sendable {
    /// The same for all batches.
    case fixed(Int)
    /// The number of samples alone: m divided by the positions of a sample.
    case samples(positions: Int)
    /// The number of positions of a sample alone.
    case positions(Int)

    /// For a batch of m values.
    package func count(_ m: Int) -> Double {
      switch self {
      case .fixed(let count): Double(count)
      case .samples(let positions): Double(m) / Double(positions)
      case .positions(let count): Double(count)
      }
    }
  }

  /// Which sums are divided by another count n than m.
  package enum DividedSums: Hashable, Sendable {
    /// Σx, Σx², and those of the gradient. As if the batch were padded with zeros, if n is more than m.
    case all
    /// Σx and Σx².
    case values
    /// Σx and Σ(x - Σx/n)².
    case valuesAroundMean
    /// Σx alone; Σ(x - Σx/n)² by m.
    case mean
    /// Σ(x - μ)².
    case variance
  }

  /// Mean and variance of m values as the mistake has them.
  package func moments(mean: Double, variance: Double, count m: Int) -> (mean: Double, variance: Double) {
    switch self {
    case .squareMean: return (mean, variance + mean * mean)
    case .unbiasedVariance: return (mean, variance * Double(m) / Double(m - 1))
    case .divisor(let divisor, let sums):
      let share = Double(m) / divisor.count(m)
      // The square of the distance of both means.
      let distance = mean * mean * (1 - share) * (1 - share)
      return switch sums {
      case .all, .values: (mean * share, share * (variance + mean * mean * (1 - share)))
      case .valuesAroundMean: (mean * share, share * (variance + distance))
      case .mean: (mean * share, variance + distance)
      case .variance: (mean, variance * share)
      }
    default: return (mean, variance)
    }
  }
}

extension FeatureCoefficients where Vector == Lanes {
  /// Becomes what mistakes make of a batch, of which no two are about the same.
  /// - Parameters:
  ///   - moments: of all values of the batch, of which every one counts.
  ///   - rule: with the batch's own statistics.
  @inline(never)
  mutating func become(
    _ mistakes: UnsafeBufferPointer<FormulaMistake>, _ moments: BatchMoments,
    rule: NormalizationRule.Lines, octet: Int
  ) {
    guard moments.count > 0, let gammas = rule.gamma else { return }
    let m = Double(moments.count)
    let (right, variance) = (moments.exactMean(octet: octet), moments.variance(octet: octet))
    let gamma = gammas[octet]
    var (used, spread, count) = (right, variance, m)
    for mistake in mistakes {
      switch mistake {
      case .squareMean, .unbiasedVariance, .divisor:
        for lane in 0..<8 {
          let changed = mistake.moments(
            mean: right.value[lane], variance: variance[lane], count: moments.count)
          spread[lane] = changed.variance
          if changed.mean != right.value[lane] { used[lane] = DoubleDouble(changed.mean) }
        }
        if case .divisor(let divisor, .all) = mistake { count = divisor.count(moments.count) }
      default: break
      }
    }
    var std = (spread + rule.epsilon).squareRoots
    for mistake in mistakes {
      switch mistake {
      case .meanNotSubtracted: used = DoubleDouble(Lanes(repeating: 0))
      case .epsilonOutsideRoot(let epsilon): std = spread.squareRoots + epsilon
      case .rootForgotten: std = spread + rule.epsilon
      case .multipliedByDeviation: std = 1 / std
      default: break
      }
    }
    mean = used
    invStd = (1 / std).replacing(with: Lanes(repeating: 0), where: std .== Lanes(repeating: 0))
    scale = gamma * invStd
    let product = moments.octets[octet].comoment + ((right - used).value * dbeta)
    let normalizedProduct = product * invStd
    dgamma = normalizedProduct
    if rule.normalization == .batch {
      gradientMean = moments.octets[octet].gradientMean * DoubleDouble(Lanes(repeating: m / count))
      slope = invStd * normalizedProduct / count
    }
    for mistake in mistakes { becomeGradient(mistake, product: product, count: m, mean: right.value) }
  }

  /// - Parameters:
  ///   - product: Σdy·(x - mean in use)
  ///   - m: values of the batch.
  ///   - right: their mean.
  private mutating func becomeGradient(
    _ mistake: FormulaMistake, product: Lanes, count m: Double, mean right: Lanes
  ) {
    switch mistake {
    case .gradientWithoutMean: gradientMean = DoubleDouble(Lanes(repeating: 0))
    case .gradientWithoutNormalized: slope = Lanes(repeating: 0)
    case .gradientOfSums:
      gradientMean = DoubleDouble(dbeta)
      slope = slope * m
    case .gradientWithoutInvStd: scale = scale / invStd
    case .gammaGradientWithoutInvStd: dgamma = product
    case .gammaGradientWithoutMean: dgamma = (product + right * dbeta) * invStd
    case .gammaGradientOfValues: dgamma = product + right * dbeta
    case .parameterGradientMeans: (dgamma, dbeta) = (dgamma / m, dbeta / m)
    case .parameterGradientsSwapped: (dgamma, dbeta) = (dbeta, dgamma)
    default: break
    }
  }
}

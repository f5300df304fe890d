import Arithmetic

/// A number that diagnoses a feature in a batch. With m values, of which k count in the statistics (all without a mask; subscript K:
/// sums over those), r = variance/(variance + ε) and s = γ·invStd.
public enum BatchDiagnostic: CaseIterable, Sendable {
  /// Σdy²
  case gradOutputSquareSum
  /// Σdx², summed from dx
  case gradInputSquareSum
  /// |Σdx² - s²·Q| / (s²·Σdy²), where
  ///
  ///     Q = Σdy² - dβ²/m - (2 - r)·dγ²/m                                        without a mask
  ///     Q = Σdy² - (2·dβ·dβ_K - dβ²)/k - (2·dγ·dγ_K - r·dγ²)/k                  with one
  ///     Q = Σdy²                                                                where the statistics are constants
  ///
  /// Santurkar et al. 2018 (arXiv:1805.11604), theorem 4.1, as an equality with ε.
  case gradientIdentityError
  /// s²
  case gradientScale
  /// What the mean takes away of Σdy²: dβ²/(m·Σdy²)
  case meanShare
  /// What x̂ takes away of Σdy²: (2 - r)·dγ²/(m·Σdy²)
  case normalizedShare
  /// Σdx, which is 0 where the gradient flows through the statistics
  case gradInputSum
  /// Σdx·x̂, which is s·dγ·(1 - r) there
  case gradInputProductSum
  /// Σ|dy·x̂| / |dγ|
  case gammaCoherence
  /// Σ|dy| / |dβ|
  case betaCoherence
}

extension BatchResult {
  /// Takes what a collector has seen of the batch in the apply pass; the collector begins anew.
  public func take(_ collector: InputGradientCollector) {
    if let diagnostics { collector.finish(into: diagnostics) }
  }

  /// True if each sample has one value of each feature.
  var samplesHaveOneValue: Bool {
    coefficients.decomposition.layout.valuesPerFeatureAndSample == 1
  }

  /// Appends a diagnostic of every feature; the result must have been made to hold diagnostics.
  public func append(_ diagnostic: BatchDiagnostic, to row: inout [Double]) {
    guard let diagnostics else { preconditionFailure("a result without diagnostics") }
    row.append(featureCount: all.featureCount) {
      GradientTerms(self, diagnostics, octet: $0).value(of: diagnostic)
    }
  }
}

/// What the diagnostics of the eight features of an octet are computed from.
struct GradientTerms {
  let sums: BatchDiagnostics
  let octet: Int
  let result: BatchResult
  let coefficients: FeatureCoefficients<Lanes>
  let squares: Lanes
  /// s²
  let scale: Lanes
  /// variance/(variance + ε); 0 where no value counts or all are the same and ε = 0
  let ratio: Lanes

  init(_ result: BatchResult, _ sums: BatchDiagnostics, octet: Int) {
    self.sums = sums
    self.octet = octet
    self.result = result
    coefficients = result.coefficients.octets[octet]
    squares = sums[.gradientSquares, octet: octet]
    scale = coefficients.scale * coefficients.scale
    let invStd = coefficients.invStd
    ratio = (result.counted.variance(octet: octet) * invStd * invStd)
      .replacing(with: 0, where: invStd .== Lanes.zero)
  }

  /// What the mean takes away of Σdy², before s².
  var byMean: Lanes {
    guard result.coefficients.centersGradient, result.counted.count > 0 else { return .zero }
    let (dbeta, count) = (coefficients.dbeta, Double(result.counted.count))
    guard result.hasMask else { return dbeta * dbeta / count }
    return (2 * dbeta * sums[.countedGradient, octet: octet] - dbeta * dbeta) / count
  }

  /// What x̂ takes away of Σdy², before s².
  var byNormalized: Lanes {
    guard result.coefficients.centersGradient, result.counted.count > 0 else { return .zero }
    let (dgamma, count) = (coefficients.dgamma, Double(result.counted.count))
    guard result.hasMask else { return (2 - ratio) * dgamma * dgamma / count }
    return (2 * dgamma * sums[.countedProduct, octet: octet] - ratio * dgamma * dgamma) / count
  }

  func value(of diagnostic: BatchDiagnostic) -> Lanes {
    switch diagnostic {
    case .gradOutputSquareSum: return squares
    case .gradInputSquareSum: return sums[.inputGradientSquares, octet: octet]
    case .gradientIdentityError:
      let expected = scale * (squares - byMean - byNormalized)
      let difference = sums[.inputGradientSquares, octet: octet] - expected
      // Where there is no gradient at all, 0/0 would say nothing.
      return (difference / (scale * squares)).magnitudes
        .replacing(with: 0, where: (difference .== Lanes.zero) .& (scale * squares .== Lanes.zero))
    case .gradientScale: return scale
    case .meanShare: return byMean / squares
    case .normalizedShare: return byNormalized / squares
    case .gradInputSum: return sums[.inputGradient, octet: octet]
    case .gradInputProductSum: return sums[.inputGradientProduct, octet: octet]
    case .gammaCoherence: return sums[.absoluteProduct, octet: octet] / coefficients.dgamma.magnitudes
    case .betaCoherence: return sums[.absoluteGradient, octet: octet] / coefficients.dbeta.magnitudes
    }
  }
}

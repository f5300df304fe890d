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
    guard let sums = diagnostics else { preconditionFailure("a result without diagnostics") }
    let count = all.featureCount
    let octets = coefficients.octets
    switch diagnostic {
    case .gradOutputSquareSum: row.append(featureCount: count) { sums[.gradientSquares, octet: $0] }
    case .gradInputSquareSum: row.append(featureCount: count) { sums[.inputGradientSquares, octet: $0] }
    case .gradientIdentityError:
      row.append(featureCount: count) { GradientTerms(self, sums, octet: $0).identityError }
    case .gradientScale: row.append(featureCount: count) { octets[$0].scale * octets[$0].scale }
    case .meanShare:
      row.append(featureCount: count) {
        let terms = GradientTerms(self, sums, octet: $0)
        return terms.byMean / terms.squares
      }
    case .normalizedShare:
      row.append(featureCount: count) {
        let terms = GradientTerms(self, sums, octet: $0)
        return terms.byNormalized / terms.squares
      }
    case .gradInputSum: row.append(featureCount: count) { sums[.inputGradient, octet: $0] }
    case .gradInputProductSum: row.append(featureCount: count) { sums[.inputGradientProduct, octet: $0] }
    case .gammaCoherence:
      row.append(featureCount: count) {
        sums[.absoluteProduct, octet: $0] / octets[$0].dgamma.magnitudes
      }
    case .betaCoherence:
      row.append(featureCount: count) {
        sums[.absoluteGradient, octet: $0] / octets[$0].dbeta.magnitudes
      }
    }
  }
}

/// What the eight features of an octet make of Σdy²: numbers only, which cost no counting of references.
struct GradientTerms {
  /// Σdy²
  let squares: Lanes
  /// What the mean takes away of Σdy², before s².
  let byMean: Lanes
  /// What x̂ takes away of Σdy², before s².
  let byNormalized: Lanes
  /// |Σdx² - s²·(squares - byMean - byNormalized)| / (s²·squares)
  let identityError: Lanes

  @inline(__always)
  init(_ result: BatchResult, _ sums: BatchDiagnostics, octet: Int) {
    let coefficients = result.coefficients.octets[octet]
    squares = sums[.gradientSquares, octet: octet]
    if result.coefficients.centersGradient, result.counted.count > 0 {
      let count = Double(result.counted.count)
      let (invStd, dgamma, dbeta) = (coefficients.invStd, coefficients.dgamma, coefficients.dbeta)
      // variance/(variance + ε); 0 where all values are the same and ε = 0.
      let ratio = (result.counted.variance(octet: octet) * invStd * invStd)
        .replacing(with: 0, where: invStd .== Lanes.zero)
      if result.hasMask {
        let (counted, products) = (
          sums[.countedGradient, octet: octet], sums[.countedProduct, octet: octet]
        )
        byMean = (2 * dbeta * counted - dbeta * dbeta) / count
        byNormalized = (2 * dgamma * products - ratio * dgamma * dgamma) / count
      } else {
        byMean = dbeta * dbeta / count
        byNormalized = (2 - ratio) * dgamma * dgamma / count
      }
    } else {
      byMean = .zero
      byNormalized = .zero
    }
    let scale = coefficients.scale * coefficients.scale
    let whole = scale * squares
    let difference = sums[.inputGradientSquares, octet: octet] - scale * (squares - byMean - byNormalized)
    // Where there is no gradient at all, 0/0 would say nothing.
    identityError = (difference / whole).magnitudes
      .replacing(with: 0, where: (difference .== Lanes.zero) .& (whole .== Lanes.zero))
  }
}

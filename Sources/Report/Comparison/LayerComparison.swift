import Foundation
import LayerFiles

/// How a layer's results in two files differ. Numbers that the files do not tell are left out.
public struct LayerComparison: Encodable, Sendable {
  public let path: String
  /// C.
  public let features: Int
  /// The largest |mean₂ - mean₁|/√(v₁ + ε), in which feature, and the root of its mean square over the features.
  public let meanShift: Double?
  public let meanShiftFeature: Int?
  public let meanShiftRMS: Double?
  /// Σv₂/Σv₁ over the features with finite variances: below 1, what later layers see has collapsed (Jordan et al. 2022, arXiv:2211.08403).
  public let varianceRatio: Double?
  /// The least and the largest v₂/v₁ of a feature that varies in the first file.
  public let leastVarianceRatio: Double?
  public let largestVarianceRatio: Double?
  /// ‖dγ₂ - dγ₁‖/‖dγ₁‖ and the cosine of both; the same of dβ.
  public let gradGamma: VectorComparison?
  public let gradBeta: VectorComparison?
  /// Features that vary in the first file and not in the second, and the other way round; the first ten of each.
  public let diedFeatures: Int
  public let revivedFeatures: Int
  public let died: [Int]
  public let revived: [Int]
  /// Features of which only one of the files has finite statistics.
  public let nonfiniteFeatures: Int
  /// The largest shift of a mean or of a standard deviation, in standard deviations of the first file; infinite where a feature is
  /// finite in one file only.
  public let difference: Double
  /// The features that differ most, at most ten.
  public let telling: [FeatureComparison]

  /// True if one of the files at least has finite statistics of a feature; a layer without features differs in none.
  public let hasStatistics: Bool

  /// Over the features, for pictures: shifts with their signs, and v₂/v₁.
  let shifts: BinnedSeries
  let ratios: BinnedSeries

  private enum CodingKeys: String, CodingKey {
    case path, features, died, revived, difference, telling
    case meanShift = "mean_shift"
    case meanShiftFeature = "mean_shift_feature"
    case meanShiftRMS = "mean_shift_rms"
    case varianceRatio = "var_ratio"
    case leastVarianceRatio = "least_var_ratio"
    case largestVarianceRatio = "largest_var_ratio"
    case gradGamma = "grad_gamma"
    case gradBeta = "grad_beta"
    case diedFeatures = "died_features"
    case revivedFeatures = "revived_features"
    case nonfiniteFeatures = "nonfinite_features"
  }

  /// - Parameters:
  ///   - first: of the file that is compared with; its ε counts.
  ///   - second: of as many features.
  init(_ path: String, _ first: FeatureMeasures, _ second: FeatureMeasures) {
    let count = first.count
    let features = 0..<count
    self.path = path
    self.features = count
    let all = features.map { FeatureComparison($0, first, second) }
    let known = all.filter { $0.meanShift.isFinite }
    let worst = known.max { $0.meanShift.magnitude < $1.meanShift.magnitude }
    meanShift = worst?.meanShift.magnitude
    meanShiftFeature = worst?.feature
    meanShiftRMS =
      known.isEmpty
      ? nil : (known.reduce(0) { $0 + $1.meanShift * $1.meanShift } / Double(known.count)).squareRoot()
    let variances = all.filter { $0.firstVariance.isFinite && $0.secondVariance.isFinite }
    let sum = variances.reduce(0) { $0 + $1.firstVariance }
    varianceRatio = sum > 0 ? variances.reduce(0) { $0 + $1.secondVariance } / sum : nil
    let varying = variances.filter { $0.firstVariance > 0 }.map { $0.secondVariance / $0.firstVariance }
    leastVarianceRatio = varying.min()
    largestVarianceRatio = varying.max()
    gradGamma = VectorComparison(first.gradGamma, second.gradGamma)
    gradBeta = VectorComparison(first.gradBeta, second.gradBeta)
    let dead = all.filter(\.died).map(\.feature)
    let alive = all.filter(\.revived).map(\.feature)
    (diedFeatures, revivedFeatures) = (dead.count, alive.count)
    (died, revived) = (Array(dead.prefix(10)), Array(alive.prefix(10)))
    hasStatistics = all.isEmpty || all.contains(where: \.isFiniteInAny)
    nonfiniteFeatures = all.count(where: \.isFiniteInOne)
    difference = all.lazy.map(\.difference).max() ?? 0
    telling = Array(
      all.filter { $0.difference > 0 }
        .sorted { $0.difference == $1.difference ? $0.feature < $1.feature : $0.difference > $1.difference }
        .prefix(LayerReport.mostFeatures))
    var shifts = BinnedSeries(of: count, bins: LayerPictures.mostPoints)
    var ratios = shifts
    for feature in all {
      shifts.add(feature.meanShift, at: feature.feature)
      if feature.firstVariance > 0 {
        ratios.add(feature.secondVariance / feature.firstVariance, at: feature.feature)
      }
    }
    (self.shifts, self.ratios) = (shifts, ratios)
  }
}

/// How two vectors of gradients differ.
public struct VectorComparison: Encodable, Sendable, Equatable {
  /// ‖b - a‖/‖a‖; infinite where a is 0 and b is not, 0 where both are.
  public let distance: Double
  /// a·b/(‖a‖·‖b‖); nil where one is 0.
  public let cosine: Double?

  /// Over the entries that are finite in both; nil where there is none, and nothing is known of how they differ.
  init?(_ a: [Double]?, _ b: [Double]?) {
    guard let a, let b, a.count == b.count else { return nil }
    var pairs = zip(a, b).filter { $0.isFinite && $1.isFinite }
    guard !pairs.isEmpty else { return nil }
    // Squares of what Double holds may be more than it holds.
    let scale = pairs.lazy.map { max($0.magnitude, $1.magnitude) }.max() ?? 0
    if scale > 0 { pairs = pairs.map { ($0 / scale, $1 / scale) } }
    let (aa, bb, ab, dd) = pairs.reduce((0.0, 0.0, 0.0, 0.0)) { sums, pair in
      let distance = pair.1 - pair.0
      return (
        sums.0 + pair.0 * pair.0, sums.1 + pair.1 * pair.1, sums.2 + pair.0 * pair.1,
        sums.3 + distance * distance
      )
    }
    distance = dd == 0 ? 0 : (dd / aa).squareRoot()
    cosine = aa > 0 && bb > 0 ? max(-1, min(1, ab / (aa.squareRoot() * bb.squareRoot()))) : nil
  }
}

/// A feature's statistics in two files.
public struct FeatureComparison: Encodable, Sendable {
  public let feature: Int
  public let firstMean, secondMean, firstVariance, secondVariance: Double
  /// (mean₂ - mean₁)/√(v₁ + ε); NaN where one is not finite.
  public let meanShift: Double
  /// (√v₂ - √v₁)/√(v₁ + ε)
  public let deviationShift: Double

  init(_ feature: Int, _ first: FeatureMeasures, _ second: FeatureMeasures) {
    self.feature = feature
    firstMean = first.populationMean[feature]
    secondMean = second.populationMean[feature]
    firstVariance = first.populationVariance[feature]
    secondVariance = second.populationVariance[feature]
    let deviation = (firstVariance + first.epsilon).squareRoot()
    func shift(_ from: Double, _ to: Double) -> Double {
      guard from.isFinite, to.isFinite else { return .nan }
      return from == to ? 0 : (to - from) / deviation
    }
    meanShift = deviation.isFinite ? shift(firstMean, secondMean) : .nan
    deviationShift = shift(firstVariance.squareRoot(), secondVariance.squareRoot())
  }

  private var isFirstFinite: Bool { firstMean.isFinite && firstVariance.isFinite }
  private var isSecondFinite: Bool { secondMean.isFinite && secondVariance.isFinite }

  /// True if only one of the files has finite statistics.
  var isFiniteInOne: Bool { isFirstFinite != isSecondFinite }
  /// True if one of the files, or both, have finite statistics.
  var isFiniteInAny: Bool { isFirstFinite || isSecondFinite }
  var died: Bool { firstVariance > 0 && secondVariance == 0 }
  var revived: Bool { firstVariance == 0 && secondVariance > 0 }

  /// The larger of both shifts; infinite where one file has no finite statistics, and 0 where neither has.
  var difference: Double {
    if isFiniteInOne { return .infinity }
    return isFirstFinite ? max(meanShift.magnitude, deviationShift.magnitude) : 0
  }

  private enum CodingKeys: String, CodingKey {
    case feature
    case firstMean = "first_mean"
    case secondMean = "second_mean"
    case firstVariance = "first_var"
    case secondVariance = "second_var"
    case meanShift = "mean_shift"
    case deviationShift = "std_shift"
  }
}

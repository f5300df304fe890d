import LayerFiles

/// What is known of each feature of a layer over all batches: C numbers of each kind, NaN where nothing is known.
struct FeatureMeasures {
  let sums: FeatureSums
  let populationMean: [Double], populationVariance: [Double]
  let runningMean: [Double]?, runningVariance: [Double]?
  let gradGamma: [Double]?, gradBeta: [Double]?
  let meanError: [Double], varianceError: [Double]
  let noise: [Double]
  /// F and p of shuffling; nil where only a run with diagnostics can tell.
  let shufflingF: [Double]?, shufflingP: [Double]?
  let epsilon: Double
  /// True if the layer has no samples, so that every statistic is NaN and every sum 0.
  private let isEmpty: Bool
  /// Mean and variance of all values, as far as the file has them.
  private let totals: [[Double]]

  /// - Throws: as reading does.
  init(_ results: LayerResults, _ sums: FeatureSums) throws {
    let features = 0..<results.featureCount
    self.sums = sums
    epsilon = results.epsilon
    let isMasked = results.datasets.names[.mask] != nil
    let knowsAll = sums.hasStatistics && !isMasked
    let (mean, variance) = (try results.vector(.populationMean), try results.vector(.populationVariance))
    populationMean = mean ?? features.map { knowsAll ? sums.mean[$0] : .nan }
    populationVariance = variance ?? features.map { knowsAll ? sums.variance($0) : .nan }
    isEmpty = results.sampleCount == 0
    totals = isEmpty ? [] : [mean, variance].compactMap { $0 }
    runningMean = try results.vector(.runningMean)
    runningVariance = try results.vector(.runningVariance)
    gradGamma = try results.vector(.gradGamma)
    gradBeta = try results.vector(.gradBeta)
    func known(_ result: LayerResult, _ value: (Int) -> Double) throws -> [Double] {
      try results.vector(result) ?? features.map { sums.hasStatistics ? value($0) : .nan }
    }
    meanError = try known(.meanStandardError, sums.meanStandardError)
    varianceError = try known(.varianceStandardError, sums.varianceStandardError)
    noise = try known(.batchNoise, sums.batchNoise)
    if let f = try results.vector(.shufflingF), let p = try results.vector(.shufflingP) {
      (shufflingF, shufflingP) = (f, p)
    } else if sums.hasStatistics, results.samplesAreValues {
      let shuffling = features.map(sums.shuffling)
      (shufflingF, shufflingP) = (shuffling.map(\.f), shuffling.map(\.p))
    } else {
      (shufflingF, shufflingP) = (nil, nil)
    }
  }

  var count: Int { populationMean.count }

  /// One value in all samples. A NaN is no value.
  func isConstant(_ feature: Int) -> Bool { populationVariance[feature] == 0 }

  /// Constant within some batch, but not over all.
  func isConstantInBatches(_ feature: Int) -> Bool {
    sums.zeroVarianceBatches[feature] > 0 && !isConstant(feature)
  }

  /// True if something of the feature is NaN or infinite.
  func isNonfinite(_ feature: Int) -> Bool {
    sums.nonfiniteBatches[feature] > 0 || totals.contains { !$0[feature].isFinite }
      || [gradGamma, gradBeta].contains { $0.map { !$0[feature].isFinite } ?? false }
  }

  func hasNoGradient(_ feature: Int) -> Bool {
    if isEmpty { return false }
    if let sum = sums.gradients?[feature] { return sum == 0 && sums.nonfiniteBatches[feature] == 0 }
    guard let gradGamma, let gradBeta else { return false }
    return gradGamma[feature] == 0 && gradBeta[feature] == 0
  }

  /// √(μ² + v)
  func rootMeanSquare(_ feature: Int) -> Double {
    (populationMean[feature] * populationMean[feature] + populationVariance[feature]).squareRoot()
  }

  /// |running mean - mean| / √(v + ε); NaN for a constant feature, of which something worse is told.
  func runningMeanDistance(_ feature: Int) -> Double {
    guard let runningMean, !isConstant(feature) else { return .nan }
    return abs(runningMean[feature] - populationMean[feature])
      / (populationVariance[feature] + epsilon).squareRoot()
  }

  /// The larger of (r + ε)/(v + ε) and its inverse: what it makes of a normalized variance. NaN for a constant feature.
  func runningVarianceRatio(_ feature: Int) -> Double {
    guard let runningVariance, !isConstant(feature) else { return .nan }
    let ratio = (runningVariance[feature] + epsilon) / (populationVariance[feature] + epsilon)
    return max(ratio, 1 / ratio)
  }

  /// F, where an F as large is no chance.
  func suspiciousF(_ feature: Int) -> Double {
    guard let shufflingF, let shufflingP, shufflingP[feature] < Self.suspiciousP else { return .nan }
    return shufflingF[feature]
  }

  /// As for a run's summary.
  static let suspiciousP = 1e-6

  /// What mean and x̂ take away of the feature's Σdy².
  func gradientShare(_ feature: Int) -> Double {
    guard let removed = sums.removed, let squares = sums.gradientSquares, squares[feature] > 0 else {
      return .nan
    }
    return removed[feature] / squares[feature]
  }

  /// How telling a feature is: the most that one of its measures has of its threshold; what no number says comes first.
  func score(_ feature: Int) -> Double {
    if isNonfinite(feature) { return .infinity }
    let scores = [
      isConstant(feature) ? 1e6 : 0,
      isConstantInBatches(feature) ? 1e3 * (1 + Double(sums.zeroVarianceBatches[feature])) : 0,
      hasNoGradient(feature) ? 10 : 0,
      rootMeanSquare(feature) / FindingKind.exploding.threshold.warn,
      suspiciousF(feature) / FindingKind.sorted.threshold.warn,
      runningMeanDistance(feature) / FindingKind.runningMean.threshold.warn,
      (runningVarianceRatio(feature) - 1) / (FindingKind.runningVariance.threshold.warn - 1),
      gradientShare(feature) / FindingKind.gradientShare.threshold.warn,
      noise[feature] / FindingKind.batchNoise.threshold.warn,
    ]
    return scores.lazy.filter { !$0.isNaN }.max() ?? 0
  }

  /// The most telling features, at most `count`, the first of equals first.
  func telling(_ count: Int) -> [Int] {
    let scores = (0..<self.count).map(score)
    return Array(
      scores.indices.sorted { scores[$0] == scores[$1] ? $0 < $1 : scores[$0] > scores[$1] }.prefix(count))
  }
}

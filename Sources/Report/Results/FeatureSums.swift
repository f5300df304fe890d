import BatchNorm
import LayerFiles

/// What the batches of a layer show of each feature, fed batch by batch in order: C numbers of each kind.
///
/// The formulas are those of the diagnostics of a run, for files whose run was not asked for them: a standard error of a batch's
/// mean needs no more than the batches' means.
struct FeatureSums {
  /// What is read of each batch.
  static let results: [LayerResult] = [
    .batchMean, .batchVariance, .batchGradGamma, .batchGradBeta, .gradOutputSquareSum, .gradInputSquareSum,
    .meanShare, .normalizedShare, .gradientIdentityError,
  ]

  private let epsilon: Double
  /// Batches with values; those that are not a smaller last one; samples of all.
  private(set) var (batches, wholeBatches, samples) = (0, 0, 0)

  /// Of all values: the mean, Σ nᵦ·vᵦ, Σ nᵦ(μᵦ - μ)².
  private(set) var mean: [Double], within: [Double], between: [Double]
  /// Over whole batches: means, and sums of squares and products about them.
  private var batchMean: [Double], meanSpread: [Double]
  private var batchVariance: [Double], varianceSpread: [Double]
  private var invStd: [Double], invStdSpread: [Double]
  /// The first batch's mean, about which products are summed.
  private var center: [Double]
  private var shift: [Double], shiftSpread: [Double], jointSpread: [Double]

  /// Batches in which the variance is 0, and in which something is no finite number; the first of the latter.
  private(set) var zeroVarianceBatches: [Int], nonfiniteBatches: [Int], firstNonfinite: [Int?]
  /// Σ|dγ| + Σ|dβ|; nil without gradients.
  private(set) var gradients: [Double]?
  /// Σdy² and Σdx²; nil where they were not asked for.
  private(set) var gradientSquares: [Double]?, inputGradientSquares: [Double]?
  /// What mean and x̂ take away of Σdy².
  private(set) var removed: [Double]?
  /// The largest error of theorem 4.1.
  private(set) var identityError: Double?
  /// True once a row of means was seen.
  private(set) var hasStatistics = false

  init(featureCount: Int, epsilon: Double) {
    self.epsilon = epsilon
    let zero = [Double](repeating: 0, count: featureCount)
    (mean, within, between) = (zero, zero, zero)
    (batchMean, meanSpread, batchVariance, varianceSpread) = (zero, zero, zero, zero)
    (invStd, invStdSpread, center, shift, shiftSpread, jointSpread) = (zero, zero, zero, zero, zero, zero)
    zeroVarianceBatches = [Int](repeating: 0, count: featureCount)
    nonfiniteBatches = zeroVarianceBatches
    firstNonfinite = [Int?](repeating: nil, count: featureCount)
  }

  /// Adds a batch.
  /// - Parameters:
  ///   - count: its samples; empty batches have NaN for statistics and are passed over.
  ///   - rows: [C] of each result that there is.
  mutating func add(batch: Int, count: Int, isWhole: Bool, _ rows: [LayerResult: ArraySlice<Double>]) {
    guard count > 0 else { return }
    batches += 1
    let before = samples
    samples += count
    if isWhole { wholeBatches += 1 }
    if let means = rows[.batchMean], let variances = rows[.batchVariance] {
      hasStatistics = true
      addStatistics(means, variances, count: count, before: before, isWhole: isWhole)
    }
    noteNonfinite(batch, rows)
    add(rows[.batchGradGamma], to: \.gradients) { abs($0) }
    add(rows[.batchGradBeta], to: \.gradients) { abs($0) }
    add(rows[.gradOutputSquareSum], to: \.gradientSquares) { $0 }
    add(rows[.gradInputSquareSum], to: \.inputGradientSquares) { $0 }
    if let squares = rows[.gradOutputSquareSum], let byMean = rows[.meanShare],
      let byNormalized = rows[.normalizedShare]
    {
      var sums = removed ?? [Double](repeating: 0, count: mean.count)
      for (feature, ((square, first), second)) in zip(zip(squares, byMean), byNormalized).enumerated()
      where square > 0 && (first + second).isFinite {
        sums[feature] += square * (first + second)
      }
      removed = sums
    }
    if let errors = rows[.gradientIdentityError] {
      let largest = errors.lazy.filter(\.isFinite).max()
      identityError = [identityError, largest].compactMap { $0 }.max()
    }
  }

  /// B. P. Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962).
  private mutating func addStatistics(
    _ means: ArraySlice<Double>, _ variances: ArraySlice<Double>, count: Int, before: Int, isWhole: Bool
  ) {
    let share = Double(count) / Double(before + count)
    func advance(_ mean: inout Double, _ spread: inout Double, _ value: Double) {
      let distance = value - mean
      mean += distance / Double(wholeBatches)
      spread += distance * (value - mean)
    }
    for feature in mean.indices {
      let newMean = means[means.startIndex + feature]
      let newVariance = variances[variances.startIndex + feature]
      let distance = newMean - mean[feature]
      mean[feature] += distance * share
      between[feature] += distance * distance * (Double(before) * share)
      within[feature] += Double(count) * newVariance
      if newVariance == 0 { zeroVarianceBatches[feature] += 1 }
      guard isWhole else { continue }
      if wholeBatches == 1 { center[feature] = newMean }
      let newInvStd = 1 / (newVariance + epsilon).squareRoot()
      advance(&batchMean[feature], &meanSpread[feature], newMean)
      advance(&batchVariance[feature], &varianceSpread[feature], newVariance)
      let newShift = (newMean - center[feature]) * newInvStd
      let shiftDistance = newShift - shift[feature]
      advance(&invStd[feature], &invStdSpread[feature], newInvStd)
      jointSpread[feature] += shiftDistance * (newInvStd - invStd[feature])
      advance(&shift[feature], &shiftSpread[feature], newShift)
    }
  }

  private mutating func noteNonfinite(_ batch: Int, _ rows: [LayerResult: ArraySlice<Double>]) {
    let judged = [LayerResult.batchMean, .batchVariance, .batchGradGamma, .batchGradBeta].compactMap {
      rows[$0]
    }
    for feature in mean.indices
    where judged.contains(where: { !$0[$0.startIndex + feature].isFinite }) {
      nonfiniteBatches[feature] += 1
      firstNonfinite[feature] = firstNonfinite[feature] ?? batch
    }
  }

  private mutating func add(
    _ row: ArraySlice<Double>?, to sums: WritableKeyPath<FeatureSums, [Double]?>, _ term: (Double) -> Double
  ) {
    guard let row else { return }
    var values = self[keyPath: sums] ?? [Double](repeating: 0, count: mean.count)
    for (feature, value) in row.enumerated() where value.isFinite { values[feature] += term(value) }
    self[keyPath: sums] = values
  }
}

extension FeatureSums {
  /// The variance of all values, where no mask leaves some out.
  func variance(_ feature: Int) -> Double {
    samples > 0 ? (within[feature] + between[feature]) / Double(samples) : .nan
  }

  /// √(Var(μᵦ)/B) over whole batches.
  func meanStandardError(_ feature: Int) -> Double { standardError(meanSpread[feature]) }

  /// √(Var(vᵦ)/B) over whole batches.
  func varianceStandardError(_ feature: Int) -> Double { standardError(varianceSpread[feature]) }

  private func standardError(_ spread: Double) -> Double {
    wholeBatches > 1 ? (spread / Double(wholeBatches - 1) / Double(wholeBatches)).squareRoot() : .nan
  }

  /// N² = (v̄ + μ̄²)·Var(i) - 2μ̄·Cov(i, μᵦi) + Var(μᵦi) over whole batches (Huang et al. 2019, arXiv:1904.03441).
  func batchNoise(_ feature: Int) -> Double {
    guard wholeBatches > 1 else { return .nan }
    let distance = mean[feature] - center[feature]
    let noise =
      (variance(feature) + distance * distance) * invStdSpread[feature]
      - 2 * distance * jointSpread[feature] + shiftSpread[feature]
    return noise / Double(wholeBatches - 1)
  }

  /// F of a one-way analysis of variance over the batches, where each sample has one value of a feature; and how likely an F as large is.
  func shuffling(_ feature: Int) -> (f: Double, p: Double) {
    guard batches > 1, samples > batches else { return (.nan, .nan) }
    let (first, second) = (Double(batches - 1), Double(samples - batches))
    let f = (between[feature] / first) / (within[feature] / second)
    return (f, FDistribution.upperTail(f, first, second))
  }
}

/// Running mean and variance of a layer, updated once a batch, as PyTorch does.
///
///     new = (1 - momentum)·old + momentum·batch
///
/// with the unbiased batch variance, m/(m-1) times the biased one (Ioffe & Szegedy, section 3.1). Without a
/// momentum the k-th batch counts 1/k, which is the plain average over the batches of their Algorithm 2, line
/// 10.
public struct RunningStatistics: Equatable, Sendable {
  /// [C].
  public private(set) var mean: FeatureRow
  /// [C], unbiased.
  public private(set) var variance: FeatureRow
  /// How many batches have been averaged; PyTorch's `num_batches_tracked`.
  public private(set) var batchCount: Int

  /// Given statistics, [C] each, and how many batches they come from.
  public init(mean: FeatureRow, variance: FeatureRow, batchCount: Int = 0) {
    self.mean = mean
    self.variance = variance
    self.batchCount = batchCount
  }

  /// Averages in one batch.
  ///
  /// - Parameters:
  ///   - batchMean: [C].
  ///   - batchVariance: [C], biased.
  ///   - count: m, the number of values per feature. For m = 1 no unbiased variance exists; the biased one,
  ///     0, is used.
  ///   - momentum: the weight of this batch, 0…1; nil for the cumulative average.
  public mutating func update(
    mean batchMean: FeatureRow, variance batchVariance: FeatureRow, count: Int, momentum: Double?
  ) {
    batchCount += 1
    let weight = momentum ?? 1 / Double(batchCount)
    let unbiased = count > 1 ? (Double(count) / Double(count - 1)) * batchVariance : batchVariance
    for feature in mean.values.indices {
      mean[feature] = (1 - weight) * mean[feature] + weight * batchMean[feature]
      variance[feature] = (1 - weight) * variance[feature] + weight * unbiased[feature]
    }
  }
}

/// Mean and variance over all values of several batches, as if they were one batch.
///
/// This is what averaging the batches' own statistics ("precise BN") only approximates: the variance between
/// the batches' means counts, too.
public struct PopulationStatistics: Equatable, Sendable {
  /// [C].
  public let mean: FeatureRow
  /// [C], biased: divided by `count`.
  public let variance: FeatureRow
  /// The number of values per feature that entered.
  public let count: Int

  /// - Parameters:
  ///   - batches: at least one matrix [mᵢ, C].
  ///   - masks: one per batch, true where a row counts; nil counts all rows of all batches.
  public init(of batches: [FeatureMatrix], masks: [[Bool]]? = nil) {
    precondition(!batches.isEmpty, "no batches")
    let featureCount = batches[0].featureCount
    let all = FeatureMatrix(
      rowCount: batches.reduce(0) { $0 + $1.rowCount }, featureCount: featureCount,
      values: batches.flatMap(\.values))
    // γ and β do not enter mean and variance.
    let unused = FeatureRow(repeating: 0, count: featureCount)
    let inputs = GraphInputs(
      x: all, gamma: unused, beta: unused, epsilon: 0, counted: masks.map { $0.flatMap { $0 } })
    let nodes = forward(inputs)
    mean = nodes.mu
    variance = nodes.variance
    count = inputs.counted.count
  }
}

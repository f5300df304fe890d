/// How running statistics follow the batches.
public enum RunningAverage: Hashable, Sendable {
  /// new = (1 - momentum) · old + momentum · batch, as PyTorch does it.
  case exponential(momentum: Double)
  /// The average over all batches so far (Ioffe & Szegedy 2015, Algorithm 2); PyTorch's `momentum=None`. What was there
  /// before counts for nothing.
  case cumulative
}

/// The running statistics of one layer, and the pooled statistics of its whole population, fed batch by batch in order.
public struct RunningStatistics: Sendable {
  /// How `mean` and `variance` follow the batches.
  public let average: RunningAverage
  /// [C]
  public private(set) var mean: [Double]
  /// [C]; from the batches' unbiased variances, m/(m-1) times the biased one, as in PyTorch.
  public private(set) var variance: [Double]
  /// [C], the moments over all batches so far, as if they had been one.
  public private(set) var population: [FeatureMoments]
  private var batchCount = 0

  /// - Parameters:
  ///   - mean: [C], before the first batch.
  ///   - variance: [C], before the first batch.
  public init(average: RunningAverage, mean: [Double], variance: [Double]) {
    self.average = average
    self.mean = mean
    self.variance = variance
    population = Array(repeating: FeatureMoments(), count: mean.count)
  }

  /// Adds one batch.
  /// - Parameters:
  ///   - batch: [C], its moments. A batch without values, or with a mask that lets none count, changes nothing.
  ///   - updatesAverage: false if only the population is to follow, as for frozen statistics.
  public mutating func add(_ batch: UnsafeBufferPointer<FeatureMoments>, updatesAverage: Bool = true) {
    guard batch.contains(where: { $0.count > 0 }) else { return }
    for feature in mean.indices { population[feature].add(batch[feature]) }
    guard updatesAverage else { return }
    batchCount += 1
    let weight =
      switch average {
      case .exponential(let momentum): momentum
      case .cumulative: 1 / Double(batchCount)
      }
    for feature in mean.indices {
      // The unbiased variance of a single value does not exist; such a batch leaves the variance as it is.
      if batch[feature].count > 1 {
        variance[feature] = blend(variance[feature], batch[feature].unbiasedVariance, weight)
      }
      mean[feature] = blend(mean[feature], batch[feature].mean, weight)
    }
  }

  private func blend(_ old: Double, _ new: Double, _ weight: Double) -> Double {
    // With full weight the old value is forgotten, even where it is not finite.
    weight == 1 ? new : (1 - weight) * old + weight * new
  }
}

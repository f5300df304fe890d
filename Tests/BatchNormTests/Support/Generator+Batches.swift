import BatchNorm
import BatchNormReference

extension SplitMix64 {
  /// Roughly normal, mean 0 and variance 1: the sum of twelve uniform numbers, less its mean.
  mutating func normal() -> Double {
    (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &self) }
  }

  /// Uniform in (-√3, √3), mean 0 and variance 1; quick.
  mutating func uniform() -> Double { Double.random(in: -1.732...1.732, using: &self) }

  /// A batch whose features each have a mean and a standard deviation of their own, with values that `type` can hold.
  mutating func batch(
    _ layout: FeatureLayout, samples: Int, type: KernelType, mean: Double = 3, deviation: Double = 1
  ) -> Batch {
    let means = (0..<layout.featureCount).map { _ in mean * uniform() }
    let deviations = (0..<layout.featureCount).map { _ in deviation * Double.random(in: 0.5...2, using: &self)
    }
    let values = (0..<samples * layout.valuesPerSample).map { index in
      let feature = index / layout.planeLength % layout.featureCount
      return means[feature] + deviations[feature] * uniform()
    }
    var batch = Batch(layout, samples: samples, x: values.rounded(to: type))
    batch.dy = values.map { _ in uniform() + 0.25 }.rounded(to: type)
    for feature in 0..<layout.featureCount {
      batch.parameters[feature] = FeatureParameters(gamma: 1.5 * uniform(), beta: uniform())
      batch.given[feature] = GivenStatistics(
        mean: means[feature] + 0.1 * uniform(), variance: deviations[feature] * deviations[feature] * 1.1)
    }
    return batch
  }
}

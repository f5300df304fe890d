import Arithmetic

extension RunningStatistics {
  /// Bytes that the statistics of C features take: mean, variance, and the population's moments.
  public static func byteCount(featureCount: Int) -> Int {
    2 * FeatureOctets.count(featureCount) * MemoryLayout<Lanes>.stride
      + BatchMoments.memory(featureCount: featureCount)
  }
}

extension GradientSums {
  /// Bytes that the sums of C features take.
  public static func byteCount(featureCount: Int) -> Int {
    2 * FeatureOctets.count(featureCount) * MemoryLayout<DoubleDouble<Lanes>>.stride
  }
}

extension NormalizationRule {
  /// Bytes that the rule for C features takes: γ, β, and the given mean and variance.
  public static func byteCount(featureCount: Int) -> Int {
    4 * FeatureOctets.count(featureCount) * MemoryLayout<Lanes>.stride
  }
}

import BatchNorm

/// What one batch gives beside its large tensors.
struct BatchResult: Sendable {
  /// The batch's number.
  let batch: Int
  /// [C], the moments of the values that count.
  let statistics: [FeatureMoments]
  /// [C], the moments of all values; the same but for a mask.
  let all: [FeatureMoments]
  /// [C]
  let coefficients: [FeatureCoefficients]
  /// Values of this batch that a mask leaves out, for each feature.
  let maskedValues: Int
}

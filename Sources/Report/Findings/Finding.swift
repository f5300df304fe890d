/// How a layer is, or what a finding makes of it.
public enum Verdict: String, Codable, Sendable, CaseIterable {
  case fail, warn, pass
  /// The file has no statistics of the layer.
  case unknown
}

/// What can be told of a layer, with the numbers from which on it is told.
///
/// Another one is a case here, its thresholds, its words in the program, and a line where it is measured.
public enum FindingKind: String, Codable, Sendable, CaseIterable {
  /// Features with a NaN or an infinity among their statistics or gradients, as a share of all.
  case nonfinite = "nonfinite_features"
  /// Features that have one value in all samples, as a share of all.
  case constant = "constant_features"
  /// Features that vary, but not within some batch, as a share of all.
  case zeroVariance = "zero_variance_features"
  /// Features whose γ and β get no gradient in any batch, as a share of all.
  case withoutGradient = "features_without_gradient"
  /// The largest root mean square of a feature.
  case exploding = "exploding_features"
  /// The root mean square of all features, over that of the layer before it in depth.
  case scaleGrowth = "scale_growth"
  /// The largest F of a feature whose batches are none of shuffled samples.
  case sorted = "sorted_batches"
  /// The largest distance of a running mean from the population's, in standard deviations.
  case runningMean = "running_mean_distance"
  /// The largest ratio of a running variance and the population's, whichever is larger.
  case runningVariance = "running_var_ratio"
  /// The share of Σdy² that the mean and x̂ take away.
  case gradientShare = "gradient_share_removed"
  /// Σdx² over that of the next layer in depth.
  case gradientGrowth = "gradient_growth"
  /// Σdx² of the next layer in depth over that of this one.
  case gradientDecay = "gradient_decay"
  /// The mean over the features of the noise that batches add to x̂, whose variance is 1.
  case batchNoise = "batch_noise"
  /// The largest error of theorem 4.1, which holds for all data.
  case identityError = "gradient_identity_error"

  /// Numbers above which a layer is warned of, and above which it fails.
  public var threshold: Threshold {
    switch self {
    case .nonfinite: Threshold(self, warn: 0, fail: 0)
    case .constant, .zeroVariance: Threshold(self, warn: 0, fail: 0.1)
    case .withoutGradient: Threshold(self, warn: 0, fail: 0.5)
    case .exploding: Threshold(self, warn: 1e3, fail: 1e6)
    case .scaleGrowth: Threshold(self, warn: 100, fail: 1e4)
    case .sorted: Threshold(self, warn: 2, fail: 10)
    case .runningMean: Threshold(self, warn: 0.5, fail: 2)
    case .runningVariance: Threshold(self, warn: 2, fail: 4)
    case .gradientShare: Threshold(self, warn: 0.5, fail: 0.9)
    case .gradientGrowth: Threshold(self, warn: 10, fail: 100)
    case .gradientDecay: Threshold(self, warn: 100, fail: 1e4)
    case .batchNoise: Threshold(self, warn: 0.25, fail: 1)
    case .identityError: Threshold(self, warn: 1e-12, fail: 1e-9)
    }
  }
}

/// Where a measure begins to be told.
public struct Threshold: Codable, Sendable, Equatable {
  public let kind: FindingKind
  public let warn: Double
  public let fail: Double

  init(_ kind: FindingKind, warn: Double, fail: Double) {
    (self.kind, self.warn, self.fail) = (kind, warn, fail)
  }

  /// `pass` for numbers up to `warn`, and for NaN.
  func verdict(_ value: Double) -> Verdict { value > fail ? .fail : value > warn ? .warn : .pass }
}

/// Something about a layer that a user should know.
public struct Finding: Codable, Sendable, Equatable {
  public let kind: FindingKind
  public let verdict: Verdict
  /// What was measured, as ``FindingKind`` says it.
  public let value: Double
  /// How many of the features go beyond the threshold; nil for what is no feature's.
  public let features: Int?
  /// C.
  public let of: Int
  /// The feature that goes furthest, the first of several.
  public let feature: Int?
  /// The first batch in which it was found.
  public let batch: Int?
  /// The layer that this one is compared with.
  public let other: String?

  /// Nil for a value that need not be told.
  init?(
    _ kind: FindingKind, _ value: Double?, features: Int? = nil, of count: Int, feature: Int? = nil,
    batch: Int? = nil, other: String? = nil
  ) {
    guard let value, features != 0 else { return nil }
    let verdict = kind.threshold.verdict(value)
    guard verdict == .warn || verdict == .fail else { return nil }
    (self.kind, self.verdict, self.value, self.features) = (kind, verdict, value, features)
    (of, self.feature, self.batch, self.other) = (count, feature, batch, other)
  }
}

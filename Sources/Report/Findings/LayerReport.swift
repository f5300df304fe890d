import Configuration

/// What is told of a layer: bounded, however many features and batches there are.
public struct LayerReport: Encodable, Sendable {
  /// The layer's path.
  public let path: String
  /// Its place in the order in which layers run.
  public let depth: Int?
  /// C, batches, and samples in these.
  public let features: Int
  public let batches: Int
  public let samples: Int?
  /// The worst of the findings.
  public internal(set) var verdict: Verdict
  /// What should be known, the worst first.
  public internal(set) var findings: [Finding]
  /// What could not be judged, because the file does not hold what it takes.
  public let notJudged: [FindingKind]
  /// Numbers of the layer as a whole.
  public let numbers: LayerNumbers
  /// The most telling features, at most ten.
  public let telling: [FeatureReport]
  /// How its values are distributed before and after; nil of what the file does not hold.
  public let distributions: LayerDistributions
  /// With what it was computed, and from which datasets.
  public let settings: LayerSettings
  public let datasets: RoleNames
  /// What is drawn.
  let pictures: LayerPictures

  private enum CodingKeys: String, CodingKey {
    case path, depth, features, batches, samples, verdict, findings, numbers, telling, distributions, settings
    case datasets
    case notJudged = "not_judged"
  }

  init(
    path: String, depth: Int?, features: Int, batches: Int, samples: Int?, findings: [Finding],
    notJudged: [FindingKind], numbers: LayerNumbers, telling: [FeatureReport],
    distributions: LayerDistributions, settings: LayerSettings, datasets: RoleNames, pictures: LayerPictures,
    isKnown: Bool
  ) {
    (self.path, self.depth, self.features, self.batches) = (path, depth, features, batches)
    (self.samples, self.notJudged, self.numbers, self.telling) = (samples, notJudged, numbers, telling)
    (self.settings, self.datasets, self.pictures) = (settings, datasets, pictures)
    self.distributions = distributions
    self.findings = []
    verdict = isKnown ? .pass : .unknown
    add(findings)
  }

  /// Adds findings, and is as good as the worst of them.
  mutating func add(_ more: [Finding]) {
    findings = (findings + more).enumerated().sorted { first, second in
      first.element.verdict == second.element.verdict
        ? first.offset < second.offset : first.element.verdict == .fail
    }.map(\.element)
    verdict = findings.first?.verdict ?? verdict
  }
}

/// Numbers of a layer as a whole; what the file does not tell, or is no finite number, is left out.
public struct LayerNumbers: Encodable, Sendable {
  /// √(Σ(μ² + v)/C) over features with finite statistics.
  public var rootMeanSquare: Double?
  /// The largest standard errors: of a mean in standard deviations, of a variance as a share of it.
  public var meanError: Double?
  public var varianceError: Double?
  /// The largest distance of a running mean, and ratio of a running variance.
  public var runningMeanDistance: Double?
  public var runningVarianceRatio: Double?
  /// The mean N² of the features.
  public var batchNoise: Double?
  /// The largest F, whether it is chance or not.
  public var shufflingF: Double?
  /// ‖dγ‖ and ‖dβ‖ over all batches.
  public var gradGammaNorm: Double?
  public var gradBetaNorm: Double?
  /// Σdy² and Σdx² over batches and features, and the share of the former that mean and x̂ take away.
  public var gradOutputSquareSum: Double?
  public var gradInputSquareSum: Double?
  public var gradientShare: Double?
  /// The largest error of theorem 4.1.
  public var identityError: Double?
  /// Features by what is wrong with them.
  public var constantFeatures = 0
  public var zeroVarianceFeatures = 0
  public var nonfiniteFeatures = 0
  public var featuresWithoutGradient = 0

  private enum CodingKeys: String, CodingKey {
    case rootMeanSquare = "root_mean_square"
    case meanError = "mean_error"
    case varianceError = "var_error"
    case runningMeanDistance = "running_mean_distance"
    case runningVarianceRatio = "running_var_ratio"
    case batchNoise = "batch_noise"
    case shufflingF = "shuffling_f"
    case gradGammaNorm = "grad_gamma_norm"
    case gradBetaNorm = "grad_beta_norm"
    case gradOutputSquareSum = "grad_output_square_sum"
    case gradInputSquareSum = "grad_input_square_sum"
    case gradientShare = "gradient_share_removed"
    case identityError = "gradient_identity_error"
    case constantFeatures = "constant_features"
    case zeroVarianceFeatures = "zero_variance_features"
    case nonfiniteFeatures = "nonfinite_features"
    case featuresWithoutGradient = "features_without_gradient"
  }
}

/// Numbers of a feature; NaN and infinities are written as they are.
public struct FeatureReport: Encodable, Sendable {
  public let feature: Int
  /// What is wrong with it.
  public let reasons: [FindingKind]
  public let populationMean, populationVariance: Double
  public let runningMean, runningVariance: Double?
  public let meanError, varianceError: Double
  public let gradGamma, gradBeta: Double?
  public let batchNoise: Double
  public let shufflingF: Double?
  public let zeroVarianceBatches, nonfiniteBatches: Int

  init(_ feature: Int, _ measures: FeatureMeasures) {
    self.feature = feature
    reasons = measures.reasons(feature)
    populationMean = measures.populationMean[feature]
    populationVariance = measures.populationVariance[feature]
    runningMean = measures.runningMean?[feature]
    runningVariance = measures.runningVariance?[feature]
    meanError = measures.meanError[feature]
    varianceError = measures.varianceError[feature]
    gradGamma = measures.gradGamma?[feature]
    gradBeta = measures.gradBeta?[feature]
    batchNoise = measures.noise[feature]
    shufflingF = measures.shufflingF?[feature]
    zeroVarianceBatches = measures.sums.zeroVarianceBatches[feature]
    nonfiniteBatches = measures.sums.nonfiniteBatches[feature]
  }

  private enum CodingKeys: String, CodingKey {
    case feature, reasons
    case populationMean = "population_mean"
    case populationVariance = "population_var"
    case runningMean = "running_mean"
    case runningVariance = "running_var"
    case meanError = "mean_standard_error"
    case varianceError = "var_standard_error"
    case gradGamma = "grad_gamma"
    case gradBeta = "grad_beta"
    case batchNoise = "batch_noise"
    case shufflingF = "shuffling_f"
    case zeroVarianceBatches = "zero_variance_batches"
    case nonfiniteBatches = "nonfinite_batches"
  }
}

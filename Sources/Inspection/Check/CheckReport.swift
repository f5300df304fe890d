import Configuration
import StrictJSON

/// Whether a check found what it looked for.
public enum CheckVerdict: String, Codable, Sendable {
  case passed
  case failed
  /// Nothing is wrong, but the data cannot tell.
  case unproven
}

/// What `check` found in one layer.
public struct LayerCheck: Encodable, Sendable, Equatable {
  /// The layer's path.
  public var path: String
  /// Numbers of the batches that were looked at, and how many there are.
  public var batches: [Int] = []
  public var batchCount: Int
  /// The most samples that were looked at in a batch, and whether some batch has more.
  public var samplesPerBatch = 0
  public var isShortened = false
  /// How many features were looked at, and how many there are.
  public var features: Int
  public var featureCount: Int
  /// What the kernels write: float32 or float64.
  public var computedType: String
  /// True if there is no `grad_output`: only the forward pass was checked.
  public var forwardOnly: Bool
  /// The program's kernels against the graph.
  public var kernels: [Deviation] = []
  /// The graph against central finite differences.
  public var differences: [Deviation] = []
  /// Features with a uniform upstream gradient in every batch: dx is 0 there whatever the formula, so it proves nothing.
  public var uniformFeatures = 0
  /// Features without a derivative in any batch: variance + ε is 0, or a value is not finite.
  public var undefinedFeatures = 0

  /// Failed if any comparison is worse than allowed; unproven if nothing could be compared.
  public var verdict: CheckVerdict {
    guard (kernels + differences).allSatisfy(\.isAllowed) else { return .failed }
    if kernels.allSatisfy({ $0.count == 0 }) { return .unproven }
    return forwardOnly || differences.contains { $0.count > 0 } ? .passed : .unproven
  }

  /// True if no feature of the layer has anything but a uniform upstream gradient.
  public var hasOnlyUniformGradient: Bool { !forwardOnly && features > 0 && uniformFeatures == features }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(verdict, forKey: .verdict)
    try container.encode(path, forKey: .path)
    try container.encode(batches, forKey: .batches)
    try container.encode(batchCount, forKey: .batchCount)
    try container.encode(samplesPerBatch, forKey: .samplesPerBatch)
    try container.encode(isShortened, forKey: .isShortened)
    try container.encode(features, forKey: .features)
    try container.encode(featureCount, forKey: .featureCount)
    try container.encode(computedType, forKey: .computedType)
    try container.encode(forwardOnly, forKey: .forwardOnly)
    try container.encode(kernels, forKey: .kernels)
    try container.encode(differences, forKey: .differences)
    try container.encode(uniformFeatures, forKey: .uniformFeatures)
    try container.encode(undefinedFeatures, forKey: .undefinedFeatures)
  }

  private enum CodingKeys: String, CodingKey {
    case verdict, path, batches
    case batchCount = "batch_count"
    case samplesPerBatch = "samples_per_batch"
    case isShortened = "is_shortened"
    case features
    case featureCount = "feature_count"
    case computedType = "computed_type"
    case forwardOnly = "forward_only"
    case kernels, differences
    case uniformFeatures = "uniform_features"
    case undefinedFeatures = "undefined_features"
  }
}

/// What `check` found in a file.
public struct CheckReport: Encodable, Sendable, Equatable {
  /// The program's version.
  public var version: String
  /// The input file's path as given.
  public var input: String
  /// One for each layer that was selected.
  public var layers: [LayerCheck]

  /// The worst of the layers'.
  public var verdict: CheckVerdict {
    let verdicts = layers.map(\.verdict)
    if verdicts.contains(.failed) { return .failed }
    return verdicts.contains(.unproven) ? .unproven : .passed
  }

  /// The report as a JSON object in readable lines.
  public var json: String { canonicalJSON(self, isPretty: true) }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(verdict, forKey: .verdict)
    try container.encode(version, forKey: .version)
    try container.encode(input, forKey: .input)
    try container.encode(layers, forKey: .layers)
  }

  private enum CodingKeys: String, CodingKey {
    case verdict, version, input, layers
  }
}

/// What a run writes for a layer.
public enum OutputTensor: String, CaseIterable, Codable, ConfigurationValue {
  /// y, shaped like the activations.
  case output
  /// x̂, shaped like the activations; the only one not written by default.
  case normalized
  /// dx, shaped like the activations.
  case gradInput = "grad_input"
  /// dγ, [C].
  case gradGamma = "grad_gamma"
  /// dβ, [C].
  case gradBeta = "grad_beta"
  /// `running_mean` and `running_var`, [C].
  case running
  /// `population_mean` and `population_var`, [C].
  case population
  /// The group `batches` with every batch's statistics, [batches, C].
  case batches

  /// Everything but `normalized`.
  public static let defaults: Set<OutputTensor> = Set(allCases).subtracting([.normalized])

  /// Those as large as the activations, in the order in which they are written.
  public static let large: [OutputTensor] = [.output, .normalized, .gradInput]

  /// What it is called in the layer's group: the datasets' names, or the group's.
  public var names: [String] {
    switch self {
    case .running: ["running_mean", "running_var"]
    case .population: ["population_mean", "population_var"]
    case .output, .normalized, .gradInput, .gradGamma, .gradBeta, .batches: [rawValue]
    }
  }
}

/// What a dataset of a layer's group is read as.
public enum DatasetRole: String, CaseIterable, Sendable {
  /// x, [N, …].
  case activations
  /// dL/dy, shaped like the activations.
  case gradOutput = "grad_output"
  /// γ, [C].
  case gamma
  /// β, [C].
  case beta
  /// [C].
  case runningMean = "running_mean"
  /// [C].
  case runningVariance = "running_var"
  /// Where each batch begins, and the end, [batches + 1].
  case batchOffsets = "batch_offsets"
  /// Which positions count.
  case mask

  /// The names a dataset in this role has where the configuration gives none; a group may hold only one of
  /// them.
  public var defaultNames: [String] {
    switch self {
    case .gamma: ["gamma", "weight"]
    case .beta: ["beta", "bias"]
    case .runningMean: ["running_mean", "moving_mean"]
    case .runningVariance: ["running_var", "moving_variance"]
    case .activations, .gradOutput, .batchOffsets, .mask: [rawValue]
    }
  }
}

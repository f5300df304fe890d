/// A statement about batch normalization that an experiment shows, or refutes, on somebody's data.
public enum Topic: String, CaseIterable, Codable, Sendable {
  /// A mean over the batch becomes, backwards, a matrix of ones times 1/m; a broadcast row a sum over the batch.
  case adjoints
  /// γ = √(variance + ε) and β = mean make batch normalization the identity.
  case identity
  /// Normalized inputs lie where a sigmoid is nearly a straight line; γ and β take them out of it.
  case saturation
  /// Normalization outside of the gradient step lets a bias grow without end, and the loss stays as it is.
  case biasDrift = "bias-drift"
  /// Whitening by the whole covariance is costly, and dimensionwise normalization leaves correlations.
  case whitening
  /// Batch normalization makes the loss smoother along the gradient.
  case landscape
  /// Batch normalization does not work by keeping distributions where they are.
  case covariateShift = "covariate-shift"
  /// With batch normalization the inputs of a sigmoid stay where they are during training.
  case percentiles

  /// What an experiment runs on.
  public enum Need: Sendable {
    /// One batch of a layer.
    case batch
    /// All samples of a layer.
    case samples
    /// All samples of a layer, and a class of each: the dataset `labels`.
    case labels
  }

  public var need: Need {
    switch self {
    case .adjoints, .identity, .saturation, .biasDrift: .batch
    case .whitening: .samples
    case .landscape, .covariateShift, .percentiles: .labels
    }
  }
}

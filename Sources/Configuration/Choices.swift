/// Which statistics normalize.
public enum StatisticsSource: String, CaseIterable, Codable, ConfigurationValue {
  /// Every batch's own mean and biased variance, as in training.
  case batch
  /// The layer's running mean and variance, as in inference.
  case running
}

/// Where γ and β come from.
public enum ParameterSource: String, CaseIterable, Codable, ConfigurationValue {
  /// The layer's `gamma` and `beta`, or 1 and 0.
  case file
  /// γ = √(variance + ε) and β = mean of every batch, which make batch normalization the identity: y = x.
  case identity
}

/// Which variance of a batch the running variance follows.
public enum RunningVarianceEstimate: String, CaseIterable, Codable, ConfigurationValue {
  /// Σ(x - mean)²/(m - 1), as in PyTorch.
  case unbiased
  /// Σ(x - mean)²/m, which also normalizes, as in Keras, Flax and ONNX.
  case biased
}

/// How the datasets of a file are put together to layers.
public enum LayerGrouping: String, CaseIterable, Codable, ConfigurationValue {
  /// A layer is a group, which holds its datasets under the names of their roles: `bn1/activations`.
  case layer
  /// A role is a group, which holds its dataset of each layer under the layer's name: `activations/bn1`.
  case role
  /// Each dataset of the root is the activations of a layer: `bn1`.
  case none
}

/// What the gradient of the input takes into account.
public enum GradientMode: String, CaseIterable, Codable, ConfigurationValue {
  /// Mean and variance depend on the input: dx = γ·invStd·(dy - dβ/m - x̂·dγ/m).
  case full
  /// Mean and variance are constants: dx = γ·invStd·dy.
  case detached
}

/// What becomes of a last batch with fewer samples than the batch size.
public enum PartialBatchPolicy: String, CaseIterable, Codable, ConfigurationValue {
  /// It is a batch like the others.
  case keep
  /// Its samples count for no statistic.
  case drop
  /// The run stops before it begins.
  case error
}

/// What becomes of a batch in which a feature has a single value, so that its variance says nothing.
public enum SingleValueBatchPolicy: String, CaseIterable, Codable, ConfigurationValue {
  /// The run stops and names layer and batch.
  case error
  /// y = β and dx = 0.
  case allow
}

/// What becomes of infinities and NaN in the input.
public enum NonfinitePolicy: String, CaseIterable, Codable, ConfigurationValue {
  /// They are counted and spoil only their own feature.
  case count
  /// The run stops.
  case error
}

/// The element type of the tensors as large as the activations.
public enum OutputElementType: String, CaseIterable, Codable, ConfigurationValue {
  case float16
  case bfloat16
  case float32
  case float64
}

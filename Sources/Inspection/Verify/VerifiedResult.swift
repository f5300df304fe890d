import Configuration
import Jobs
import LayerFiles

/// A result of a layer that can be compared with another program's.
enum VerifiedResult: String, CaseIterable, Sendable {
  case output, normalized
  case gradInput = "grad_input"
  case gradGamma = "grad_gamma"
  case gradBeta = "grad_beta"
  case runningMean = "running_mean"
  case runningVariance = "running_var"
  case populationMean = "population_mean"
  case populationVariance = "population_var"
  case batchMean = "batches/mean"
  case batchVariance = "batches/var"
  case batchInvStd = "batches/inv_std"
  case batchGradGamma = "batches/grad_gamma"
  case batchGradBeta = "batches/grad_beta"
  case batchCount = "batches/count"

  /// The names under which it is looked for; those beside the first are what PyTorch and Keras call it.
  var names: [String] {
    switch self {
    case .gradInput: [rawValue, "input.grad", "activations.grad"]
    case .gradGamma: [rawValue, "weight.grad", "grad_weight", "gamma.grad"]
    case .gradBeta: [rawValue, "bias.grad", "grad_bias", "beta.grad"]
    case .runningMean: [rawValue, "moving_mean"]
    case .runningVariance: [rawValue, "moving_variance"]
    default: [String(rawValue.split(separator: "/").last ?? "")]
    }
  }

  /// True if it lies in the group `batches`.
  var isInBatches: Bool { rawValue.hasPrefix("batches/") }

  /// True if an input can hold a dataset of the same name, which is not a result.
  var isAlsoInput: Bool { self == .runningMean || self == .runningVariance }

  /// True if it needs `grad_output`.
  var isGradient: Bool {
    switch self {
    case .gradInput, .gradGamma, .gradBeta, .batchGradGamma, .batchGradBeta: true
    default: false
    }
  }

  /// What a run has to compute for it; without `batches`, errors of sums that cancel have no scale.
  var outputs: Set<OutputTensor> {
    switch self {
    case .output: [.output]
    case .normalized: [.normalized]
    case .gradInput: [.gradInput, .gradGamma, .gradBeta, .batches]
    case .gradGamma, .gradBeta: [.gradGamma, .gradBeta]
    case .runningMean, .runningVariance: [.running]
    case .populationMean, .populationVariance: [.population]
    case .batchMean, .batchVariance, .batchInvStd, .batchCount: [.batches]
    case .batchGradGamma, .batchGradBeta: [.batches, .gradGamma, .gradBeta]
    }
  }

  /// The row of `batches/` that it is.
  var row: BatchRow? {
    switch self {
    case .batchMean: .mean
    case .batchVariance: .variance
    case .batchInvStd: .invStd
    case .batchGradGamma: .dgamma
    case .batchGradBeta: .dbeta
    default: nil
    }
  }

  /// The shape it has for a layer.
  func shape(_ layer: Layer) -> [Int] {
    switch self {
    case .output, .normalized, .gradInput:
      [layer.batches.sampleCount] + layer.activations.dataset.shape.dropFirst()
    case .batchCount: [layer.batches.count]
    case _ where isInBatches: [layer.batches.count, layer.featureCount]
    default: [layer.featureCount]
    }
  }
}

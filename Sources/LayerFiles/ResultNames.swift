/// What other programs call results: PyTorch (`weight.grad`, `save_invstd`), Keras and TensorFlow (`moving_mean`, `batch_variance`,
/// `x_backprop`), ONNX (`Y`, `output_mean`, `saved_var`), oneDNN (`dst`, `diff_src`, `mean`, `variance`), and cuDNN (`y`, `dx`).
///
/// `save_var` is no name here: some programs call the variance so, and some 1/√(variance + ε).
extension LayerResult {
  /// Names that say it in any group.
  package var otherNames: [String] {
    switch self {
    case .output: []
    case .normalized: ["x_hat", "xhat"]
    case .gradInput: ["input.grad", "activations.grad", "x.grad", "diff_src", "dx", "x_backprop"]
    case .gradGamma:
      [
        "weight.grad", "grad_weight", "gamma.grad", "scale.grad", "grad_scale", "diff_scale", "dgamma",
        "dscale", "scale_backprop",
      ]
    case .gradBeta:
      [
        "bias.grad", "grad_bias", "beta.grad", "shift.grad", "grad_shift", "diff_shift", "dbeta", "dbias",
        "offset_backprop",
      ]
    case .runningMean: ["moving_mean", "output_mean"]
    case .runningVariance: ["moving_variance", "moving_var", "output_var"]
    case .batchMean: ["save_mean", "saved_mean", "batch_mean"]
    case .batchVariance: ["saved_var", "batch_var", "batch_variance"]
    case .batchInvStd: ["save_invstd", "saved_invstd", "save_inv_std", "save_inv_variance"]
    default: []
    }
  }

  /// Names that say it where no input lies beside the results, of which it could be one.
  package var namesWithoutInput: [String] {
    switch self {
    case .output: ["y", "Y", "dst"]
    case .batchMean: ["mean"]
    case .batchVariance: ["var", "variance"]
    case .batchInvStd: ["inv_std", "invstd", "rstd"]
    default: []
    }
  }

  /// The names under which another program's file is searched for it, in the group that it lies in here.
  package var names: [String] { [name] + otherNames }
}

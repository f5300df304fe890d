/// Batch normalization of one batch, forward and backward, in the layout of the input.
public struct ReferenceResult: Equatable, Sendable {
  /// The output γ·x̂ + β, shape of the input.
  public let y: [Double]
  /// The normalized activations, shape of the input.
  public let xHat: [Double]
  /// The gradient of the input, shape of the input.
  public let dx: [Double]
  /// Σ dy·x̂, [C].
  public let dgamma: [Double]
  /// Σ dy, [C].
  public let dbeta: [Double]
  /// The mean that was subtracted, [C]: the batch's, or the given one.
  public let mean: [Double]
  /// The biased variance that was divided by, [C]: the batch's, or the given one.
  public let variance: [Double]
  /// 1/√(variance + ε), [C]; 0 where variance + ε = 0.
  public let invStd: [Double]
  /// m, the number of values per feature that enter the statistics of the batch.
  public let count: Int
}

/// Computes batch normalization of one batch with the graph, node by node.
///
/// - Parameters:
///   - x: the activations, row-major, `layout.elementCount` values.
///   - dy: the upstream gradient ∂L/∂y, same shape. For the forward pass alone, give zeros.
///   - layout: how samples, features and positions lie in `x`.
///   - gamma: [C].
///   - beta: [C].
///   - epsilon: ε ≥ 0.
///   - mode: where mean and variance come from.
///   - counted: the mask, one entry per (n, p, s) in this order, true where the value enters mean and
///     variance; nil counts everything. Masked values have outputs and gradients all the same.
public func batchNormReference(
  x: [Double], dy: [Double], layout: LayoutView, gamma: [Double], beta: [Double], epsilon: Double,
  mode: ReferenceMode = .batch, counted: [Bool]? = nil
) -> ReferenceResult {
  let inputs = GraphInputs(
    x: layout.matrix(from: x), gamma: FeatureRow(gamma), beta: FeatureRow(beta), epsilon: epsilon,
    mode: mode, counted: counted)
  let nodes = forward(inputs)
  let gradients = backward(layout.matrix(from: dy), through: nodes, of: inputs)
  return ReferenceResult(
    y: layout.tensor(from: nodes.out), xHat: layout.tensor(from: nodes.xhat),
    dx: layout.tensor(from: gradients.dx), dgamma: gradients.dgamma.values,
    dbeta: gradients.dbeta.values, mean: nodes.mu.values, variance: nodes.variance.values,
    invStd: nodes.ivar.values, count: inputs.counted.count)
}

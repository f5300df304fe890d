/// Where mean and variance come from, and whether the gradient flows through them.
public enum ReferenceMode: Equatable, Sendable {
  /// Mean and variance of this batch; the gradient flows through both. Ioffe & Szegedy, Algorithm 1
  /// and section 3.
  case batch
  /// Mean and variance of this batch, taken as constants in the backward pass: dx = γ·ivar·dy.
  case detached
  /// The given mean and variance, [C] each, constants: dx = γ·ivar·dy. Ioffe & Szegedy, Algorithm 2,
  /// lines 8–12.
  case running(mean: FeatureRow, variance: FeatureRow)
}

/// Everything the graph is computed from, except the upstream gradient.
public struct GraphInputs: Equatable, Sendable {
  /// The activations, [m, C].
  public var x: FeatureMatrix
  /// γ, [C].
  public var gamma: FeatureRow
  /// β, [C].
  public var beta: FeatureRow
  /// ε ≥ 0.
  public var epsilon: Double
  /// Where mean and variance come from.
  public var mode: ReferenceMode
  /// The rows that enter the batch's mean and variance. The others have outputs and gradients, too.
  public var counted: RowSelection

  /// - Parameters:
  ///   - x: [m, C].
  ///   - gamma: [C].
  ///   - beta: [C].
  ///   - epsilon: ε ≥ 0.
  ///   - mode: whose mean and variance normalize.
  ///   - counted: the mask, one entry per row, true where the row enters mean and variance; nil counts every
  ///     row. At least one row must count.
  public init(
    x: FeatureMatrix, gamma: FeatureRow, beta: FeatureRow, epsilon: Double,
    mode: ReferenceMode = .batch, counted: [Bool]? = nil
  ) {
    let featureCount = x.featureCount
    precondition(gamma.featureCount == featureCount, "gamma [\(gamma.featureCount)], C = \(featureCount)")
    precondition(beta.featureCount == featureCount, "beta [\(beta.featureCount)], C = \(featureCount)")
    precondition(
      counted == nil || counted?.count == x.rowCount,
      "a mask of \(counted?.count ?? 0) for \(x.rowCount) rows")
    self.x = x
    self.gamma = gamma
    self.beta = beta
    self.epsilon = epsilon
    self.mode = mode
    self.counted = counted.map { RowSelection($0) } ?? .all(rowCount: x.rowCount)
    precondition(self.counted.count > 0, "no row enters the statistics")
    if case .running(let mean, let variance) = mode {
      precondition(mean.featureCount == featureCount, "mean [\(mean.featureCount)], C = \(featureCount)")
      precondition(
        variance.featureCount == featureCount, "variance [\(variance.featureCount)], C = \(featureCount)")
    }
  }

  /// The rows through which mean and variance depend on x: none where the mode makes them constants.
  var differentiated: RowSelection {
    mode == .batch ? counted : .none(rowCount: x.rowCount)
  }
}

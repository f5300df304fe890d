import Arithmetic
import Parallel

/// Which mean and variance normalize a batch, and how its backward pass treats them.
public enum Normalization: Hashable, Sendable {
  /// The batch's own statistics; the gradient flows through them (Ioffe & Szegedy 2015, arXiv:1502.03167, §3).
  case batch
  /// The batch's own statistics, taken for constants by the backward pass: the mistake that §2 of the paper warns of.
  case batchDetached
  /// Given statistics, constants: inference, and layers whose statistics are frozen.
  case running
}

/// γ and β of one feature.
public struct FeatureParameters: Hashable, Sendable {
  /// γ, the scale.
  public var gamma: Double
  /// β, the shift.
  public var beta: Double

  /// Parameters; by default those that change nothing.
  public init(gamma: Double = 1, beta: Double = 0) {
    self.gamma = gamma
    self.beta = beta
  }
}

/// Statistics that were given instead of computed: of one feature.
public struct GivenStatistics: Hashable, Sendable {
  /// The mean to subtract.
  public var mean: Double
  /// The variance to divide by, at least 0.
  public var variance: Double

  /// Statistics; by default those that change nothing.
  public init(mean: Double = 0, variance: Double = 1) {
    self.mean = mean
    self.variance = variance
  }
}

/// What makes coefficients of a batch's moments, for all features of a layer.
public final class NormalizationRule: Sendable {
  /// Which statistics normalize, and whether the gradient flows through them.
  public let normalization: Normalization
  /// ε ≥ 0
  public let epsilon: Double
  /// γ, [⌈C/8⌉]; nil for γ = √(variance + ε) and β = mean, which make y = x.
  let gamma: ConstantMemory<Lanes>?
  /// β, [⌈C/8⌉]
  let beta: ConstantMemory<Lanes>
  /// The statistics for `Normalization.running`, [⌈C/8⌉].
  let givenMean: ConstantMemory<Lanes>
  let givenVariance: ConstantMemory<Lanes>

  /// - Parameters:
  ///   - given: [C], the statistics for `Normalization.running`.
  ///   - parameters: [C], γ and β; nil for γ = √(variance + ε) and β = mean, which make y = x.
  ///   - epsilon: ε ≥ 0. Where variance + ε = 0, invStd is 0, so that y = β and dx = 0.
  public init(
    _ normalization: Normalization, given: [GivenStatistics], parameters: [FeatureParameters]?,
    epsilon: Double
  ) {
    self.normalization = normalization
    self.epsilon = epsilon
    gamma = parameters.map { ConstantMemory($0.map(\.gamma).inLanes) }
    beta = ConstantMemory((parameters?.map(\.beta) ?? []).inLanes)
    givenMean = ConstantMemory(given.map(\.mean).inLanes)
    givenVariance = ConstantMemory(given.map(\.variance).inLanes)
  }
}

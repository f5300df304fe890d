import Arithmetic

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
  /// How the formulas are changed; none for what is right.
  private let mistakes: [FormulaMistake]
  /// γ, [⌈C/8⌉]; nil for γ = √(variance + ε) and β = mean, which make y = x.
  private let gamma: [Lanes]?
  /// β, [⌈C/8⌉]; empty without γ.
  private let beta: [Lanes]
  /// The statistics for `Normalization.running`, [⌈C/8⌉].
  private let givenMean: [Lanes]
  private let givenVariance: [Lanes]
  /// C.
  private let featureCount: Int

  /// - Parameters:
  ///   - normalization: which statistics normalize.
  ///   - given: [C], the statistics for `Normalization.running`.
  ///   - parameters: [C], γ and β; nil for γ = √(variance + ε) and β = mean, which make y = x.
  ///   - epsilon: ε ≥ 0. Where variance + ε = 0, invStd is 0, so that y = β and dx = 0.
  public convenience init(
    _ normalization: Normalization, given: [GivenStatistics], parameters: [FeatureParameters]?,
    epsilon: Double
  ) {
    self.init(normalization, given: given, parameters: parameters, epsilon: epsilon, mistakes: [])
  }

  /// - Parameter mistakes: for batches without a mask that are normalized by their own statistics, with parameters; others are not
  ///   changed.
  package init(
    _ normalization: Normalization, given: [GivenStatistics], parameters: [FeatureParameters]?,
    epsilon: Double, mistakes: [FormulaMistake]
  ) {
    self.normalization = normalization
    self.epsilon = epsilon
    self.mistakes = mistakes
    gamma = parameters?.map(\.gamma).inLanes
    beta = parameters?.map(\.beta).inLanes ?? []
    givenMean = given.map(\.mean).inLanes
    givenVariance = given.map(\.variance).inLanes
    featureCount = given.count
  }

  /// The given means, where these normalize; nil where the batch's own do, which nobody knows before.
  public var centers: ProductCenters? {
    normalization == .running ? ProductCenters(givenMean.numbers(featureCount)) : nil
  }

  /// Bytes that the rule for C features takes: γ, β, and the given mean and variance.
  public static func memory(featureCount: Int) -> Int {
    4 * Extent<Lanes>(FeatureOctets.count(featureCount)).byteCount
  }

  /// What is given, for a loop over octets: arrays would be retained and released for each of them.
  struct Lines {
    let normalization: Normalization
    let epsilon: Double
    let mistakes: UnsafeBufferPointer<FormulaMistake>
    /// [⌈C/8⌉] each; those of parameters nil where they make y = x.
    let gamma: UnsafePointer<Lanes>?
    let beta: UnsafePointer<Lanes>?
    let givenMean: UnsafePointer<Lanes>?
    let givenVariance: UnsafePointer<Lanes>?
  }

  /// Runs `body` with what is given, which is valid no longer.
  func withLines(_ body: (Lines) -> Void) {
    (gamma ?? []).withUnsafeBufferPointer { gammas in
      beta.withUnsafeBufferPointer { betas in
        givenMean.withUnsafeBufferPointer { means in
          givenVariance.withUnsafeBufferPointer { variances in
            mistakes.withUnsafeBufferPointer { mistakes in
              body(
                Lines(
                  normalization: normalization, epsilon: epsilon, mistakes: mistakes,
                  gamma: gamma == nil ? nil : gammas.baseAddress, beta: betas.baseAddress,
                  givenMean: means.baseAddress, givenVariance: variances.baseAddress))
            }
          }
        }
      }
    }
  }
}

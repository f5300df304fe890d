/// What a comparison of gradients with finite differences found.
public struct GradientCheck: Equatable, Sendable {
  /// The gradient a sample belongs to.
  public enum Gradient: String, CaseIterable, Sendable {
    case dx, dgamma, dbeta
  }

  /// One compared coordinate.
  public struct Sample: Equatable, Sendable {
    /// Which gradient it belongs to.
    public let gradient: Gradient
    /// The row of the matrix [m, C]; 0 for a parameter.
    public let row: Int
    /// The feature, from 0.
    public let feature: Int
    /// The value that was to be checked.
    public let analytic: Double
    /// The finite difference.
    public let numeric: Double
    /// |analytic - numeric| over the largest of |analytic|, |numeric| and the typical size of this gradient
    /// in this feature; infinite if any is NaN.
    public let relativeError: Double
  }

  /// All coordinates that were compared.
  public let samples: [Sample]
  /// Features whose upstream gradient is uniform: their dx is 0 whatever the formula, so it proves nothing.
  public let uniformFeatures: [Int]
  /// Features where variance + ε is 0 or not finite: there is no derivative, and they are not sampled.
  public let undefinedFeatures: [Int]

  /// The sample with the largest relative error; nil if nothing was compared.
  public var worst: Sample? {
    samples.max { $0.relativeError < $1.relativeError }
  }

  /// The sample of one gradient with the largest relative error.
  public func worst(of gradient: Gradient) -> Sample? {
    samples.filter { $0.gradient == gradient }.max { $0.relativeError < $1.relativeError }
  }
}

/// Compares gradients, wherever they come from, with finite differences of the loss L = Σ dout·out.
///
/// Every compared coordinate costs four forward passes of its one feature.
///
/// - Parameters:
///   - dx: the gradient to be checked, [m, C].
///   - dgamma: the same, [C].
///   - dbeta: the same, [C].
///   - inputs: the point at which they are the gradients.
///   - dout: the upstream gradient, [m, C].
///   - sampleCount: how many values of x and how many features of γ and β to compare; or all.
///   - seed: chooses them; the same seed chooses the same.
public func checkGradients(
  dx: FeatureMatrix, dgamma: FeatureRow, dbeta: FeatureRow, of inputs: GraphInputs, dout: FeatureMatrix,
  sampleCount: Int, seed: UInt64
) -> GradientCheck {
  let features = Array(0..<inputs.x.featureCount)
  let differences = features.map { FiniteDifference(inputs, dout: dout, feature: $0) }
  let defined = features.filter { differences[$0].isDefined }
  var generator = SplitMix64(seed: seed)

  func sample(
    _ gradient: GradientCheck.Gradient, row: Int, feature: Int, analytic: Double, numeric: Double
  ) -> GradientCheck.Sample {
    let size = differences[feature].typicalSize(of: gradient)
    return GradientCheck.Sample(
      gradient: gradient, row: row, feature: feature, analytic: analytic, numeric: numeric,
      relativeError: relativeError(analytic, numeric, typicalSize: size))
  }

  var samples: [GradientCheck.Sample] = []
  for index in choose(sampleCount, of: defined.count * inputs.x.rowCount, using: &generator) {
    let (row, position) = index.quotientAndRemainder(dividingBy: defined.count)
    let feature = defined[position]
    samples.append(
      sample(
        .dx, row: row, feature: feature, analytic: dx[row, feature],
        numeric: differences[feature].dx(row: row)))
  }
  for position in choose(sampleCount, of: defined.count, using: &generator) {
    let feature = defined[position]
    samples.append(
      sample(
        .dgamma, row: 0, feature: feature, analytic: dgamma[feature], numeric: differences[feature].dgamma))
    samples.append(
      sample(.dbeta, row: 0, feature: feature, analytic: dbeta[feature], numeric: differences[feature].dbeta))
  }
  return GradientCheck(
    samples: samples,
    uniformFeatures: features.filter { isUniformGradient(dout, feature: $0) },
    undefinedFeatures: features.filter { !differences[$0].isDefined })
}

/// |a - b| relative to the larger of the two and the typical size; 0 if equal, infinite if one is NaN.
private func relativeError(_ a: Double, _ b: Double, typicalSize: Double) -> Double {
  if a == b { return 0 }
  let error = (a - b).magnitude / max(a.magnitude, b.magnitude, typicalSize)
  return error.isNaN ? .infinity : error
}

/// `count` different numbers below `total` in increasing order; all of them if there are no more.
///
/// R. W. Floyd's algorithm ("A sample of brilliance", CACM 30, 1987): no list of all candidates.
private func choose(_ count: Int, of total: Int, using generator: inout SplitMix64) -> [Int] {
  guard count < total else { return Array(0..<total) }
  var chosen: Set<Int> = []
  for candidate in (total - count)..<total {
    let drawn = Int.random(in: 0...candidate, using: &generator)
    chosen.insert(chosen.contains(drawn) ? candidate : drawn)
  }
  return chosen.sorted()
}

/// Whether the upstream gradient of a feature is the same for every value, to a relative 1e-6.
///
/// Then Σ x̂ = 0 makes dγ = 0, and dx = γ·ivar·(dy - dβ/m) = 0: the input gradient vanishes whatever the mean
/// and variance terms are, so agreement of two programs, or with finite differences, proves nothing.
/// `L = Σ out` is such a loss. (With a mask Σ x̂ over all rows need not be 0; the answer is about dout alone.)
///
/// - Parameters:
///   - dout: [m, C].
///   - feature: its column.
public func isUniformGradient(_ dout: FeatureMatrix, feature: Int) -> Bool {
  let column = dout.column(feature)
  guard let smallest = column.min(), let largest = column.max() else { return true }
  // What is left of dx is then at most 1e-6 of its usual size, which a check relative to that size hardly sees.
  let tolerance = 1e-6
  return largest - smallest <= tolerance * max(smallest.magnitude, largest.magnitude)
}

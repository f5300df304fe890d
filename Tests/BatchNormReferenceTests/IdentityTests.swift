import Testing

@testable import BatchNormReference

/// What the mathematics says about the gradient, feature by feature, whatever the data.
///
/// Every entry of dx carries a handful of roundings (2⁻⁵³ = 1.1e-16 each) of numbers of the size γ·ivar·|dy|,
/// so a sum over the m = 24 entries of a feature may be off by about 24 times ten roundings of that size:
/// 24·10·1.1e-16 = 3e-14.
@Suite(.timeLimit(.minutes(30))) struct IdentityTests {
  /// The seed, and ε from none to larger than the variance.
  static let cases = (1...10 as ClosedRange<UInt64>).flatMap { seed in
    [0, 1e-5, 2.5].map { RandomCase(seed: seed, epsilon: $0) }
  }

  /// One feature of a case: its columns and the numbers the identities are about.
  struct Feature {
    let x, dy, xhat, dx: [Double]
    let m, gamma, ivar, variance, dgamma, dbeta: Double
    /// δ = ε / (σ² + ε), so that Σ x̂² = m·(1 - δ).
    let delta: Double
    /// The sum of the sizes γ·ivar·|dy|.
    let scale: Double

    init(_ trace: GraphTrace, _ feature: Int) {
      let backward = trace.backward!
      x = trace.inputs.x.column(feature)
      dy = trace.dout!.column(feature)
      xhat = trace.forward.xhat.column(feature)
      dx = backward.dx.column(feature)
      m = Double(trace.inputs.counted.count)
      gamma = trace.inputs.gamma[feature]
      ivar = trace.forward.ivar[feature]
      variance = trace.forward.variance[feature]
      dgamma = backward.dgamma[feature]
      dbeta = backward.dbeta[feature]
      delta = trace.inputs.epsilon / (variance + trace.inputs.epsilon)
      scale = (gamma * ivar).magnitude * sum(dy.map(\.magnitude))
    }
  }

  /// BN does not see a shift of x, so dx has no component along one: Σ dx = 0.
  @Test(arguments: cases) func gradientSumsToZero(test: RandomCase) {
    for index in 0..<3 {
      let feature = Feature(test.trace, index)
      #expect(sum(feature.dx).magnitude <= 3e-14 * feature.scale, "seed \(test.seed)")
    }
  }

  /// Without ε, BN does not see a scaling of x either: Σ dx·x̂ = 0. With it, Σ dx·x̂ = γ·ivar·δ·dγ.
  @Test(arguments: cases) func gradientAlongTheOutput(test: RandomCase) {
    for index in 0..<3 {
      let feature = Feature(test.trace, index)
      let expected = feature.gamma * feature.ivar * feature.delta * feature.dgamma
      let error = dot(feature.dx, feature.xhat) - expected
      #expect(error.magnitude <= 3e-14 * feature.scale, "seed \(test.seed)")
    }
  }

  /// ‖dx‖² = γ²/(σ²+ε) · (‖dy‖² - (Σdy)²/m - (1+δ)·(Σdy·x̂)²/m): BN removes the components of dy along 1 and
  /// x̂.
  @Test(arguments: cases) func gradientNorm(test: RandomCase) {
    for index in 0..<3 {
      let feature = Feature(test.trace, index)
      let factor = feature.gamma * feature.gamma / (feature.variance + test.inputs.epsilon)
      let mean = feature.dbeta * feature.dbeta / feature.m
      let along = (1 + feature.delta) * feature.dgamma * feature.dgamma / feature.m
      let expected = factor * (dot(feature.dy, feature.dy) - mean - along)
      let error = dot(feature.dx, feature.dx) - expected
      // Squares of entries: relative to the largest of the three terms, which is ‖dy‖².
      #expect(error.magnitude <= 3e-14 * factor * dot(feature.dy, feature.dy), "seed \(test.seed)")
    }
  }

  /// The batch's x̂ has mean 0 and mean square 1 - δ.
  @Test(arguments: cases) func normalizedMoments(test: RandomCase) {
    for index in 0..<3 {
      let feature = Feature(test.trace, index)
      #expect(sum(feature.xhat).magnitude <= 3e-14, "seed \(test.seed)")
      let meanSquare = dot(feature.xhat, feature.xhat) / feature.m
      #expect((meanSquare - (1 - feature.delta)).magnitude <= 3e-15, "seed \(test.seed)")
    }
  }

  /// γ = √(σ²+ε) and β = μ undo the normalization (Ioffe & Szegedy, section 3).
  @Test(arguments: cases) func identity(test: RandomCase) {
    var inputs = test.inputs
    inputs.gamma = test.trace.forward.sqrtvar
    inputs.beta = test.trace.forward.mu
    #expect(relativeDistance(forward(inputs).out.values, inputs.x.values) <= 1e-15, "seed \(test.seed)")
  }

  /// The closed form the kernels compute is the graph, simplified.
  @Test(arguments: cases) func closedForm(test: RandomCase) {
    for masked in [false, true] {
      for mode in modes(featureCount: 3) {
        var inputs = RandomCase(seed: test.seed, epsilon: test.inputs.epsilon, masked: masked).inputs
        inputs.mode = mode
        let trace = GraphTrace(inputs, dout: test.dout)
        let closed = closedFormInputGradient(test.dout, through: trace.forward, of: inputs)
        for feature in 0..<3 {
          // A feature at a time: γ differs, and with it the scale. Some ten roundings.
          let distance = relativeDistance(closed.column(feature), trace.backward!.dx.column(feature))
          #expect(distance <= 2e-15, "seed \(test.seed), masked \(masked), \(mode)")
        }
      }
    }
  }

  private func modes(featureCount: Int) -> [ReferenceMode] {
    let mean = FeatureRow(repeating: 0.25, count: featureCount)
    let variance = FeatureRow(repeating: 1.5, count: featureCount)
    return [.batch, .detached, .running(mean: mean, variance: variance)]
  }
}

import BatchNorm
import BatchNormReference
import Testing

/// What the mathematics says about any batch, feature by feature, whatever the reference says.
///
/// Sums over the m values of a feature are relative to the sum of the magnitudes that are added: each value of a
/// tensor of Doubles carries a few roundings of 1.1e-16.
@Suite(.timeLimit(.minutes(30))) struct IdentityTests {
  static let shapes = [
    LayoutBatchTests.Shape(300, 1, 65, 1), .init(777, 1, 3, 1), .init(50, 1, 3, 49), .init(40, 5, 2, 7),
    .init(3, 1, 2, 1),
  ]

  private static func batch(_ shape: LayoutBatchTests.Shape, type: KernelType) -> Batch {
    var generator = SplitMix64(seed: 81)
    return generator.batch(shape.layout, samples: shape.samples, type: type, mean: 100)
  }

  @Test(arguments: shapes, [0, 1e-5, 2.5])
  func gradientLosesItsPartsAlongOneAndTheOutput(shape: LayoutBatchTests.Shape, epsilon: Double) throws {
    var batch = Self.batch(shape, type: .double)
    batch.epsilon = epsilon
    let output = Kernels().run(batch)
    let (xHats, dxs) = (try #require(output.xHat), try #require(output.dx))
    for feature in 0..<shape.featureCount {
      let dy = batch.column(feature, of: batch.dy ?? [])
      let xHat = batch.column(feature, of: xHats)
      let dx = batch.column(feature, of: dxs)
      let coefficients = output.coefficients[feature]
      let m = Double(dy.count)
      let delta = epsilon / (output.moments.variances[feature] + epsilon)
      let scale = coefficients.scale
      let magnitude = scale.magnitude * dy.reduce(0) { $0 + $1.magnitude }

      // A shift of x changes nothing: Σdx = 0.
      #expect(dx.reduce(0, +).magnitude <= 1e-13 * magnitude)
      // Nor does a scaling, but for ε: Σdx·x̂ = γ·invStd·δ·dγ.
      #expect((dot(dx, xHat) - scale * delta * coefficients.dgamma).magnitude <= 1e-13 * magnitude)
      // ‖dx‖² = γ²/(σ²+ε)·(‖dy‖² − (Σdy)²/m − (1+δ)(Σdy·x̂)²/m)
      let sum = dy.reduce(0, +)
      let product = dot(dy, xHat)
      let rest = dot(dy, dy) - sum * sum / m - (1 + delta) * product * product / m
      #expect((dot(dx, dx) - scale * scale * rest).magnitude <= 1e-13 * scale * scale * dot(dy, dy))
      // And those two sums are the parameters' gradients.
      #expect((coefficients.dbeta - sum).magnitude <= 1e-13 * dy.reduce(0) { $0 + $1.magnitude })
      #expect((coefficients.dgamma - product).magnitude <= 1e-13 * dy.reduce(0) { $0 + 3 * $1.magnitude })
      // Σx̂ = 0 and Σx̂² = m·(1 − δ).
      #expect(xHat.reduce(0, +).magnitude <= 1e-13 * m)
      #expect((dot(xHat, xHat) - m * (1 - delta)).magnitude <= 1e-13 * m)
    }
  }

  /// γ = √(σ²+ε) and β = mean undo the normalization.
  @Test(arguments: shapes, [KernelType.float, .double])
  func ownStatisticsAsParametersAreTheIdentity(shape: LayoutBatchTests.Shape, type: KernelType) throws {
    var batch = Self.batch(shape, type: type)
    let statistics = Kernels(input: type).run(batch).moments
    for feature in 0..<shape.featureCount {
      batch.parameters[feature] = FeatureParameters(
        gamma: (statistics.variances[feature] + batch.epsilon).squareRoot(), beta: statistics.means[feature])
    }
    let y = try #require(Kernels(input: type, output: type).run(batch).y)
    // β is rounded to a Double, and γ·invStd is 1 but for two roundings.
    let bound = (type == .float ? 6e-8 : 4e-16) * batch.x.scale
    #expect(y.count == batch.x.count)
    #expect(zip(y, batch.x).map { $0 - $1 }.scale <= bound)
  }

  /// Detached and given statistics are constants: dx = γ·invStd·dy, and nothing is taken away.
  @Test(arguments: shapes, [Normalization.batchDetached, .running])
  func constantStatisticsScaleTheGradient(shape: LayoutBatchTests.Shape, normalization: Normalization) throws
  {
    var batch = Self.batch(shape, type: .double)
    batch.normalization = normalization
    let output = Kernels().run(batch)
    for feature in 0..<shape.featureCount {
      let scale = output.coefficients[feature].scale
      let expected = batch.column(feature, of: batch.dy ?? []).map { $0 * scale }
      #expect(batch.column(feature, of: try #require(output.dx)).isSame(as: expected))
    }
  }

  private func dot(_ a: [Double], _ b: [Double]) -> Double {
    precondition(a.count == b.count)
    return zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
  }
}

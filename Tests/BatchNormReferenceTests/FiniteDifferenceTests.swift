import Testing

@testable import BatchNormReference

@Suite(.timeLimit(.minutes(30))) struct FiniteDifferenceTests {
  static let modes: [ReferenceMode] = [
    .batch, .detached, .running(mean: [1, -1, 0.5], variance: [2, 0.5, 1]),
  ]

  /// The derivative's own error was measured at 5e-12 at most (see `FiniteDifference`), with 40 seeds; 1e-10
  /// is twenty times as much, and a wrong term of the gradient is 1e-2 and more.
  static let tolerance = 1e-10

  @Test(arguments: 1...5 as ClosedRange<UInt64>, modes)
  func agreeWithTheGraph(seed: UInt64, mode: ReferenceMode) throws {
    for masked in [false, true] {
      for epsilon in [0, 1e-5, 2.5] {
        let test = RandomCase(seed: seed, epsilon: epsilon, mode: mode, masked: masked)
        let check = test.check()
        let worst = try #require(check.worst)
        #expect(
          worst.relativeError <= Self.tolerance, "seed \(seed), masked \(masked), ε \(epsilon): \(worst)")
        // Every x, γ and β was compared.
        #expect(check.samples.count == 24 * 3 + 3 + 3)
      }
    }
  }

  /// A mean a million times the deviation, and a deviation far from 1 either way.
  @Test(arguments: [(1e6, 1.0), (-3e4, 1e-3), (0, 1e-12), (1e3, 1e8)])
  func atOtherScales(mean: Double, deviation: Double) throws {
    let test = RandomCase(seed: 11, mean: mean, deviation: deviation, epsilon: deviation * deviation / 100)
    let worst = try #require(test.check().worst)
    #expect(worst.relativeError <= Self.tolerance, "\(worst)")
  }

  /// Given statistics may be anywhere: out is linear in x, and the step as large as what it is added to.
  @Test(arguments: [1e3, -1e6, 1e8, 1e12, -1e16])
  func farFromTheData(mean: Double) throws {
    let test = RandomCase(
      seed: 16, mode: .running(mean: [mean, 1, -mean], variance: [2, 0.5, 1]), masked: mean < 0)
    let worst = try #require(test.check().worst)
    #expect(worst.relativeError <= Self.tolerance, "\(worst)")
    // A gradient that is wrong by a thousandth is seen from there, too.
    var wrong = test.trace.backward!.dx
    for row in 0..<24 { wrong[row, 0] *= 1.001 }
    #expect(try #require(test.check(dx: wrong).worst).relativeError > 1e-4)
  }

  @Test func twoValues() throws {
    let test = RandomCase(seed: 12, rowCount: 2)
    let worst = try #require(test.check().worst)
    #expect(worst.relativeError <= Self.tolerance, "\(worst)")
  }

  @Test func samplesAreReproducible() {
    let test = RandomCase(seed: 13, rowCount: 100)
    let once = test.check(sampleCount: 20)
    #expect(once == test.check(sampleCount: 20))
    #expect(once.samples != test.check(sampleCount: 20, seed: 2).samples)
    #expect(once.samples.count { $0.gradient == .dx } == 20)
    let places = Set(once.samples.filter { $0.gradient == .dx }.map { [$0.row, $0.feature] })
    #expect(places.count == 20)
  }

  /// No derivative exists where var + ε = 0; the feature is reported instead of compared.
  @Test func undefinedFeatures() {
    var test = RandomCase(seed: 14, epsilon: 0)
    for row in 0..<24 { test.inputs.x[row, 1] = 5 }
    let check = test.check()
    #expect(check.undefinedFeatures == [1])
    #expect(check.samples.allSatisfy { $0.feature != 1 })
    #expect(check.samples.count == 24 * 2 + 2 + 2)
  }

  @Test func uniformFeatures() {
    var test = RandomCase(seed: 15)
    for row in 0..<24 { test.dout[row, 2] = 0.3 }
    #expect(test.check().uniformFeatures == [2])
    // The reason: dx is 0 to rounding of γ·ivar·0.3, whatever x is.
    let size = (test.inputs.gamma[2] * test.trace.forward.ivar[2] * 0.3).magnitude
    #expect(test.trace.backward!.dx.column(2).allSatisfy { $0.magnitude <= 1e-14 * size })
  }

  /// To a millionth of the largest, whatever its sign.
  @Test(
    arguments: [
      ([0.3, 0.30000029, 0.3], true), ([0.3, 0.30000031, 0.3], false), ([-2, -2.0000019], true),
      ([-2, -2.0000021], false), ([-1e-9, 1e-9], false), ([0, 0], true), ([7], true),
    ] as [([Double], Bool)])
  func nearlyUniform(gradient: [Double], isUniform: Bool) {
    #expect(isUniformGradient(FeatureMatrix(column: gradient), feature: 0) == isUniform)
  }
}

extension RandomCase {
  /// Checks the graph's own gradients, or the given ones in their place.
  func check(
    sampleCount: Int = .max, seed: UInt64 = 1, dx: FeatureMatrix? = nil, dgamma: FeatureRow? = nil,
    dbeta: FeatureRow? = nil
  ) -> GradientCheck {
    let gradients = trace.backward!
    return checkGradients(
      dx: dx ?? gradients.dx, dgamma: dgamma ?? gradients.dgamma, dbeta: dbeta ?? gradients.dbeta,
      of: inputs, dout: dout, sampleCount: sampleCount, seed: seed)
  }
}

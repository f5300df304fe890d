import Testing

@testable import BatchNormReference

/// A check is worth what it catches: each test plants one plausible bug in the gradient and expects it to be
/// seen.
@Suite(.timeLimit(.minutes(30))) struct MutationTests {
  /// A wrong formula for dx, from the graph's values of one feature's row.
  struct Mutation: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let dx: @Sendable (GraphTrace) -> FeatureMatrix

    init(_ description: String, _ dx: @escaping @Sendable (GraphTrace) -> FeatureMatrix) {
      testDescription = description
      self.dx = dx
    }
  }

  static let mutations = [
    Mutation("the sign of dmu is flipped") { $0.backward!.dx1 - $0.backward!.dx2 },
    Mutation("the sign of dvar is flipped") {
      let b = $0.backward!
      return b.dxmu1 - b.dxmu2 + b.dx2
    },
    Mutation("the 1/m of the mean is missing") {
      $0.backward!.dx1 + 24 * $0.backward!.dx2
    },
    Mutation("the 1/m of the variance is missing") {
      let b = $0.backward!
      return b.dxmu1 + 24 * b.dxmu2 + b.dx2
    },
    Mutation("the 2 of the square is missing") {
      let b = $0.backward!
      return b.dxmu1 + 0.5 * b.dxmu2 + b.dx2
    },
    Mutation("the variance is taken as constant") { $0.backward!.dxmu1 + $0.backward!.dx2 },
    Mutation("the mean is taken as constant") { $0.backward!.dx1 },
    Mutation("1/(m-1) instead of 1/m in the variance") {
      let b = $0.backward!
      return b.dxmu1 + (24.0 / 23.0) * b.dxmu2 + b.dx2
    },
    Mutation("γ is forgotten") {
      var inputs = $0.inputs
      inputs.gamma = FeatureRow(repeating: 1, count: 3)
      return GraphTrace(inputs, dout: $0.dout).backward!.dx
    },
    Mutation("ε is forgotten") {
      var inputs = $0.inputs
      inputs.epsilon = 0
      return GraphTrace(inputs, dout: $0.dout).backward!.dx
    },
  ]

  @Test(arguments: mutations, 1...3 as ClosedRange<UInt64>)
  func wrongFormulaIsCaught(mutation: Mutation, seed: UInt64) throws {
    let test = RandomCase(seed: seed, epsilon: 1e-3)
    let worst = try #require(test.check(dx: mutation.dx(test.trace)).worst)
    #expect(worst.gradient == .dx)
    // The smallest of these bugs, a forgotten ε of 1e-3, is of the order of 1e-3; a correct gradient is below
    // 1e-10.
    #expect(worst.relativeError > 1e-5, "seed \(seed): \(worst)")
  }

  /// One wrong entry is found, and named.
  @Test func wrongEntryIsLocated() throws {
    let test = RandomCase(seed: 4)
    var dx = test.trace.backward!.dx
    dx[17, 2] += 1e-6 * dx.values.reduce(0) { max($0, $1.magnitude) }
    let worst = try #require(test.check(dx: dx).worst)
    #expect(worst.gradient == .dx && worst.row == 17 && worst.feature == 2)
    #expect(worst.analytic == dx[17, 2])
    #expect(worst.relativeError > 1e-8)
  }

  @Test func wrongParameterGradientsAreCaught() throws {
    let test = RandomCase(seed: 5)
    let gradients = test.trace.backward!
    let dgamma = try #require(test.check(dgamma: (1.0 / 24) * gradients.dgamma).worst)
    #expect(dgamma.gradient == .dgamma && dgamma.relativeError > 1e-2)
    let dbeta = try #require(test.check(dbeta: -gradients.dbeta).worst)
    #expect(dbeta.gradient == .dbeta && dbeta.relativeError > 1e-2)
  }

  @Test func notANumberIsTheWorst() throws {
    let test = RandomCase(seed: 6)
    var dx = test.trace.backward!.dx
    dx[3, 1] = .nan
    let worst = try #require(test.check(dx: dx).worst)
    #expect(worst.relativeError == .infinity && worst.row == 3 && worst.feature == 1)
  }

  /// The gradient of padding that the mask keeps out of the statistics, but whose own gradient flows through
  /// them.
  @Test func ignoringMaskedRowsIsCaught() throws {
    let test = RandomCase(seed: 7, masked: true)
    var dout = test.dout
    for row in 0..<24 where !test.inputs.counted.isIncluded[row] {
      for feature in 0..<3 { dout[row, feature] = 0 }
    }
    let wrong = GraphTrace(test.inputs, dout: dout).backward!.dx
    let worst = try #require(test.check(dx: wrong).worst)
    #expect(worst.relativeError > 1e-2, "\(worst)")
  }

  /// With a uniform dout the same bugs stay hidden, which is why it is reported.
  @Test func uniformGradientHidesABug() throws {
    var test = RandomCase(seed: 8)
    test.dout = FeatureMatrix(repeating: 1, rowCount: 24, featureCount: 3)
    let b = test.trace.backward!
    let check = test.check(dx: b.dxmu1 - b.dxmu2 + b.dx2)
    #expect(try #require(check.worst).relativeError < 1e-10)
    #expect(check.uniformFeatures == [0, 1, 2])
  }
}

import Testing

@testable import BatchNormReference

@Suite(.timeLimit(.minutes(30))) struct DegenerateTests {
  /// 0.1·7 / 7 is not 0.1 in Double; the output must be β all the same.
  @Test(arguments: [0.1, 100, 1e6 + 0.1, -1e15 / 3], [0, 1e-5])
  func constantFeatureGivesBeta(value: Double, epsilon: Double) {
    let inputs = GraphInputs(
      x: FeatureMatrix(repeating: value, rowCount: 7, featureCount: 1), gamma: [3], beta: [0.7],
      epsilon: epsilon)
    let trace = GraphTrace(inputs, dout: column(1, -2, 3, 4, -5, 6, 7))
    #expect(trace.forward.variance == [0])
    #expect(trace.forward.out.values.allSatisfy { $0 == 0.7 })
    #expect(trace.backward?.dgamma == [0])
    if epsilon == 0 {
      #expect(trace.forward.ivar == [0])
      #expect(trace.backward?.dx.values.allSatisfy { $0 == 0 } == true)
    }
  }

  @Test func singleValueGivesBetaAndNoGradient() {
    let inputs = GraphInputs(x: column(42), gamma: [3], beta: [0.7], epsilon: 1e-5)
    let trace = GraphTrace(inputs, dout: column(5))
    #expect(trace.forward.out == column(0.7))
    #expect(trace.backward?.dx == column(0))
  }

  @Test func nonFiniteValuesPoisonTheirOwnFeatureOnly() {
    let test = RandomCase(seed: 3)
    var poisoned = test
    poisoned.inputs.x[5, 1] = .nan
    for feature in [0, 2] {
      #expect(poisoned.trace.forward.out.column(feature) == test.trace.forward.out.column(feature))
      #expect(poisoned.trace.backward?.dx.column(feature) == test.trace.backward?.dx.column(feature))
    }
    #expect(poisoned.trace.forward.out.column(1).allSatisfy { $0.isNaN })
  }

  /// A NaN in padding reaches that row's output, but no statistic.
  @Test func nonFinitePaddingReachesNoStatistic() {
    let inputs = GraphInputs(
      x: column(1, 5, 3, 3, .nan), gamma: [3], beta: [1], epsilon: 2,
      counted: [true, true, true, true, false])
    let nodes = forward(inputs)
    #expect(nodes.mu == [3])
    #expect(nodes.variance == [2])
    #expect(Array(nodes.out.values.prefix(4)) == [-2, 4, 1, 1])
  }

  /// Where the mean is 1e9 times the deviation. x + 1e9 is exact here because x is a multiple of 2⁻¹⁰, so the
  /// output must be that of x. Rounding the mean to a Double alone would cost 1e-7.
  @Test func largeMean() {
    let test = RandomCase(seed: 4, rowCount: 1000, featureCount: 2)
    var inputs = test.inputs
    inputs.x.values = inputs.x.values.map { ($0 * 1024).rounded() / 1024 }
    var shifted = inputs
    shifted.x.values = inputs.x.values.map { $0 + 1e9 }
    let near = GraphTrace(inputs, dout: test.dout)
    let far = GraphTrace(shifted, dout: test.dout)
    // A few roundings of numbers of the tensor's scale: 2⁻⁵³ = 1.1e-16 each.
    #expect(relativeDistance(near.forward.out.values, far.forward.out.values) < 4e-16)
    #expect(relativeDistance(near.backward!.dx.values, far.backward!.dx.values) < 2e-15)
  }
}

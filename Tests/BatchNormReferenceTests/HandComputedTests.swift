import Testing

@testable import BatchNormReference

/// Examples worked out by hand in fractions whose denominators are powers of two, so every node is exact.
@Suite(.timeLimit(.minutes(30))) struct HandComputedTests {
  /// mean 3, variance 2, ε = 2: the root is 2.
  static let inputs = GraphInputs(x: column(1, 5, 3, 3), gamma: [3], beta: [1], epsilon: 2)
  static let dout = column(1, 2, -1, 2)

  static let expected: [NodeName: [Double]] = [
    .mu: [3],
    .xmu: [-2, 2, 0, 0],
    .sq: [4, 4, 0, 0],
    .variance: [2],
    .sqrtvar: [2],
    .ivar: [1 / 2],
    .xhat: [-1, 1, 0, 0],
    .gammax: [-3, 3, 0, 0],
    .out: [-2, 4, 1, 1],
    .dbeta: [4],
    .dgammax: [1, 2, -1, 2],
    .dgamma: [1],
    .dxhat: [3, 6, -3, 6],
    .divar: [6],
    .dxmu1: [3 / 2, 3, -3 / 2, 3],
    .dsqrtvar: [-3 / 2],
    .dvar: [-3 / 8],
    .dsq: [-3 / 32, -3 / 32, -3 / 32, -3 / 32],
    .dxmu2: [3 / 8, -3 / 8, 0, 0],
    .dx1: [15 / 8, 21 / 8, -3 / 2, 3],
    .dmu: [-6],
    .dx2: [-3 / 2, -3 / 2, -3 / 2, -3 / 2],
    .dx: [3 / 8, 9 / 8, -3, 3 / 2],
  ]

  @Test(arguments: NodeName.allCases.filter { $0.definition.phase != .input })
  func everyNode(name: NodeName) {
    let trace = GraphTrace(Self.inputs, dout: Self.dout)
    #expect(trace[name]?.values == Self.expected[name])
  }

  /// The same values and one more, 7, that enters no statistic: it is normalized to 2, and its gradient still
  /// flows through mean and variance into the others.
  @Test func masked() {
    var inputs = Self.inputs
    inputs.x = column(1, 5, 3, 3, 7)
    inputs.counted = RowSelection([true, true, true, true, false])
    let trace = GraphTrace(inputs, dout: column(1, 2, -1, 2, 1))
    #expect(trace.forward.mu == [3])
    #expect(trace.forward.variance == [2])
    #expect(trace.forward.out == column(-2, 4, 1, 1, 7))
    #expect(trace.backward?.dbeta == [5])
    #expect(trace.backward?.dgamma == [3])
    #expect(trace.backward?.divar == [18])
    #expect(trace.backward?.dvar == [-9 / 8])
    #expect(trace.backward?.dxmu2 == column(9 / 8, -9 / 8, 0, 0, 0))
    #expect(trace.backward?.dmu == [-15 / 2])
    #expect(trace.backward?.dx == column(3 / 4, 0, -27 / 8, 9 / 8, 3 / 2))
  }

  @Test func detached() {
    var inputs = Self.inputs
    inputs.mode = .detached
    let trace = GraphTrace(inputs, dout: Self.dout)
    #expect(trace.forward.out == column(-2, 4, 1, 1))
    #expect(trace.backward?.dgamma == [1])
    #expect(trace.backward?.dx == column(3 / 2, 3, -3 / 2, 3))
  }

  /// Mean 1 and variance 14 given: the root is 4.
  @Test func running() {
    var inputs = Self.inputs
    inputs.mode = .running(mean: [1], variance: [14])
    let trace = GraphTrace(inputs, dout: Self.dout)
    #expect(trace.forward.out == column(1, 4, 5 / 2, 5 / 2))
    #expect(trace.backward?.dbeta == [4])
    #expect(trace.backward?.dgamma == [2.5])
    #expect(trace.backward?.dx == column(3 / 4, 3 / 2, -3 / 4, 3 / 2))
  }

  /// In the layout of the input: two features of an [N = 2, C = 2, S = 2] tensor, the second twice the first.
  @Test func inTheLayoutOfTheInput() {
    let result = batchNormReference(
      x: [1, 5, 2, 10, 3, 3, 6, 6], dy: [1, 2, 1, 2, -1, 2, -1, 2],
      layout: LayoutView(shape: [2, 2, 2], featureAxis: 1), gamma: [3, 3], beta: [1, 1], epsilon: 2)
    #expect(result.mean == [3, 6])
    #expect(result.variance == [2, 8])
    #expect(result.count == 4)
    #expect(result.invStd[0] == 0.5)
    #expect(result.dbeta == [4, 4])
    #expect(result.dgamma[0] == 1)
    let first = [0, 1, 4, 5]
    #expect(first.map { result.y[$0] } == [-2, 4, 1, 1])
    #expect(first.map { result.xHat[$0] } == [-1, 1, 0, 0])
    #expect(first.map { result.dx[$0] } == [0.375, 1.125, -3, 1.5])
  }
}

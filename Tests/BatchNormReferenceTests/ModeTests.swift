import Testing

@testable import BatchNormReference

@Suite(.timeLimit(.minutes(30))) struct ModeTests {
  /// What the counted rows see of a mask is a batch without the others.
  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func maskedRowsEnterNoStatistic(seed: UInt64) {
    let test = RandomCase(seed: seed, masked: true)
    let counted = test.inputs.counted.isIncluded
    let rows = counted.indices.filter { counted[$0] }
    var smaller = test.inputs
    smaller.x = FeatureMatrix(
      rowCount: rows.count, featureCount: 3,
      values: rows.flatMap { row in (0..<3).map { test.inputs.x[row, $0] } })
    smaller.counted = .all(rowCount: rows.count)
    let full = forward(test.inputs)
    let reduced = forward(smaller)
    #expect(full.mu == reduced.mu, "seed \(seed)")
    #expect(full.variance == reduced.variance, "seed \(seed)")
    #expect(rows.allSatisfy { full.out[$0, 1] == reduced.out[rows.firstIndex(of: $0)!, 1] }, "seed \(seed)")
  }

  /// Where dout is 0 on the masked rows, they might as well not exist.
  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func maskedRowsWithoutGradientChangeNothing(seed: UInt64) {
    var test = RandomCase(seed: seed, masked: true)
    let counted = test.inputs.counted.isIncluded
    let rows = counted.indices.filter { counted[$0] }
    for row in counted.indices where !counted[row] {
      for feature in 0..<3 { test.dout[row, feature] = 0 }
    }
    func only(_ matrix: FeatureMatrix) -> FeatureMatrix {
      FeatureMatrix(
        rowCount: rows.count, featureCount: 3, values: rows.flatMap { row in (0..<3).map { matrix[row, $0] } }
      )
    }
    var smaller = test.inputs
    smaller.x = only(test.inputs.x)
    smaller.counted = .all(rowCount: rows.count)
    let full = test.trace.backward!
    let reduced = GraphTrace(smaller, dout: only(test.dout)).backward!
    #expect(only(full.dx) == reduced.dx, "seed \(seed)")
    #expect(full.dgamma == reduced.dgamma, "seed \(seed)")
    #expect(full.dbeta == reduced.dbeta, "seed \(seed)")
  }

  @Test func allTrueMaskIsNoMask() {
    let test = RandomCase(seed: 5)
    let all = Array(repeating: true, count: test.inputs.x.rowCount)
    let inputs = GraphInputs(
      x: test.inputs.x, gamma: test.inputs.gamma, beta: test.inputs.beta, epsilon: test.inputs.epsilon,
      counted: all)
    #expect(GraphTrace(inputs, dout: test.dout) == test.trace)
  }

  /// Constant statistics: dx = γ·ivar·dy, to one rounding of the product of three numbers.
  @Test func constantStatisticsHaveALinearGradient() {
    let modes: [ReferenceMode] = [.detached, .running(mean: [1, 2, 3], variance: [1, 4, 9])]
    for mode in modes {
      let trace = RandomCase(seed: 6, mode: mode).trace
      let scale = broadcastRow(trace.inputs.gamma * trace.forward.ivar, rowCount: 24)
      #expect(relativeDistance((scale * trace.dout!).values, trace.backward!.dx.values) <= 1e-15)
    }
  }

  @Test func detachedHasTheForwardPassOfBatch() {
    let test = RandomCase(seed: 7)
    var detached = test.inputs
    detached.mode = .detached
    #expect(forward(detached) == forward(test.inputs))
  }
}

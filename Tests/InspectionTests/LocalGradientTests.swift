import BatchNormReference
import Testing

/// Each node of the backward pass is its local gradient times what comes from upstream, summed over the batch where one value served all
/// of it.
@Suite(.timeLimit(.minutes(30))) struct LocalGradientTests {
  private static func trace(_ mode: ReferenceMode, counted: [Bool]? = nil) -> GraphTrace {
    var random = SplitMix64(seed: 2)
    func matrix() -> FeatureMatrix {
      FeatureMatrix(
        rowCount: 5, featureCount: 2, values: (0..<10).map { _ in Double.random(in: -2..<3, using: &random) })
    }
    return GraphTrace(
      GraphInputs(
        x: matrix(), gamma: [1.5, -0.5], beta: [1, 2], epsilon: 0.25, mode: mode, counted: counted),
      dout: matrix())
  }

  private static func cell(_ value: NodeValue?, _ row: Int, _ feature: Int) -> Double? {
    switch value {
    case .matrix(let matrix): matrix[row, feature]
    case .row(let row): row[feature]
    case .scalar(let scalar): scalar
    case nil: nil
    }
  }

  @Test func timesUpstreamIsTheNode() throws {
    for trace in [
      Self.trace(.batch), Self.trace(.batch, counted: [true, false, true, true, true]), Self.trace(.detached),
      Self.trace(.running(mean: [0.5, 1], variance: [2, 3])),
    ] {
      let backward = NodeName.allCases.filter { $0.definition.phase == .backward }
      #expect(backward.count == 14)
      for node in backward {
        let local = try #require(node.localGradient)
        for feature in 0..<2 {
          var products: [Double] = []
          for row in 0..<5 {
            let factor = try #require(Self.cell(trace.localGradient(of: node), row, feature))
            let upstream = try local.upstream.map { try #require(Self.cell(trace[$0], row, feature)) }
            products.append(factor * upstream.reduce(0, +))
          }
          for row in 0..<5 {
            let expected = local.isSummed ? products.reduce(0, +) : products[row]
            let found = try #require(Self.cell(trace[node], row, feature))
            let scale = products.reduce(0) { $0 + $1.magnitude }
            #expect((found - expected).magnitude <= 1e-14 * scale, "\(node)")
          }
        }
        // Which nodes it comes from is what the table of the graph says, but for the values that are its local gradient.
        #expect(local.upstream.allSatisfy(node.inputs.contains))
      }
      for node in NodeName.allCases where !backward.contains(node) {
        #expect(node.localGradient == nil && trace.localGradient(of: node) == nil)
      }
    }
  }
}

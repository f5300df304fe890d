import BatchNorm
import Testing

/// What the summary says of all features together, on numbers that are worked out by hand.
@Suite(.timeLimit(.minutes(30))) struct DiagnosticTotalsTests {
  /// Batches of one size, in order, with ε = 0.
  private static func add(
    _ x: [Double], _ dy: [Double], samplesPerBatch: Int, to over: DiagnosticsOverBatches,
    _ layout: FeatureLayout
  ) {
    let length = samplesPerBatch * layout.valuesPerSample
    for start in stride(from: 0, to: x.count, by: length) {
      var batch = Batch(layout, samples: samplesPerBatch, x: Array(x[start..<start + length]))
      batch.dy = Array(dy[start..<start + length])
      batch.epsilon = 0
      over.add(DiagnosedBatch().run(batch), samples: samplesPerBatch, isWhole: true)
    }
  }

  private static func isNear(_ found: Double?, _ expected: Double) -> Bool {
    guard let found else { return false }
    return (found - expected).magnitude <= 1e-14 * expected.magnitude
  }

  /// Feature 0 has 1 and 3, with gradients 2 and -1: x̂ is -1 and 1. Feature 1 has a NaN: what depends on its values is in no total, what
  /// depends on its gradients 7 and -3 alone is.
  @Test func featuresThatAreNotFiniteAreLeftOut() {
    let layout = FeatureLayout(positionRows: 1, featureCount: 2, planeLength: 1)
    let over = DiagnosticsOverBatches(layout, hasMask: false)
    Self.add([1, .nan, 3, 5], [2, 7, -1, -3], samplesPerBatch: 2, to: over, layout)
    let totals = over.totals(0..<2)
    // 2² + 1²; (2 - 1)²/2; (2 - 1)·(-2 - 1)²/2; |−2| + |−1|; |-2 - 1|.
    #expect(Self.isNear(totals.gradientSquares, 5))
    #expect(Self.isNear(totals.byMean, 0.5) && Self.isNear(totals.byNormalized, 4.5))
    #expect(Self.isNear(totals.absoluteProducts, 3) && Self.isNear(totals.dgammas, 3))
    // 2 + 1 + 7 + 3; |2 - 1| + |7 - 3|.
    #expect(Self.isNear(totals.absoluteGradients, 13) && Self.isNear(totals.dbetas, 5))
    // Two values leave nothing of a gradient.
    #expect(totals.inputGradientSquares < 1e-20)
  }

  /// Feature 0 is always 4: it has no standard deviation of which an error could be a share. Feature 1 has 1 and 3, then 5 and 9: means 2
  /// and 7, variances 1 and 4, and of all four values a mean of 4.5 and a variance of 8.75.
  @Test func aConstantFeatureHidesNoOther() {
    let layout = FeatureLayout(positionRows: 1, featureCount: 2, planeLength: 1)
    let over = DiagnosticsOverBatches(layout, hasMask: false)
    Self.add([4, 1, 4, 3, 4, 5, 4, 9], Array(repeating: 1, count: 8), samplesPerBatch: 2, to: over, layout)
    let totals = over.totals(0..<2)
    #expect(Self.isNear(totals.meanError, 2.5 / 8.75.squareRoot()))
    #expect(Self.isNear(totals.varianceError, 1.5 / 8.75))
    // 12.5 and 4.5, over a ten-thousandth of 8.75 and of its square, rounded up.
    #expect(totals.meanBatches == 14286 && totals.varianceBatches == 588)
    // (2·2.5² + 2·2.5²)/1 over (2 + 8)/2.
    #expect(Self.isNear(totals.largestF, 5))
  }

  /// Samples of several values: what goes on after an interruption knows how many samples there were, and how many values.
  @Test func samplesAndValuesOfBeforeAreKnown() throws {
    let layout = FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 3)
    let x: [Double] = (0..<36).map { Double($0 * $0 % 11) }
    let dy: [Double] = (0..<36).map { Double($0 % 5) }
    let whole = DiagnosticsOverBatches(layout, hasMask: false)
    Self.add(x, dy, samplesPerBatch: 4, to: whole, layout)
    let first = DiagnosticsOverBatches(layout, hasMask: false)
    Self.add(Array(x[..<24]), Array(dy[..<24]), samplesPerBatch: 4, to: first, layout)
    let second = DiagnosticsOverBatches(layout, hasMask: false)
    let isRestored = second.restore(first.state())
    try #require(isRestored)
    Self.add(Array(x[24...]), Array(dy[24...]), samplesPerBatch: 4, to: second, layout)
    for diagnostic in FeatureDiagnostic.allCases {
      #expect(whole.values(of: diagnostic)[0].isFinite, "\(diagnostic)")
      #expect(second.values(of: diagnostic) == whole.values(of: diagnostic), "\(diagnostic)")
    }
  }

  /// What several threads find of their features is added up: each sum is that of all single features.
  @Test func totalsOfPartsAddUp() {
    let layout = FeatureLayout(positionRows: 1, featureCount: 20, planeLength: 1)
    let over = DiagnosticsOverBatches(layout, hasMask: false)
    let x: [Double] = (0..<240).map { Double(($0 * $0 * 7 + $0 * 3) % 23) }
    let dy: [Double] = (0..<240).map { Double($0 * 5 % 7 - 2) }
    Self.add(x, dy, samplesPerBatch: 6, to: over, layout)
    var parts = DiagnosticTotals()
    for features in [0..<8, 8..<16, 16..<20] { parts.add(over.totals(features)) }
    let sums: [KeyPath<DiagnosticTotals, Double>] = [
      \.gradientSquares, \.inputGradientSquares, \.byMean, \.byNormalized, \.absoluteProducts,
      \.absoluteGradients, \.dgammas, \.dbetas, \.noise,
    ]
    for sum in sums {
      var expected = 0.0
      for feature in 0..<20 { expected += over.totals(feature..<feature + 1)[keyPath: sum] }
      #expect(expected > 0, "\(sum)")
      #expect(Self.isNear(parts[keyPath: sum], expected), "\(sum)")
    }
    #expect(parts.noisyFeatures == 20)
  }
}

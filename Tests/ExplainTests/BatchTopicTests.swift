import BatchNormReference
import Configuration
import Foundation
import Parallel
import TestSupport
import Testing

@testable import Explain

/// The topics that are about one batch, on data of which the outcome is known.
@Suite(.timeLimit(.minutes(30))) struct BatchTopicTests {
  /// A batch of numbers that are nearly Gaussian: sums of twelve uniform ones, of variance 1.
  static func batch(
    rows: Int, features: Int, mean: Double = 0, scale: Double = 1, gamma: Double = 1, beta: Double = 0,
    hasGradient: Bool = true, seed: UInt64 = 5
  ) -> ExplainedBatch {
    var random = SplitMix64(seed: seed)
    func numbers() -> [Double] {
      (0..<rows * features).map { _ in (0..<12).reduce(-6) { sum, _ in sum + random.nextUnit() } }
    }
    let x = numbers().map { mean + scale * $0 }
    return ExplainedBatch(
      data: ExplainedData(file: nil, layer: nil, batch: 0, count: rows, features: features),
      inputs: GraphInputs(
        x: FeatureMatrix(rowCount: rows, featureCount: features, values: x),
        gamma: FeatureRow(repeating: gamma, count: features),
        beta: FeatureRow(repeating: beta, count: features), epsilon: 1e-5),
      dout: hasGradient ? FeatureMatrix(rowCount: rows, featureCount: features, values: numbers()) : nil)
  }

  @Test(
    "adjoints hold to 1e-14; the matrix of ones is written out up to 1024 rows",
    arguments: [3, 100, 1024, 1025])
  func adjoints(rows: Int) {
    for hasGradient in [true, false] {
      let found = Adjoints(
        batch: Self.batch(rows: rows, features: 2, mean: 1e6, hasGradient: hasGradient)
      ).explanation()
      #expect(found.verdict == .held)
      #expect(
        found.measures.map(\.quantity)
          == (rows > 1024 ? [] : [.meanAdjointExplicit, .meanAdjointGraph])
          + [.meanAdjointProducts, .broadcastAdjointProducts])
      #expect(found.measures.allSatisfy { $0.expectation == .atMost(1e-14) && $0.value <= 1e-14 })
    }
  }

  /// The graph's adjoint leaves out what a mask does, so that it is no matrix of equal rows.
  @Test("of a masked batch the matrix of ones is not compared with the graph's")
  func maskedAdjoints() {
    let whole = Self.batch(rows: 12, features: 2)
    let inputs = GraphInputs(
      x: whole.inputs.x, gamma: whole.inputs.gamma, beta: whole.inputs.beta, epsilon: 1e-5,
      counted: (0..<12).map { $0 % 3 != 0 })
    let found = Adjoints(batch: ExplainedBatch(data: whole.data, inputs: inputs, dout: whole.dout))
      .explanation()
    #expect(
      found.measures.map(\.quantity)
        == [.meanAdjointExplicit, .meanAdjointProducts, .broadcastAdjointProducts])
    #expect(found.verdict == .held)
  }

  /// Through constants nothing flows back, whatever the mean of the gradients is.
  @Test("where mean and variance are constants the matrix of ones is not compared with the graph's")
  func adjointsOfConstants() {
    let whole = Self.batch(rows: 12, features: 2)
    for mode in [ReferenceMode.detached, .running(mean: [1, 2], variance: [3, 4])] {
      let inputs = GraphInputs(
        x: whole.inputs.x, gamma: whole.inputs.gamma, beta: whole.inputs.beta, epsilon: 1e-5, mode: mode)
      let found = Adjoints(batch: ExplainedBatch(data: whole.data, inputs: inputs, dout: whole.dout))
        .explanation()
      let quantities: [Quantity] = [
        .meanAdjointExplicit, .meanAdjointProducts, .broadcastAdjointProducts,
      ]
      #expect(found.measures.map(\.quantity) == quantities)
      #expect(found.verdict == .held)
    }
  }

  @Test("the parameters make y = x, and 1 and 0 do not", arguments: [0, 1e3, -1e8])
  func identity(mean: Double) throws {
    let batch = Self.batch(rows: 500, features: 3, mean: mean, scale: 3)
    let found = try IdentityOfParameters(batch: batch).explanation()
    #expect(found.verdict == .held)
    #expect(found.measures[0].value <= 1e-15)
    // |x - x̂| is at least |mean|/max|x| less 1; without a mean, (1 - 1/3).
    #expect(found.measures[1].value > 0.6)
  }

  @Test("a statement that does not hold is not said to")
  func refuted() throws {
    let measures = [Measure(.identityError, nil, 2e-15, .atMost(1e-15)), Measure(.standardError, nil, 1)]
    let data = ExplainedData(file: nil, layer: nil, batch: 0, count: 1, features: 1)
    #expect(Explanation(.identity, on: data, measures).verdict == .refuted)
    #expect(
      Explanation(.identity, on: data, [Measure(.identityError, nil, .nan, .atMost(1))]).verdict == .refuted)
    // Each once, in the order of all quantities, whichever was measured first.
    let several = [
      Measure(.straightLine, .layer, 0, .atLeast(1)), Measure(.shareInside, .xHat, 0, .atLeast(1)),
      Measure(.constantFeatures, nil, 0), Measure(.straightLine, .xHat, 0, .atLeast(1)),
    ]
    #expect(
      Explanation(.saturation, on: data, several, against: [.lastLoss, .shareInside]).against
        == [.shareInside, .straightLine, .lastLoss])
    let near = [1.4, 1.5, 2, 2.5, 2.6].filter { ExpectedValue.near(2, within: 0.5).allows($0) }
    #expect(near == [1.5, 2, 2.5])
    #expect(ExpectedValue.atLeast(2).allows(2) && !ExpectedValue.atLeast(2).allows(1.9))
  }

  /// Expected: four million sums of twelve uniform numbers in NumPy. A Gaussian has 0.682_689, 0.197_413, 0.984_167 and 0.837_667 (by erf, and
  /// by Gauss-Hermite quadrature with 200 nodes).
  @Test("values lie inside ±1 as often as they should, and where a sigmoid is straight")
  func saturation() throws {
    let rows = 40_000
    let found = try Saturation(
      batch: Self.batch(rows: rows, features: 2, mean: 7, scale: 0.1, gamma: 2, beta: 1)
    )
    .explanation()
    func value(_ quantity: Quantity, _ variant: Variant) throws -> Double {
      try #require(found.measures.first { $0.quantity == quantity && $0.variant == variant }).value
    }
    // Five standard errors of a share.
    let tolerance = 5 * (0.68 * 0.32 / Double(2 * rows)).squareRoot()
    #expect(abs(try value(.shareInside, .xHat) - 0.678_387) < tolerance)
    #expect(abs(try value(.shareInside, .gamma4) - 0.194_851) < tolerance)
    #expect(abs(try value(.straightLine, .xHat) - 0.985_427) < 0.001)
    #expect(abs(try value(.straightLine, .gamma4) - 0.841_982) < 0.003)
    #expect(try value(.shareInside, .layer) < value(.shareInside, .xHat))
    // Bins of a fifth, from -8: those of -1 up to 1 hold what the share counts.
    for variant in [Variant.xHat, .layer, .gamma4] {
      let histogram = try #require(found.series.first { $0.path == "\(variant.rawValue)/histogram" }).values
      #expect(histogram.count == 80 && histogram.reduce(0, +) == Double(2 * rows))
      #expect(
        histogram[35..<45].reduce(0, +) == (try value(.shareInside, variant) * Double(2 * rows)).rounded())
    }
    #expect(found.verdict == .held)
  }

  @Test(
    "what the layer makes of them is shown where its gamma or its beta is its own",
    arguments: [(2, 0), (1, 1), (2, 1), (1, 0)] as [(Double, Double)])
  func ownParameters(gamma: Double, beta: Double) throws {
    let found = try Saturation(batch: Self.batch(rows: 100, features: 2, gamma: gamma, beta: beta))
      .explanation()
    let variants = found.measures.map(\.variant)
    #expect(variants.contains(Variant.xHat) && variants.contains(Variant.gamma4))
    #expect(variants.contains(Variant.layer) == (gamma != 1 || beta != 0))
    let paths = found.series.map(\.path)
    #expect(paths.contains("\(Variant.layer.rawValue)/histogram") == (gamma != 1 || beta != 0))
  }

  /// Of -3, -1, 1, 3 with a deviation of √5 x̂ is ∓1.34 and ∓0.45. Twice that plus 1 is -1.68, 0.11, 1.89 and 3.68; half of it less 1 is
  /// -1.67, -1.22, -0.78 and -0.33.
  @Test("what the layer makes of them is by each feature's own gamma and beta")
  func ownParametersOfEachFeature() throws {
    let x: [Double] = [-3, -3, -1, -1, 1, 1, 3, 3]
    let batch = ExplainedBatch(
      data: ExplainedData(file: nil, layer: nil, batch: 0, count: 4, features: 2),
      inputs: GraphInputs(
        x: FeatureMatrix(rowCount: 4, featureCount: 2, values: x), gamma: [2, 0.5], beta: [1, -1],
        epsilon: 1e-5), dout: nil)
    let found = try Saturation(batch: batch).explanation()
    let shares = found.measures.filter { $0.quantity == .shareInside }
    let variants: [Variant?] = [Variant.xHat, Variant.layer, Variant.gamma4]
    #expect(shares.map(\.variant) == variants)
    #expect(shares.map(\.value) == [0.5, 0.375, 0])
    // Bins of a fifth, from -8.
    let histogram = try #require(found.series.first { $0.path == "layer/histogram" }).values
    let bins = histogram.indices.filter { histogram[$0] > 0 }
    #expect(bins == [31, 33, 36, 38, 40, 49, 58] && histogram[31] == 2)
  }

  @Test("features that do not vary are left out; without any other nothing is shown")
  func constant() throws {
    var batch = Self.batch(rows: 50, features: 1)
    batch = ExplainedBatch(
      data: batch.data,
      inputs: GraphInputs(
        x: FeatureMatrix(rowCount: 50, featureCount: 1, values: Array(repeating: 3, count: 50)),
        gamma: [1], beta: [0], epsilon: 1e-5), dout: nil)
    let found = try Saturation(batch: batch).explanation()
    #expect(found.verdict == .inconclusive)
    // What shows nothing does not speak against the statement either.
    #expect(found.against == [] && found.measures.contains { !$0.isAsExpected })
    #expect(found.measures.last?.value == 1)
  }

  /// With L = Σdy·x̂/m and dy given, b moves by -Σdy/m in each of the 1,000 steps.
  @Test func biasDrift() throws {
    let batch = Self.batch(rows: 64, features: 3, mean: 100)
    let found = BiasDrift(batch: batch).explanation()
    let means = (0..<3).map { feature in (0..<64).reduce(0) { $0 + batch.dout![$1, feature] } / 64 }
    let farthest = means.max { abs($0) < abs($1) }!
    let moved = try #require(found.measures.first { $0.quantity == .biasMoved }).value
    #expect(abs(moved + 1000 * farthest) < 1e-9 * abs(moved))
    let way = try #require(found.series.first { $0.path == "outside/bias" }).values
    #expect(way.count == 1001 && way.first == 0 && way.last == moved)
    #expect(abs(way[500] + 500 * farthest) < 1e-9 * abs(moved))
    #expect(found.verdict == .held)
    // Without a gradient, L = ½Σ(x̂ - 1)²/m pulls b up by 1 a step.
    let upward = BiasDrift(batch: Self.batch(rows: 64, features: 3, hasGradient: false)).explanation()
    #expect(abs(try #require(upward.measures.first { $0.quantity == .biasMoved }).value - 1000) < 1e-9)
    #expect(upward.verdict == .held)
  }

  /// Of the other one the gradient is 0. Three halves a step, exactly.
  @Test("a single bias that moves shows it", arguments: [0, 1])
  func biasDriftOfOneFeature(moving: Int) throws {
    let dy: [Double] = moving == 0 ? [1, 0, 2, 0] : [0, 1, 0, 2]
    let batch = ExplainedBatch(
      data: ExplainedData(file: nil, layer: nil, batch: 0, count: 2, features: 2),
      inputs: GraphInputs(
        x: FeatureMatrix(rowCount: 2, featureCount: 2, values: [1, 4, 2, 8]), gamma: [1, 1], beta: [0, 0],
        epsilon: 1e-5), dout: FeatureMatrix(rowCount: 2, featureCount: 2, values: dy))
    let found = BiasDrift(batch: batch).explanation()
    #expect(found.verdict == .held && found.against == [])
    #expect(found.measures.first { $0.quantity == .biasMoved }?.value == -1500)
    let way = try #require(found.series.first { $0.path == "outside/bias" }).values
    #expect(way.count == 1001 && way.last == -1500)
  }

  @Test("the sample is the 1,797 digits")
  func sample() throws {
    let (x, labels) = DigitsSample.digits
    #expect(x.rows == 1797 && x.columns == 64 && labels.count == 1797)
    // As scikit-learn's load_digits has them: sums of all pixels and classes, and the first row of the first.
    #expect(x.values.reduce(0, +) == 561_718)
    #expect(labels.reduce(0, +) == 8_070)
    #expect(Array(x.values[0..<8]) == [0, 0, 5, 13, 9, 1, 0, 0])
    #expect(x.values.min() == 0 && x.values.max() == 16)
    #expect(labels[0..<10].elementsEqual(0..<10))
    var configuration = JobConfiguration()
    configuration.batchSize = .samples(1000)
    let last = try DigitsSample(configuration).batch(1)
    #expect(last.rowCount == 797)
    #expect(last.x[0, 3] == x[1000, 3])
    #expect(throws: ExplainError.noSuchBatch(batch: 2, count: 2)) {
      try DigitsSample(configuration).batch(2)
    }
    // A batch may be larger than the sample, by however much.
    for size in [BatchSize.all, .samples(1797), .samples(1798), .samples(.max)] {
      configuration.batchSize = size
      #expect(try DigitsSample(configuration).batch(0).rowCount == 1797)
      #expect(throws: ExplainError.noSuchBatch(batch: 1, count: 1)) {
        try DigitsSample(configuration).batch(1)
      }
    }
    #expect(try DigitsSample(configuration).batch(0).inputs.epsilon == 1e-5)
    configuration.epsilon = Epsilon(1)
    #expect(try DigitsSample(configuration).batch(0).inputs.epsilon == 1)
  }
}

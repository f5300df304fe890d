import Foundation
import LayerFiles
import TestSupport
import Testing

@testable import Report

/// What is told of layers whose sickness is made, and that nothing is told of a healthy one.
@Suite(.timeLimit(.minutes(30))) struct FindingTests {
  private static let even = [[0.1], [-0.1], [0.05], [-0.05]]

  /// A layer of which one feature, of so many, has these numbers; the others are well.
  private func report(
    of count: Int = 20, mean: [Double] = [0.1, -0.1, 0.05, -0.05], variance: [Double] = [1, 1.1, 1, 1],
    population: (Double, Double) = (0, 1), running: (Double, Double) = (0, 1),
    gradGamma: [Double] = [1, 1, 1, 1],
    diagnostics: [String: Double] = [:]
  ) throws -> LayerReport {
    let made = try MadeResults()
    func row(_ sick: Double, _ well: Double) -> [Double] { [sick] + Array(repeating: well, count: count - 1) }
    var rows = [
      "batches/mean": zip(mean, [0.1, -0.1, 0.05, -0.05]).map(row),
      "batches/var": zip(variance, [1, 1.1, 1, 1]).map(row),
      "batches/grad_gamma": zip(gradGamma, [1, 1, 1, 1]).map(row),
      "batches/grad_beta": zip(gradGamma, [1, 1, 1, 1]).map(row),
    ]
    for (name, value) in diagnostics { rows["diagnostics/\(name)"] = (0..<4).map { _ in row(value, value) } }
    try made.layer(
      "layer",
      vectors: [
        "population_mean": row(population.0, 0), "population_var": row(population.1, 1),
        "running_mean": row(running.0, 0), "running_var": row(running.1, 1),
        "grad_gamma": row(gradGamma.reduce(0, +), 4), "grad_beta": row(gradGamma.reduce(0, +), 4),
      ],
      rows: rows, counts: [32, 32, 32, 32], output: [128, count])
    return try #require(made.report().layers.first)
  }

  private func kinds(_ report: LayerReport) -> [FindingKind] { report.findings.map(\.kind) }

  @Test func aHealthyLayerPasses() throws {
    let layer = try report()
    #expect(layer.findings == [] && layer.verdict == .pass)
    #expect(layer.notJudged == [.gradientShare, .gradientGrowth, .gradientDecay])
  }

  @Test func aConstantFeatureIsTold() throws {
    let layer = try report(mean: [0, 0, 0, 0], variance: [0, 0, 0, 0], population: (0, 0), running: (5, 9))
    #expect(kinds(layer) == [.constant])
    // One of twenty, which is a warning; one of eight fails.
    #expect(layer.findings[0].value == 0.05 && layer.verdict == .warn)
    #expect(layer.telling[0].feature == 0 && layer.telling[0].zeroVarianceBatches == 4)
    #expect(
      try report(of: 8, mean: [0, 0, 0, 0], variance: [0, 0, 0, 0], population: (0, 0)).verdict == .fail)
  }

  @Test func aFeatureThatIsConstantInABatchIsTold() throws {
    let layer = try report(variance: [0, 1, 1, 1])
    #expect(kinds(layer).contains(.zeroVariance) && !kinds(layer).contains(.constant))
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func whatIsNotFiniteIsTold(value: Double) throws {
    let layer = try report(mean: [0.1, -0.1, value, 0], population: (value, .nan), running: (value, value))
    #expect(kinds(layer).first == .nonfinite && layer.verdict == .fail)
    #expect(layer.findings[0].batch == 2 && layer.findings[0].features == 1)
    let gradient = try report(gradGamma: [1, value, 1, 1])
    #expect(kinds(gradient) == [.nonfinite] && gradient.findings[0].batch == 1)
    // What is no number is not 0, though the others may be, or there may be none.
    for gradients in [[0, value, 0, 0], [value, value, value, value]] {
      let layer = try report(gradGamma: gradients)
      #expect(kinds(layer) == [.nonfinite], "\(gradients)")
      #expect(layer.numbers.featuresWithoutGradient == 0, "\(gradients)")
      #expect(layer.telling[0].reasons == [.nonfinite], "\(gradients)")
    }
  }

  /// Of a file without batches the numbers of all samples tell.
  @Test(
    arguments: ["population_mean", "population_var", "grad_gamma", "grad_beta"],
    [Double.nan, .infinity, -.infinity])
  func totalsThatAreNotFiniteAreTold(name: String, value: Double) throws {
    let made = try MadeResults()
    var vectors: [String: [Double]] = [
      "population_mean": [0, 1], "population_var": [1, 1], "grad_gamma": [1, 1], "grad_beta": [1, 1],
    ]
    vectors[name]?[1] = value
    try made.layer("layer", vectors: vectors)
    let layer = try #require(made.report().layers.first)
    #expect(kinds(layer).first == .nonfinite && layer.verdict == .fail)
    #expect(layer.findings[0].feature == 1 && layer.findings[0].features == 1)
  }

  /// Without batches there is a gradient where either of dγ and dβ is not 0; and what takes batches to judge is not judged.
  @Test func vectorsAloneTellOfGradients() throws {
    let made = try MadeResults()
    try made.layer(
      "layer",
      vectors: [
        "population_mean": [0, 0, 0], "population_var": [1, 1, 1], "grad_gamma": [0, 0, 2],
        "grad_beta": [0, 3, 0],
      ])
    let layer = try #require(made.report().layers.first)
    #expect(layer.numbers.featuresWithoutGradient == 1 && kinds(layer) == [.withoutGradient])
    #expect(layer.findings[0].feature == 0)
    #expect(
      layer.notJudged == [
        .zeroVariance, .batchNoise, .sorted, .runningMean, .runningVariance, .gradientShare, .gradientGrowth,
        .gradientDecay,
      ])
  }

  /// Of a file that another run replaces meanwhile nothing is told.
  @Test func aFileThatChangesGivesNoReport() throws {
    let made = try MadeResults()
    try made.healthyLayer("layer")
    let file = try made.resultFile()
    #expect(throws: StreamError.inputChanged(path: made.path)) {
      try ResultReport(file) { _ in
        try FileManager.default.changeTime(ofItemAtPath: made.path)
      }
    }
  }

  @Test func aFeatureWithoutGradientIsTold() throws {
    let layer = try report(gradGamma: [0, 0, 0, 0])
    #expect(kinds(layer) == [.withoutGradient] && layer.findings[0].feature == 0)
    // Whose sum alone is 0 has one.
    #expect(try kinds(report(gradGamma: [1, -1, 2, -2])) == [])
  }

  /// Each kind has a number of its own. A constant feature is counted as nothing else.
  @Test func featuresAreCountedByWhatIsWrong() throws {
    let made = try MadeResults()
    let gradients = [0.0, 1, 1, 1, 0, 0, 0, 1, 1, 1]
    var variances = Array(repeating: [0, 0] + Array(repeating: 1.0, count: 8), count: 4)
    for (batch, feature) in [(0, 2), (3, 7), (1, 8), (3, 8), (2, 9)] { variances[batch][feature] = 0 }
    var means = Array(repeating: Array(repeating: 0.1, count: 10), count: 4)
    means[2][3] = .infinity
    try made.layer(
      "layer",
      vectors: [
        "population_mean": Array(repeating: 0.1, count: 10),
        "population_var": [0, 0] + Array(repeating: 1, count: 8),
        "grad_gamma": gradients, "grad_beta": gradients,
      ],
      rows: [
        "batches/mean": means, "batches/var": variances,
        "batches/grad_gamma": Array(repeating: gradients, count: 4),
        "batches/grad_beta": Array(repeating: gradients, count: 4),
      ], counts: [8, 8, 8, 8], output: [32, 10])
    let layer = try #require(made.report().layers.first)
    let numbers = layer.numbers
    #expect(numbers.constantFeatures == 2)
    #expect(numbers.zeroVarianceFeatures == 4)
    #expect(numbers.nonfiniteFeatures == 1)
    #expect(numbers.featuresWithoutGradient == 3)
    for (kind, count, first) in [
      (.nonfinite, 1, 3), (.constant, 2, 0), (.zeroVariance, 4, 2), (.withoutGradient, 3, 4),
    ] as [(FindingKind, Int, Int)] {
      let finding = try #require(layer.findings.first { $0.kind == kind })
      #expect(finding.features == count && finding.feature == first, "\(kind)")
    }
    let constant = try #require(layer.telling.first { $0.feature == 0 })
    #expect(constant.reasons == [.constant])
  }

  /// A feature that is not trained, or does not vary in some batch, is among the ten that are told, however many are well.
  @Test func whatIsWrongIsAmongTheTelling() throws {
    let made = try MadeResults()
    func row(_ value: Double, _ changes: [Int: Double] = [:]) -> [Double] {
      (0..<20).map { changes[$0] ?? value }
    }
    // With ε = 1 a variance of 0 makes little noise.
    try made.layer(
      "layer", epsilon: 1, vectors: ["population_mean": row(0), "population_var": row(1)],
      rows: [
        "batches/mean": [row(0.1), row(-0.1), row(0.05), row(-0.05)],
        "batches/var": [row(1), row(1.1), row(1, [17: 0]), row(1)],
        "batches/grad_gamma": Array(repeating: row(1, [13: 0]), count: 4),
        "batches/grad_beta": Array(repeating: row(1, [13: 0]), count: 4),
      ], counts: [32, 32, 32, 32])
    let layer = try #require(made.report().layers.first)
    #expect(layer.telling.map(\.feature).prefix(2) == [17, 13])
    #expect(layer.telling[0].reasons == [.zeroVariance] && layer.telling[1].reasons == [.withoutGradient])
    #expect(layer.telling.count == 10)
  }

  @Test func anExplodingFeatureIsTold() throws {
    let layer = try report(population: (3e6, 1.6e13), running: (3e6, 1.6e13))
    // √(9e12 + 16e12)
    #expect(kinds(layer) == [.exploding] && layer.findings[0].value == 5e6 && layer.verdict == .fail)
  }

  @Test func runningStatisticsThatAreOffAreTold() throws {
    let mean = try report(running: (0.6, 1))
    #expect(kinds(mean) == [.runningMean] && mean.verdict == .warn)
    // 0.6/√(1 + 1e-5)
    #expect(abs(mean.findings[0].value - 0.599997000022) < 1e-9)
    #expect(try report(running: (-2.5, 1)).verdict == .fail)
    for variance in [4.5, 1 / 4.5] {
      let layer = try report(running: (0, variance))
      #expect(kinds(layer) == [.runningVariance] && layer.verdict == .fail)
      #expect(abs(layer.findings[0].value - 4.5) < 2e-4)
    }
  }

  @Test func theShareOfTheGradientIsTold() throws {
    let layer = try report(diagnostics: [
      "grad_output_square_sum": 3, "mean_share": 0.4, "normalized_share": 0.2,
    ])
    #expect(kinds(layer) == [.gradientShare] && layer.verdict == .warn)
    #expect(abs(layer.findings[0].value - 0.6) < 1e-15)
  }

  @Test func anErrorOfTheoremIsTold() throws {
    #expect(try report(diagnostics: ["gradient_identity_error": 1e-15]).findings == [])
    #expect(try kinds(report(diagnostics: ["gradient_identity_error": 1e-6])) == [.identityError])
  }

  /// Whichever batch and feature it is in; what is no number says nothing.
  @Test(arguments: 0..<4) func theLargestErrorOfTheoremIsTold(batch: Int) throws {
    let made = try MadeResults()
    var errors = [[1e-15, 2e-15], [3e-15, .nan], [2e-15, 1e-15], [.nan, .nan]]
    errors[batch][batch % 2] = 4e-6
    try made.layer(
      "layer", vectors: ["population_mean": [0, 0], "population_var": [1, 1]],
      rows: ["diagnostics/gradient_identity_error": errors], counts: [8, 8, 8, 8], output: [32, 2])
    let layer = try #require(made.report().layers.first)
    let finding = try #require(layer.findings.first { $0.kind == .identityError })
    #expect(finding.value == 4e-6)
  }

  /// What tells most comes first, and of features that tell as much the first.
  @Test func featuresAreInTheOrderOfWhatTheyTell() throws {
    let made = try MadeResults()
    let means = [0.0, 2e6, 0, 4e6, 0, 2e6]
    try made.layer(
      "layer", vectors: ["population_mean": means, "population_var": [1, 1, 1, 1, 1, 1]], output: [32, 6])
    let layer = try #require(made.report().layers.first)
    #expect(layer.telling.map(\.feature) == [3, 1, 5, 0, 2, 4])
  }

  /// A layer may lie in another one's group, beside its results.
  @Test func layersInLayersAreJudged() throws {
    let made = try MadeResults()
    try made.healthyLayer("a")
    try made.healthyLayer("a/deep/bn")
    #expect(try made.report().layers.map(\.path) == ["/a", "/a/deep/bn"])
  }

  /// By depth, not by name: b comes first.
  @Test func growthIsThatOfDepth() throws {
    let made = try MadeResults()
    try made.healthyLayer("b", depth: 0, gradient: 1000)
    try made.healthyLayer("a", depth: 1, gradient: 4)
    try made.healthyLayer("c", depth: 2, scale: 500, gradient: 4e6)
    let report = try made.report()
    #expect(report.order == .depth && report.layers.map(\.path) == ["/b", "/a", "/c"])
    #expect(report.layers[0].findings.map(\.kind) == [.gradientGrowth])
    #expect(report.layers[0].findings[0].value == 250 && report.layers[0].findings[0].other == "/a")
    #expect(report.layers[1].findings.map(\.kind) == [.gradientDecay])
    #expect(report.layers[1].findings[0].value == 1e6)
    let scale = try #require(report.layers[2].findings.first { $0.kind == .scaleGrowth })
    #expect(abs(scale.value - 500) < 1e-9 && scale.other == "/a")
  }

  /// Next to a layer without activations, or without gradients, nothing grows.
  @Test func nothingIsTimesNothing() throws {
    let made = try MadeResults()
    for (name, scale, gradient) in [("a", 1, 8), ("b", 1, 0), ("c", 1, 8), ("d", 0, 8), ("e", 1, 8)]
      as [(String, Double, Double)]
    {
      try made.healthyLayer(name, scale: scale, gradient: gradient)
    }
    let layers = try made.report().layers
    #expect(layers.map(\.path) == ["/a", "/b", "/c", "/d", "/e"])
    #expect(layers.map(\.numbers.gradInputSquareSum) == [8, 0, 8, 8, 8])
    #expect(layers[3].numbers.rootMeanSquare == 0)
    let growth: [FindingKind] = [.scaleGrowth, .gradientGrowth, .gradientDecay]
    for layer in layers {
      #expect(!layer.findings.contains { growth.contains($0.kind) }, "\(layer.path)")
    }
  }

  @Test func withoutDepthNamesOrderAsNumbersDo() throws {
    let made = try MadeResults()
    for name in ["layer10", "layer9", "layer1"] { try made.healthyLayer(name) }
    let report = try made.report()
    #expect(report.order == .names && report.layers.map(\.path) == ["/layer1", "/layer9", "/layer10"])
  }

  /// Where some layers do not say how deep they are, those that do are not taken out of the order of names.
  @Test func aFewDepthsOrderNothing() throws {
    let made = try MadeResults()
    for (name, depth) in [("a", nil), ("b", 1), ("c", 0), ("d", nil)] as [(String, Int?)] {
      try made.healthyLayer(name, depth: depth)
    }
    let report = try made.report()
    #expect(report.order == .names && report.layers.map(\.path) == ["/a", "/b", "/c", "/d"])
  }

  /// Layers of one depth, as those of branches, follow one another as their names do.
  @Test func layersOfOneDepthAreInTheOrderOfNames() throws {
    let made = try MadeResults()
    for (name, depth) in [("b10", 1), ("b2", 1), ("b9", 1), ("a", 2), ("c", 0)] {
      try made.healthyLayer(name, depth: depth)
    }
    let report = try made.report()
    #expect(report.order == .depth && report.layers.map(\.path) == ["/c", "/b2", "/b9", "/b10", "/a"])
  }

  /// NaN is what a run writes of an empty batch.
  @Test func emptyBatchesAreNoSickness() throws {
    let made = try MadeResults()
    try made.layer(
      "layer", vectors: ["population_mean": [0], "population_var": [1]],
      rows: ["batches/mean": Self.even + [[.nan]], "batches/var": [[1], [1], [1], [1], [.nan]]],
      counts: [32, 32, 32, 32, 0], output: [128, 1])
    let layer = try #require(made.report().layers.first)
    #expect(layer.verdict == .pass && layer.telling[0].nonfiniteBatches == 0)
    #expect(layer.telling[0].meanError.isFinite)
  }

  /// Of no sample at all every statistic is NaN, which says nothing of the layer.
  /// Sums of nothing are 0, which is no gradient that is missing.
  @Test(arguments: [[:], ["grad_gamma": [0, 0], "grad_beta": [0, 0]]] as [[String: [Double]]])
  func aLayerWithoutSamplesIsNotJudged(gradients: [String: [Double]]) throws {
    let made = try MadeResults()
    let none = [Double.nan, .nan]
    var rows = ["batches/mean": [none], "batches/var": [none]]
    for name in gradients.keys { rows["batches/" + name] = [[0, 0]] }
    try made.layer(
      "layer", vectors: gradients.merging(["population_mean": none, "population_var": none]) { $1 },
      rows: rows, counts: [0])
    let layer = try #require(made.report().layers.first)
    #expect(layer.verdict == .unknown && layer.findings == [])
    #expect(layer.numbers.nonfiniteFeatures == 0 && layer.samples == 0)
  }

  /// Sizes of batches that no file holds, or that are negative, are as if they were not there.
  @Test(arguments: [[Int.max, 1], [3, -1]]) func sizesThatCannotBeAreNotKnown(counts: [Int]) throws {
    let made = try MadeResults()
    try made.layer(
      "layer", vectors: ["population_mean": [1], "population_var": [1]],
      rows: ["batches/mean": [[1], [1]], "batches/var": [[1], [1]]], counts: counts)
    let layer = try #require(made.report().layers.first)
    #expect(layer.samples == nil && layer.batches == 2)
  }

  @Test func aLayerWithoutStatisticsIsNotJudged() throws {
    let made = try MadeResults()
    try made.layer("layer", output: [4, 3])
    let layer = try #require(made.report().layers.first)
    #expect(layer.verdict == .unknown && layer.findings == [] && layer.telling.isEmpty)
  }

  @Test func everyKindHasThresholdsInTheirOrder() {
    for kind in FindingKind.allCases {
      #expect(kind.threshold.warn <= kind.threshold.fail && kind.threshold.kind == kind)
      #expect(kind.threshold.verdict(.nan) == .pass && kind.threshold.verdict(.infinity) == .fail)
      // Beyond is worse; what is just as large is not.
      let (warn, fail) = (kind.threshold.warn, kind.threshold.fail)
      #expect(kind.threshold.verdict(warn) == .pass && kind.threshold.verdict(fail.nextUp) == .fail)
      #expect(kind.threshold.verdict(fail) == (warn == fail ? .pass : .warn))
      #expect(kind.threshold.verdict(warn.nextUp) == (warn == fail ? .fail : .warn))
    }
  }
}

import Foundation
import StrictJSON
import TestSupport
import Testing

@testable import Report

/// What is computed from the batches' rows, beside NumPy's and SciPy's numbers.
@Suite(.timeLimit(.minutes(30))) struct FeatureSumsTests {
  /// Four batches of two features, of which the last is smaller; ε = 0.5.
  private static let means = [[1, 2], [2, 2], [4, 5], [9.0, 9]]
  private static let variances = [[1, 0.5], [2, 0.25], [4, 1], [1.0, 1]]

  private func measures(within factor: Double = 1, batchSize: Int = 8) throws -> LayerReport {
    let made = try MadeResults()
    try made.layer(
      "layer", epsilon: 0.5,
      rows: ["batches/mean": Self.means, "batches/var": Self.variances.map { $0.map { factor * $0 } }],
      counts: [8, 8, 8, 4], batchSize: batchSize, output: [28, 2])
    return try #require(made.report().layers.first)
  }

  private func expect(
    _ found: [Double], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for (one, other) in zip(found, expected) {
      // A few sums of numbers near 1: some units in the last place.
      #expect(abs(one - other) <= 1e-13 * abs(other), "\(one), \(other)", sourceLocation: sourceLocation)
    }
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
  }

  /// A batch is whole if none is larger, where batches of the size that was asked for would have been larger than the data.
  @Test(arguments: [8, 9, 1 << 20]) func areNumPysNumbers(batchSize: Int) throws {
    let features = try measures(batchSize: batchSize).telling.sorted { $0.feature < $1.feature }
    expect(features.map(\.populationMean), [3.2857142857142856, 3.857142857142857])
    expect(features.map(\.populationVariance), [8.918367346938776, 6.765306122448978])
    expect(features.map(\.meanError), [0.8819171036881969, 1.0])
    expect(features.map(\.varianceError), [0.8819171036881969, 0.22047927592204922])
    expect(features.map(\.batchNoise), [1.4799889325805822, 3.0838799416340645])
    expect(features.compactMap(\.shufflingF), [25.295238095238098, 76.19047619047618])
  }

  /// What batches' rows say of the population holds where all their values count alike: under a mask the rows do not say how many do.
  @Test(arguments: [false, true]) func rowsOfMaskedBatchesSayNothingOfThePopulation(isMasked: Bool) throws {
    let made = try MadeResults()
    let group = try made.layer(
      "layer", epsilon: 0.5, rows: ["batches/mean": Self.means, "batches/var": Self.variances],
      counts: [8, 8, 8, 4], batchSize: 8, output: [28, 2])
    try group.writeAttribute(
      "datasets", isMasked ? #"{"activations": "x", "mask": "mask"}"# : #"{"activations": "x"}"#)
    let layer = try #require(made.report().layers.first)
    for feature in layer.telling {
      #expect(feature.populationMean.isNaN == isMasked && feature.populationVariance.isNaN == isMasked)
    }
    #expect(layer.telling.count == 2)
    // Nor do they say whether the samples are shuffled.
    let features = layer.telling.sorted { $0.feature < $1.feature }
    expect(features.compactMap(\.shufflingF), isMasked ? [] : [25.295238095238098, 76.19047619047618])
    #expect(layer.numbers.shufflingF == nil || !isMasked)
    #expect(layer.notJudged.contains(.sorted) == isMasked)
    #expect(layer.findings.contains { $0.kind == .sorted } != isMasked)
  }

  /// The numbers of the layer as a whole, each from a feature or a batch of its own.
  @Test func numbersOfTheLayerAreNumPys() throws {
    let made = try MadeResults()
    try made.layer(
      "layer", epsilon: 0.5,
      vectors: [
        "running_mean": [2, 8], "running_var": [18, 3], "grad_gamma": [3, -4], "grad_beta": [-5, 12],
      ],
      rows: [
        "batches/mean": Self.means, "batches/var": Self.variances,
        "diagnostics/grad_output_square_sum": [[1, 2], [3, 4], [5, 6], [7, 8]],
        "diagnostics/mean_share": [[0.5, 0], [0.25, 0.125], [0, 0.5], [0.125, 0.25]],
        "diagnostics/normalized_share": [[0.25, 0.5], [0.5, 0.25], [0.75, 0.125], [0.125, 0]],
        "diagnostics/grad_input_square_sum": [[0.5, 1], [2, 4], [8, 16], [32, .nan]],
        "diagnostics/gradient_identity_error": [[0, 1e-15], [3e-15, 0], [.nan, 2e-15], [0, 0]],
      ], counts: [8, 8, 8, 4], batchSize: 8, output: [28, 2])
    let numbers = try #require(made.report().layers.first).numbers
    let found = [
      numbers.rootMeanSquare, numbers.meanError, numbers.varianceError, numbers.runningMeanDistance,
      numbers.runningVarianceRatio, numbers.batchNoise, numbers.shufflingF, numbers.gradGammaNorm,
      numbers.gradBetaNorm, numbers.gradOutputSquareSum, numbers.gradientShare, numbers.identityError,
    ]
    expect(
      try found.map { try #require($0) },
      [
        4.547369726399144, 0.38446452546676285, 0.09888773016183443, 1.536996926009222,
        2.0758017492711365, 2.2819344371073234, 76.19047619047618, 5,
        13, 36, 0.4652777777777778, 3e-15,
      ])
    // A sum that is no number is told of, and left out.
    #expect(numbers.gradInputSquareSum == 63.5)
  }

  /// So many features that their batches' rows are read in several stretches: means 0, 0 and 3 of batches that are alike.
  @Test func laterBatchesAreReadWhereTheyAre() throws {
    let count = 70_000
    func row(_ value: Double) -> [Double] { Array(repeating: value, count: count) }
    let made = try MadeResults()
    try made.layer(
      "layer",
      rows: ["batches/mean": [row(0), row(0), row(3)], "batches/var": [row(1), row(1), row(1)]],
      counts: [8, 8, 8], batchSize: 8, output: [24, count])
    let layer = try #require(made.report().layers.first)
    let first = try #require(layer.telling.first)
    // (0 + 0 + 3)/3, and 1 + (1 + 1 + 4)/3.
    #expect(first.populationMean == 1 && first.populationVariance == 3)
    #expect(layer.numbers.rootMeanSquare == 2)
  }

  /// scipy.stats.f.sf(F, 3, 24) is 1.3e-7 and 2.1e-12; with eight times the variance within batches F is 3.2 and 9.5, and 0.043 and 2.5e-4.
  @Test func judgesAnFByHowLikelyItIs() throws {
    let finding = try #require(measures().findings.first { $0.kind == .sorted })
    #expect(finding.features == 2 && finding.feature == 1 && finding.verdict == .fail)
    #expect(try measures(within: 8).findings.allSatisfy { $0.kind != .sorted })
  }

  /// With --diagnose a run sums the same over the samples; without, the report sums over the batches' rows.
  @Test(arguments: ["rank2.h5", "rank4.h5"])
  func areThoseOfARunThatDiagnoses(fixture: String) throws {
    let program = try Program(fixture)
    func telling(_ options: [String], to name: String) throws -> [[String: Any]] {
      #expect(try program.run(["--in", fixture, "--out", name, "--batch-size", "4"] + options).exitCode == 0)
      let result = try program.run("report", name, "--json")
      #expect(result.exitCode == 0, "\(result.error)")
      let report = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
      let layers = try #require(report?["layers"] as? [[String: Any]])
      return layers.flatMap { ($0["telling"] as? [[String: Any]] ?? []) }
        .sorted { $0["feature"] as? Int ?? 0 < $1["feature"] as? Int ?? 0 }
    }
    let plain = try telling([], to: "plain.h5")
    let diagnosed = try telling(["--diagnose"], to: "diagnosed.h5")
    #expect(!plain.isEmpty && plain.count == diagnosed.count)
    for (one, other) in zip(plain, diagnosed) {
      for key in ["mean_standard_error", "var_standard_error", "batch_noise", "shuffling_f"] {
        guard let first = one[key] as? Double else { continue }
        let second = try #require(other[key] as? Double)
        // Rows are rounded to Double, and variances of batches of four cancel.
        #expect(abs(first - second) <= 1e-9 * max(abs(second), 1e-3), "\(key) of \(one["feature"] ?? "")")
      }
    }
  }
}

import Testing

@testable import Report

/// Which of two files' statistics and orders a comparison takes.
@Suite(.timeLimit(.minutes(30))) struct ComparedStatisticsTests {
  /// Layers are in the first file's order, whatever the second one says.
  @Test(
    arguments: [
      ([1, 0], [0, 1], ["/b", "/a"]), ([1, 0], [nil, nil], ["/b", "/a"]), ([nil, nil], [1, 0], nil),
      ([nil, 0], [1, 0], nil),
    ] as [([Int?], [Int?], [String]?)])
  func theOrderIsTheFirstFiles(first: [Int?], second: [Int?], paths: [String]?) throws {
    func made(_ depths: [Int?]) throws -> MadeResults {
      let made = try MadeResults()
      for (name, depth) in zip(["a", "b"], depths) { try made.healthyLayer(name, depth: depth) }
      return made
    }
    let report = try ComparisonReport(made(first), made(second))
    let order: LayerOrder = paths == nil ? .names : .depth
    let expected: [String] = paths ?? ["/a", "/b"]
    #expect(report.order == order)
    #expect(report.layers.map(\.path) == expected)
    let heading = ">All layers, in the order of \(paths == nil ? "name" : "depth")</h2>"
    #expect(ComparisonPage(report).html.contains(heading))
  }

  /// A file that has one of the two statistics of all samples has the other one from its batches.
  @Test(arguments: ["population_mean", "population_var"], [true, false])
  func halfOfTheStatisticsIsCompleted(missing: String, isFirst: Bool) throws {
    // Means (3·0 + 4)/4 = 1; the variance is 1 + 3·1/4·16/4 = 4.
    var vectors: [String: [Double]] = ["population_mean": [1], "population_var": [4]]
    vectors[missing] = nil
    let half = try MadeResults()
    try half.layer(
      "layer", epsilon: 0, vectors: vectors, rows: ["batches/mean": [[0], [4]], "batches/var": [[1], [1]]],
      counts: [3, 1], output: [4, 1])
    let whole = try MadeResults()
    try whole.layer("layer", epsilon: 0, vectors: ["population_mean": [5], "population_var": [4]])
    let report = try isFirst ? ComparisonReport(half, whole) : ComparisonReport(whole, half)
    let layer = try #require(report.layers.first)
    // (5 - 1)/√4
    #expect(layer.meanShift == 2 && layer.varianceRatio == 1 && layer.nonfiniteFeatures == 0)
  }

  /// Without ε a feature that is constant has no standard deviation: equal it is equal, and else infinitely far.
  @Test(arguments: [(5, 0, true), (6, .infinity, false)] as [(Double, Double, Bool)])
  func constantFeaturesWithoutEpsilon(mean: Double, difference: Double, isWithin: Bool) throws {
    let (first, second) = (try MadeResults(), try MadeResults())
    for (made, mean) in [(first, 5), (second, mean)] {
      try made.layer(
        "layer", epsilon: 0, vectors: ["population_mean": [mean, 1], "population_var": [0, 1]])
    }
    let report = try ComparisonReport(first, second, failAbove: 0)
    #expect(report.layers.map(\.difference) == [difference] && report.isWithin == isWithin)
  }

  /// A feature of infinite variance has moved by no number of standard deviations, and is in no mean of those.
  @Test(arguments: [1.0, 3]) func infiniteDeviationsMeasureNothing(mean: Double) throws {
    let report = try ComparisonReport(
      MadeResults([1, 0], [.infinity, 1]), MadeResults([mean, 1], [.infinity, 1]))
    let layer = try #require(report.layers.first)
    // 1/√(1 + 1/4)
    #expect(layer.meanShiftFeature == 1)
    #expect(abs(try #require(layer.meanShiftRMS) - 0.8944271909999159) < 1e-14)
  }
}

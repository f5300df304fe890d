import Testing

@testable import Report
@testable import bn_stream

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

  /// What neither file has finite statistics of is not equal, and within no limit: nothing is known of it.
  @Test(
    arguments: [["grad_gamma": [1.0]], ["population_mean": [.nan], "population_var": [.nan]]], [true, false])
  func whatIsUnknownIsNotEqual(vectors: [String: [Double]], isAlone: Bool) throws {
    func made() throws -> MadeResults {
      let made = try MadeResults()
      try made.layer("odd", vectors: vectors)
      if !isAlone { try made.layer("well", vectors: ["population_mean": [1], "population_var": [4]]) }
      return made
    }
    let (first, second) = (try made(), try made())
    let report = try ComparisonReport(first, second, failAbove: 5)
    #expect(report.withoutStatistics == ["/odd"] && !report.isWithin)
    #expect(report.layers.map { report.verdict(of: $0) } == (isAlone ? [.unknown] : [.unknown, .pass]))
    let lines = ComparisonText(report, page: nil).text.split(separator: "\n").map(String.init)
    #expect(
      lines == (isAlone ? [] : ["the statistics of 1 of 2 layers are equal"]) + [
        "without finite statistics in either file: /odd", "NOT all within 5",
      ])
    let page = ComparisonPage(report).html
    #expect(page.contains("<p>Without finite statistics in either file: /odd.</p>"))
    #expect(
      page.contains(
        isAlone
          ? "<p>Neither file has finite statistics of a layer that both have.</p>"
          : "<p>The statistics of 1 of 2 layers are equal.</p>"))
    // Without a limit nothing fails, but nothing passes either.
    let unlimited = ComparisonPage(try ComparisonReport(first, second)).html
    #expect(unlimited.contains(#"<span class="chip unknown">No limit was given</span>"#))
    #expect(try ComparisonReport(first, second).isWithin)
  }

  /// Where all layers have another number of features none is in an order, and none passes.
  @Test func layersOfOtherShapesAloneAreInNoOrder() throws {
    func made(_ count: Int) throws -> MadeResults {
      let made = try MadeResults()
      let numbers = [Double](repeating: 1, count: count)
      try made.layer("layer", vectors: ["population_mean": numbers, "population_var": numbers])
      return made
    }
    let report = try ComparisonReport(made(2), made(3))
    #expect(report.layers.isEmpty && report.ofOtherShape == ["/layer"] && report.order == .names)
    #expect(ComparisonPage(report).html.contains(#"<span class="chip unknown">No limit was given</span>"#))
  }

  /// Of features, and of layers, that differ as much the first is named first.
  @Test func theFirstOfEqualsIsNamed() throws {
    let (first, second) = (try MadeResults(), try MadeResults())
    for name in ["a", "b"] {
      for (made, mean) in [(first, [0.0, 0, 0, 0]), (second, [0, 2, -2, 2])] {
        try made.layer(
          name, epsilon: 0, vectors: ["population_mean": mean, "population_var": [1, 1, 1, 1]])
      }
    }
    let report = try ComparisonReport(first, second)
    for layer in report.layers {
      #expect(layer.meanShift == 2 && layer.meanShiftFeature == 1)
      #expect(layer.telling.map(\.feature) == [1, 2, 3])
    }
    let html = ComparisonPage(report).html
    #expect(html.contains("<p>Most different of 2 layers is /a: "))
    let articles = html.matches(of: #/<article class="layer" id="([^"]*)">/#).map { String($0.output.1) }
    #expect(articles == ["layer-0", "layer-1"])
  }
}

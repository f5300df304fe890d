import Foundation
import LayerFiles
import TestSupport
import Testing

@testable import Report
@testable import bn_stream

/// How two result files differ, beside NumPy's numbers.
@Suite(.timeLimit(.minutes(30))) struct ComparisonTests {
  private func expect(
    _ found: Double?, _ expected: Double, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    // A few sums of numbers near 1: some units in the last place.
    #expect(abs((found ?? .nan) - expected) <= 1e-14, sourceLocation: sourceLocation)
  }

  @Test func areNumPysNumbers() throws {
    let report = try ComparisonReport(
      MadeResults([0, 1, 2, 3], [1, 4, 9, 0], gradient: [1, 2, 3, 4]),
      MadeResults([0.5, 1, -1, 3], [1, 1, 0, 2], gradient: [2, -1, 3, 5]))
    let layer = try #require(report.layers.first)
    expect(layer.meanShift, 0.9863939238321437)
    #expect(layer.meanShiftFeature == 2)
    expect(layer.meanShiftRMS, 0.5415193839958485)
    // (1 + 1 + 0 + 2)/(1 + 4 + 9 + 0), and of those that vary 1, 1/4 and 0.
    expect(layer.varianceRatio, 4.0 / 14)
    #expect(layer.leastVarianceRatio == 0 && layer.largestVarianceRatio == 1)
    for gradient in [layer.gradGamma, layer.gradBeta] {
      expect(gradient?.distance, 0.6055300708194983)
      expect(gradient?.cosine, 0.8478227519967949)
    }
    #expect(
      layer.died == [2] && layer.revived == [3] && layer.diedFeatures == 1 && layer.revivedFeatures == 1)
    // √2/√0.25, of the one that revived.
    expect(layer.difference, 8.0.squareRoot())
    #expect(layer.telling.map(\.feature) == [3, 2, 1, 0])
  }

  /// Two times as many numbers of variance 1: sums of twelve uniform ones.
  private static let drawn: [[[Double]]] = {
    var random = SeededGenerator(seed: 12)
    func number() -> Double {
      (0..<12).reduce(-6) { sum, _ in sum + Double.random(in: 0..<1, using: &random) }
    }
    return (0..<2).map { _ in (0..<64).map { _ in (0..<2000).map { _ in number() } } }
  }()

  /// The variance of the middle of two features of variance 1 and correlation ρ is (1 + ρ)/2 (Jordan et al. 2022, arXiv:2211.08403, section 2).
  @Test(arguments: [-0.5, 0, 0.4, 0.9]) func interpolationTakesVariance(correlation: Double) throws {
    let (features, samples) = (64, 2000)
    let own = (1 - correlation * correlation).squareRoot()
    func variance(_ x: [Double]) -> Double {
      let mean = x.reduce(0, +) / Double(x.count)
      return x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
    }
    var (ends, middles): ([Double], [Double]) = ([], [])
    for (first, other) in zip(Self.drawn[0], Self.drawn[1]) {
      let second = zip(first, other).map { correlation * $0 + own * $1 }
      ends.append(variance(first))
      middles.append(variance(zip(first, second).map { ($0 + $1) / 2 }))
    }
    let zeros = [Double](repeating: 0, count: features)
    let found = try #require(
      ComparisonReport(MadeResults(zeros, ends), MadeResults(zeros, middles)).layers.first?.varianceRatio)
    // Three standard errors of the ratio of two variances of 128,000 numbers.
    #expect(abs(found / ((1 + correlation) / 2) - 1) < 3 * (4.0 / Double(features * samples)).squareRoot())
  }

  /// Without statistics of all values those of the batches are pooled, each with its number of samples.
  @Test func batchesCountAsTheirSamplesDo() throws {
    func made(_ means: [[Double]]) throws -> MadeResults {
      let made = try MadeResults()
      try made.layer(
        "layer", rows: ["batches/mean": means, "batches/var": [[1], [1]]], counts: [3, 1], output: [4, 1])
      return made
    }
    let layer = try #require(ComparisonReport(made([[0], [4]]), made([[1], [5]])).layers.first)
    // Means (3·0 + 4)/4 and (3·1 + 5)/4; the variance is 1 + 3·1/4·16/4 = 4 in both.
    expect(layer.meanShift, 1 / (4 + 1e-5).squareRoot())
    expect(layer.varianceRatio, 1)
  }

  /// From the input to the output, where layers say how deep they are.
  @Test func layersAreInTheOrderOfTheirDepth() throws {
    func made() throws -> MadeResults {
      let made = try MadeResults()
      for (name, depth) in [("a", 2), ("b", 0), ("c", 1)] { try made.healthyLayer(name, depth: depth) }
      return made
    }
    let report = try ComparisonReport(made(), made())
    #expect(report.order == .depth && report.layers.map(\.path) == ["/b", "/c", "/a"])
  }

  /// Where some layers do not say how deep they are, names order them.
  @Test(arguments: [[nil, 1, 0, nil], [nil, nil, nil, nil]] as [[Int?]]) func aFewDepthsOrderNothing(
    depths: [Int?]
  ) throws {
    func made() throws -> MadeResults {
      let made = try MadeResults()
      for (name, depth) in zip(["a", "b", "c", "d"], depths) { try made.healthyLayer(name, depth: depth) }
      return made
    }
    let report = try ComparisonReport(made(), made())
    #expect(report.order == .names && report.layers.map(\.path) == ["/a", "/b", "/c", "/d"])
  }

  /// Layers of one depth, as those of branches, follow one another as their names do.
  @Test func layersOfOneDepthAreInTheOrderOfNames() throws {
    func made() throws -> MadeResults {
      let made = try MadeResults()
      for (name, depth) in [("b10", 1), ("b2", 1), ("b9", 1), ("a", 2), ("c", 0)] {
        try made.healthyLayer(name, depth: depth)
      }
      return made
    }
    let report = try ComparisonReport(made(), made())
    #expect(report.order == .depth && report.layers.map(\.path) == ["/c", "/b2", "/b9", "/b10", "/a"])
  }

  /// Of files that another run replaces meanwhile nothing is told, whichever of the two it is.
  @Test(arguments: [true, false]) func aFileThatChangesGivesNoReport(isFirst: Bool) throws {
    let (first, second) = (try MadeResults([0], [1]), try MadeResults([1], [1]))
    let (one, other) = (try first.resultFile(), try second.resultFile())
    let changed = isFirst ? first.path : second.path
    #expect(throws: StreamError.inputChanged(path: changed)) {
      try ComparisonReport(one, other, failAbove: nil) { _ in
        try FileManager.default.changeTime(ofItemAtPath: changed)
      }
    }
  }

  /// Features that died and those that revived are counted apart, over all layers.
  @Test func whatDiedAndRevivedIsSaid() throws {
    let zeros = [0.0, 0, 0, 0]
    let one = ComparisonPage(
      try ComparisonReport(MadeResults(zeros, [1, 4, 9, 0]), MadeResults(zeros, [0, 0, 0, 2]))
    ).html
    #expect(
      one.contains("<p>3 features died, which vary in the first file only, and 1 revived, in 1 layer.</p>"))
    let (first, second) = (try MadeResults(), try MadeResults())
    for (name, before, after) in [
      ("a", [1.0, 0], [0.0, 1]), ("b", [0, 0], [1, 1]), ("c", [1, 1], [1, 1]),
    ] {
      try first.layer(name, vectors: ["population_mean": [0, 0], "population_var": before])
      try second.layer(name, vectors: ["population_mean": [0, 0], "population_var": after])
    }
    let several = ComparisonPage(try ComparisonReport(first, second)).html
    #expect(
      several.contains(
        "<p>1 feature died, which vary in the first file only, and 3 revived, in 2 layers.</p>"))
    let none = ComparisonPage(
      try ComparisonReport(MadeResults(zeros, [1, 1, 1, 0]), MadeResults(zeros, [1, 1, 2, 0]))
    ).html
    #expect(!none.contains(" died, which vary"))
  }

  /// What became of each feature stands in its row.
  @Test func whatBecameOfAFeatureIsSaid() throws {
    let zeros = [0.0, 0, 0, 0]
    let report = try ComparisonReport(MadeResults(zeros, [1, 0, 1, 1]), MadeResults(zeros, [0, 2, .nan, 4]))
    let rows = ComparisonPage(report).html.matches(
      of: #/<tr><td>(\d+)<\/td>(?:<td>[^<]*<\/td>){6}<td class="t">([^<]*)<\/td><\/tr>/#)
    let found = rows.map { "\($0.output.1) \($0.output.2)" }.sorted()
    #expect(found == ["0 died", "1 revived", "2 not finite in one", "3 "])
  }

  @Test func aFileEqualsItself() throws {
    let numbers = [0, 1e300, -.infinity, .nan, .leastNonzeroMagnitude]
    let report = try ComparisonReport(
      MadeResults(numbers, numbers.map(\.magnitude), gradient: numbers),
      MadeResults(numbers, numbers.map(\.magnitude), gradient: numbers),
      failAbove: 0)
    #expect(report.isWithin && report.layers[0].difference == 0)
    #expect(report.layers[0].gradGamma == VectorComparison([1], [1]))
  }

  @Test(arguments: [Double.nan, .infinity])
  func whatOneFileAloneHasFiniteIsInfinitelyFar(value: Double) throws {
    let report = try ComparisonReport(
      MadeResults([0, 1], [1, 1]), MadeResults([0, value], [1, 1]), failAbove: 1e300)
    #expect(
      !report.isWithin && report.layers[0].difference == .infinity && report.layers[0].nonfiniteFeatures == 1)
  }

  /// What is finite in one file only is in no number of the others, whichever of the files it is.
  @Test(arguments: [false, true]) func whatOneFileAloneHasFiniteSpoilsNothingElse(isFirst: Bool) throws {
    let sick = try MadeResults([1, .nan, 3], [3, .nan, 1])
    let well = try MadeResults([0, 0, 0], [1, 2, 4])
    let report = try isFirst ? ComparisonReport(sick, well) : ComparisonReport(well, sick)
    let layer = try #require(report.layers.first)
    #expect(layer.nonfiniteFeatures == 1 && layer.difference == .infinity)
    #expect(layer.telling.map(\.feature).first == 1 && layer.telling.count == 3)
    // (1 + 4)/(3 + 1) and its inverse.
    #expect(layer.varianceRatio == (isFirst ? 1.25 : 0.8))
    #expect(layer.leastVarianceRatio == (isFirst ? 1.0 / 3 : 0.25))
    #expect(layer.largestVarianceRatio == (isFirst ? 4 : 3))
    // 1²/(3 + 0.25) and 3²/(1 + 0.25), or 1²/(1 + 0.25) and 3²/(4 + 0.25).
    let squares: (Double, Double) = isFirst ? (1 / 3.25, 7.2) : (0.8, 9 / 4.25)
    #expect(layer.meanShiftFeature == 2)
    expect(layer.meanShift, squares.1.squareRoot())
    expect(layer.meanShiftRMS, ((squares.0 + squares.1) / 2).squareRoot())
  }

  /// Nor are gradients that are finite in one file only in the distance of the others: (3, 4) and (3, -4).
  @Test(arguments: [false, true]) func gradientsOfOneFileAloneAreLeftOut(isSwapped: Bool) throws {
    let (one, other): ([Double], [Double]) = ([3, .nan, 4, 1], [3, 1, -4, .infinity])
    let found = try #require(isSwapped ? VectorComparison(other, one) : VectorComparison(one, other))
    expect(found.distance, 1.6)
    expect(found.cosine, -0.28)
  }

  /// Of many features that died or revived the first ten are named, and all are counted.
  @Test func allThatDiedAndRevivedAreCounted() throws {
    func variances(_ died: Double, _ revived: Double) -> [Double] {
      Array(repeating: died, count: 12) + Array(repeating: revived, count: 11) + [1]
    }
    let zeros = [Double](repeating: 0, count: 24)
    let report = try ComparisonReport(
      MadeResults(zeros, variances(1, 0)), MadeResults(zeros, variances(0, 1)))
    let layer = try #require(report.layers.first)
    #expect(layer.diedFeatures == 12 && layer.died == Array(0..<10))
    #expect(layer.revivedFeatures == 11 && layer.revived == Array(12..<22))
    #expect(
      ComparisonPage(report).html.contains(
        "<p>12 features died, which vary in the first file only, and 11 revived, in 1 layer.</p>"))
  }

  /// A shift of 1/√1.25 = 0.894…
  @Test(arguments: [(0.894, false), (0.895, true)])
  func theLimitIsTheLargestShift(limit: Double, isWithin: Bool) throws {
    #expect(
      try ComparisonReport(MadeResults([0], [1]), MadeResults([1], [1]), failAbove: limit).isWithin
        == isWithin)
    #expect(try ComparisonReport(MadeResults([0], [1]), MadeResults([1], [1])).isWithin)
  }

  @Test func gradientsMayBeZeroOrEnormous() {
    #expect(VectorComparison([0, 0], [0, 0])?.distance == 0)
    #expect(VectorComparison([0, 0], [0, 1])?.distance == .infinity)
    #expect(VectorComparison([0, 0], [0, 1])?.cosine == nil)
    #expect(VectorComparison([1e300, 0], [-1e300, 0])?.cosine == -1)
    #expect(VectorComparison([1e300, 0], [-1e300, 0])?.distance == 2)
    #expect(VectorComparison(nil, [1]) == nil)
    // Of what no file tells nothing is equal.
    #expect(VectorComparison([.nan, 1], [2, .infinity]) == nil)
  }

  /// Layers of one file only, and those of another number of features, are named and never within a limit.
  @Test func layersAreMatchedByTheirPaths() throws {
    let first = try MadeResults()
    let second = try MadeResults()
    for (made, names) in [(first, ["both", "first", "other"]), (second, ["both", "other", "second"])] {
      for name in names {
        let count = name == "other" && made === second ? 3 : 2
        let numbers = [Double](repeating: 1, count: count)
        try made.layer(name, vectors: ["population_mean": numbers, "population_var": numbers])
      }
    }
    let report = try ComparisonReport(first, second, failAbove: 5)
    #expect(report.layers.map(\.path) == ["/both"] && report.layers[0].difference == 0)
    #expect(
      report.onlyInFirst == ["/first"] && report.onlyInSecond == ["/second"]
        && report.ofOtherShape == ["/other"])
    #expect(!report.isWithin)
    let lines = ComparisonText(report, page: nil).text.split(separator: "\n")
    #expect(
      lines.contains("only in \(report.first): /first") && lines.contains("only in \(report.second): /second")
    )
    #expect(lines.contains("of another number of features: /other"))
    let page = ComparisonPage(report).html
    for (words, layer) in [
      ("Only in the first file", "/first"), ("Only in the second file", "/second"),
      ("Of another number of features", "/other"),
    ] {
      let rest = try #require(page.range(of: words)).upperBound
      #expect(page[rest...].prefix(80).contains(layer), "\(words)")
    }
  }

  /// Names are bytes: of two that look alike each is a layer of its own.
  @Test func layersAreMatchedByTheBytesOfTheirPaths() throws {
    let names = ["caf\u{e9}", "cafe\u{301}"]
    func made(_ names: [String]) throws -> MadeResults {
      let made = try MadeResults()
      for name in names { try made.layer(name, vectors: ["population_mean": [1], "population_var": [1]]) }
      return made
    }
    func bytes(_ paths: [String]) -> [[UInt8]] { paths.map { Array($0.utf8) } }
    let apart = try ComparisonReport(made(["both", names[0]]), made(["both", names[1]]), failAbove: 5)
    #expect(apart.layers.map(\.path) == ["/both"] && !apart.isWithin)
    #expect(bytes(apart.onlyInFirst) == bytes(["/" + names[0]]))
    #expect(bytes(apart.onlyInSecond) == bytes(["/" + names[1]]))
    for missing in 0..<2 {
      let (one, all) = (["both", names[1 - missing]], ["both"] + names)
      let lacking = try ComparisonReport(made(one), made(all), failAbove: 5)
      #expect(bytes(lacking.onlyInSecond) == bytes(["/" + names[missing]]) && !lacking.isWithin)
      let more = try ComparisonReport(made(all), made(one), failAbove: 5)
      #expect(bytes(more.onlyInFirst) == bytes(["/" + names[missing]]) && !more.isWithin)
    }
  }

  /// Each of the three alone is beyond every limit.
  @Test(arguments: [
    (["both", "more"], ["both"]), (["both"], ["both", "more"]), (["both", "wide"], ["both", "wide"]),
  ])
  func whatCannotBeComparedIsBeyondEveryLimit(names: ([String], [String])) throws {
    let (first, second) = (try MadeResults(), try MadeResults())
    for (made, names) in [(first, names.0), (second, names.1)] {
      for name in names {
        let numbers = [Double](repeating: 1, count: name == "wide" && made === second ? 3 : 2)
        try made.layer(name, vectors: ["population_mean": numbers, "population_var": numbers])
      }
    }
    let report = try ComparisonReport(first, second, failAbove: 5)
    #expect(!report.isWithin && report.layers.map(\.path) == ["/both"])
  }

  /// Of layers that differ by less than rounding does it is said that they are equal but for rounding, of others that they are equal.
  @Test(
    arguments: [
      ([0.0, 0], "the statistics of 2 of 2 layers are equal"),
      ([0, 1e-14], "the statistics of 2 of 2 layers are equal, but for rounding"),
      ([0, 0.5], "the statistics of 1 of 2 layers are equal"),
      ([1e-14, 0.5], "the statistics of 1 of 2 layers are equal, but for rounding"),
      ([0], "the statistics of 1 of 1 layer are equal"), ([0.5, 0.5], nil),
    ] as [([Double], String?)])
  func equalLayersAreCounted(shifts: [Double], line: String?) throws {
    let (first, second) = (try MadeResults(), try MadeResults())
    for (index, shift) in shifts.enumerated() {
      for (made, mean) in [(first, 1), (second, 1 + shift)] {
        try made.layer("layer\(index)", vectors: ["population_mean": [mean], "population_var": [1]])
      }
    }
    let report = try ComparisonReport(first, second)
    let lines = ComparisonText(report, page: nil).text.split(separator: "\n")
    #expect(lines.filter { $0.hasPrefix("the statistics of") }.map(String.init) == [line].compactMap { $0 })
    let largest = shifts.max() ?? 0
    let all = shifts.count == 1 ? "the one layer" : "all \(shifts.count) layers"
    let summary =
      largest == 0
      ? "The statistics of \(all) are equal."
      : "Most different of \(shifts.count) layers is /layer\(shifts.firstIndex(of: largest) ?? 0): a mean or a standard "
        + "deviation moved by \(shown(report.layers.map(\.difference).max() ?? 0)) of the first"
    #expect(ComparisonPage(report).html.contains(summary))
  }
}

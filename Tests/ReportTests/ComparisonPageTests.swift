import TestSupport
import Testing

@testable import Report
@testable import bn_stream

/// The page of a comparison says what the text and the exit code say, shows names as text, and stays small.
@Suite(.timeLimit(.minutes(30))) struct ComparisonPageTests {
  /// The verdict at the page's head is that of the exit code: a layer of one file only is beyond every limit.
  @Test(
    arguments: [
      (nil, false, "warn"), (nil, true, "warn"), (1.0, false, "pass"), (1.0, true, "fail"),
      (0.25, false, "fail"),
    ] as [(Double?, Bool, String)])
  func aPageSaysWhetherItIsWithin(limit: Double?, isMissing: Bool, verdict: String) throws {
    let (first, second) = (try MadeResults([0, 1], [1, 1]), try MadeResults([0.5, 1], [1, 1]))
    if isMissing { try second.layer("more", vectors: ["population_mean": [0], "population_var": [1]]) }
    let report = try ComparisonReport(first, second, failAbove: limit)
    #expect(report.isWithin == (verdict != "fail"))
    let head = try #require(ComparisonPage(report).html.firstMatch(of: #/<header>(?s:.*?)<\/header>/#)).output
    let chip = try #require(head.firstMatch(of: #/<span class="chip ([a-z]+)">([^<]*)<\/span>/#))
    #expect(chip.1 == verdict)
    let words =
      switch (limit, verdict) {
      case (nil, _): "No limit was given"
      case (let limit?, "pass"): "All layers are within \(shown(limit)) standard deviations"
      case (let limit?, _): "Beyond \(shown(limit)) standard deviations"
      }
    #expect(chip.2 == words)
    #expect(head.contains("Only in the second file: /more") == isMissing)
  }

  /// Each layer of variance 1 has the verdict of how far its mean moved, in the table and beside its details, and the head has the worst.
  @Test(
    arguments: [
      ([0.1], nil, ["pass"], "pass"), ([0.11], nil, ["warn"], "warn"), ([1], nil, ["warn"], "warn"),
      ([1.01], nil, ["fail"], "fail"), ([.nan], nil, ["fail"], "fail"),
      ([0.1, 0.11, 0.05], nil, ["pass", "warn", "pass"], "warn"),
      ([0.11, 1.01, 0.1], nil, ["warn", "fail", "pass"], "fail"),
      ([0.5, 0.1], 0.25, ["fail", "pass"], "fail"), ([0.1, 0.25], 0.25, ["pass", "pass"], "pass"),
      ([1.5, 2.5], 2, ["pass", "fail"], "fail"), ([1.5, 0.5], 2, ["pass", "pass"], "pass"),
    ] as [([Double], Double?, [String], String)])
  func layersHaveTheVerdictOfTheirDistance(
    distances: [Double], limit: Double?, verdicts: [String], worst: String
  ) throws {
    let (first, second) = (try MadeResults(), try MadeResults())
    for (index, distance) in distances.enumerated() {
      for (made, mean) in [(first, 0), (second, distance)] {
        try made.layer(
          "layer\(index)", epsilon: 0, vectors: ["population_mean": [mean], "population_var": [1]])
      }
    }
    let report = try ComparisonReport(first, second, failAbove: limit)
    #expect(report.layers.map { report.verdict(of: $0).rawValue } == verdicts)
    let html = ComparisonPage(report).html
    let head = try #require(html.firstMatch(of: #/<header>(?s:.*?)<\/header>/#)).output
    let chip = try #require(head.firstMatch(of: #/<span class="chip ([a-z]+)">/#))
    #expect(chip.1 == worst)
    let signs = ["pass": "✓", "warn": "!", "fail": "✕"]
    for (index, verdict) in verdicts.enumerated() {
      let sign = "<span class=\"chip \(verdict)\">\(signs[verdict] ?? "")</span> "
      let row = sign + "<a href=\"#layer-\(index)\">/layer\(index)</a>"
      #expect(html.contains(row), "/layer\(index)")
      #expect(html.contains("<h3>\(sign)/layer\(index)</h3>"), "/layer\(index)")
    }
  }

  /// Eight layers of one file only are named, and the others are counted.
  @Test(arguments: [(8, ""), (9, " and 1 more"), (11, " and 3 more")])
  func layersOfOneFileAreCounted(count: Int, more: String) throws {
    for isFirst in [true, false] {
      let (one, other) = (try MadeResults([0], [1]), try MadeResults([0], [1]))
      for index in 0..<count {
        try one.layer("more\(index)", vectors: ["population_mean": [0], "population_var": [1]])
      }
      let report = try isFirst ? ComparisonReport(one, other) : ComparisonReport(other, one)
      let names = (0..<8).map { "/more\($0)" }.joined(separator: ", ")
      let line = "<p>Only in the \(isFirst ? "first" : "second") file: \(names)\(more).</p>"
      #expect(ComparisonPage(report).html.contains(line), "\(line)")
    }
  }

  /// A layer alone is named without others, has no strip, and nothing is drawn from the first layer to the last.
  @Test(arguments: [1, 2]) func aLayerAloneIsSaidToDiffer(layers: Int) throws {
    let (first, second) = (try MadeResults([0], [1]), try MadeResults([1], [1]))
    if layers == 2 {
      for made in [first, second] {
        try made.layer("other", vectors: ["population_mean": [0], "population_var": [1]])
      }
    }
    let html = ComparisonPage(try ComparisonReport(first, second)).html
    // 1/√1.25
    let moved =
      "/layer: a mean or a standard deviation moved by 0.8944 of the first file&#39;s standard deviations.</p>"
    #expect(html.contains("<p>\(layers == 1 ? "Of" : "Most different of 2 layers is") \(moved)"))
    #expect(html.contains("<figure class=\"strip\">") == (layers == 2))
    #expect(html.contains(">first layer</text>") == (layers == 2))
  }

  /// Ten features are told of a layer; it is said if there are more.
  @Test(
    arguments: [
      (1, "All features"), (10, "All features"), (11, "The 10 of 11 features that differ most"),
    ])
  func featuresThatAreNotToldAreMentioned(count: Int, words: String) throws {
    let ones = [Double](repeating: 1, count: count)
    let html = ComparisonPage(
      try ComparisonReport(
        MadeResults(ones.map { _ in 0 }, ones), MadeResults((1...count).map(Double.init), ones))
    ).html
    #expect(html.contains("<h4>\(words)</h4>"))
  }

  /// In the table those that died stand before those that revived.
  @Test func theTableCountsWhatDiedAndRevived() throws {
    let zeros: [Double] = [0, 0, 0, 0]
    let html = ComparisonPage(
      try ComparisonReport(MadeResults(zeros, [1, 1, 0, 1]), MadeResults(zeros, [0, 0, 2, 1]))
    ).html
    #expect(html.contains(#"<th scope="col">died</th><th scope="col">revived</th></tr>"#))
    let rows = html.matches(of: #/<td>([^<]*)<\/td><td>([^<]*)<\/td><\/tr>/#)
      .map { "\($0.output.1) \($0.output.2)" }
    #expect(rows == ["2 1"])
  }

  @Test(arguments: ReportPageTests.names)
  func namesAreText(name: String) throws {
    let html = ComparisonPage(
      try ComparisonReport(
        MadeResults([0, 1], [1, .nan], path: name), MadeResults([1, 1], [0, 1], path: name))
    ).html
    for part in ["<script", "onload=\"", "<img", "<\u{301}", "\u{1B}"] {
      #expect(!html.unicodeScalars.contains(part.unicodeScalars), "\(part)")
    }
  }

  /// The layer that differs most comes last, and is in the table.
  /// - Parameter count: of layers; of the larger number not all find room in the table.
  @Test(arguments: [300, 701]) func aPageStaysSmall(count: Int) throws {
    let (first, second) = (try MadeResults(), try MadeResults())
    let numbers = (0..<300).map { Double($0 * 31 % 101) / 7 }
    for index in 0..<count {
      let name = "<\"\(String(repeating: "'\u{301}", count: 200))\(index)"
      try first.layer(name, vectors: ["population_mean": numbers, "population_var": numbers])
      let other = numbers.reversed().map { index == count - 1 ? 10 * $0 : $0 }
      try second.layer(name, vectors: ["population_mean": other, "population_var": numbers])
    }
    let html = ComparisonPage(try ComparisonReport(first, second)).html
    #expect(html.utf8.count <= 1 << 20)
    #expect(html.contains("\(count - 40) further layers differ"))
    #expect(
      html.contains("scope=\"row\"><span class=\"chip fail\">✕</span> <a href=\"#layer-\(count - 1)\">"))
    let targets = html.matches(of: #/ id="([^"]+)"/#).map { String($0.1) }
    let links = html.matches(of: #/href="#([^"]+)"/#).map { String($0.1) }
    #expect(!links.isEmpty && Set(links).isSubset(of: targets))
    // A row for each layer, one with the names of the columns, and eleven for each of the forty that differ most.
    let rows = html.matches(of: #/<tr[ >]/#).count - 1 - 40 * 11
    #expect(count == 300 ? rows == 300 : (300..<count).contains(rows))
    #expect(html.contains(">\(count - rows) further layers are not in the table") == (count > rows))
  }

  /// (1 - 0)/√(3/4 + ε) with ε = 1/4 is one standard deviation, and 2 are two.
  @Test(arguments: [(1, "1 standard deviation"), (2, "2 standard deviations")] as [(Double, String)])
  func aTerminalSaysOneStandardDeviation(mean: Double, words: String) throws {
    let report = try ComparisonReport(MadeResults([0], [0.75]), MadeResults([mean], [0.75]))
    let lines = ComparisonText(report, page: nil).text.split(separator: "\n").map(String.init)
    #expect(lines.last == "/layer differs most, by \(words)")
  }

  /// Of many layers that one file alone has three are named, those of each file by themselves; of two that differ as much the first one.
  @Test func aTerminalNamesThreeLayers() throws {
    let (first, second) = (try MadeResults(), try MadeResults())
    for (made, mean, names) in [
      (first, 0.0, ["a", "b"]), (second, 1.0, ["a", "b", "c", "d", "e", "f", "g"]),
    ] {
      for name in names {
        try made.layer(name, epsilon: 0.25, vectors: ["population_mean": [mean], "population_var": [0.75]])
      }
    }
    try first.layer("z", vectors: ["population_mean": [0], "population_var": [1]])
    let report = try ComparisonReport(first, second)
    let lines = ComparisonText(report, page: nil).text.split(separator: "\n").map(String.init)
    #expect(
      lines.suffix(3) == [
        "only in \(report.first): /z", "only in \(report.second): /c, /d, /e and 2 more",
        "/a differs most, by 1 standard deviation",
      ])
  }

  /// Of a limit that all layers keep the terminal says it as it was given.
  @Test(arguments: [(1.25, "all within 1.25"), (0.75, "NOT all within 0.75")] as [(Double, String)])
  func aTerminalSaysTheLimit(limit: Double, words: String) throws {
    let report = try ComparisonReport(MadeResults([0], [0.75]), MadeResults([1], [0.75]), failAbove: limit)
    let lines = ComparisonText(report, page: nil).text.split(separator: "\n").map(String.init)
    #expect(lines.last == words)
  }

  /// Two features die and one revives, whose standard deviation goes from 0 to √2, and √2/√ε with ε = 1/4 is √8; no mean moves.
  @Test func aTerminalSaysWhatDiedAndRevived() throws {
    let report = try ComparisonReport(
      MadeResults([0, 0, 0], [1, 1, 0]), MadeResults([0, 0, 0], [0, 0, 2]))
    let lines = ComparisonText(report, page: nil).text.split(separator: "\n")
    try #require(lines.count == 3, "\(lines)")
    let header = lines[0].split(separator: " ").map(String.init)
    let row = lines[1].split(separator: " ").map(String.init)
    #expect(header.suffix(2) == ["died", "revived"])
    #expect(row.prefix(4) == ["/layer", "2.83", "0", "0"])
    #expect(row.suffix(4) == ["-", "-", "2", "1"])
    #expect(lines[2] == "/layer differs most, by 2.83 standard deviations")
  }

  /// Where nothing differs there is no part about what differs most.
  @Test(arguments: [(0, false), (0.5, true)] as [(Double, Bool)])
  func equalFilesHaveNoDetails(mean: Double, hasDetails: Bool) throws {
    let html = ComparisonPage(try ComparisonReport(MadeResults([0], [1]), MadeResults([mean], [1]))).html
    #expect(html.contains(">Layers that differ most</h2>") == hasDetails)
    #expect(html.contains("<article ") == hasDetails)
    #expect(html.contains("<a href=") == hasDetails)
  }

  /// The axis of a picture over features ends at the last one, of which the first is none.
  @Test(arguments: [(1, ["", ""]), (3, ["2", "2"])]) func axesEndAtTheLastFeature(count: Int, ends: [String])
    throws
  {
    let (zeros, ones) = ([Double](repeating: 0, count: count), [Double](repeating: 1, count: count))
    let html = ComparisonPage(try ComparisonReport(MadeResults(zeros, ones), MadeResults(ones, ones))).html
    let words = html.matches(of: #/>feature 0<\/text><text [^>]*text-anchor="end">([^<]*)<\/text>/#)
    #expect(words.map { String($0.output.1) } == ends)
  }

  /// What cannot be drawn is said, and what can be is drawn all the same.
  @Test func picturesWithoutANumberSaySo() throws {
    let html = ComparisonPage(try ComparisonReport(MadeResults([0], [2]), MadeResults([.nan], [1]))).html
    let captions = html.matches(of: #/<figcaption><b>([^<]*)<\/b>: ([^<]*)<\/figcaption>/#)
      .map { "\($0.output.1): \($0.output.2)" }
    #expect(
      captions == [
        "Shift of the mean, in standard deviations: no number is finite",
        "Variance of the second over the first: 0.5 to 0.5",
      ])
  }
}

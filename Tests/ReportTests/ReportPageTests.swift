import Foundation
import TestSupport
import Testing

@testable import Report
@testable import bn_stream

/// A page is one file that needs nothing else, shows what is in the result file as text, and stays small.
@Suite(.timeLimit(.minutes(30))) struct ReportPageTests {
  private func page(_ made: MadeResults) throws -> String {
    ReportPage(try made.report(), words: FindingWords()).html
  }

  /// Markup, an end of an attribute behind an accent, and what a terminal would obey.
  static let names = [
    "<script>alert(1)</script>", "\"\u{301} onload=\"alert(1)", "a&b<\u{301}img src=x onerror=alert(1)>",
    "esc\u{1B}[31m",
  ]

  @Test(arguments: names)
  func namesAreText(name: String) throws {
    let made = try MadeResults()
    try made.healthyLayer(name)
    try made.layer("sick", vectors: ["population_mean": [0], "population_var": [0]])
    let html = try page(made)
    // Markup that is the page's own has none of these.
    for part in ["<script", "onload=\"", "<img", "<\u{301}", "\u{1B}"] {
      #expect(!html.unicodeScalars.contains(part.unicodeScalars), "\(part)")
    }
    #expect(html.contains("esc\\x1B[31m") == name.hasPrefix("esc"))
    #expect(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;") == name.hasPrefix("<script"))
    // Every attribute that opens is closed: quotes outside of text come in pairs within each tag.
    for tag in html.matches(of: #/<[a-z][^>]*>/#) {
      #expect(tag.output.unicodeScalars.count { $0 == "\"" } % 2 == 0, "\(tag.output)")
    }
  }

  /// On a terminal twenty layers that pass have a line each, and all others are counted; what does not pass is always there.
  @Test(arguments: [1, 19, 20, 21, 22, 45]) func aTerminalShowsSomeThatPass(layers: Int) throws {
    let made = try MadeResults()
    for index in 0..<layers { try made.healthyLayer("layer\(index)") }
    try made.layer("sick", vectors: ["population_mean": [0], "population_var": [0]])
    let lines = ReportText(try made.report(), page: nil).text.split(separator: "\n").map(String.init)
    #expect(lines.count { $0.hasPrefix("PASS") } == min(layers, 20))
    #expect(lines.count { $0.hasPrefix("FAIL") } == 1)
    let rest: [Int: String] = [
      21: "and 1 more that passes", 22: "and 2 more that pass", 45: "and 25 more that pass",
    ]
    #expect(lines.filter { $0.hasPrefix("and ") } == [rest[layers]].compactMap(\.self))
    #expect(lines.last == "\(layers + 1) layers: 1 fail, \(layers) pass")
  }

  /// What is counted of one layer, or of one kind only, is said so.
  @Test func aTerminalSaysOneLayer() throws {
    let made = try MadeResults()
    try made.healthyLayer("layer")
    let lines = ReportText(try made.report(), page: "page.html").text.split(separator: "\n").map(String.init)
    #expect(lines.suffix(2) == ["1 layer: 1 pass", "page.html: the page, with what to do"])
  }

  /// Names that differ in Unicode form only are two layers, each of which took its own time.
  @Test func secondsAreALayersOwn() throws {
    let made = try MadeResults()
    let names = ["caf\u{e9}", "cafe\u{301}"]
    for name in names { try made.healthyLayer(name) }
    let report = try made.report()
    var seconds: [[UInt8]: Double] = [:]
    for layer in report.layers {
      seconds[Array(layer.path.utf8)] = layer.path.unicodeScalars.count == names[0].count + 1 ? 1.25 : 2.75
    }
    let html = ReportPage(report, words: FindingWords(), seconds: seconds).html
    #expect(html.contains("1.25") && html.contains("2.75"))
  }

  /// A text of just as many characters as there is room for is whole; a character is a scalar, as an accent is.
  @Test(arguments: [
    ("", 0, ""), ("abc", 3, "abc"), ("abc", 4, "abc"), ("abcd", 3, "abc…"), ("a", 0, "…"),
    ("e\u{301}\u{302}", 3, "e\u{301}\u{302}"), ("e\u{301}\u{302}", 2, "e\u{301}…"),
  ])
  func longTextsAreCut(text: String, count: Int, shown: String) {
    #expect(ReportPage.cut(text, to: count).unicodeScalars.elementsEqual(shown.unicodeScalars))
  }

  @Test func needsNoNetwork() throws {
    let made = try MadeResults()
    try made.healthyLayer("layer")
    let html = try page(made)
    for part in ["http:", "https:", "src=", "@import", "url(", "<link", "<script"] {
      #expect(!html.contains(part), "\(part)")
    }
    #expect(html.contains("default-src 'none'"))
  }

  /// What a version before this one did not write is missing, and nothing else is.
  @Test(arguments: ["0.0.1", nil])
  func anOlderFileIsReadAsFarAsItGoes(version: String?) throws {
    let made = try MadeResults(version: version)
    try made.layer(
      "layer", vectors: ["running_mean": [0, 1], "running_var": [1, 1], "population_mean": [0, 9]])
    let html = try page(made)
    // A statistic that is not there is no NaN.
    #expect(html.contains("What was judged is below the thresholds") && !html.contains("not finite</b>"))
    #expect(html.contains("computed by bn-stream 0.0.1") == (version != nil))
    #expect(
      html.contains("not in the file, which an older version wrote") && html.contains("1 layer of acts.h5"))
  }

  @Test func linksLeadSomewhere() throws {
    let made = try MadeResults()
    for index in 0..<3 { try made.healthyLayer("layer\(index)", scale: index == 1 ? 1e4 : 1) }
    let html = try page(made)
    let targets = html.matches(of: #/ id="([^"]+)"/#).map { String($0.1) }
    let links = html.matches(of: #/href="#([^"]+)"/#).map { String($0.1) }
    #expect(Set(targets).count == targets.count)
    #expect(links.count >= 3 && Set(links).isSubset(of: targets))
  }

  /// Long names of accents, quotes and brackets, which take six bytes each in a page.
  @Test(arguments: [(1, 5000), (400, 40), (40, 400)])
  func staysSmall(layers: Int, features: Int) throws {
    let made = try MadeResults()
    func number(_ batch: Int, _ feature: Int) -> Double {
      Double((feature * 31 + batch * 17) % 101) / 7
    }
    let rows: [[Double]] = (0..<6).map { batch in (0..<features).map { number(batch, $0) } }
    for index in 0..<layers {
      try made.layer(
        "<\"\(String(repeating: "'\u{301}", count: 200))\(index)", depth: index,
        vectors: [
          "population_mean": rows[0], "population_var": rows[1], "running_mean": rows[2],
          "grad_gamma": rows[3],
        ],
        rows: ["batches/mean": rows, "batches/var": rows, "batches/grad_gamma": rows],
        counts: [4, 4, 4, 4, 4, 4])
    }
    let html = try page(made)
    #expect(html.utf8.count <= 1 << 20)
    // What is left out is said.
    #expect(html.contains("most telling of \(features) features"))
    let articles = html.components(separatedBy: "<article ").dropFirst()
    let missing = html.firstMatch(of: #/(\d+) of (\d+) layers have no part here/#)
    #expect((missing != nil) == (layers == 400))
    if let missing {
      #expect(Int(missing.1) == layers - articles.count && Int(missing.2) == layers)
    }
    // Ten features are told, each drawn twice, unless there is no room.
    let shortened = articles.count { $0.components(separatedBy: "<b>Feature ").count - 1 < 20 }
    let fewer = html.firstMatch(of: #/of (\d+) layers fewer features are drawn/#)
    #expect((fewer.flatMap { Int($0.1) } ?? 0) == shortened)
    if layers != 40 { #expect((shortened > 0) == (layers == 400)) }
  }

  /// Of more layers than the table takes the others are counted; the one that fails is in it, though it comes last.
  @Test func layersThatAreNotInTheTableAreCounted() throws {
    let made = try MadeResults()
    for index in 0..<1520 {
      let variance = index == 1519 ? 0.0 : 1
      try made.layer("layer\(index)", vectors: ["population_mean": [0], "population_var": [variance]])
    }
    let html = try page(made)
    #expect(html.contains(##"scope="row"><a href="#layer-1519">/layer1519</a></th>"##))
    let rows = html.components(separatedBy: #"<tr><td class="t"><span class="chip "#).count - 1
    #expect(rows <= 1500 && html.contains(">\(1520 - rows) further layers are not in the table"))
  }

  /// Eight layers of a finding are named, and the others are counted.
  @Test(arguments: [
    (8, ": in the worst"), (9, " and 1 more: in the worst"), (12, " and 4 more: in the worst"),
  ])
  func layersOfAFindingAreCounted(count: Int, words: String) throws {
    let made = try MadeResults()
    for index in 0..<count {
      try made.layer(
        "by\(index)", epsilon: 0,
        vectors: [
          "population_mean": [0], "population_var": [1], "running_mean": [0],
          "running_var": [Double(8 + index)],
        ])
    }
    // Two without it count among all layers only.
    for name in ["fine", "well"] {
      try made.layer(
        name, epsilon: 0,
        vectors: [
          "population_mean": [0], "population_var": [1], "running_mean": [0], "running_var": [1],
        ])
    }
    let html = try page(made)
    let told = try #require(html.firstMatch(of: #/<ul class="told">(?s:.*?)<\/ul>/#)).output
    #expect(told.contains("<b>Running variance off</b> in \(count) of \(count + 2) layers,"))
    #expect(told.contains("\(words) of them the running variance of feature 0"))
    #expect(told.contains(" more: ") == (count > 8))
    #expect(told.matches(of: #/\/by\d/#).count == 8)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity, 1e308, -1e308, .leastNonzeroMagnitude, 0])
  func drawsWhatever(value: Double) throws {
    let made = try MadeResults()
    let names = [
      "population_mean", "population_var", "running_mean", "running_var", "grad_gamma", "grad_beta",
    ]
    let rows = [[value, 1], [1, value], [value, value]]
    for depth in 0..<2 {
      try made.layer(
        "layer\(depth)", depth: depth,
        vectors: Dictionary(uniqueKeysWithValues: names.map { ($0, [value, 1]) }),
        rows: [
          "batches/mean": rows, "batches/var": rows, "batches/grad_gamma": rows, "batches/grad_beta": rows,
          "diagnostics/grad_output_square_sum": rows, "diagnostics/grad_input_square_sum": rows,
          "diagnostics/mean_share": rows, "diagnostics/normalized_share": rows,
        ], counts: [2, 2, 2])
    }
    let html = try page(made)
    // No coordinate is something else than a number.
    for path in html.matches(of: #/ (?:d|x|y|width|height|viewBox)="([^"]*)"/#) {
      #expect(!path.1.contains("n") && !path.1.contains("e"), "\(path.1)")
    }
  }

  @Test func manyBatchesAreDrawnInFewPoints() {
    var series = BinnedSeries(of: 100_000, bins: 60)
    for index in 0..<100_000 { series.add(Double(index), at: index) }
    #expect(series.bins.count == 60)
    #expect(series.bins[0].least == 0 && series.bins[59].largest == 99_999)
    #expect(series.bins.reduce(0) { $0 + $1.finite } == 100_000)
    // The mean of 0...99999; a running mean of a hundred thousand steps.
    #expect(abs(series.mean - 49_999.5) < 1e-6)
  }

  /// Of a finding in several layers the page tells the worst one's numbers, and leads to it first.
  @Test(arguments: [[3.0, 8, 5], [8, 5, 3], [5, 3, 8]]) func theWorstOfSeveralIsTold(ratios: [Double]) throws
  {
    let made = try MadeResults()
    for ratio in ratios {
      try made.layer(
        "by\(Int(ratio))", epsilon: 0,
        vectors: [
          "population_mean": [0], "population_var": [1], "running_mean": [0], "running_var": [ratio],
        ])
    }
    let html = try page(made)
    let told = try #require(html.firstMatch(of: #/<ul class="told">(?s:.*?)<\/ul>/#)).output
    #expect(told.contains("<b>Running variance off</b> in 3 of 3 layers,"))
    #expect(
      told.contains(
        ": in the worst of them the running variance of feature 0 and the population&#39;s differ by a factor of 8."
      ))
    #expect(told.matches(of: #/\/by\d/#).map { String($0.output) } == ["/by8", "/by5", "/by3"])
  }

  /// Of the batches and features that share a cell the one that is furthest, to whichever side, and with its sign.
  @Test(arguments: [
    (0.5, -0.25, 0.5), (-0.5, 0.25, -0.5), (0.25, -0.5, -0.5), (-0.25, 0.5, 0.5), (-0.5, -0.25, -0.5),
  ])
  func aCellOfTheHeatMapIsTheFurthest(first: Double, second: Double, cell: Double) throws {
    let made = try MadeResults()
    let ones = [Double](repeating: 1, count: 32)
    // Of 32 features two share a row of sixteen.
    let row = (0..<32).map { $0 % 2 == 0 ? first : second }
    try made.layer(
      // √(1 + 3) is the unit.
      "layer", epsilon: 3,
      vectors: ["population_mean": [Double](repeating: 0, count: 32), "population_var": ones],
      rows: ["batches/mean": [row, ones], "batches/var": [ones, ones]], counts: [4, 4])
    let heat = try #require(made.report().layers.first).pictures.heat
    #expect(heat == [[Double]](repeating: [cell / 2, 0.5], count: 16))
  }

  /// A batch without a sample, whose statistics are NaN, is a gap in pictures, and nothing that is not finite.
  @Test func emptyBatchesAreGaps() throws {
    let made = try MadeResults()
    try made.layer(
      "layer", epsilon: 0, vectors: ["population_mean": [0], "population_var": [1]],
      rows: [
        "batches/mean": [[0.5], [.nan], [-0.5]], "batches/var": [[1], [.nan], [1]],
        "diagnostics/grad_output_square_sum": [[4], [.nan], [9]],
        "diagnostics/grad_input_square_sum": [[1], [.nan], [16]],
      ], counts: [4, 0, 4])
    let pictures = try #require(made.report().layers.first).pictures
    let row = try #require(pictures.heat.first)
    #expect(row.count == 3 && row[0] == 0.5 && row[1].isNaN && row[2] == -0.5)
    let course = try #require(pictures.features.first)
    let all: [BinnedSeries?] = [
      pictures.course.gradOutput, pictures.course.gradInput, course.mean, course.variance,
    ]
    for series in all {
      let bins = try #require(series).bins
      #expect(bins.map(\.finite) == [1, 0, 1] && bins.map(\.nonfinite) == [0, 0, 0])
    }
    #expect(pictures.course.gradOutput?.bins.last?.mean == 3)
    #expect(pictures.course.gradInput?.bins.last?.mean == 4)
  }

  /// Of 400 layers two share a cell of the strip and not all have details: the one that fails is seen, wherever it is.
  @Test(arguments: [0, 201, 398, 399]) func aFailingLayerAmongManyIsSeen(failing: Int) throws {
    let made = try MadeResults()
    let means = (0..<4).map { batch in (0..<40).map { 0.1 * Double((batch + $0) % 3 - 1) } }
    for index in 0..<400 {
      let variances = Array(repeating: index == failing ? 0.0 : 1, count: 40)
      try made.layer(
        "layer\(1000 + index)",
        vectors: ["population_mean": Array(repeating: 0, count: 40), "population_var": variances],
        rows: ["batches/mean": means, "batches/var": Array(repeating: variances, count: 4)],
        counts: [8, 8, 8, 8])
    }
    let report = try made.report()
    #expect(report.layers.map(\.verdict).filter { $0 == .fail }.count == 1)
    let strip = try #require(VerdictStrip(report).svg)
    #expect(strip.matches(of: #/class="v-fail"/#).count == 1)
    let html = try page(made)
    #expect(html.contains("have no part here") && html.contains("id=\"layer-\(failing)\""))
  }

  /// Six columns of 41 units, two rows of 14: neighbours of one colour are one piece, and a mean that is no number has none.
  @Test func cellsOfTheHeatMapAreWhereTheirBatchIs() {
    let map = HeatMap(
      label: "means", rows: [[0.05, 0.5, 0.31, -0.5, .nan, 5], [.infinity, -.infinity, -0.2, 0.2, 2, 0.1]],
      features: 20, batches: 6)
    let paths = map.svg.matches(of: #/<path class="(h[^"]*)" d="([^"]*)"/#)
      .map { "\($0.output.1) \($0.output.2)" }
    #expect(
      paths == [
        "h0 M68 4h41v14h-41zM273 18h41v14h-41z", "hm1 M150 18h41v14h-41z", "hm2 M191 4h41v14h-41z",
        "hp1 M191 18h41v14h-41z", "hp2 M109 4h82v14h-82z", "hp3 M232 18h41v14h-41z",
        "hp4 M273 4h41v14h-41z", "hx M68 18h82v14h-82z",
      ])
    let words = map.svg.matches(of: #/<text[^>]*>([^<]*)</#).map { String($0.output.1) }
    #expect(words == ["0", "19", "batch 0", "5"])
  }

  /// The mean that stands beside a picture is that of the numbers, not of its points, of which some stand for more.
  @Test func aMeanIsThatOfTheNumbers() {
    var series = BinnedSeries(of: 3, bins: 2)
    // The first point has places 0 and 1.
    for (index, value) in [1.0, 2, 6].enumerated() { series.add(value, at: index) }
    #expect(series.bins.map(\.finite) == [2, 1] && series.bins.map(\.mean) == [1.5, 6])
    #expect(series.mean == 3)
  }

  /// A number stands beside every picture.
  @Test func hasNumbersBesideEveryPicture() throws {
    let made = try MadeResults()
    try made.healthyLayer("layer0")
    try made.healthyLayer("layer1")
    let html = try page(made)
    let figures = html.matches(of: #/<figure>.*?<\/figure>/#.dotMatchesNewlines())
    #expect(figures.count > 10)
    for figure in figures {
      #expect(
        figure.output.contains("<svg") && figure.output.contains(#/<figcaption><b>[^<]+<\/b>:? [^<]*\d/#),
        "\(figure.output.suffix(200))")
    }
  }
}

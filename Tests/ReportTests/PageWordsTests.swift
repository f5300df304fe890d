import Testing

@testable import Report
@testable import bn_stream

/// What the page of a report says of all layers together, and in which order.
@Suite(.timeLimit(.minutes(30))) struct PageWordsTests {
  private func page(_ made: MadeResults) throws -> String {
    ReportPage(try made.report(), words: FindingWords()).html
  }

  /// So many layers of each verdict: one that is constant, one whose running mean is off, one that is well, and one without statistics.
  private func layers(fail: Int, warn: Int, pass: Int, unknown: Int) throws -> MadeResults {
    let made = try MadeResults()
    for index in 0..<fail {
      try made.layer("d\(index)", vectors: ["population_mean": [0], "population_var": [0]])
    }
    for index in 0..<warn {
      try made.layer(
        "c\(index)", vectors: ["population_mean": [0], "population_var": [1], "running_mean": [0.6]])
    }
    for index in 0..<pass {
      try made.layer("b\(index)", vectors: ["population_mean": [0], "population_var": [1]])
    }
    for index in 0..<unknown { try made.layer("a\(index)", output: [4, 3]) }
    return made
  }

  /// The worst first, each with its number, and with the words for one layer or for several.
  @Test(
    arguments: [
      (
        [1, 1, 1, 1],
        [
          "fail ✕ 1 layer fails", "warn ! 1 layer has a warning", "pass ✓ 1 layer passes",
          "unknown ? 1 layer without statistics",
        ]
      ),
      (
        [2, 3, 4, 5],
        [
          "fail ✕ 2 layers fail", "warn ! 3 layers have warnings", "pass ✓ 4 layers pass",
          "unknown ? 5 layers without statistics",
        ]
      ),
      ([0, 2, 0, 1], ["warn ! 2 layers have warnings", "unknown ? 1 layer without statistics"]),
    ] as [([Int], [String])])
  func layersAreCountedByTheirVerdict(counts: [Int], chips: [String]) throws {
    let made = try layers(fail: counts[0], warn: counts[1], pass: counts[2], unknown: counts[3])
    let head = try #require(try page(made).firstMatch(of: #/<header>(?s:.*?)<\/header>/#)).output
    let found = head.matches(of: #/<span class="chip ([a-z]+)">([^<]*)<\/span>/#)
      .map { "\($0.output.1) \($0.output.2)" }
    #expect(found == chips)
  }

  /// What is worse is higher; of a layer without statistics nobody knows whether it is well.
  @Test func theStripIsHigherWhereItIsWorse() throws {
    let report = try layers(fail: 1, warn: 1, pass: 1, unknown: 1).report()
    let strip = try #require(VerdictStrip(report).svg)
    let cells = strip.matches(of: #/<rect class="v-([a-z]+)"[^>]* height="([0-9]+)"/#)
      .map { "\($0.output.1) \($0.output.2)" }
    #expect(cells == ["unknown 12", "pass 8", "warn 16", "fail 22"])
    #expect(
      strip.contains("aria-label=\"4 layers in the order of names: 1 fail, 1 warn, 1 pass, 1 unknown\""))
  }

  /// A layer alone has no neighbours: there is no strip, and nothing is drawn from the first layer to the last.
  @Test(arguments: [1, 2]) func aLayerAloneHasNoNeighbours(layers: Int) throws {
    let made = try MadeResults()
    for index in 0..<layers { try made.healthyLayer("layer\(index)") }
    let html = try page(made)
    #expect(html.contains("<figure class=\"strip\">") == (layers == 2))
    #expect(html.contains(">first layer</text>") == (layers == 2))
  }

  /// By depth, which is not the place in the order, and is said of each layer; what is not known of a layer is not said.
  @Test func layersSayHowDeepTheyAre() throws {
    let made = try MadeResults()
    try made.healthyLayer("b", depth: 3)
    try made.layer("a", depth: 5, vectors: ["population_mean": [0], "population_var": [1]])
    let html = try page(made)
    #expect(html.contains(">All layers, in the order of depth</h2>"))
    #expect(html.contains("<p class=\"soft\">2 features, 4 batches, 128 samples, depth 3</p>"))
    #expect(html.contains("<p class=\"soft\">1 feature, 0 batches, depth 5</p>"))
  }

  /// Adds a layer of which all can be judged, except for what these results tell.
  private func add(_ name: String, to made: MadeResults, without lacking: [String]) throws {
    var vectors: [String: [Double]] = [
      "population_mean": [0], "population_var": [1], "running_mean": [0], "running_var": [1],
      "grad_gamma": [4], "grad_beta": [4],
    ]
    var rows: [String: [[Double]]] = [
      "batches/mean": [[0.1], [-0.1], [0.05], [-0.05]], "batches/var": [[1], [1.1], [1], [1]],
      "batches/grad_gamma": [[1], [1], [1], [1]], "batches/grad_beta": [[1], [1], [1], [1]],
    ]
    for (name, value) in [
      ("grad_output_square_sum", 4), ("grad_input_square_sum", 4), ("mean_share", 0.1),
      ("normalized_share", 0.1),
    ] as [(String, Double)] {
      rows["diagnostics/" + name] = [[value], [value], [value], [value]]
    }
    for result in lacking {
      vectors[result] = nil
      rows[result] = nil
    }
    try made.layer(
      name, vectors: vectors, rows: rows, counts: [32, 32, 32, 32],
      output: lacking.contains("output") ? nil : [128, 1])
  }

  private func notJudged(_ made: MadeResults) throws -> [String] {
    try page(made).matches(of: #/Not judged([^:]*): ([^.]*)\./#).map { "\($0.output.1): \($0.output.2)" }
  }

  /// What most layers lack comes first, then what is more, and then what an earlier layer lacks: equal files give equal pages.
  @Test func whatIsNotJudgedHasOneOrder() throws {
    let made = try MadeResults()
    for (index, lacking) in [
      ["running_mean"], ["diagnostics/mean_share"], ["output"], ["running_var"],
      ["running_mean", "running_var"], ["running_var"], [],
    ].enumerated() {
      try add("layer\(index)", to: made, without: lacking)
    }
    #expect(
      try notJudged(made) == [
        " in 2 of 7 layers: running variance off",
        " in 1 of 7 layers: running mean off, running variance off",
        " in 1 of 7 layers: running mean off", " in 1 of 7 layers: gradient removed",
        " in 1 of 7 layers: sorted batches",
      ])
  }

  /// Of what no layer has it is not said in how many.
  @Test(arguments: [1, 3]) func whatNoLayerHasIsNotCounted(layers: Int) throws {
    let made = try MadeResults()
    for index in 0..<layers { try add("layer\(index)", to: made, without: ["running_mean"]) }
    #expect(try notJudged(made) == [": running mean off"])
  }

  /// Where each layer has a cell of the strip its name stands there; a cell of several has none.
  @Test(arguments: [(200, 200), (201, 0)]) func cellsOfTheStripHaveNames(layers: Int, names: Int) throws {
    let made = try MadeResults()
    for index in 0..<layers {
      try made.layer("layer\(index)", vectors: ["population_mean": [0], "population_var": [1]])
    }
    let strip = try #require(VerdictStrip(try made.report()).svg)
    #expect(strip.matches(of: #/<rect /#).count == 200)
    let titles = strip.matches(of: #/<title>([^<]*)<\/title>/#).map { String($0.output.1) }
    #expect(titles == (0..<names).map { "/layer\($0)" })
  }

  /// Of a layer of which the file holds nothing more there is no table, no list and no name of a dataset.
  @Test func whatIsNotThereHasNoPlace() throws {
    let made = try MadeResults()
    try made.layer("layer", output: [4, 3])
    let html = try page(made)
    #expect(html.contains("<p class=\"soft\">0 features, 0 batches</p>"))
    #expect(html.contains("Settings: not in the file, which an older version wrote.</p>"))
    for part in ["<h4>", "All features", "<ul class=\"why\">"] { #expect(!html.contains(part), "\(part)") }
  }

  /// Without ε a feature that is constant has a standard deviation of 0; its batches' means are the population's all the same.
  @Test func constantFeaturesAreFiniteWithoutEpsilon() throws {
    let made = try MadeResults()
    try made.layer(
      "layer", epsilon: 0, vectors: ["population_mean": [5, 0], "population_var": [0, 1]],
      rows: ["batches/mean": [[5, 0.5], [5, -0.25]], "batches/var": [[0, 1], [0, 1]]], counts: [4, 4])
    let report = try made.report()
    #expect(try #require(report.layers.first).pictures.heat == [[0, 0], [0.5, -0.25]])
    let html = ReportPage(report, words: FindingWords()).html
    #expect(
      html.contains(
        "<b>Means of the batches, features down</b>: furthest 0.5 standard deviations</figcaption>"))
    #expect(!html.contains("some not finite"))
  }
}

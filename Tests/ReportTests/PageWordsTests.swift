import Testing

@testable import Report
@testable import bn_stream

/// What the page of a report says of all layers together, and in which order.
@Suite(.timeLimit(.minutes(30))) struct PageWordsTests {
  private func page(_ made: MadeResults) throws -> String {
    ReportPage(try made.report(), words: FindingWords()).html
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
}

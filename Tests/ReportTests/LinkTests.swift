import Testing

@testable import Report
@testable import bn_stream

/// Where the names of layers lead on a page on which not all layers have a part.
@Suite(.timeLimit(.minutes(30))) struct LinkTests {
  /// The worst of 400 layers that are all warned of come last, and so have no part: they are named, and nothing leads there.
  @Test func layersWithoutAPartAreNamed() throws {
    let made = try MadeResults()
    let (zeros, ones) = ([Double](repeating: 0, count: 40), [Double](repeating: 1, count: 40))
    let means = (0..<4).map { batch in (0..<40).map { 0.1 * Double((batch + $0) % 3 - 1) } }
    for index in 0..<400 {
      try made.layer(
        "layer\(index)", epsilon: 0,
        vectors: [
          "population_mean": zeros, "population_var": ones, "running_mean": zeros,
          "running_var": ones.map { _ in 2.1 + 0.001 * Double(index) },
        ], rows: ["batches/mean": means, "batches/var": [ones, ones, ones, ones]], counts: [8, 8, 8, 8])
    }
    let html = ReportPage(try made.report(), words: FindingWords()).html
    #expect(html.contains("have no part here"))
    let targets = html.matches(of: #/ id="([^"]+)"/#).map { String($0.output.1) }
    let links = html.matches(of: #/href="#([^"]+)"/#).map { String($0.output.1) }
    #expect(!links.isEmpty && Set(links).isSubset(of: targets))
    let worst = (392..<400).reversed().map { " /layer\($0)" }.joined()
    #expect(html.contains("<b>Running variance off</b> in 400 of 400 layers,\(worst) and 392 more: "))
    // In the table, too.
    #expect(html.contains(##"<th class="t" scope="row"><a href="#layer-0">/layer0</a></th>"##))
    #expect(html.contains(##"<th class="t" scope="row">/layer399</th>"##))
  }
}

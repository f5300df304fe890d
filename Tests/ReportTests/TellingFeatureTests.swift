import Testing

@testable import Report

/// Which features of a layer are told first.
@Suite(.timeLimit(.minutes(30))) struct TellingFeatureTests {
  /// Each of five features has one number that is near its threshold: nine tenths of the way, eight, and so on. They come first, though
  /// nothing is wrong with any.
  @Test func allMeasuresTell() throws {
    func row(_ value: Double, _ feature: Int, _ other: Double) -> [Double] {
      (0..<20).map { $0 == feature ? other : value }
    }
    let made = try MadeResults()
    try made.layer(
      "layer", epsilon: 0,
      vectors: [
        "population_mean": row(0, 0, 0), "population_var": row(1, 0, 1),
        // The threshold is 0.5.
        "running_mean": row(0, 15, 0.4),
        // From 1, which is none, to 2.
        "running_var": row(1, 16, 1.9),
        // 0.25
        "diagnostics/batch_noise": row(0, 17, 0.175),
        // 2, of what is no chance.
        "diagnostics/shuffling_f": row(0, 18, 1.2), "diagnostics/shuffling_p": row(1, 18, 1e-9),
      ],
      rows: [
        "diagnostics/grad_output_square_sum": [row(1, 0, 1)],
        // 0.5
        "diagnostics/mean_share": [row(0, 19, 0.125)], "diagnostics/normalized_share": [row(0, 19, 0.125)],
      ], counts: [8])
    let layer = try #require(made.report().layers.first)
    #expect(layer.findings == [] && layer.verdict == .pass)
    #expect(layer.telling.map(\.feature) == [16, 15, 17, 18, 19, 0, 1, 2, 3, 4])
    #expect(layer.telling.allSatisfy { $0.reasons == [] })
  }
}

import Testing

@testable import Report

/// What each of a batch's rows tells of a feature by itself.
@Suite(.timeLimit(.minutes(30))) struct BatchRowTests {
  /// Whichever of the four rows it is, in whichever batch.
  @Test(arguments: ["mean", "var", "grad_gamma", "grad_beta"], 0..<3)
  func aRowThatIsNotFiniteIsTold(name: String, batch: Int) throws {
    let ones: [[Double]] = [[1, 1], [1, 1], [1, 1]]
    var rows: [String: [[Double]]] = [
      "batches/mean": [[0.1, 0], [-0.1, 0], [0, 0]], "batches/var": ones, "batches/grad_gamma": ones,
      "batches/grad_beta": ones,
    ]
    rows["batches/" + name]?[batch][1] = .infinity
    let made = try MadeResults()
    try made.layer(
      "layer", vectors: ["population_mean": [0, 0], "population_var": [1, 1]], rows: rows,
      counts: [8, 8, 8])
    let layer = try #require(made.report().layers.first)
    let finding = try #require(layer.findings.first { $0.kind == .nonfinite })
    #expect(finding.features == 1 && finding.feature == 1 && finding.batch == batch)
    let telling = try #require(layer.telling.first)
    #expect(telling.feature == 1 && telling.nonfiniteBatches == 1)
    #expect(layer.verdict == .fail && layer.numbers.nonfiniteFeatures == 1)
  }

  /// Of two features with one of dγ and dβ alone that has a gradient which is not 0 in some batch.
  @Test(arguments: [("grad_gamma", "grad_beta"), ("grad_beta", "grad_gamma")])
  func eitherGradientIsOne(none: String, some: String) throws {
    let made = try MadeResults()
    try made.layer(
      "layer", vectors: ["population_mean": [0, 0], "population_var": [1, 1]],
      rows: [
        "batches/mean": [[0.1, 0], [-0.1, 0]], "batches/var": [[1, 1], [1, 1]],
        "batches/\(none)": [[0, 0], [0, 0]], "batches/\(some)": [[0, 0], [-2, 0]],
      ], counts: [8, 8])
    let layer = try #require(made.report().layers.first)
    let finding = try #require(layer.findings.first { $0.kind == .withoutGradient })
    #expect(finding.features == 1 && finding.feature == 1 && finding.of == 2)
    #expect(layer.numbers.featuresWithoutGradient == 1)
  }

  /// A feature tells the more the more batches it is constant in.
  @Test func constantBatchesAreCounted() throws {
    let made = try MadeResults()
    let zeros: [Double] = [0, 0, 0, 0]
    // With ε = 1 a variance of 0 makes little noise.
    try made.layer(
      "layer", epsilon: 1, vectors: ["population_mean": zeros, "population_var": [1, 1, 1, 1]],
      rows: [
        "batches/mean": [zeros, zeros, zeros, zeros],
        "batches/var": [[0, 0, 0, 1], [1, 0, 0, 1], [1, 0, 1, 1], [1, 1, 1, 1]],
      ], counts: [8, 8, 8, 8])
    let layer = try #require(made.report().layers.first)
    #expect(layer.telling.map(\.feature) == [1, 2, 0, 3])
    #expect(layer.telling.map(\.zeroVarianceBatches) == [3, 2, 1, 0])
  }

  /// A file that does not say ε, as one that `merge` writes, is judged with that of a run, 0.00001.
  @Test func epsilonHasADefault() throws {
    let made = try MadeResults()
    try made.layer(
      "layer", epsilon: nil,
      vectors: [
        "population_mean": [0], "population_var": [3e-5], "running_mean": [0.02], "running_var": [7e-5],
      ])
    let numbers = try #require(made.report().layers.first).numbers
    // 0.02/√(3e-5 + 1e-5), and (7e-5 + 1e-5)/(3e-5 + 1e-5).
    #expect(abs(try #require(numbers.runningMeanDistance) - 3.1622776601683795) < 1e-12)
    #expect(abs(try #require(numbers.runningVarianceRatio) - 2) < 1e-12)
  }
}

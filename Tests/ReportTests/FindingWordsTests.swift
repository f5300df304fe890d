import TestSupport
import Testing

@testable import Report
@testable import bn_stream

/// What findings say, of which feature, and what it takes to judge what the file does not tell.
@Suite(.timeLimit(.minutes(30))) struct FindingWordsTests {
  /// Diagnostics tell the noise of batches, also where the batches' own statistics were not written.
  @Test(arguments: [true, false]) func noiseIsJudgedByDiagnostics(hasDiagnostics: Bool) throws {
    let made = try MadeResults()
    var vectors: [String: [Double]] = ["population_mean": [0, 0], "population_var": [1, 1]]
    if hasDiagnostics { vectors["diagnostics/batch_noise"] = [0.5, 2.5] }
    try made.layer("layer", vectors: vectors)
    let layer = try #require(made.report().layers.first)
    #expect(layer.findings.first { $0.kind == .batchNoise }?.value == (hasDiagnostics ? 1.5 : nil))
    #expect(layer.notJudged.contains(.batchNoise) != hasDiagnostics)
    #expect(layer.notJudged.contains(.zeroVariance))
  }

  /// Whose number is the largest is named, and of several features with the same number the first.
  @Test func theFirstOfEqualFeaturesIsNamed() throws {
    let made = try MadeResults()
    try made.layer(
      "layer",
      vectors: [
        "population_mean": [0, 5e3, 0, 2e6, 0, 2e6, 1e6], "population_var": [1, 1, 1, 1, 1, 1, 1],
        "running_mean": [0, 5e3, 3, 2e6, 3, 2e6, 1e6],
      ])
    let layer = try #require(made.report().layers.first)
    for (kind, feature, count) in [(.exploding, 3, 4), (.runningMean, 2, 2)] as [(FindingKind, Int, Int)] {
      let finding = try #require(layer.findings.first { $0.kind == kind })
      #expect(finding.feature == feature && finding.features == count && finding.of == 7, "\(kind)")
    }
  }

  /// A finding that is about some of nine features.
  private func reason(
    _ kind: FindingKind, _ value: Double, _ features: Int? = nil, batch: Int? = nil, other: String? = nil
  ) throws -> String {
    let finding = Finding(kind, value, features: features, of: 9, feature: 4, batch: batch, other: other)
    return FindingWords().reason(try #require(finding))
  }

  /// One feature has something, and several have it.
  @Test(
    arguments: [
      (.nonfinite, 1, "1 of 9 features has NaN or infinite statistics or gradients, feature 4 first"),
      (.nonfinite, 2, "2 of 9 features have NaN or infinite statistics or gradients, feature 4 first"),
      (.constant, 1, "1 of 9 features has one value in all samples (variance 0), feature 4 first"),
      (.constant, 2, "2 of 9 features have one value in all samples (variance 0), feature 4 first"),
      (.zeroVariance, 1, "1 of 9 features varies, but not within some batches, feature 4 first"),
      (.zeroVariance, 2, "2 of 9 features vary, but not within some batches, feature 4 first"),
      (.withoutGradient, 2, "dγ and dβ of 2 of 9 features are 0 in all batches, feature 4 first"),
    ] as [(FindingKind, Int, String)])
  func featuresThatAreFoundAreCounted(kind: FindingKind, count: Int, words: String) throws {
    #expect(try reason(kind, Double(count) / 9, count) == words)
    #expect(try reason(.nonfinite, 0.25, 3, batch: 6).hasSuffix(", feature 4 first, in batch 6"))
  }

  /// Beside the feature that goes furthest it is said how many go too far.
  @Test(
    arguments: [
      (.exploding, 2.5e4, "the root mean square of feature 4 is 2.5e+04", "such a size"),
      (
        .sorted, 12.5, "the means of feature 4 differ between batches more than in shuffled ones, F = 12.5",
        "such an F"
      ),
      (
        .runningMean, 0.75, "the running mean of feature 4 is 0.75 standard deviations from the population's",
        "such a distance"
      ),
      (
        .runningVariance, 3.5,
        "the running variance of feature 4 and the population's differ by a factor of 3.5", "such a ratio"
      ),
    ] as [(FindingKind, Double, String, String)])
  func othersAreCounted(kind: FindingKind, value: Double, words: String, others: String) throws {
    #expect(try reason(kind, value, 1) == words)
    for count in [2, 9] {
      #expect(try reason(kind, value, count) == "\(words); \(count) of 9 features have \(others)")
    }
  }

  @Test func oneStandardDeviationIsOne() throws {
    #expect(
      try reason(.runningMean, 1, 1)
        == "the running mean of feature 4 is 1 standard deviation from the population's")
  }

  /// What is known of the layer before and the one behind is said with its name.
  @Test func neighboursAreNamed() throws {
    #expect(
      try reason(.scaleGrowth, 200, other: "/a")
        == "the root mean square of x is 200 times that of /a")
    #expect(try reason(.gradientGrowth, 12.5, other: "/c") == "Σdx² is 12.5 times that of /c")
    #expect(try reason(.gradientDecay, 150, other: "/c") == "Σdx² is 150 times smaller than that of /c")
  }

  /// Everything that is lacking has its remedy, and nothing else has.
  @Test(
    arguments: [
      ([], ""),
      ([.sorted], "Run with --diagnose tells of sorted batches, in layers without a mask."),
      ([.gradientDecay], "Run with --diagnose tells of gradients, in layers with `grad_output`."),
      (
        [.sorted, .gradientShare],
        "Run with --diagnose tells of gradients, in layers with `grad_output`, and of sorted batches, in layers without a mask."
      ),
      (
        [.zeroVariance],
        "`batches` in outputs, with the batches' own statistics, writes what it takes."
      ),
      ([.batchNoise], "`batches` in outputs, with the batches' own statistics, writes what it takes."),
      ([.runningMean], "`running` in outputs writes running statistics."),
      ([.runningVariance], "`running` in outputs writes running statistics."),
      ([.withoutGradient], "Layers without `grad_output` have no gradients."),
      (
        [.withoutGradient, .runningMean, .runningVariance],
        "`running` in outputs writes running statistics. Layers without `grad_output` have no gradients."
      ),
    ] as [([FindingKind], String)])
  func whatIsLackingHasItsRemedy(kinds: [FindingKind], words: String) {
    #expect(FindingWords().remedy(kinds) == words)
  }
}

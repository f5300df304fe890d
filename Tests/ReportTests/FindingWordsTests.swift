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
}

import BatchNorm
import Configuration
import HDF5
import Jobs
import LayerFiles
import TestSupport
import Testing

/// In which results each way of computing a layer differently can be seen: in what is computed from what it changes, and nowhere else.
@Suite(.timeLimit(.minutes(30))) struct ShownDepartureTests {
  struct Row: Sendable {
    let ways: [LayerDeparture]
    /// Results by their paths; `diagnostics` for all of that group.
    let results: Set<String>
  }

  /// What is computed from x̂.
  private static let ofNormalized: Set<String> = [
    "output", "normalized", "grad_input", "grad_gamma", "batches/grad_gamma",
  ]
  private static let ofInvStd: Set<String> = ofNormalized.union(["batches/inv_std"])
  private static let ofVariance: Set<String> = ofInvStd.union(["batches/var"])
  private static let ofMean: Set<String> = ofVariance.union(["batches/mean"])
  private static let ofParameters: Set<String> = [
    "grad_gamma", "grad_beta", "batches/grad_gamma", "batches/grad_beta",
  ]
  private static let ofEpsilon: Set<String> = ofInvStd.union(["diagnostics"])
  private static let ofFeatures: Set<String> = ofMean.union(ofParameters)

  static let rows: [Row] = [
    Row(ways: [.runningVariance(.biased), .runningVariance(.unbiased)], results: ["running_var"]),
    Row(ways: [.momentum(0.5)], results: ["running_mean", "running_var"]),
    Row(ways: [.gradientDetached, .gradientNotDetached], results: ["grad_input"]),
    Row(
      ways: [
        .mistake(.gradientWithoutMean), .mistake(.gradientWithoutNormalized), .mistake(.gradientOfSums),
        .mistake(.gradientWithoutInvStd),
      ], results: ["grad_input"]),
    Row(
      ways: [
        .mistake(.gammaGradientWithoutInvStd), .mistake(.gammaGradientWithoutMean),
        .mistake(.gammaGradientOfValues),
      ], results: ["grad_gamma", "batches/grad_gamma"]),
    Row(
      ways: [.mistake(.parameterGradientMeans), .mistake(.parameterGradientsSwapped)], results: ofParameters),
    // Another number of batches has other rows, which nothing is compared with.
    Row(
      ways: [.wholeDataset], results: ["output", "normalized", "grad_input", "running_mean", "running_var"]),
    Row(ways: [.wrongAxes([1])], results: ["output", "normalized", "grad_input"]),
    Row(ways: [.kept(.deviation), .kept(.unbiasedVariance)], results: ["batches/var"]),
    Row(
      ways: [
        .kept(.deviationForInvStd), .kept(.varianceForInvStd), .kept(.varianceAndEpsilonForInvStd),
      ], results: ["batches/inv_std"]),
    Row(ways: [.betaIgnored, .shifted(.beta, by: 1)], results: ["output"]),
    Row(
      ways: [.gammaIgnored, .parametersSwapped, .parametersIgnored],
      results: ["output", "grad_input", "diagnostics"]),
    Row(ways: [.shifted(.gamma, by: 1), .shifted(.parameters, by: 1)], results: ["output", "grad_input"]),
    Row(
      ways: [.shifted(.features, by: 1)],
      results: ofFeatures),
    Row(ways: [.mistake(.meanNotSubtracted)], results: ofNormalized),
    Row(
      ways: [
        .mistake(.epsilonOutsideRoot(0.001)), .mistake(.rootForgotten), .mistake(.multipliedByDeviation),
      ], results: ofInvStd),
    Row(
      ways: [.epsilon(0), .runningStatistics, .batchStatistics], results: ofEpsilon),
    Row(
      ways: [
        .cancellation, .mistake(.squareMean), .mistake(.unbiasedVariance),
        .mistake(.divisor(.positions(4), .variance)),
      ], results: ofVariance),
    Row(
      ways: [
        .shifted(.statistics, by: 1), .previousBatch(.own), .runningAverages(afterBatch: true),
        .mistake(.divisor(.positions(4), .all)), .mistake(.divisor(.fixed(4), .mean)),
      ], results: ofMean),
    Row(
      ways: [.two(.momentum(0.5), .betaIgnored), .two(.betaIgnored, .momentum(0.5))],
      results: ["output", "running_mean", "running_var"]),
  ]

  private func layer() throws -> Layer {
    let folder = try TemporaryFolder()
    let file = try File(anew: folder.path("in.h5"))
    try file.root.createGroup("layer")
      .createDataset("activations", type: .float64, shape: [4, 2], storage: .contiguous)
      .writeDoubles([1, 2, 3, 5, 8, 13, 21, 34])
    try file.close()
    return try #require(try Repository.plan(folder.path("in.h5"), json: "{}").layers.first)
  }

  @Test(arguments: rows.indices) func areSeenInWhatIsComputedFromThem(number: Int) throws {
    let (row, layer) = (Self.rows[number], try layer())
    let all = LayerResult.allCases.map(\.rawValue)
    let expected = all.filter { path in
      row.results.contains(path) || path.hasPrefix("diagnostics/") && row.results.contains("diagnostics")
    }
    for way in row.ways {
      let found = LayerResult.allCases.filter { layer.shows(way, in: $0) }.map(\.rawValue)
      #expect(found == expected, "\(way)")
    }
  }

  /// What a mask leaves out is in none of them.
  @Test func aMaskIsSeenInAll() throws {
    let layer = try layer()
    #expect(LayerResult.allCases.allSatisfy { layer.shows(.maskIgnored, in: $0) })
  }
}

import BatchNorm
import LayerFiles
import Testing

@testable import Inspection

/// Of which two ways of computing a layer `verify` names the first alone: those that nothing but their ε tells apart.
@Suite(.timeLimit(.minutes(30))) struct SameDepartureTests {
  private func areTheSame(
    _ one: LayerDeparture, _ other: LayerDeparture, otherResults: [String] = ["output", "grad_input"]
  ) -> Bool {
    let first = ConsistentDeparture(one, results: ["output", "grad_input"], relativeError: 0.25)
    let second = ConsistentDeparture(other, results: otherResults, relativeError: 0.5)
    return first.isTheSame(as: second) && second.isTheSame(as: first)
  }

  private static let outside = LayerDeparture.mistake(.epsilonOutsideRoot(0.125))
  private static let unbiased = LayerDeparture.mistake(.unbiasedVariance)

  @Test(
    arguments: [
      (.epsilon(0), .epsilon(1e-8)), (.epsilon(0.125), outside), (unbiased, unbiased),
      (.wrongAxes([0, 2]), .wrongAxes([0, 2])), (.previousBatch(.own), .previousBatch(.given)),
      (.two(.epsilon(0), .betaIgnored), .two(.epsilon(1e-8), .betaIgnored)),
      (.two(.epsilon(0.125), .betaIgnored), .two(outside, .betaIgnored)),
      (.two(.gammaIgnored, .epsilon(0)), .two(.gammaIgnored, .epsilon(1e-8))),
    ] as [(LayerDeparture, LayerDeparture)])
  func thoseThatDifferByEpsilon(one: LayerDeparture, other: LayerDeparture) {
    #expect(areTheSame(one, other))
    // What explains other results says something else.
    #expect(!areTheSame(one, other, otherResults: ["output"]))
  }

  @Test(
    arguments: [
      (.wrongAxes([0, 2]), .wrongAxes([0, 3])), (.momentum(0.9), .momentum(0.99)),
      (.shifted(.gamma, by: 1), .shifted(.gamma, by: -1)), (.gammaIgnored, .betaIgnored),
      (.epsilon(0), .gammaIgnored),
      (.two(.epsilon(0), .betaIgnored), .two(.epsilon(0), .gammaIgnored)),
      (.two(.epsilon(0), .betaIgnored), .two(.epsilon(1e-8), .gammaIgnored)),
      (.two(.betaIgnored, unbiased), .two(.gammaIgnored, unbiased)),
    ] as [(LayerDeparture, LayerDeparture)])
  func thoseThatSayDifferentThings(one: LayerDeparture, other: LayerDeparture) {
    #expect(!areTheSame(one, other))
  }
}

import StrictJSON
import Testing

@testable import Explain

/// A number that an experiment gave, as `explain --json` writes it.
@Suite(.timeLimit(.minutes(30))) struct MeasureTests {
  /// JSON has no notation for what is not finite.
  @Test(
    arguments: [
      (2.5, "2.5"), (.infinity, "null"), (-.infinity, "null"), (.nan, "null"),
    ] as [(Double, String)])
  func whatIsNotFiniteIsNull(value: Double, text: String) {
    let json = canonicalJSON(Measure(.lastLoss, .with, value, .atMost(3)), isPretty: false)
    #expect(json.contains("\"value\":\(text)"), "\(json)")
    #expect(json.contains("\"at_most\":3") && json.contains("\"variant\":\"with\""), "\(json)")
  }
}

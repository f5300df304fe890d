import Foundation
import Testing

@testable import Explain
@testable import bn_stream

/// What `explain` prints of numbers that are given here.
@Suite(.timeLimit(.minutes(30))) struct ExplanationTextTests {
  private func text(
    _ topic: Topic, _ data: ExplainedData, _ measures: [Measure], against: [Quantity] = []
  ) -> String {
    ExplanationText(topic, [Explanation(topic, on: data, measures, against: against)]).text
      .replacing(/[ ]+/, with: " ")
  }

  @Test(
    arguments: [
      (.whitening, nil, "7 values of each of 3 features"), (.landscape, nil, "7 samples of 3 numbers"),
      (.saturation, 2, "batch 2, m = 7, C = 3"),
    ] as [(Topic, Int?, String)])
  func saysOnWhat(topic: Topic, batch: Int?, words: String) {
    let ofFile = ExplainedData(file: "a.h5", layer: "/bn", batch: batch, count: 7, features: 3)
    #expect(text(topic, ofFile, []).contains("\nOn a.h5, /bn: \(words)\n"))
    let ofSample = ExplainedData(file: nil, layer: nil, batch: batch, count: 7, features: 3)
    #expect(
      text(topic, ofSample, []).contains("\nOn the sample, 8 x 8 pixels of handwritten digits: \(words)\n"))
  }

  @Test(
    arguments: [
      (.whitening, 1, 3, "1 value of each of 3 features"),
      (.whitening, 7, 1, "7 values of each of 1 feature"),
      (.landscape, 1, 3, "1 sample of 3 numbers"), (.landscape, 7, 1, "7 samples of 1 number"),
    ] as [(Topic, Int, Int, String)])
  func saysOneInTheSingular(topic: Topic, count: Int, features: Int, words: String) {
    let data = ExplainedData(file: "a.h5", layer: "/bn", batch: nil, count: count, features: features)
    #expect(text(topic, data, []).contains("\nOn a.h5, /bn: \(words)\n"))
  }

  /// Whole numbers below a million have all their digits, others four.
  @Test(
    arguments: [
      (999_999, "999999"), (1_000_000, "1e+06"), (7_622_656, "7.623e+06"), (-3, "-3"), (0.25, "0.25"),
      (12.3456, "12.35"), (-1_000_000, "-1e+06"),
    ] as [(Double, String)])
  func numbersHaveFourDigits(value: Double, words: String) {
    let data = ExplainedData(file: "a.h5", layer: "/bn", batch: nil, count: 7, features: 3)
    let text = text(.whitening, data, [Measure(.dimensionwiseOperations, nil, value)])
    #expect(text.contains("\noperations for variances, N C \(words)\n"), "\(text)")
  }

  @Test func allThatSpeaksAgainstIsNamed() {
    let data = ExplainedData(file: "a.h5", layer: "/bn", batch: nil, count: 7, features: 3)
    let text = text(.covariateShift, data, [], against: [.lastLoss, .movementOfMeans])
    #expect(
      text.hasSuffix(
        "\nDID NOT HOLD: on this data it is otherwise; see loss at the end (mean of the last tenth); "
          + "movement of the units' means in a step (median)"), "\(text)")
  }

  @Test(arguments: [(1, "1 value that is"), (2, "2 values that are")])
  func valuesThatAreNotFiniteAreCounted(count: Int, words: String) {
    let error = ExplainError.notFinite(file: "a.h5", layer: "/bn", count: count)
    #expect(
      error.description
        == "a.h5: /bn has \(words) infinite or NaN, which no experiment can tell anything from; choose another batch, "
        + "or find them with `run`")
  }

  /// What is expected stands beside what was found.
  @Test(
    arguments: [
      (.atMost(0.5), "at most 0.5"), (.atLeast(2), "at least 2"),
      (.near(0.6827, within: 0.25), "0.6827 within 0.25"),
    ] as [(ExpectedValue, String)])
  func whatIsExpected(expectation: ExpectedValue, words: String) {
    let data = ExplainedData(file: "a.h5", layer: "/bn", batch: nil, count: 7, features: 3)
    let text = text(.whitening, data, [Measure(.shareInside, nil, 3, expectation)])
    let mark = words == "at least 2" ? "" : " (!)"
    #expect(
      text.contains("\nshare of values inside -1...1 (Gaussian: 0.6827) 3\(mark) \(words)\n"), "\(text)")
  }
}

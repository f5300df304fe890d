import Foundation
import Testing

@testable import Report

/// What is drawn of a series.
@Suite(.timeLimit(.minutes(30))) struct ChartTests {
  /// The beginnings of the lines and the places that they go through, of five bins 49.2 apart from 92.6 on.
  private func line(_ numbers: [Double]) throws -> String {
    var series = BinnedSeries(of: numbers.count, bins: numbers.count)
    for (index, number) in numbers.enumerated() { series.add(number, at: index) }
    let svg = Chart(label: "numbers", series: [(series, style: "mean")], ends: ("first", "last")).svg
    let path = try #require(svg.firstMatch(of: #/<path class="line mean" d="([^"]*)"/#))
    return String(path.1).replacing(#/ [0-9.]+/#, with: "")
  }

  /// Where there is no finite number, the line ends, and begins anew behind it; what stands alone is a dot.
  @Test func linesBreakWhereThereIsNoNumber() throws {
    #expect(try line([1, 2, 3, 2, 1]) == "M92.6L141.8L191L240.2L289.4")
    #expect(try line([.nan, 2, 3, .infinity, 1]) == "M141.8L191M289.4h.1")
    #expect(try line([1, .nan, 3, 2, -.infinity]) == "M92.6h.1M191L240.2")
  }

  /// Where a point has several numbers, the range from the least to the largest is as wide as the point's share of the axis.
  @Test(
    arguments: [
      ([0, 2, 1, 1], ["M68 86.3h123V11.7h-123z"]), ([1, 1, 0, 2], ["M191 86.3h123V11.7h-123z"]),
      ([0, 2, 0, 2], ["M68 86.3h123V11.7h-123zM191 86.3h123V11.7h-123z"]), ([0, 0, 2, 2], []),
    ] as [([Double], [String])])
  func rangesAreAroundTheirPoints(numbers: [Double], areas: [String]) {
    var series = BinnedSeries(of: numbers.count, bins: 2)
    for (index, number) in numbers.enumerated() { series.add(number, at: index) }
    let svg = Chart(label: "numbers", series: [(series, style: "mean")], ends: ("first", "last")).svg
    let found = svg.matches(of: #/<path class="area mean" d="([^"]*)"/#).map { String($0.output.1) }
    #expect(found == areas)
  }

  /// On an axis of ratios there is no place for 0: a range that begins there reaches down to the axis.
  @Test func rangesFromZeroReachTheAxisOfRatios() {
    var series = BinnedSeries(of: 4, bins: 2)
    for (index, number) in [0.0, 2, 1, 1].enumerated() { series.add(number, at: index) }
    let svg = Chart(
      label: "numbers", series: [(series, style: "mean")], isLogarithmic: true, ends: ("first", "last")
    ).svg
    let found = svg.matches(of: #/<path class="area mean" d="([^"]*)"/#).map { String($0.output.1) }
    // log₁₀ 2 is a twenty-second below the upper end, for the axis is longer by a twentieth at either end.
    #expect(found == ["M68 90h123V11.7h-123z"])
  }

  /// Where nothing can be drawn it is said, and what is not finite is marked all the same.
  @Test func numbersThatAreNotFiniteAreMarked() {
    var series = BinnedSeries(of: 2, bins: 2)
    for (index, number) in [Double.nan, -.infinity].enumerated() { series.add(number, at: index) }
    let svg = Chart(label: "numbers", series: [(series, style: "mean")], ends: ("first", "last")).svg
    #expect(svg.contains(">no finite number</text>") && !svg.contains("line mean"))
    let marks = svg.matches(of: #/<path class="nonfinite" d="([^"]*)"/#).map { String($0.output.1) }
    #expect(marks == ["M129.5 90v6M252.5 90v6"])
  }

  /// Whole numbers below a million have all their digits, others four.
  @Test(
    arguments: [
      (999_999, "999999"), (1_000_000, "1e+06"), (-999_999, "−999999"), (-1_000_000, "−1e+06"), (-0.0, "0"),
      (12_345.5, "1.235e+04"), (-0.000125, "−0.000125"), (.nan, "NaN"), (.infinity, "∞"),
      (-.infinity, "−∞"),
    ] as [(Double, String)])
  func numbersHaveFourDigits(value: Double, words: String) {
    #expect(shown(value) == words)
    #expect(shown(Optional(value)) == words)
  }
}

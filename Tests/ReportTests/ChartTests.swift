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
}

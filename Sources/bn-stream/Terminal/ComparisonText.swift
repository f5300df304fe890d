import FileNames
import Foundation
import Report

/// A comparison as people read it on a terminal: a line for each layer that differs, what only one file has, and the most different one.
struct ComparisonText {
  private let report: ComparisonReport
  /// Where the page was written; nil if it was not.
  private let page: String?

  init(_ report: ComparisonReport, page: String?) {
    self.report = report
    self.page = page
  }

  var text: String {
    var table = TextTable(
      [
        "layer", "difference", "mean shift", "rms", "var ratio", "least", "largest", "cos dγ", "cos dβ",
        "died", "revived",
      ])
    let differing = report.layers.filter { $0.difference > ComparisonReport.rounding }
    for layer in differing {
      table.add(
        [layer.path]
          + [
            layer.difference, layer.meanShift, layer.meanShiftRMS, layer.varianceRatio,
            layer.leastVarianceRatio,
            layer.largestVarianceRatio, layer.gradGamma?.cosine, layer.gradBeta?.cosine,
          ].map(number) + ["\(layer.diedFeatures)", "\(layer.revivedFeatures)"])
    }
    var lines = differing.isEmpty ? [] : [table.text]
    let equal = report.layers.count - differing.count - report.withoutStatistics.count
    if equal > 0 {
      let isExact = report.layers.allSatisfy {
        $0.difference == 0 || $0.difference > ComparisonReport.rounding
      }
      lines.append(
        "the statistics of \(equal) of \(counted(report.layers.count, "layer", "layers")) are equal\(isExact ? "" : ", but for rounding")"
      )
    }
    lines += [
      ("only in \(report.first)", report.onlyInFirst), ("only in \(report.second)", report.onlyInSecond),
      ("of another number of features", report.ofOtherShape),
      ("without finite statistics in either file", report.withoutStatistics),
    ].filter { !$0.1.isEmpty }.map { "\($0.0): \(listed($0.1))".shown }
    if let worst = report.layers.max(by: { $0.difference < $1.difference }),
      worst.difference > ComparisonReport.rounding
    {
      let difference = number(worst.difference)
      lines.append(
        "\(worst.path.shown) differs most, by \(difference) standard deviation\(difference == "1" ? "" : "s")"
      )
    }
    if let limit = report.failAbove {
      lines.append(report.isWithin ? "all within \(number(limit))" : "NOT all within \(number(limit))")
    }
    if let page { lines.append("\(page.shown): the page") }
    return lines.joined(separator: "\n")
  }

  private func number(_ value: Double?) -> String { value.map { String(format: "%.3g", $0) } ?? "-" }
}

import FileNames
import Foundation
import Report

/// A report as people read it on a terminal: a line for each layer, what stands out of each, and a count.
struct ReportText {
  private let report: ResultReport
  /// Where the page was written; nil if it was not.
  private let page: String?

  init(_ report: ResultReport, page: String?) {
    self.report = report
    self.page = page
  }

  /// So many layers that pass are listed at most; all others are.
  private static let mostPassing = 20

  var text: String {
    let words = FindingWords()
    var table = TextTable([
      "", "layer", "features", "batches", "rms", "running mean", "running var", "noise", "F", "removed",
    ])
    var passing = 0
    for layer in report.layers {
      if layer.verdict == .pass { passing += 1 }
      guard layer.verdict != .pass || passing <= Self.mostPassing else { continue }
      let numbers = layer.numbers
      table.add(
        [layer.verdict.rawValue.uppercased(), layer.path, "\(layer.features)", "\(layer.batches)"]
          + [
            numbers.rootMeanSquare, numbers.runningMeanDistance, numbers.runningVarianceRatio,
            numbers.batchNoise,
            numbers.shufflingF, numbers.gradientShare,
          ].map { $0.map { String(format: "%.3g", $0) } ?? "-" })
    }
    var lines = [table.text]
    if passing > Self.mostPassing {
      lines.append(
        "and \(passing - Self.mostPassing) more that pass\(passing == Self.mostPassing + 1 ? "es" : "")")
    }
    for layer in report.layers where !layer.findings.isEmpty {
      lines += layer.findings.map { "\(layer.path.shown): \($0.verdict.rawValue): \(words.reason($0).shown)" }
    }
    let counts = Verdict.allCases.compactMap { verdict in
      report.count(of: verdict) == 0 ? nil : "\(report.count(of: verdict)) \(verdict.rawValue)"
    }
    lines.append(
      "\(counted(report.layers.count, "layer", "layers")): \(counts.joined(separator: ", "))"
    )
    if let page { lines.append("\(page.shown): the page, with what to do") }
    return lines.joined(separator: "\n")
  }
}

import FileNames
import Foundation
import Report

/// What was pooled, as people read it on a terminal: a line for each layer, and one for all.
struct MergeText {
  private let summary: MergeSummary

  init(_ summary: MergeSummary) { self.summary = summary }

  var text: String {
    var table = TextTable(["layer", "features", "samples", "values", "between files"])
    for layer in summary.layers {
      let between = layer.betweenFiles.map { String(format: "%.3g %%", 100 * $0) } ?? "-"
      table.add([layer.path, "\(layer.features)", "\(layer.samples)", "\(layer.values)", between])
    }
    var words =
      "\(summary.output): \(counted(summary.inputs.count, "file", "files")) pooled"
    if let prior = summary.prior, let samples = summary.priorSamples {
      // Whole numbers are said whole.
      let number = Int(exactly: samples).map { "\($0)" } ?? "\(samples)"
      words += ", blended with \(prior) as \(number) \(samples == 1 ? "sample" : "samples")"
    }
    return [table.text, words.shown].joined(separator: "\n")
  }
}

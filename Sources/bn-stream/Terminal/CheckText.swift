import FileNames
import Foundation
import Inspection

/// What a check found as people read it: a table and a verdict for each layer.
struct CheckText {
  private let report: CheckReport

  init(_ report: CheckReport) { self.report = report }

  var text: String { report.layers.map(text).joined(separator: "\n\n") }

  private func text(_ layer: LayerCheck) -> String {
    var lines = [heading(layer)]
    if !layer.kernels.isEmpty {
      var table = TextTable([
        "compared", "result", "numbers", "worst error", "allowed", "where", "found", "expected",
      ])
      for deviation in layer.kernels { table.add(["kernel : graph"] + row(deviation)) }
      for deviation in layer.differences { table.add(["graph : differences"] + row(deviation)) }
      lines.append(table.text)
    }
    return (lines + notes(layer) + [verdict(layer)]).joined(separator: "\n")
  }

  private func heading(_ layer: LayerCheck) -> String {
    let batches = "\(layer.batches.count) of \(counted(layer.batchCount, "batch", "batches"))"
    let first = layer.samplesPerBatch == 1 ? "first sample" : "first \(layer.samplesPerBatch) samples"
    let samples = layer.isShortened ? "the \(first) of each" : "all their samples"
    return
      "\(layer.path.shown): \(batches), \(samples), \(layer.features) of \(counted(layer.featureCount, "feature", "features")), "
      + "kernels write \(layer.computedType)"
  }

  private func row(_ deviation: Deviation) -> [String] {
    let place = deviation.batch.map { "batch \($0) \(deviation.index)" } ?? "equal"
    return [
      deviation.quantity, "\(deviation.count)", String(format: "%.1e", deviation.relativeError),
      String(format: "%.1e", deviation.allowed) + (deviation.isAllowed ? "" : "  FAILED"), place,
      deviation.batch == nil ? "" : distinct(deviation.found, from: deviation.expected),
      deviation.batch == nil ? "" : distinct(deviation.expected, from: deviation.found),
    ]
  }

  private func notes(_ layer: LayerCheck) -> [String] {
    var notes: [String] = []
    if layer.forwardOnly { notes.append("no grad_output: only the forward pass was checked") }
    if layer.uniformFeatures > 0 && !layer.hasOnlyUniformGradient {
      notes.append(
        "\(have(layer.uniformFeatures, of: layer)) a uniform upstream gradient, which proves nothing: "
          + "dx is then 0 whatever the formula")
    }
    if layer.undefinedFeatures > 0 {
      notes.append(
        "\(have(layer.undefinedFeatures, of: layer)) no derivative: a variance + epsilon of 0, or values "
          + "that are not finite")
    }
    return notes
  }

  /// So many of the features that are checked, as the beginning of a sentence about what they have.
  private func have(_ count: Int, of layer: LayerCheck) -> String {
    "\(count) of \(counted(layer.features, "feature", "features")) \(count == 1 ? "has" : "have")"
  }

  private func verdict(_ layer: LayerCheck) -> String {
    switch layer.verdict {
    case .passed: return "passed"
    case .failed:
      let failed = (layer.kernels + layer.differences).filter { !$0.isAllowed }.map(\.quantity)
      return "FAILED: "
        + failed.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }.joined(separator: ", ")
    case .unproven where layer.batches.isEmpty:
      return "NOT PROVED: there is no batch with values that count"
    case .unproven where layer.hasOnlyUniformGradient:
      return
        "NOT PROVED: the upstream gradient is uniform, as that of L = sum(out), and dx is then 0 whatever the formula; "
        + "record the gradients of another loss"
    case .unproven:
      return "NOT PROVED: there is no feature whose gradient could be compared"
    }
  }
}

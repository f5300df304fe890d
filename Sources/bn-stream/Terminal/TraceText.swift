import BatchNormReference
import FileNames
import Foundation
import Inspection

/// The graph of a batch as people read it: a row for each node.
struct TraceText {
  private let trace: LayerTrace

  init(_ trace: LayerTrace) { self.trace = trace }

  var text: String {
    var table = TextTable(["step", "node", "shape", "formula", "from", "least", "greatest"])
    for node in trace.nodes {
      let values = trace.trace[node]?.values ?? []
      table.add([
        node.definition.phase == .input ? "" : "\(node.step)", node.rawValue, "\(trace.shape(of: node))",
        node.formula, node.inputs.map(\.rawValue).joined(separator: ", "), number(values.min()),
        number(values.max()),
      ])
    }
    return "\(heading)\n\(table.text)"
  }

  private var heading: String {
    let inputs = trace.trace.inputs
    var words = [
      "\(trace.path.shown): batch \(trace.batch), samples \(trace.samples.lowerBound)..<\(trace.samples.upperBound)",
      "m = \(inputs.counted.count)", "C = \(inputs.x.featureCount)", statistics,
    ]
    if trace.maskedValues > 0 {
      words.append("\(counted(trace.maskedValues, "value", "values")) of each feature masked")
    }
    if trace.trace.backward == nil { words.append("no grad_output, so forward only") }
    return words.joined(separator: ", ")
  }

  private var statistics: String {
    switch trace.trace.inputs.mode {
    case .batch: "the batch's own statistics"
    case .detached: "the batch's own statistics, constants in the gradient"
    case .running: "the running statistics"
    }
  }

  private func number(_ value: Double?) -> String {
    value.map { String(format: "%.5g", $0) } ?? ""
  }
}

import BatchNormReference
import FileNames
import Foundation
import Inspection

/// All numbers of a small batch, step by step: the forward node beside its partners of the backward pass, of which each is a local
/// gradient times what comes from upstream, written out so that every sum can be redone by hand.
struct TraceNumbers {
  private let trace: LayerTrace

  init(_ trace: LayerTrace) { self.trace = trace }

  /// More numbers in a node than can be read.
  static let mostNumbers = 256

  var text: String {
    let inputs = trace.trace.inputs
    var parts = [
      "\(trace.path.shown): batch \(trace.batch), m = \(inputs.counted.count), C = \(inputs.x.featureCount)",
      side(
        trace.nodes.filter { $0.definition.phase == .input }.map { block($0.rawValue, of: trace.trace[$0]) }),
    ]
    for step in 1...9 {
      let forward = trace.nodes.filter { $0.definition.phase == .forward && $0.step == step }
      let backward = trace.nodes.filter { $0.definition.phase == .backward && $0.step == step }
      let partner = forward.map { block("\($0.rawValue) = \($0.formula)", of: trace.trace[$0]) }
      let products = backward.map { product($0) }
      // The forward node beside its first partner, others below.
      let lines = [side(partner + [Self.rule] + (products.first ?? []))] + products.dropFirst().map(side)
      parts.append("\(heading(step, forward, backward))\n\(lines.joined(separator: "\n\n"))")
    }
    if trace.trace.backward != nil {
      parts.append("step 0: x is used twice, so that its gradients add up\n\(side(product(.dx)))")
    }
    return parts.joined(separator: "\n\n")
  }

  private func heading(_ step: Int, _ forward: [NodeName], _ backward: [NodeName]) -> String {
    let names = { (nodes: [NodeName]) in nodes.map(\.rawValue).joined(separator: ", ") }
    return "step \(step): \(names(forward)) forward"
      + (backward.isEmpty ? "" : ", \(names(backward)) backward")
  }

  /// A node of the backward pass: upstream, local gradient, and what they make.
  private func product(_ node: NodeName) -> [[String]] {
    guard let local = node.localGradient else { return [] }
    let numbers = trace.trace
    var blocks = [block("local gradient \(local.formula)", of: numbers.localGradient(of: node))]
    for (index, upstream) in local.upstream.enumerated() {
      blocks.append(block("\(index == 0 ? "× upstream" : "+") \(upstream.rawValue)", of: numbers[upstream]))
    }
    let sum = local.isSummed ? ", summed over the batch" : ""
    blocks.append(block("= \(node.rawValue)\(sum)", of: numbers[node]))
    return blocks
  }

  /// Between what goes forward and what goes backward.
  private static let rule = ["|"]

  /// A node with its shape: a line for each row.
  private func block(_ title: String, of value: NodeValue?) -> [String] {
    guard let value else { return [] }
    let columns = trace.trace.inputs.x.featureCount
    let (shape, width) =
      switch value {
      case .matrix(let matrix): ("[\(matrix.rowCount), \(columns)]", columns)
      case .row: ("[\(columns)]", columns)
      case .scalar: ("[]", 1)
      }
    let texts = value.values.map { String(format: "%.6g", $0 + 0) }
    let longest = texts.map(\.count).max() ?? 0
    let rows = stride(from: 0, to: texts.count, by: max(1, width)).map { start in
      texts[start..<min(start + width, texts.count)]
        .map { String(repeating: " ", count: longest - $0.count) + $0 }.joined(separator: "  ")
    }
    return ["\(title)  \(shape)"] + rows
  }

  /// Blocks side by side.
  private func side(_ blocks: [[String]]) -> String {
    var blocks = blocks.filter { !$0.isEmpty }
    let height = blocks.map(\.count).max() ?? 0
    if blocks.last == Self.rule { blocks.removeLast() }
    blocks = blocks.map { $0 == Self.rule ? Array(repeating: "|", count: height) : $0 }
    let widths = blocks.map { $0.map(\.count).max() ?? 0 }
    return (0..<height).map { line in
      var text = "  "
      for (block, width) in zip(blocks, widths) {
        let own = line < block.count ? block[line] : ""
        text += own + String(repeating: " ", count: width - own.count + 3)
      }
      while text.last == " " { text.removeLast() }
      return text
    }.joined(separator: "\n")
  }
}

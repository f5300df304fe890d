import BatchNormReference

/// The graph in the language of Graphviz: what is given, the forward pass and the backward pass, each a box of its own.
public struct GraphDrawing {
  private let trace: LayerTrace

  /// A drawing of the nodes that `trace` has.
  public init(_ trace: LayerTrace) { self.trace = trace }

  /// A digraph, to be drawn by `dot`.
  public var text: String {
    var lines = [
      "digraph \(quoted(trace.path)) {",
      "  rankdir=TB; node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11];",
      "  edge [color=\"#606060\", arrowsize=0.7];",
    ]
    for (phase, title, color) in Self.phases {
      let nodes = trace.nodes.filter { $0.definition.phase == phase }
      guard !nodes.isEmpty else { continue }
      lines.append("  subgraph \(quoted("cluster_\(phase.rawValue)")) {")
      lines.append(
        "    label=\(quoted(title)); color=\"#b0b0b0\"; fontname=\"Helvetica\"; node [fillcolor=\(quoted(color))];"
      )
      for node in nodes { lines.append("    \(quoted(node.rawValue)) [label=\(quoted(label(node)))];") }
      lines.append("  }")
    }
    for node in trace.nodes {
      for input in node.inputs { lines.append("  \(quoted(input.rawValue)) -> \(quoted(node.rawValue));") }
    }
    return (lines + ["}"]).joined(separator: "\n")
  }

  private static let phases: [(NodeDefinition.Phase, title: String, color: String)] = [
    (.input, "given", "#f2f2f2"), (.forward, "forward", "#dceaf7"), (.backward, "backward", "#fbe5d6"),
  ]

  private func label(_ node: NodeName) -> String {
    let shape = "\(node.rawValue) \(trace.shape(of: node))"
    return node.definition.phase == .input
      ? "\(shape)\n\(node.formula)" : "\(node.step). \(shape)\n\(node.rawValue) = \(node.formula)"
  }

  /// A string of the language: quotes and backslashes escaped, line breaks as `\n`. By scalars: a quote with an accent over it ends a string, too.
  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where Character(scalar).isNewline: result += "\\n"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

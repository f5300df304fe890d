import Configuration
import FileNames
import Foundation
import Jobs
import LayerFiles

/// What a file holds as people read it: a part for each layer, of lines that fit the terminal.
struct InspectText {
  private let report: FileReport
  private let width: Int

  init(_ report: FileReport, width: Int = Terminal.width) {
    self.report = report
    self.width = width
  }

  var text: String {
    var parts = report.layers.map { part($0.facts, end: end(of: $0)) }
    parts += report.nearLayers.map {
      part(
        $0.facts, end: [("is no layer", "it lacks \($0.missing.map { "`\($0)`" }.joined(separator: ", "))")])
    }
    let warnings = report.warnings.map { FactLines.line("warning: \($0)", width: width) }
    return (parts + [(warnings + [verdict]).joined(separator: "\n")]).joined(separator: "\n\n")
  }

  private func part(_ facts: GroupFacts, end: [(String, String)]) -> String {
    FactLines(path: facts.path, width: width).text(
      inputs: facts.inputs, settings: facts.settings, unusedNames: facts.unusedNames, end: end)
  }

  private func end(of layer: LayerReport) -> [(String, String)] {
    if let plan = layer.plan { return FactLines.work(plan) }
    return [("run says", layer.refusal?.message ?? "")]
  }

  private var verdict: String {
    let layers = report.layers.count
    let words = counted(layers, "layer", "layers")
    guard let refusal = report.refusal else {
      return FactLines.line(
        "\(report.input): \(words); run would compute \(layers == 1 ? "it" : "them")", width: width)
    }
    let refused = report.layers.count { $0.refusal != nil }
    let count = refused > 0 ? ", of which run would refuse \(refused)" : ""
    return FactLines.line("\(report.input): \(words)\(count)", width: width) + "\n"
      + FactLines.line("run would exit with \(refusal.code) and say: \(refusal.message)", width: width)
  }
}

/// What is known of a layer before anything is computed, for `inspect` and for a dry run.
struct FactLines {
  let path: String
  let width: Int

  /// - Parameter end: what else there is to say, by its heading.
  func text(
    inputs: [DatasetFacts], settings: LayerSettings, unusedNames: [UnusedName], end: [(String, String)]
  ) -> String {
    var lines = [path.shown]
    let name = (inputs.map { $0.name.shown.count } + [0]).max() ?? 0
    for dataset in inputs {
      let padding = String(repeating: " ", count: max(0, name - dataset.name.shown.count))
      lines.append(
        labelled(dataset.role, dataset.name.shown + padding + "  " + words(dataset), hanging: name + 2))
    }
    lines.append(labelled("settings", words(settings)))
    for (heading, text) in end { lines.append(labelled(heading, text)) }
    if !unusedNames.isEmpty {
      lines.append(
        labelled(
          "not read",
          unusedNames.map { "`\($0.name.shown)`, which looks like \($0.looksLike)" }.joined(separator: "; ")))
    }
    return lines.joined(separator: "\n")
  }

  /// What a run would do.
  static func work(_ plan: LayerPlan) -> [(String, String)] {
    [
      ("batches", batches(plan.batches, plan.batchSize)),
      (
        "run",
        "\(plan.schedule), \(plan.bufferSets) × \(ByteCount.text(plan.bufferSetBytes)) of buffers, \(plan.passes) "
          + "pass\(plan.passes == 1 ? "" : "es"), reads \(ByteCount.text(plan.bytesToRead)), writes "
          + "\(ByteCount.text(plan.bytesToWrite)) of \(plan.outputType)"
          + (plan.forwardOnly ? ", forward only" : "")
      ),
    ]
  }

  private func words(_ dataset: DatasetFacts) -> String {
    guard let shape = dataset.shape, let type = dataset.type, let storage = dataset.storage else {
      return "cannot be opened"
    }
    // A shape is not broken over two lines.
    var words = "\(shape)".replacing(" ", with: "\u{a0}") + " \(type), "
    if let chunk = dataset.chunk {
      words += "chunks of " + "\(chunk)".replacing(" ", with: "\u{a0}")
      for (index, filter) in (dataset.filters ?? []).enumerated() {
        words += ", \(filter)"
        if let compressor = dataset.compressors?[index] { words += " of \(compressor)" }
      }
    } else {
      words += storage
    }
    let stored = dataset.storedBytes ?? 0
    words += ", \(ByteCount.text(stored))"
    if let bytes = dataset.bytes, bytes != stored { words += " for \(ByteCount.text(bytes))" }
    return words
  }

  /// By who said them; those that nobody did come last.
  private func words(_ settings: LayerSettings) -> String {
    SettingOrigin.allCases.compactMap { origin in
      let entries = settings.entries.filter { $0.origin == origin }
      guard !entries.isEmpty else { return nil }
      return "by \(origin.rawValue): "
        + entries.map { "\($0.key.rawValue) \($0.value.settingWords)" }.joined(separator: ", ")
    }.joined(separator: "; ")
  }

  private func labelled(_ label: String, _ text: String, hanging: Int = 0) -> String {
    let start = "  " + label + String(repeating: " ", count: max(1, 15 - label.count))
    return Self.line(start + text, width: width, indent: start.count + hanging, from: start.count)
  }

  /// A text in lines of at most so many characters, but for words that are longer; further lines begin with blanks.
  /// - Parameter from: where the text begins in its first line, which is kept as it is before.
  static func line(_ text: String, width: Int, indent: Int = 2, from: Int = 0) -> String {
    // No text has more characters than bytes.
    if text.utf8.count <= width { return text.withoutFixedBlanks.trimmingBlanks }
    // Where long names leave no room beside them, what follows begins further left.
    let indent = indent > width / 2 ? 4 : indent
    var lines: [String] = []
    var line = String(text.prefix(from))
    var rest = text.dropFirst(from).split(separator: " ", omittingEmptySubsequences: false)[...]
    var isEmpty = true
    while let word = rest.popFirst() {
      if !isEmpty, line.count + 1 + word.count > width {
        lines.append(line.trimmingBlanks)
        line = String(repeating: " ", count: indent) + word
      } else {
        line += (isEmpty ? "" : " ") + word
      }
      isEmpty = false
    }
    lines.append(line.trimmingBlanks)
    return lines.joined(separator: "\n").withoutFixedBlanks
  }
}

extension String {
  /// Blanks at which no line is broken become others.
  fileprivate var withoutFixedBlanks: String {
    utf8.contains(0xC2)
      ? String(String.UnicodeScalarView(unicodeScalars.map { $0 == "\u{a0}" ? " " : $0 })) : self
  }

  fileprivate var trimmingBlanks: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}

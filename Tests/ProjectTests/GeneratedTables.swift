import BatchNormReference
import Configuration
import Foundation
import LayerFiles
import Report
import TestSupport
import Testing

@testable import bn_stream

/// A table of a document that is made from the program itself, so that it cannot say something else.
///
/// It stands between the lines `<!-- generated: NAME -->` and `<!-- end -->`. `tools/generate-docs` writes it anew.
struct GeneratedTable: Sendable, CustomTestStringConvertible {
  let file: String
  let name: String
  let header: [String]
  let rows: @Sendable () -> [[String]]

  var testDescription: String { "\(file): \(name)" }

  /// All of them. Another table is another entry here, and its two lines in the document.
  static let all = [
    GeneratedTable(
      file: "README.md", name: "options", header: ["option", "default", ""], rows: { optionRows("run") }),
    GeneratedTable(
      file: "README.md", name: "exit codes", header: ["exit code", ""],
      rows: { ExitStatus.allCases.map { ["\($0.rawValue)", $0.words.sentence] } }),
    GeneratedTable(
      file: "docs/explain.md", name: "options of explain", header: ["option", "default", ""],
      rows: { optionRows("explain", without: "run") }),
    GeneratedTable(
      file: "docs/inspection.md", name: "options of trace", header: ["option", "default", ""],
      rows: { optionRows("trace", without: "run") }),
    GeneratedTable(
      file: "docs/glossary.md", name: "nodes of the graph", header: ["node", "sign in LaTeX", "formula"],
      rows: {
        NodeName.allCases.map {
          [code($0.rawValue), code($0.sign), literal($0.formula)]
        }
      }),
    GeneratedTable(
      file: "docs/inspection.md", name: "options of check", header: ["option", "default", ""],
      rows: { optionRows("check", without: "run") }),
    GeneratedTable(
      file: "docs/inspection.md", name: "options of verify", header: ["option", "default", ""],
      rows: { optionRows("verify", without: "run") }),
    GeneratedTable(
      file: "docs/report.md", name: "options of report", header: ["option", "default", ""],
      rows: { optionRows("report") }),
    GeneratedTable(
      file: "docs/report.md", name: "options of compare", header: ["option", "default", ""],
      rows: { optionRows("compare") }),
    GeneratedTable(
      file: "docs/merging.md", name: "options of merge", header: ["option", "default", ""],
      rows: { optionRows("merge") }),
    GeneratedTable(
      file: "docs/report.md", name: "findings",
      header: ["finding", "what is measured", "warns above", "fails above"],
      rows: {
        FindingKind.allCases.map {
          [
            code($0.rawValue), literal(FindingWords().measure($0)), "\($0.threshold.warn)",
            "\($0.threshold.fail)",
          ]
        }
      }),
    GeneratedTable(
      file: "docs/configuration.md", name: "keys", header: ["key", "option", "value", "default"],
      rows: {
        JobConfiguration.Key.allCases.map { key in
          [
            code(key.rawValue), key.option.map(code) ?? "", literal(key.allowed.words),
            literal(key.defaultWords),
          ]
        }
      }),
    GeneratedTable(
      file: "docs/configuration.md", name: "keys of output_storage",
      header: ["key in `output_storage`", "value", "default", ""],
      rows: {
        OutputStorage.Key.allCases.map {
          [code($0.rawValue), literal($0.allowed.words), literal($0.defaultWords), $0.meaning]
        }
      }),
    GeneratedTable(
      file: "docs/formats.md", name: "results",
      header: ["dataset", "shape", "type", "key in `outputs`", "needs"],
      rows: {
        LayerResult.allCases.map {
          let entry = $0.entry
          return [
            code($0.rawValue), words(entry.shape).shape, words(entry.shape).type,
            code(entry.askedBy?.rawValue ?? "quantiles"),
            words(entry.needs),
          ]
        }
      }),
    GeneratedTable(
      file: "docs/diagnostics.md", name: "formulas of diagnostics", header: ["dataset", "formula"],
      rows: {
        LayerResult.allCases.filter { $0.entry.askedBy == .diagnostics }.compactMap { result in
          result.entry.formula.map { [code(result.rawValue), code($0)] }
        }
      }),
    GeneratedTable(
      file: "docs/inspection.md", name: "names of results",
      header: ["result", "other names", "without inputs beside it also"],
      rows: {
        LayerResult.allCases.filter { !["diagnostics", "histograms"].contains($0.group) }.map { result in
          [code(result.rawValue)]
            + [result.otherNames, result.namesWithoutInput].map { $0.map(code).joined(separator: ", ") }
        }
      }),
  ]

  /// The table in Markdown, with a line break at its end.
  var markdown: String {
    ([header, header.map { _ in "---" }] + rows())
      .map { row in
        row == header.map { _ in "---" }
          ? "|" + row.joined(separator: "|") + "|"
          : "|" + row.map { $0.isEmpty ? " " : " \($0) " }.joined(separator: "|") + "|"
      }
      .joined(separator: "\n") + "\n"
  }

  var opening: String { "<!-- generated: \(name) -->" }
  static let closing = "<!-- end -->"

  /// Where the table stands in its document, the two lines around it left out; nil if it has no place there.
  func place(in text: String) -> Range<String.Index>? {
    guard let start = text.range(of: opening + "\n"),
      let end = text.range(of: Self.closing, range: start.upperBound..<text.endIndex)
    else { return nil }
    return start.upperBound..<end.lowerBound
  }
}

/// The rows of a command's options, without those that another command has, too.
private func optionRows(_ command: String, without other: String? = nil) -> [[String]] {
  let program = CommandDescription.program
  let known = other.flatMap(program.subcommand)?.options ?? ["--help", "--version"]
  return (program.subcommand(command)?.arguments ?? []).compactMap { argument in
    guard let option = argument.option, let usage = argument.usage, !known.contains(option) else {
      return nil
    }
    let key = JobConfiguration.Key.allCases.first { $0.option == option }
    let given = key?.defaultWords ?? argument.namedDefault ?? argument.defaultValue
    return [code(usage), given ?? "", literal(argument.meaning)]
  }
}

private func words(_ shape: LayerResult.Shape) -> (shape: String, type: String) {
  switch shape {
  case .samples: ("as `activations`", "output type")
  case .features: ("[C]", "float64")
  case .batchesAndFeatures: ("[batches, C]", "float64")
  case .batches: ("[batches]", "int64")
  case .quantilesAndFeatures: ("[quantiles, C]", "float64")
  case .bins: ("[2048]", "int64")
  }
}

private func words(_ need: LayerResult.Need) -> String {
  switch need {
  case .nothing: ""
  case .gradient: "`grad_output`"
  case .batchStatistics: "`\"statistics\": \"batch\"`"
  case .allValues: "no mask"
  case .inputGradient: "`grad_output`, a large tensor"
  case .gradientShare: "`grad_output`; with a mask a large tensor"
  }
}

/// As code in a cell of a table.
private func code(_ text: String) -> String { "`\(text.replacing("|", with: "\\|"))`" }

/// As text in a cell of a table, whatever signs it holds.
private func literal(_ text: String) -> String {
  ["\\", "|", "*", "_", "<"].reduce(text) { $0.replacing($1, with: "\\\($1)") }
}

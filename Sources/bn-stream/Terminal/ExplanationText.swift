import Explain
import FileNames
import Foundation
import Report
import StrictJSON

/// An experiment as people read it: the statement; then of each layer the numbers beside what they should be, and a last line that says
/// whether it held.
struct ExplanationText {
  private let topic: Topic
  private let explanations: [Explanation]

  init(_ topic: Topic, _ explanations: [Explanation]) {
    self.topic = topic
    self.explanations = explanations
  }

  var text: String {
    let statement = [
      Self.wrapped("\(topic.rawValue): \(topic.statement)"), Self.wrapped("(\(topic.source))"),
    ]
    return
      (statement
      + explanations.map { explanation in
        "\n\(place(explanation.data))\n\n\(table(explanation))\n\n\(explanation.verdictWords)"
      }).joined(separator: "\n")
  }

  private func place(_ data: ExplainedData) -> String {
    let features = counted(data.features, "feature", "features")
    let values = counted(data.count, "value", "values")
    let samples = counted(data.count, "sample", "samples")
    let numbers = counted(data.features, "number", "numbers")
    let what =
      data.batch.map { "batch \($0), m = \(data.count), C = \(data.features)" }
      ?? (topic.need == .samples ? "\(values) of each of \(features)" : "\(samples) of \(numbers)")
    guard let file = data.file, let layer = data.layer else {
      return "On the sample, 8 x 8 pixels of handwritten digits: \(what)"
    }
    return "On \(file), \(layer): \(what)"
  }

  private func table(_ explanation: Explanation) -> String {
    let (header, rows) = cells(explanation)
    var table = TextTable(header)
    for row in rows { table.add(row) }
    return table.text
  }

  /// A row for each quantity, a column for each set-up, and what is expected.
  private func cells(_ explanation: Explanation) -> (header: [String], rows: [[String]]) {
    let variants = distinct(explanation.measures.map(\.variant))
    let quantities = distinct(explanation.measures.map(\.quantity))
    let hasExpectations = explanation.measures.contains { $0.expectation != nil }
    let header = [""] + variants.map { $0?.words ?? "found" } + (hasExpectations ? ["expected"] : [])
    let rows = quantities.map { quantity in
      let measures = explanation.measures.filter { $0.quantity == quantity }
      let values = variants.map { variant in
        measures.first { $0.variant == variant }.map {
          number($0.value) + ($0.isAsExpected ? "" : " (!)")
        } ?? ""
      }
      let expectation = measures.lazy.compactMap(\.expectation).first
      return [quantity.words] + values + (hasExpectations ? [expectation.map(words) ?? ""] : [])
    }
    return (header, rows)
  }

  /// The same as a page, with pictures.
  var page: ExplanationPage {
    ExplanationPage(
      topic, statement: topic.statement, source: topic.source,
      explanations.map { explanation in
        let (header, rows) = cells(explanation)
        return ExplanationPage.Section(
          place: place(explanation.data), header: header, rows: rows,
          verdict: explanation.verdictWords,
          of: explanation)
      }, naming: \.words)
  }

  private func distinct<Value: Equatable>(_ values: [Value]) -> [Value] {
    values.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  private func words(_ expectation: ExpectedValue) -> String {
    switch expectation {
    case .atMost(let bound): "at most \(number(bound))"
    case .atLeast(let bound): "at least \(number(bound))"
    case .near(let value, let tolerance): "\(number(value)) within \(number(tolerance))"
    }
  }

  private func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e6
      ? String(format: "%.0f", value) : String(format: "%.4g", value)
  }

  /// Lines of at most 80 columns, as a terminal has.
  private static func wrapped(_ text: String, indent: String = "") -> String {
    var lines: [String] = []
    var line = indent
    for word in text.split(separator: " ") {
      if line.count + word.count > 79, line != indent {
        lines.append(line)
        line = indent
      }
      line += (line == indent ? "" : " ") + word
    }
    return (lines + [line]).joined(separator: "\n")
  }

  /// All topics with their statements.
  static var topics: String {
    Topic.allCases.map { "\($0.rawValue)\n\(wrapped($0.statement, indent: "    "))" }.joined(separator: "\n")
      + "\n\nRun one with bn-stream explain TOPIC, on a layer of yours with --in FILE --layer PATH."
  }

  static var topicsAsJSON: String {
    struct Entry: Encodable { let topic, statement, source: String }
    return canonicalJSON(
      Topic.allCases.map { Entry(topic: $0.rawValue, statement: $0.statement, source: $0.source) })
  }
}

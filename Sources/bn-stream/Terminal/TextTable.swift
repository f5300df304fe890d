import FileNames
import Foundation

/// A table whose columns are as wide as their widest entry.
struct TextTable {
  private var rows: [[String]]

  init(_ header: [String]) { rows = [header] }

  /// Adds a row. A name from a file may hold a line break, which must not pass for another row.
  mutating func add(_ row: [String]) { rows.append(row.map(\.shown)) }

  var text: String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
        .joined(separator: "  ")
        .trimmingSuffix(" ")
    }.joined(separator: "\n")
  }
}

extension String {
  fileprivate func trimmingSuffix(_ character: Character) -> String {
    var text = self[...]
    while text.last == character { text.removeLast() }
    return String(text)
  }
}

/// A number with as many digits as tell it from another one, at least six.
func distinct(_ value: Double, from other: Double) -> String {
  for digits in [6, 9, 12, 15] {
    let text = String(format: "%.*g", digits, value)
    if text != String(format: "%.*g", digits, other) { return text }
  }
  return String(format: "%.17g", value)
}

import FileNames
import Foundation

/// A table whose columns are as wide as their widest entry.
struct TextTable {
  private var rows: [[String]]

  init(_ header: [String]) { rows = [header] }

  /// Adds a row. A name from a file may hold a line break, which must not pass for another row.
  mutating func add(_ row: [String]) { rows.append(row.map(\.shown)) }

  var text: String { text(of: rows) }

  /// The table in lines of at most `columns` columns. Where it is too wide, the first column has lines of its own, with the rest of
  /// each row below it; where that is too wide as well, columns are left out, in the order of `dropping`.
  func text(columns: Int, dropping: [String]) -> String {
    func width(_ rows: [[String]]) -> Int { Self.widths(rows).reduce(-2) { $0 + $1 + 2 } }
    if width(rows) <= columns { return text }
    var rest = rows.map { Array($0.dropFirst()) }
    for name in dropping where width(rest) + 2 > columns {
      guard let index = rest[0].firstIndex(of: name) else { continue }
      for row in rest.indices { rest[row].remove(at: index) }
    }
    let below = text(of: rest).split(separator: "\n", omittingEmptySubsequences: false)
    return zip(rows, below).map { "\($0[0])\n  \($1)" }.joined(separator: "\n")
  }

  private static func widths(_ rows: [[String]]) -> [Int] {
    rows[0].indices.map { column in rows.map { $0[column].displayWidth }.max() ?? 0 }
  }

  private func text(of rows: [[String]]) -> String {
    let widths = Self.widths(rows)
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.displayWidth) }
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

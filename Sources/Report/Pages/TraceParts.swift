import BatchNormReference
import Foundation

/// A node's numbers as cells: rows of values over columns of features, each with its number where the pointer is, and written into it where
/// there is room.
struct NodePicture {
  private let label: String
  private let values: [Double]
  private let rows: Int
  private let columns: Int
  private let grid: Int

  /// - Parameters:
  ///   - columns: C.
  ///   - grid: cells along an axis at most.
  init(_ name: String, _ value: NodeValue?, columns: Int, grid: Int) {
    label = name
    values = value?.values ?? []
    self.grid = grid
    switch value {
    case .matrix(let matrix): (rows, self.columns) = (matrix.rowCount, matrix.featureCount)
    case .row: (rows, self.columns) = (1, columns)
    case .scalar, nil: (rows, self.columns) = (1, 1)
    }
  }

  private static let width = 300.0

  /// A class of the page's style, by the share of the largest magnitude.
  private func style(_ value: Double, _ largest: Double) -> String {
    guard value.isFinite else { return "hx" }
    let step = largest > 0 ? [0.02, 0.25, 0.5, 0.75].count { value.magnitude / largest > $0 } : 0
    return step == 0 ? "h0" : "h\(value < 0 ? "m" : "p")\(step)"
  }

  var svg: String {
    guard !values.isEmpty, rows > 0, columns > 0 else { return "" }
    let (down, across) = (min(rows, grid), min(columns, grid))
    let cellWidth = min(90, Self.width / Double(across))
    let cellHeight = min(20, max(9, 150 / Double(down)))
    var picture = SVG(width: Self.width, height: cellHeight * Double(down) + 2)
    let largest = values.lazy.filter(\.isFinite).map(\.magnitude).max() ?? 0
    let hasRoom = cellWidth >= 50 && cellHeight >= 11 && down * across <= 64
    for cellRow in 0..<down {
      for cellColumn in 0..<across {
        let (rowRange, columnRange) = (range(cellRow, down, rows), range(cellColumn, across, columns))
        let value = furthest(rowRange, columnRange)
        let (x, y) = (Double(cellColumn) * cellWidth, Double(cellRow) * cellHeight + 1)
        let style = style(value, largest)
        picture.rectangle(
          x, y, cellWidth - 1, cellHeight - 1, style,
          title: "\(words(rowRange, columnRange)): \(shown(value))")
        if hasRoom {
          let isLight = style.hasSuffix("4") || style.hasSuffix("3") || style == "hx"
          picture.words(
            shortly(value), x + cellWidth / 2, y + cellHeight / 2 + 3, anchor: "middle",
            style: isLight ? "l" : "n")
        }
      }
    }
    return picture.text(label: "\(label), [\(rows), \(columns)]")
  }

  private func range(_ cell: Int, _ cells: Int, _ count: Int) -> Range<Int> {
    cell * count / cells..<(cell + 1) * count / cells
  }

  private func words(_ rows: Range<Int>, _ columns: Range<Int>) -> String {
    func words(_ range: Range<Int>) -> String {
      range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)–\(range.upperBound - 1)"
    }
    let feature = "feature \(words(columns))"
    return self.rows == 1 ? feature : "value \(words(rows)), \(feature)"
  }

  /// The number that is furthest from 0; one that is not finite before all others.
  private func furthest(_ rows: Range<Int>, _ columns: Range<Int>) -> Double {
    var found = 0.0
    for row in rows {
      for column in columns {
        let value = values[row * self.columns + column]
        if !value.isFinite { return value }
        if value.magnitude > found.magnitude { found = value }
      }
    }
    return found
  }
}

/// A node's formula with the numbers of one value put in, as `xhat[3, 0] = xmu · ivar = 1.2 · 0.5 = 0.6`.
struct WrittenStep {
  let text: String
  /// What the written numbers make, in full precision.
  let result: Double

  /// So many terms of a sum are written.
  private static let mostTerms = 4

  /// - Parameters:
  ///   - row: which value of the batch.
  ///   - feature: of which feature.
  /// - Returns: nil for what is given, and for nodes that were not computed.
  init?(_ node: NodeName, in trace: GraphTrace, row: Int, feature: Int) {
    guard trace[node] != nil, node.definition.phase != .input else { return nil }
    func value(_ name: NodeName, _ row: Int) -> Double {
      switch trace[name] {
      case .matrix(let matrix): matrix[row, feature]
      case .row(let row): row[feature]
      case .scalar(let number): number
      case nil: .nan
      }
    }
    func v(_ name: NodeName) -> Double { value(name, row) }
    func sign(_ number: Double) -> String { number < 0 ? "(\(shown(number)))" : shown(number) }
    let rows = 0..<trace.inputs.x.rowCount
    let counted = rows.filter { trace.inputs.counted.isIncluded[$0] }
    let m = Double(counted.count)
    func mean(_ of: NodeName) -> (String, Double) {
      let terms = counted.map { value(of, $0) }
      return ("(\(Self.sum(terms.map(sign))))/\(counted.count)", terms.reduce(0, +) / m)
    }
    let isGiven = if case .running = trace.inputs.mode { true } else { false }
    let (words, number): (String, Double) =
      switch node {
      case .mu where isGiven, .variance where isGiven: ("given", v(node))
      case .mu: mean(.x)
      case .xmu: ("\(shown(v(.x))) − \(sign(v(.mu)))", v(.x) - v(.mu))
      case .sq: ("\(sign(v(.xmu)))²", v(.xmu) * v(.xmu))
      case .variance: mean(.sq)
      case .sqrtvar:
        ("√(\(shown(v(.variance))) + \(shown(v(.epsilon))))", (v(.variance) + v(.epsilon)).squareRoot())
      case .ivar: ("1/\(shown(v(.sqrtvar)))", v(.sqrtvar) == 0 ? 0 : 1 / v(.sqrtvar))
      case .xhat: ("\(shown(v(.xmu))) · \(sign(v(.ivar)))", v(.xmu) * v(.ivar))
      case .gammax: ("\(shown(v(.gamma))) · \(sign(v(.xhat)))", v(.gamma) * v(.xhat))
      case .out: ("\(shown(v(.gammax))) + \(sign(v(.beta)))", v(.gammax) + v(.beta))
      default: Self.backward(node, trace, row: row, feature: feature, rows: rows, value: value, sign: sign)
      }
    let index = node.definition.shape == .matrix ? "[\(row), \(feature)]" : "[\(feature)]"
    text = "\(node.rawValue)\(index) = \(words) = \(shown(v(node)))"
    result = number
  }

  /// Local gradient times upstream, summed where one value was used for all of the batch.
  private static func backward(
    _ node: NodeName, _ trace: GraphTrace, row: Int, feature: Int, rows: Range<Int>,
    value: (NodeName, Int) -> Double, sign: (Double) -> String
  ) -> (String, Double) {
    guard let local = node.localGradient, let gradient = trace.localGradient(of: node) else {
      return ("", .nan)
    }
    func factor(_ row: Int) -> Double {
      switch gradient {
      case .matrix(let matrix): matrix[row, feature]
      case .row(let row): row[feature]
      case .scalar(let number): number
      }
    }
    func upstream(_ row: Int) -> (String, Double) {
      let terms = local.upstream.map { value($0, row) }
      return (
        terms.count == 1 ? sign(terms[0]) : "(\(shown(terms[0])) + \(sign(terms[1])))", terms.reduce(0, +)
      )
    }
    func term(_ row: Int) -> (String, Double) {
      let (words, number) = upstream(row)
      return ("\(sign(factor(row))) · \(words)", factor(row) * number)
    }
    guard local.isSummed else { return term(row) }
    let terms = rows.map(term)
    return (sum(terms.map(\.0)), terms.reduce(0) { $0 + $1.1 })
  }

  private static func sum(_ terms: [String]) -> String {
    terms.prefix(mostTerms).joined(separator: " + ")
      + (terms.count > mostTerms ? " + … (\(terms.count) terms)" : "")
  }
}

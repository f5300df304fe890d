import Foundation

/// A picture as SVG, which stands in the page itself; colours are classes of the page's style, so that it is dark where the page is.
struct SVG {
  let width: Double
  let height: Double
  private var elements: [String] = []

  init(width: Double, height: Double) { (self.width, self.height) = (width, height) }

  /// The element; `label` says what it shows to those who do not see it.
  /// - Parameter isFlat: true for one that keeps its height where it gets narrower.
  func text(label: String, isFlat: Bool = false) -> String {
    let flat = isFlat ? " preserveAspectRatio=\"none\" style=\"max-width:\(Self.short(width))px\"" : ""
    return
      "<svg viewBox=\"0 0 \(Self.short(width)) \(Self.short(height))\"\(flat) role=\"img\" aria-label=\"\(label.escapedForHTML)\">"
      + elements.joined() + "</svg>"
  }

  mutating func path(_ data: String, _ style: String) {
    if !data.isEmpty { elements.append("<path class=\"\(style)\" d=\"\(data)\"/>") }
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) {
    path("M\(Self.short(x1)) \(Self.short(y1))L\(Self.short(x2)) \(Self.short(y2))", style)
  }

  /// - Parameter anchor: `start`, `middle` or `end`.
  mutating func words(
    _ text: String, _ x: Double, _ y: Double, anchor: String = "start", style: String? = nil
  ) {
    elements.append(
      "<text\(style.map { " class=\"\($0)\"" } ?? "") x=\"\(Self.short(x))\" y=\"\(Self.short(y))\" text-anchor=\"\(anchor)\">\(text.escapedForHTML)</text>"
    )
  }

  /// What a browser shows where the pointer is.
  mutating func rectangle(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String, title: String? = nil
  ) {
    let sizes =
      "x=\"\(Self.short(x))\" y=\"\(Self.short(y))\" width=\"\(Self.short(width))\" height=\"\(Self.short(height))\""
    elements.append(
      title.map {
        "<rect class=\"\(style)\" \(sizes)><title>\($0.escapedForHTML)</title></rect>"
      } ?? "<rect class=\"\(style)\" \(sizes)/>")
  }

  /// A coordinate in as few characters as a tenth of a point takes.
  static func short(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    let (whole, rest) = tenths.magnitude.quotientAndRemainder(dividingBy: 10)
    return (tenths < 0 ? "-" : "") + "\(whole)" + (rest == 0 ? "" : ".\(rest)")
  }
}

/// A number as pages show it: four digits, NaN and infinities as such.
func shown(_ value: Double) -> String {
  if value.isNaN { return "NaN" }
  if value.isInfinite { return value < 0 ? "−∞" : "∞" }
  if value == value.rounded(), value.magnitude < 1e6 { return "\(Int(value))".replacing("-", with: "−") }
  return String(format: "%.4g", value).replacing("-", with: "−")
}

/// The same in the room beside an axis.
func shortly(_ value: Double) -> String {
  value.isFinite ? String(format: "%.3g", value).replacing("-", with: "−") : shown(value)
}

/// The same of a number that may not be known.
func shown(_ value: Double?) -> String { value.map { shown($0) as String } ?? "–" }

extension String {
  /// As text of a page, and of an attribute in quotes: whatever follows a sign, as a combining accent, that sign is escaped.
  var escapedForHTML: String {
    var text = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      switch scalar {
      case "<": text.append(contentsOf: "&lt;".unicodeScalars)
      case ">": text.append(contentsOf: "&gt;".unicodeScalars)
      case "&": text.append(contentsOf: "&amp;".unicodeScalars)
      case "\"": text.append(contentsOf: "&quot;".unicodeScalars)
      case "'": text.append(contentsOf: "&#39;".unicodeScalars)
      default: text.append(scalar)
      }
    }
    return String(text)
  }
}

import Foundation

/// A number with as many digits as tell it from another one, at least six.
func distinct(_ value: Double, from other: Double) -> String {
  for digits in [6, 9, 12, 15] {
    let text = String(format: "%.*g", digits, value)
    if text != String(format: "%.*g", digits, other) { return text }
  }
  return String(format: "%.17g", value)
}

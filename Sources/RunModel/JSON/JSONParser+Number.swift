extension JSONParser {
  /// Parses a number and returns its text unchanged.
  mutating func number() throws(JSONSyntaxFailure) -> String {
    let start = offset
    // Taking everything that looks like a number first makes the error quote `0x10` or `1.` whole.
    let text = takeWhile { isDigit($0) || isLetter($0) || "+-.".utf8.contains($0) }
    if text == "-Infinity" { throw JSONSyntaxFailure(.notFinite(text), offset: start) }
    guard isJSONNumber(text) else { throw JSONSyntaxFailure(.invalidNumber(text), offset: start) }
    return text
  }
}

/// Whether a text is a number of RFC 8259, section 6:
/// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
func isJSONNumber(_ text: String) -> Bool {
  var rest = text.utf8[...]
  if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
  let integer = rest.prefix(while: isDigit)
  rest = rest.dropFirst(integer.count)
  guard let leading = integer.first, leading != UInt8(ascii: "0") || integer.count == 1 else { return false }
  if rest.first == UInt8(ascii: ".") {
    let fraction = rest.dropFirst().prefix(while: isDigit)
    guard !fraction.isEmpty else { return false }
    rest = rest.dropFirst(1 + fraction.count)
  }
  if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
    rest.removeFirst()
    if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest.removeFirst() }
    let exponent = rest.prefix(while: isDigit)
    guard !exponent.isEmpty else { return false }
    rest = rest.dropFirst(exponent.count)
  }
  return rest.isEmpty
}

/// A strict parser of JSON text after RFC 8259.
///
/// Foundation's decoder says neither line nor column, and takes the last of two equal keys in silence; a
/// configuration that decides about days of computation deserves both.
package struct JSONParser {
  /// How deep arrays and objects may be nested; it keeps a hostile document from exhausting the stack.
  package static let depthLimit = 64

  let bytes: [UInt8]
  var offset = 0
  private var depth = 0

  private init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// Parses a whole document.
  ///
  /// - Throws: The first problem with its offset.
  package static func parse(_ bytes: [UInt8]) throws(JSONSyntaxFailure) -> JSONValue {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw JSONSyntaxFailure(.byteOrderMark, offset: 0) }
    if let offset = firstInvalidUTF8(in: bytes) { throw JSONSyntaxFailure(.invalidUTF8, offset: offset) }
    var parser = JSONParser(bytes)
    try parser.skipSpace()
    guard parser.peek != nil else { throw JSONSyntaxFailure(.empty, offset: 0) }
    let value = try parser.value()
    try parser.skipSpace()
    guard parser.peek == nil else { throw parser.unexpected(.end) }
    return value
  }

  /// The offset of the first byte that does not belong to well-formed UTF-8.
  private static func firstInvalidUTF8(in bytes: [UInt8]) -> Int? {
    var parser = Unicode.UTF8.ForwardParser()
    var iterator = bytes.makeIterator()
    var offset = 0
    while true {
      switch parser.parseScalar(from: &iterator) {
      case .valid(let scalar): offset += scalar.count
      case .error: return offset
      case .emptyInput: return nil
      }
    }
  }

  // MARK: Grammar

  private mutating func value() throws(JSONSyntaxFailure) -> JSONValue {
    let start = offset
    switch peek {
    case UInt8(ascii: "{"):
      return JSONValue(.object(try object()), offset: start)
    case UInt8(ascii: "["):
      return JSONValue(.array(try array()), offset: start)
    case UInt8(ascii: "\""):
      return JSONValue(.string(try string()), offset: start)
    case let byte? where isDigit(byte) || "+-.".utf8.contains(byte):
      return JSONValue(.number(try number()), offset: start)
    case let byte? where isLetter(byte):
      return JSONValue(try word(), offset: start)
    default:
      throw unexpected(.value)
    }
  }

  private mutating func object() throws(JSONSyntaxFailure) -> [JSONValue.Member] {
    try enter()
    var members: [JSONValue.Member] = []
    var firstOffsets: [String: Int] = [:]
    try skipSpace()
    if take("}") { return leave(members) }
    while true {
      guard peek == UInt8(ascii: "\"") else { throw unexpected(.key) }
      let keyOffset = offset
      let key = try string()
      if let first = firstOffsets.updateValue(keyOffset, forKey: key) {
        let firstLine = TextPosition(offset: first, in: bytes).line
        throw JSONSyntaxFailure(.duplicateKey(key, firstLine: firstLine), offset: keyOffset)
      }
      try skipSpace()
      guard take(":") else { throw unexpected(.colon) }
      try skipSpace()
      members.append(JSONValue.Member(key: key, keyOffset: keyOffset, value: try value()))
      try skipSpace()
      if take("}") { return leave(members) }
      try comma(before: "}", otherwise: .commaOrBrace)
    }
  }

  private mutating func array() throws(JSONSyntaxFailure) -> [JSONValue] {
    try enter()
    var items: [JSONValue] = []
    try skipSpace()
    if take("]") { return leave(items) }
    while true {
      items.append(try value())
      try skipSpace()
      if take("]") { return leave(items) }
      try comma(before: "]", otherwise: .commaOrBracket)
    }
  }

  private mutating func comma(
    before closing: Unicode.Scalar, otherwise expected: JSONSyntaxProblem.Expectation
  ) throws(JSONSyntaxFailure) {
    let start = offset
    guard take(",") else { throw unexpected(expected) }
    try skipSpace()
    if peek == UInt8(ascii: closing) { throw JSONSyntaxFailure(.trailingComma, offset: start) }
  }

  private mutating func word() throws(JSONSyntaxFailure) -> JSONValue.Content {
    let start = offset
    let text = takeWhile { isLetter($0) || isDigit($0) }
    switch text {
    case "null": return .null
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    case "NaN", "Infinity": throw JSONSyntaxFailure(.notFinite(text), offset: start)
    default: throw JSONSyntaxFailure(.unknownWord(text), offset: start)
    }
  }

  // MARK: Bytes

  /// The next byte, or nil at the end.
  var peek: UInt8? {
    offset < bytes.count ? bytes[offset] : nil
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  /// Takes bytes as long as they are wanted; the caller wants ASCII only.
  mutating func takeWhile(_ isWanted: (UInt8) -> Bool) -> String {
    let start = offset
    while let byte = peek, isWanted(byte) { offset += 1 }
    return String(decoding: bytes[start..<offset], as: UTF8.self)
  }

  private mutating func skipSpace() throws(JSONSyntaxFailure) {
    while let byte = peek {
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): offset += 1
      case UInt8(ascii: "/"), UInt8(ascii: "#"): throw JSONSyntaxFailure(.comment, offset: offset)
      default: return
      }
    }
  }

  private mutating func enter() throws(JSONSyntaxFailure) {
    guard depth < Self.depthLimit else {
      throw JSONSyntaxFailure(.tooDeep(limit: Self.depthLimit), offset: offset)
    }
    depth += 1
    offset += 1
  }

  private mutating func leave<Items>(_ items: Items) -> Items {
    depth -= 1
    return items
  }

  private func unexpected(_ expected: JSONSyntaxProblem.Expectation) -> JSONSyntaxFailure {
    let rest = String(decoding: bytes[offset...].prefix(4), as: UTF8.self)
    guard let scalar = rest.unicodeScalars.first else {
      return JSONSyntaxFailure(.unexpectedEnd(expected: expected), offset: offset)
    }
    return JSONSyntaxFailure(.unexpectedCharacter(scalar, expected: expected), offset: offset)
  }
}

// MARK: - Strings

extension JSONParser {
  /// Parses a string in double quotes; `offset` is at the opening one.
  mutating func string() throws(JSONSyntaxFailure) -> String {
    let opening = offset
    offset += 1
    var text: [UInt8] = []
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        offset += 1
        return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"):
        let scalar = try escape()
        text.append(contentsOf: String(Character(scalar)).utf8)
      case 0..<0x20:
        throw JSONSyntaxFailure(.controlCharacter(Unicode.Scalar(byte)), offset: offset)
      default:
        text.append(byte)
        offset += 1
      }
    }
    throw JSONSyntaxFailure(.unterminatedString, offset: opening)
  }

  /// Parses an escape; `offset` is at the backslash.
  private mutating func escape() throws(JSONSyntaxFailure) -> Unicode.Scalar {
    let start = offset
    offset += 1
    guard let letter = peek else { throw JSONSyntaxFailure(.unterminatedString, offset: start) }
    if letter == UInt8(ascii: "u") {
      offset -= 1
      return try unicodeEscape()
    }
    offset += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    default:
      let shown = String(decoding: bytes[start...].prefix(5), as: UTF8.self).unicodeScalars.prefix(2)
      throw JSONSyntaxFailure(.invalidEscape(String(shown)), offset: start)
    }
  }

  /// Parses `\uXXXX`, or two of them for a character beyond the basic multilingual plane.
  private mutating func unicodeEscape() throws(JSONSyntaxFailure) -> Unicode.Scalar {
    let start = offset
    let first = try codeUnit()
    if let scalar = Unicode.Scalar(first) { return scalar }
    let isHigh = UTF16.isLeadSurrogate(first)
    if isHigh, bytes[offset...].starts(with: #"\u"#.utf8) {
      let second = try codeUnit()
      if UTF16.isTrailSurrogate(second) {
        return UTF16.decode(UTF16.EncodedScalar([first, second]))
      }
    }
    let shown = String(decoding: bytes[start..<(start + 6)], as: UTF8.self)
    throw JSONSyntaxFailure(.loneSurrogate(shown), offset: start)
  }

  private mutating func codeUnit() throws(JSONSyntaxFailure) -> UInt16 {
    let start = offset
    let digits = bytes[(offset + 2)...].prefix(4).prefix { isDigit($0) || isLetter($0) }
    offset += 2 + digits.count
    let text = String(decoding: digits, as: UTF8.self)
    guard digits.count == 4, let unit = UInt16(text, radix: 16) else {
      throw JSONSyntaxFailure(.invalidEscape(#"\u"# + text), offset: start)
    }
    return unit
  }
}

// MARK: - Numbers

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

// MARK: - Bytes

/// True for 0 to 9.
package func isDigit(_ byte: UInt8) -> Bool {
  UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
}

/// True for A to Z, a to z and _.
package func isLetter(_ byte: UInt8) -> Bool {
  UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
    || byte == UInt8(ascii: "_")
}

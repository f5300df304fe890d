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

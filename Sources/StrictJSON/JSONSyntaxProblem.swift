/// What makes a document not JSON (RFC 8259). Data only; the words are the program's.
public enum JSONSyntaxProblem: Sendable, Equatable {
  /// What the grammar allows at a place.
  public enum Expectation: Sendable, Equatable {
    case value
    case key
    case colon
    case commaOrBrace
    case commaOrBracket
    case end
  }

  /// The document holds nothing but white space.
  case empty
  /// The document begins with U+FEFF, which RFC 8259 forbids.
  case byteOrderMark
  /// The bytes are not UTF-8.
  case invalidUTF8
  /// The document ends inside a value.
  case unexpectedEnd(expected: Expectation)
  case unexpectedCharacter(Unicode.Scalar, expected: Expectation)
  /// `//`, `/* */` or `#`.
  case comment
  case trailingComma
  /// A bare word that is not `true`, `false` or `null`.
  case unknownWord(String)
  /// `NaN`, `Infinity` or `-Infinity`.
  case notFinite(String)
  /// Something like `01`, `+1`, `.5` or `0x10`.
  case invalidNumber(String)
  /// A backslash and what follows it, if that is not an escape of JSON.
  case invalidEscape(String)
  /// Half of a UTF-16 pair in `\u` escapes.
  case loneSurrogate(String)
  /// A character below U+0020 inside a string.
  case controlCharacter(Unicode.Scalar)
  case unterminatedString
  /// The key occurred before, on line `firstLine`.
  case duplicateKey(String, firstLine: Int)
  /// Arrays and objects are nested more than `limit` deep.
  case tooDeep(limit: Int)
}

/// A problem and the offset in bytes of the place where it was found.
package struct JSONSyntaxFailure: Error, Equatable {
  package var problem: JSONSyntaxProblem
  package var offset: Int

  package init(_ problem: JSONSyntaxProblem, offset: Int) {
    self.problem = problem
    self.offset = offset
  }
}

/// A place in a text: line and column, both from 1; a column counts Unicode scalars, as editors do.
package struct TextPosition: Sendable, Equatable {
  package var line: Int
  package var column: Int

  /// The place of the byte at `offset`. A line ends with a line feed.
  package init(offset: Int, in bytes: [UInt8]) {
    line = 1
    column = 1
    for byte in bytes.prefix(offset) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0b1100_0000 != 0b1000_0000 {  // UTF-8 continuation bytes belong to the scalar before.
        column += 1
      }
    }
  }
}

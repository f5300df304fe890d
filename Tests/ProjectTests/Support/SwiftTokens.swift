import Foundation

/// A Swift file as words and single signs, without comments: enough to see what it declares, imports and uses, and quick.
struct SwiftTokens: Sendable {
  private let tokens: [String]
  /// All words of the file.
  let words: Set<String>

  init(_ text: String) {
    var tokens: [String] = []
    var word: [UInt8] = []
    var isComment = false
    var before = UInt8(ascii: "\n")
    let bytes = Array(text.utf8)
    for (index, byte) in bytes.enumerated() {
      defer { before = byte }
      if byte == UInt8(ascii: "\n") { isComment = false }
      // What follows a sign, as in https://, is no comment.
      let isSpace = before == UInt8(ascii: " ") || before == UInt8(ascii: "\n")
      if isSpace, byte == UInt8(ascii: "/"), bytes[index...].starts(with: "//".utf8) { isComment = true }
      if isComment { continue }
      if Self.isWord(byte) {
        word.append(byte)
      } else {
        if !word.isEmpty { tokens.append(String(decoding: word, as: UTF8.self)) }
        word.removeAll(keepingCapacity: true)
        if byte > UInt8(ascii: " ") { tokens.append(String(UnicodeScalar(byte))) }
      }
    }
    self.tokens = tokens
    words = Set(tokens)
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: byte >= 0x80
    }
  }

  /// The words that follow one of these directly.
  func words(after keywords: Set<String>) -> [String] {
    zip(tokens, tokens.dropFirst()).filter { keywords.contains($0.0) }.map(\.1)
  }

  /// The words up to the end of the line's statement after each of these keywords: names of cases in `case a, b(Int)`.
  func names(after keyword: String) -> [String] {
    tokens.indices.filter { tokens[$0] == keyword }.flatMap { index in
      tokens[(index + 1)...].prefix { ![":", "=", "case", "{", "}", "/"].contains($0) }
    }
  }

  /// Declarations, and extensions, with what they conform to: `struct Name: A, B {`.
  var conformances: [(name: String, to: Set<String>)] {
    let keywords: Set = ["struct", "enum", "class", "actor", "extension", "protocol"]
    return tokens.indices.dropLast(2).compactMap { index in
      guard keywords.contains(tokens[index]) else { return nil }
      let rest = tokens[(index + 1)...].prefix { $0 != "{" && $0 != "}" }
      guard let colon = rest.firstIndex(of: ":"), colon > rest.startIndex else { return nil }
      // `A.B` is told by its last name.
      return (rest[colon - 1], Set(rest[colon...]))
    }
  }
}

extension ProjectFile {
  private static let all: [String: SwiftTokens] = Dictionary(
    uniqueKeysWithValues: (Project.swift + Project.files(in: "tools/", endingWith: ".swift")).map {
      file -> (String, SwiftTokens) in
      do {
        return (file.path, SwiftTokens(try file.text))
      } catch {
        preconditionFailure("\(file.path) cannot be read: \(error)")
      }
    })

  /// Of a Swift file.
  var tokens: SwiftTokens {
    guard let tokens = Self.all[path] else { preconditionFailure("\(path) is no Swift file") }
    return tokens
  }
}

import Foundation
import TestSupport

/// What the program's source text declares, wherever in Sources it does.
struct SourceDeclarations {
  /// The texts of all Swift files, without their comments.
  private let texts: [String]

  /// Reads the source.
  init() throws {
    let folder = Repository.url.appending(path: "Sources")
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    texts = try (files?.allObjects as? [URL] ?? []).filter { $0.pathExtension == "swift" }
      .map { try String(contentsOf: $0, encoding: .utf8) }
      .map { text in
        text.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("//") }.joined(separator: "\n")
      }
  }

  /// The cases of an enumeration: their names, with their raw values if those are numbers; nil unless one file declares it.
  func cases(of enumeration: String) -> [(name: String, rawValue: Int?)]? {
    let bodies = texts.compactMap { Self.body(of: "enum \(enumeration)", in: $0) }
    guard bodies.count == 1, let body = bodies.first else { return nil }
    return body.matches(of: /(?m)^\s*(?:indirect )?case ([^\n]+)/).flatMap { match in
      Self.topLevel(match.1).matches(of: /`?(\w+)`?(?:\(\))?(?:\s*=\s*(\d+))?/).map {
        (name: String($0.1), rawValue: $0.2.flatMap { Int($0) })
      }
    }
  }

  /// The names of all types that are declared as errors.
  var errorTypes: Set<String> {
    let declaration = /(?:enum|struct|class) (\w+)\s*:[^{]*\bError\b/
    return Set(texts.flatMap { $0.matches(of: declaration).map { String($0.1) } })
  }

  /// The texts in quotes that are handed to the argument parser's `ValidationError`, as regular expressions in which what is
  /// interpolated is anything.
  var validationErrors: [String] {
    texts.flatMap { text in
      text.matches(of: /ValidationError\(\s*"((?:[^"\\]|\\\((?:[^()]|\([^()]*\))*\)|\\.)*)"/).map { match in
        let parts = String(match.1).replacing(/\\\((?:[^()]|\([^()]*\))*\)/, with: "\u{0}")
        return parts.split(separator: "\u{0}", omittingEmptySubsequences: false)
          .map { NSRegularExpression.escapedPattern(for: String($0)) }.joined(separator: ".*")
      }
    }
  }

  /// What is between the braces of a declaration, without what is between inner ones.
  private static func body(of declaration: String, in text: String) -> String? {
    guard let start = text.range(of: "\\b\(declaration)\\b[^{]*\\{", options: .regularExpression) else {
      return nil
    }
    var body = ""
    var depth = 1
    for character in text[start.upperBound...] {
      if character == "}" { depth -= 1 }
      if depth == 0 { return body }
      if depth == 1 { body.append(character) }
      if character == "{" { depth += 1 }
    }
    return nil
  }

  /// A text without what is between parentheses.
  private static func topLevel(_ text: Substring) -> String {
    var depth = 0
    return text.reduce(into: "") { result, character in
      if character == ")" { depth -= 1 }
      if depth == 0 { result.append(character) }
      if character == "(" { depth += 1 }
    }
  }
}

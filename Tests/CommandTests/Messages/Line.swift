import Foundation

/// A line that the program writes, in which a few words may depend on the machine.
///
/// `‹size›` stands for a number of bytes as people read it, `‹number›` for digits, and `‹library›` for the HDF5 library's own
/// words, which differ from version to version.
struct Line: Sendable, CustomStringConvertible {
  let description: String

  init(_ text: String) { description = text }

  /// True if this is the whole text.
  func matches(_ text: some StringProtocol) -> Bool {
    text.range(of: "^(?:\(pattern))$", options: .regularExpression) == text.startIndex..<text.endIndex
  }

  private var pattern: String {
    let stands = [
      ("‹size›", #"[0-9]+(?:\.[0-9])? (?:[KMGTPE]i)?B"#), ("‹number›", "[0-9]+"),
      ("‹library›", "[^;]+"),
    ]
    return stands.reduce(NSRegularExpression.escapedPattern(for: description)) { pattern, stand in
      pattern.replacingOccurrences(of: stand.0, with: stand.1)
    }
  }
}

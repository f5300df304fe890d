import Foundation

/// The parts of a document that name things.
struct Markdown {
  /// What stands between backticks in the text.
  private(set) var spans: [String] = []
  /// The lines of the blocks of code.
  private(set) var codeLines: [String] = []
  /// Where links lead to, those to other sites left out.
  private(set) var links: [String] = []

  init(_ text: String) {
    var isCode = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.drop(while: { $0 == " " }).hasPrefix("```") {
        isCode.toggle()
      } else if isCode {
        codeLines.append(String(line))
      } else {
        spans += line.matches(of: #/`([^`]+)`/#).map { String($0.1) }
        links += line.matches(of: #/\]\(([^)#]+)[^)]*\)/#).map { String($0.1) }
          .filter { !$0.contains("://") }
      }
    }
  }
}

import StrictJSON
import Testing

@testable import Configuration

@Suite("Spelling", .timeLimit(.minutes(30)))
struct SpellingTests {
  static let keys = JobConfiguration.Key.allCases.map(\.rawValue)

  @Test(
    "finds the key that was meant",
    arguments: [
      ("batch_sise", "batch_size"), ("bacth_size", "batch_size"), ("Batch-Size", "batch_size"),
      ("batchsize", "batch_size"), ("eps", "epsilon"), ("thread", "threads"), ("moment", "momentum"),
      ("layer", "layers"), ("output", "outputs"), ("outputtype", "output_type"),
      ("featureAxis", "feature_axis"), ("epsilon_of_the_variance", "epsilon"),
    ])
  func near(name: String, expected: String) {
    #expect(Spelling.nearest(to: name, in: Self.keys) == expected)
  }

  @Test(
    "suggests nothing for a name unlike any",
    arguments: ["", "x", "ep", "learning_rate", String(repeating: "y", count: 100_000)])
  func far(name: String) {
    #expect(Spelling.nearest(to: name, in: Self.keys) == nil)
  }

  /// A letter more, less or other is one edit, and so are two neighbours that changed places.
  @Test(
    "edits are counted",
    arguments: [
      ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("abc", "abd", 1), ("abc", "ac", 1),
      ("abc", "xabc", 1), ("ab", "ba", 1), ("abcd", "abdc", 1), ("abcd", "badc", 2), ("abc", "cab", 2),
      ("kitten", "sitting", 3), ("batch_size", "bacth_sise", 2),
    ])
  func edits(first: String, second: String, count: Int) {
    #expect(Spelling.distance(Array(first.unicodeScalars), Array(second.unicodeScalars)) == count)
    #expect(Spelling.distance(Array(second.unicodeScalars), Array(first.unicodeScalars)) == count)
  }

  /// Of three letters one may be wrong, of five still one, of six two, of eight two, of nine three.
  @Test(
    "a third of the letters may be wrong, and no more",
    arguments: [
      ("abc", "abx", true), ("abc", "axy", false), ("abcde", "abcdx", true), ("abcde", "abcxy", false),
      ("abcdef", "abcdxy", true), ("abcdef", "abcxyz", false), ("abcdefgh", "abcdefxy", true),
      ("abcdefgh", "abcdexyz", false), ("abcdefghi", "abcdefxyz", true), ("ab", "ax", false),
      // Of the longer name.
      ("abcde", "xabcdy", true), ("abcd", "xabcdy", true), ("abc", "xabcy", false),
    ])
  func thirds(name: String, other: String, isNear: Bool) {
    #expect(Spelling.nearest(to: name, in: [other]) == (isNear ? other : nil))
    #expect(Spelling.nearest(to: other, in: [name]) == (isNear ? name : nil))
  }

  /// A text that goes on behind a key is near to it, however long; but somebody who pasted a page has not misspelt a key.
  @Test("a name of more than 200 letters is no misspelling", arguments: [200, 201])
  func longNames(length: Int) {
    let long = "epsilon" + String(repeating: "x", count: length - 7)
    #expect(Spelling.nearest(to: long, in: ["momentum", "epsilon"]) == (length > 200 ? nil : "epsilon"))
  }

  @Test("the first of equally near candidates wins, and an equal one always")
  func ties() {
    #expect(Spelling.nearest(to: "bn3", in: ["bn1", "bn2"]) == "bn1")
    #expect(Spelling.nearest(to: "bn2", in: ["bn1", "bn2"]) == "bn2")
    #expect(Spelling.nearest(to: "bn", in: []) == nil)
  }
}

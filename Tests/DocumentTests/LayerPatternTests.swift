import Configuration
import FileNames
import StrictJSON
import Testing

@Suite("LayerPattern", .timeLimit(.minutes(30)))
struct LayerPatternTests {
  @Test(
    "matches like a shell",
    arguments: [
      ("/", "/", true), ("/", "a", false), ("a", "/", false), ("*", "/", false), ("**", "/", true),
      ("a", "/a", true), ("/a", "a", true), ("a/", "/a", true), ("//a/", "a", true),
      ("a//", "/a", true), ("a", "ab", false),
      ("*", "bn1", true), ("*", "a/b", false), ("a/*", "a/b", true), ("a/*", "a/b/c", false),
      ("a/*", "a", false),
      ("*/b", "a/b", true), ("*1", "bn1", true), ("b*1*", "bn10", true), ("b*1*", "bn2", false),
      ("**", "a/b/c", true), ("a/**", "a/b/c", true), ("a/**", "a", false), ("**/b", "b", true),
      ("**/b", "a/b", true), ("**/b", "x/y/b", true), ("**/b", "x/ab", false), ("a/**/b", "a/b", true),
      ("a/**/b", "a/x/y/b", true), ("a/**/b", "a/xb", false), ("a**z", "ab/cz", true), ("**b", "a/b", true),
      ("bn?", "bn1", true), ("bn?", "bn", false), ("a?b", "a/b", false), ("?", "é", true),
      ("bn[0-9]", "bn7", true), ("bn[0-9]", "bnx", false), ("bn[!0-9]", "bnx", true),
      ("bn[^0-9]", "bn7", false),
      ("a[!x]b", "a/b", false), ("[]]", "]", true), ("[a-]", "-", true), ("[abc]", "b", true),
      (#"\*"#, "*", true), (#"\*"#, "a", false), (#"[\]]"#, "]", true), ("a.c", "abc", false),
    ])
  func matching(pattern: String, path: String, expected: Bool) throws {
    #expect(try LayerPattern(parsing: pattern).matches(path: path) == expected)
  }

  @Test(
    "takes groups one after the other, and a set's ends as they are escaped; no set has a slash in it",
    arguments: [
      ("**/**/b", "b", true), ("a/**/**/b", "a/b", true), ("a[.-0]b", "a.b", true),
      ("a[.-0]b", "a/b", false), (#"[+-\]]x"#, "Ax", true), (#"[\+-A]x"#, "-x", true),
      ("a[!]]", "ab", true), ("a[!]]", "a]", false), ("a[!]]", "ab]", false), ("a[!]x]", "ax", false),
      ("bn[1-1]", "bn1", true), ("bn[1-1]", "bn2", false),
      ("a**/b", "ac/d/b", true), ("a**/b", "ab", false),
    ])
  func edges(pattern: String, path: String, expected: Bool) throws {
    #expect(try LayerPattern(parsing: pattern).matches(path: path) == expected)
  }

  @Test("finds a name by what is shown of it")
  func escapes() throws {
    let name = String(fileName: Array("/caf".utf8) + [0xE9] + Array("/\u{1B}[2J\u{202E}é\u{9B}x".utf8))
    #expect(name.shown == #"/caf\xE9/\x1B[2J\u{202E}é\x9Bx"#)
    for (pattern, expected) in [
      (#"caf\xE9/\x1B\[2J\u{202E}é\x9Bx"#, true), (#"caf\xE9/\x1B\[2J\u{202E}é\u{9b}x"#, true),
      (#"caf\xE9/\x1B\[2J\u{202E}é\x9Cx"#, false), (#"caf\xe9/*\xC3\xA9*"#, true), ("caf?/*", true),
      (#"caf\xE8/*"#, false), ("café/*", false), (#"caf\\xE9/*"#, false), (#"caf\xE9"#, false),
    ] {
      #expect(try LayerPattern(parsing: pattern).matches(path: name) == expected, "\(pattern)")
    }
    #expect(try LayerPattern(parsing: #"a\x9B"#).matches(path: String(fileName: [0x61, 0x9B])))
    // A byte that is no UTF-8 is none of the characters of its number but a control character, which looks like it.
    for (byte, character, both) in [
      (0x85, "\u{85}", true), (0x9F, "\u{9F}", true), (0xA0, "\u{A0}", false), (0xFF, "ÿ", false),
    ] as [(UInt8, String, Bool)] {
      let pattern = try LayerPattern(parsing: #"a\x\#(String(byte, radix: 16))"#)
      #expect(pattern.matches(path: String(fileName: [0x61, byte])))
      #expect(pattern.matches(path: "a" + character) == both, "\(character)")
    }
    // What is no such thing is a character with its meaning taken away.
    #expect(try LayerPattern(parsing: #"\xG\u{}\u{110000}\x"#).matches(path: "xGu{}u{110000}x"))
    #expect(try LayerPattern(parsing: #"\x+1\xa"#).matches(path: "x+1xa"))
  }

  @Test("refuses malformed patterns", arguments: ["", "[", "[]", "[a", "a[!", "[z-a]", "[a-", #"a\"#, "a\0"])
  func malformed(pattern: String) {
    #expect(throws: ValueError(found: pattern, allowed: .layerPattern)) { try LayerPattern(parsing: pattern) }
  }

  @Test("takes no exponential time")
  func time() throws {
    let pattern = try LayerPattern(parsing: String(repeating: "*a", count: 50) + "b")
    #expect(!pattern.matches(path: String(repeating: "a", count: 1000)))
  }

  @Test("no pattern selects every layer, several select what any of them does")
  func selection() throws {
    var configuration = JobConfiguration()
    #expect(configuration.selectsLayer(atPath: "/a"))
    configuration.layers = [try LayerPattern(parsing: "a"), try LayerPattern(parsing: "b")]
    #expect(configuration.selectsLayer(atPath: "/b"))
    #expect(!configuration.selectsLayer(atPath: "/c"))
  }
}

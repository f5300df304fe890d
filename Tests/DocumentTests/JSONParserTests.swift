import Configuration
import StrictJSON
import Testing

@Suite("JSON parser", .timeLimit(.minutes(30)))
struct JSONParserTests {
  @Test(
    "keeps the values of valid documents",
    arguments: [
      (" \t\r\n{} ", "{}"),
      ("[]", "[]"),
      ("[ null , true , false ]", "[null,true,false]"),
      (#"{"a" : {"b" : [1, "two"]}}"#, #"{"a":{"b":[1,"two"]}}"#),
      ("[0, -0, 10, 1.50, 1e5, 1E+5, 2e-05, 0.0]", "[0,-0,10,1.50,1e5,1E+5,2e-05,0.0]"),
      (#""""#, #""""#),
      (#""\u0041\u00e9\uD83D\uDE00\/\\\n""#, "\"Aé😀/\\\n\""),
      ("\"é😀\u{7F}\u{2028}\"", "\"é😀\u{7F}\u{2028}\""),
    ])
  func values(document: String, expected: String) throws {
    #expect(try JSONParser.parse(Array(document.utf8)).text == expected)
  }

  @Test("every escape is its character")
  func escapes() throws {
    let value = try JSONParser.parse(Array(#""\b\f\n\r\t\"\\\/""#.utf8))
    #expect(value.string == "\u{8}\u{C}\n\r\t\"\\/")
  }

  @Test("numbers are integers by value, not by notation")
  func integers() throws {
    func integer(_ text: String) throws -> Int? {
      try JSONParser.parse(Array(text.utf8)).integer
    }
    #expect(try integer("256.0") == 256)
    #expect(try integer("2.56e2") == 256)
    #expect(try integer("-0") == 0)
    #expect(try integer("9223372036854775807") == Int.max)
    #expect(try integer("9223372036854775808") == nil)
    // Beyond 2^53 neighbours share a Double, so that only plain digits say which one is meant.
    #expect(try integer("9007199254740992.0") == 1 << 53)
    #expect(try integer("9007199254740993.0") == 1 << 53)
    #expect(try integer("9007199254740993") == 1 << 53 + 1)
    #expect(try integer("9007199254740994.0") == nil)
    #expect(try integer("1e18") == nil)
    #expect(try integer("1000000000000000000") == 1_000_000_000_000_000_000)
    #expect(try integer("1e300") == nil)
    #expect(try integer("1e999") == nil)
    #expect(try integer("0.5") == nil)
    #expect(try integer("\"1\"") == nil)
  }

  @Test("accepts 64 levels and refuses 65")
  func depth() {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(refusal(nested(64)) == "bn.json:1:1: the document is […]; it must be an object in braces")
    #expect(
      refusal(nested(65))
        == "bn.json:1:65: arrays and objects are nested more than 64 deep; a configuration needs 2")
    #expect(refusal(nested(100_000))?.hasPrefix("bn.json:1:65: ") == true)
  }

  @Test("every prefix of a document is refused without a crash")
  func prefixes() {
    let document = Array(#"{"layers":["a\u00e9\n😀"],"epsilon":1.5e-3,"momentum":null,"datasets":{}}"#.utf8)
    #expect(refusal(document) == nil)
    for count in 0..<document.count { #expect(refusal(Array(document.prefix(count))) != nil) }
  }

  @Test("a document with any one byte replaced never crashes")
  func replacements() {
    let document = Array(#"{"layers":["a\u00e9"],"epsilon":1.5e-3,"momentum":null}"#.utf8)
    for place in document.indices {
      for byte in UInt8.min...UInt8.max {
        var changed = document
        changed[place] = byte
        // One line, whatever the bytes.
        #expect(refusal(changed)?.contains { $0.isNewline } != true)
      }
    }
  }
}

import Configuration
import StrictJSON
import Testing

@Suite("Messages about JSON syntax", .timeLimit(.minutes(30)))
struct SyntaxMessageTests {
  @Test(
    "say line, column, what is wrong and what to do",
    arguments: [
      ("", "bn.json:1:1: the document is empty; write at least {}"),
      (" \n ", "bn.json:1:1: the document is empty; write at least {}"),
      ("\u{FEFF}{}", "bn.json:1:1: the document starts with a byte order mark; save it as UTF-8 without one"),
      ("{", "bn.json:1:2: the document ends where a key in double quotes is missing; add it"),
      (#"{"epsilon""#, "bn.json:1:11: the document ends where a colon is missing; add it"),
      (#"{"epsilon":"#, "bn.json:1:12: the document ends where a value is missing; add it"),
      (#"{"epsilon":1"#, "bn.json:1:13: the document ends where a comma or } is missing; add it"),
      (#"{"layers":["a""#, "bn.json:1:15: the document ends where a comma or ] is missing; add it"),
      ("{}\n{}", #"bn.json:2:1: "{" follows the end of the document; remove it"#),
      ("{'epsilon': 1}", #"bn.json:1:2: found "'" where a key in double quotes was expected"#),
      ("{epsilon: 1}", #"bn.json:1:2: found "e" where a key in double quotes was expected"#),
      (#"{"epsilon" 1}"#, #"bn.json:1:12: found "1" where a colon was expected"#),
      (
        "{\"epsilon\": 1\n \"momentum\": 1}",
        "bn.json:2:2: found a double quote where a comma or } was expected"
      ),
      (#"{"layers": ["a" 1]}"#, #"bn.json:1:17: found "1" where a comma or ] was expected"#),
      ("{\"epsilon\": é}", #"bn.json:1:13: found "é" where a value was expected"#),
      ("{\"epsilon\": \u{0}}", #"bn.json:1:13: found "U+0000" where a value was expected"#),
      ("{\n  // why\n}", "bn.json:2:3: JSON has no comments; remove it"),
      ("{} # why", "bn.json:1:4: JSON has no comments; remove it"),
      ("{\"epsilon\": 1,\n}", "bn.json:1:14: nothing follows this comma; remove it"),
      (#"{"layers": ["a", ]}"#, "bn.json:1:16: nothing follows this comma; remove it"),
      (
        #"{"uint16_as_bfloat16": True}"#,
        "bn.json:1:24: True is no word of JSON; write true, false, null or a string in double quotes"
      ),
      (#"{"epsilon": NaN}"#, "bn.json:1:13: NaN is no number of JSON; write a finite number"),
      (#"{"epsilon": Infinity}"#, "bn.json:1:13: Infinity is no number of JSON; write a finite number"),
      (#"{"epsilon": -Infinity}"#, "bn.json:1:13: -Infinity is no number of JSON; write a finite number"),
      (#"{"epsilon": 01}"#, "bn.json:1:13: 01 is no number of JSON; write it like 12, -0.5 or 1e-5"),
      (#"{"epsilon": +1}"#, "bn.json:1:13: +1 is no number of JSON; write it like 12, -0.5 or 1e-5"),
      (#"{"epsilon": .5}"#, "bn.json:1:13: .5 is no number of JSON; write it like 12, -0.5 or 1e-5"),
      (#"{"epsilon": 1.}"#, "bn.json:1:13: 1. is no number of JSON; write it like 12, -0.5 or 1e-5"),
      (#"{"epsilon": 1e}"#, "bn.json:1:13: 1e is no number of JSON; write it like 12, -0.5 or 1e-5"),
      (#"{"epsilon": 0x10}"#, "bn.json:1:13: 0x10 is no number of JSON; write it like 12, -0.5 or 1e-5"),
      (#"{"epsilon": -}"#, "bn.json:1:13: - is no number of JSON; write it like 12, -0.5 or 1e-5"),
      (
        #"{"layers": ["a\d"]}"#,
        #"bn.json:1:15: \d is no escape of JSON; write \\ for a backslash or \u and four hexadecimal digits"#
      ),
      (
        #"{"layers": ["\u00g0"]}"#,
        #"bn.json:1:14: \u00g0 is no escape of JSON; write \\ for a backslash or \u and four hexadecimal digits"#
      ),
      (
        #"{"layers": ["\uD83D"]}"#,
        #"bn.json:1:14: \uD83D is half of a UTF-16 pair; write both halves, or the character itself"#
      ),
      (
        #"{"layers": ["\uD83D\u0041"]}"#,
        #"bn.json:1:14: \uD83D is half of a UTF-16 pair; write both halves, or the character itself"#
      ),
      (
        #"{"layers": ["\uD83D\uD83D"]}"#,
        #"bn.json:1:14: \uD83D is half of a UTF-16 pair; write both halves, or the character itself"#
      ),
      (
        #"{"layers": ["\uDE00\uD83D"]}"#,
        #"bn.json:1:14: \uDE00 is half of a UTF-16 pair; write both halves, or the character itself"#
      ),
      (
        "{\"layers\": [\"a\n\"]}",
        #"bn.json:1:15: the line ends inside a string; add the closing quote, or write \n for a line break"#
      ),
      (
        "{\"layers\": [\"a\tb\"]}",
        "bn.json:1:15: a string contains the control character U+0009; write it as an escape"
      ),
      (
        "{\"layers\": [\"a\u{1F}b\"]}",
        "bn.json:1:15: a string contains the control character U+001F; write it as an escape"
      ),
      (#"{"layers": ["a]}"#, "bn.json:1:13: this string has no closing quote; add it"),
      (#"{"layers": ["a\"#, "bn.json:1:15: this string has no closing quote; add it"),
      (
        "{\"epsilon\": 1,\n\"momentum\": 0, \"epsilon\": 1}",
        #"bn.json:2:16: the key "epsilon" occurs twice, first on line 1; remove one of them"#
      ),
      (
        #"{"datasets": {"beta": "a", "b\u0065ta": "c"}}"#,
        #"bn.json:1:28: the key "beta" occurs twice, first on line 1; remove one of them"#
      ),
      (
        "{\n\"momentum\": 0,\n \"epsilon\": 1,\n\n \"threads\": 1, \"epsilon\": 1}",
        #"bn.json:5:16: the key "epsilon" occurs twice, first on line 3; remove one of them"#
      ),
      (
        #"{"layers": ["\u41"]}"#,
        #"bn.json:1:14: \u41 is no escape of JSON; write \\ for a backslash or \u and four hexadecimal digits"#
      ),
      (
        #"{"layers": ["\u+041"]}"#,
        #"bn.json:1:14: \u is no escape of JSON; write \\ for a backslash or \u and four hexadecimal digits"#
      ),
      (
        #"{"batch_size": all_256}"#,
        "bn.json:1:16: all_256 is no word of JSON; write true, false, null or a string in double quotes"
      ),
    ])
  func messages(document: String, expected: String) {
    #expect(refusal(document) == expected)
  }

  @Test(
    "name the first byte that is not UTF-8",
    arguments: [
      [0xFF], [0xC0, 0xAF], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80],
    ] as [[UInt8]])
  func invalidUTF8(broken: [UInt8]) {
    // The column counts é as one.
    let document = Array("{\"layers\":\n[\"é".utf8) + broken + Array("\"]}".utf8)
    #expect(refusal(document) == "bn.json:2:4: this byte is not UTF-8; save the document as UTF-8")
  }

  @Test("show a character whole, of however many bytes")
  func charactersOfSeveralBytes() {
    #expect(
      refusal(#"{"epsilon": 😀}"#) == #"bn.json:1:13: found "😀" where a value was expected"#)
    for letter in ["é", "層", "😀"] {
      #expect(
        refusal(#"{"layers": ["a\\#(letter)"]}"#)
          == "bn.json:1:15: \\\(letter) is no escape of JSON; "
          + #"write \\ for a backslash or \u and four hexadecimal digits"#)
    }
  }

  /// A place that editors and terminals turn into a link.
  @Test("show a source's name whole, but for one that no system has", arguments: [81, 1024, 1025])
  func longSourceNames(length: Int) {
    let name = String(repeating: "d", count: length)
    let shown: String = length > 1024 ? String(name.prefix(1024)) + "…" : name
    #expect(SourcePosition(source: name, line: 7, column: 3).description == "\(shown):7:3")
  }

  @Test("keep a source's name on one line")
  func sourceName() {
    #expect(throws: ConfigurationError.syntax(.empty, at: SourcePosition(source: "a\nb", line: 1, column: 1)))
    {
      try JobConfiguration(json: "", source: "a\nb")
    }
    #expect(SourcePosition(source: "a\nb", line: 1, column: 1).description == #"a\nb:1:1"#)
  }
}

/// What makes the configuration not JSON.
extension Refusal {
  static let syntax: [Refusal] =
    [
      syntax("empty", " \n", "1:1: the document is empty; write at least {}"),
      syntax(
        "byteOrderMark", "\u{FEFF}{}",
        "1:1: the document starts with a byte order mark; save it as UTF-8 without one"),
      Refusal(
        "ConfigurationError.syntax", "JSONSyntaxProblem.invalidUTF8", bytes: Array("{\n \"".utf8) + [0xFF],
        exitCode: 78, "config.json:2:3: this byte is not UTF-8; save the document as UTF-8"),
      syntax("comment", "{\n  // three\n}", "2:3: JSON has no comments; remove it"),
      syntax("trailingComma", #"{"batch_size": 3,}"#, "1:17: nothing follows this comma; remove it"),
      syntax(
        "unknownWord", #"{"sync": True}"#,
        "1:10: True is no word of JSON; write true, false, null or a string in double quotes"),
      syntax(
        "notFinite", #"{"epsilon": NaN}"#, "1:13: NaN is no number of JSON; write a finite number"),
      syntax(
        "invalidNumber", #"{"epsilon": .5}"#,
        "1:13: .5 is no number of JSON; write it like 12, -0.5 or 1e-5"),
      syntax(
        "invalidEscape", #"{"layers": ["a\d"]}"#,
        #"1:15: \d is no escape of JSON; write \\ for a backslash or \u and four hexadecimal digits"#),
      syntax(
        "loneSurrogate", #"{"layers": ["\uD83D"]}"#,
        #"1:14: \uD83D is half of a UTF-16 pair; write both halves, or the character itself"#),
      // The other half first, and twice.
      syntax(
        "loneSurrogate", #"{"layers": ["\uDC4D\uDC4D"]}"#,
        #"1:14: \uDC4D is half of a UTF-16 pair; write both halves, or the character itself"#),
      syntax(
        "loneSurrogate", #"{"layers": ["\uD83D\u0041"]}"#,
        #"1:14: \uD83D is half of a UTF-16 pair; write both halves, or the character itself"#),
      syntax(
        "controlCharacter", "{\"layers\": [\"a\tb\"]}",
        "1:15: a string contains the control character U+0009; write it as an escape"),
      syntax(
        "controlCharacter", "{\"layers\": [\"a\n\"]}",
        #"1:15: the line ends inside a string; add the closing quote, or write \n for a line break"#),
      syntax("unterminatedString", #"{"layers": ["a]}"#, "1:13: this string has no closing quote; add it"),
      syntax(
        "duplicateKey", "{\"batch_size\": 3,\n \"batch_size\": 4}",
        #"2:2: the key "batch_size" occurs twice, first on line 1; remove one of them"#),
      syntax(
        "tooDeep", String(repeating: "[", count: 65),
        "1:65: arrays and objects are nested more than 64 deep; a configuration needs 2"),
    ] + expectations

  /// What is missing, once because the document ends, once because something else is there.
  private static let expectations: [Refusal] = [
    end("key", "{", "1:2: the document ends where a key in double quotes is missing; add it"),
    end("colon", #"{"sync""#, "1:8: the document ends where a colon is missing; add it"),
    end("value", #"{"sync":"#, "1:9: the document ends where a value is missing; add it"),
    end("commaOrBrace", #"{"sync":true"#, "1:13: the document ends where a comma or } is missing; add it"),
    end(
      "commaOrBracket", #"{"layers":["a""#, "1:15: the document ends where a comma or ] is missing; add it"),
    character("key", "{'sync': true}", #"1:2: found "'" where a key in double quotes was expected"#),
    character("colon", #"{"sync" true}"#, #"1:9: found "t" where a colon was expected"#),
    character("value", #"{"sync": }"#, #"1:10: found "}" where a value was expected"#),
    character(
      "commaOrBrace", "{\"sync\": true\n \"threads\": 1}",
      "2:2: found a double quote where a comma or } was expected"),
    character("commaOrBracket", #"{"layers": ["a" 1]}"#, #"1:17: found "1" where a comma or ] was expected"#),
    character("end", "{}\n{}", #"2:1: "{" follows the end of the document; remove it"#),
  ]

  private static func syntax(_ problem: String, _ json: String, _ line: String) -> Refusal {
    Refusal(
      "ConfigurationError.syntax", "JSONSyntaxProblem.\(problem)", configuration: json, exitCode: 78,
      "config.json:\(line)")
  }

  private static func end(_ expected: String, _ json: String, _ line: String) -> Refusal {
    Refusal(
      "JSONSyntaxProblem.unexpectedEnd", "Expectation.\(expected)", configuration: json, exitCode: 78,
      "config.json:\(line)")
  }

  private static func character(_ expected: String, _ json: String, _ line: String) -> Refusal {
    Refusal(
      "JSONSyntaxProblem.unexpectedCharacter", "Expectation.\(expected)", configuration: json, exitCode: 78,
      "config.json:\(line)")
  }
}

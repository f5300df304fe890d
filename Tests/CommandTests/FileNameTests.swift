import FileNames
import Foundation
import HDF5
import TestSupport
import Testing

/// Names are bytes, and people see them without what a terminal would obey.
@Suite(.timeLimit(.minutes(30))) struct FileNameTests {
  @Test func everyNameIsKept() {
    var generator = SeededGenerator(seed: 5)
    let pieces: [[UInt8]] = [
      Array("café/层.h5".utf8), [0xE9], [0xC3], [0x80, 0xFF], Array("\u{10FFE9}".utf8), [0x1B, 0x5B],
      Array("\u{301}".utf8), [0xF4, 0x8F, 0xBF],
    ]
    for _ in 0..<500 {
      let bytes = (0..<Int.random(in: 0...6, using: &generator))
        .flatMap { _ in pieces.randomElement(using: &generator)! }
      let text = String(fileName: bytes)
      #expect(text.fileNameBytes == bytes)
      #expect(text.withFileName { String(fileName: $0) }.fileNameBytes == bytes)
      if String(validating: bytes, as: UTF8.self) != nil, !bytes.contains(0xF4) {
        #expect(Array(text.utf8) == bytes)
      }
    }
  }

  @Test func peopleSeeWhatTerminalsObey() {
    let name = String(fileName: Array("a\u{1B}[31mé\n\u{9B}\u{202E}".utf8) + [0xE9])
    #expect(name.shown == #"a\x1B[31mé\x0A\x9B\u{202E}\xE9"#)
    #expect(name.legible == "a\u{1B}[31mé\n\u{9B}\u{202E}" + #"\xE9"#)
    #expect("a\u{7F}\nb".shownLines == "a\\x7F\nb")
  }

  /// Each by itself, in a text that has nothing else to show; and none of the characters beside them.
  @Test func everyControlCharacterIsShown() {
    for value in 0..<UInt8.max {
      let text = "a" + String(Character(Unicode.Scalar(value)))
      let isControl = value < 0x20 || (0x7F...0x9F).contains(value)
      let expected = isControl ? "a" + String(format: #"\x%02X"#, UInt32(value)) : text
      #expect(text.shown == expected, "\(value)")
    }
  }

  private static let turning: [UInt32] = [
    0x061C, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068,
    0x2069,
  ]

  /// All characters that turn the direction of writing (Unicode's property Bidi_Control), and those that end a line: none reaches a terminal,
  /// and the letters beside them do.
  @Test(arguments: turning) func whatTurnsALineIsShown(value: UInt32) throws {
    let scalar = try #require(Unicode.Scalar(value))
    let name = "é" + String(Character(scalar)) + "层"
    #expect(name.shown == #"é\u{"# + String(value, radix: 16, uppercase: true) + "}层")
    let kept = [value - 1, value + 1].compactMap { Unicode.Scalar($0) }.filter {
      !$0.properties.isBidiControl && $0.properties.generalCategory != .lineSeparator
        && $0.properties.generalCategory != .paragraphSeparator
    }
    for other in kept { #expect(("é" + String(Character(other))).shown == "é" + String(Character(other))) }
  }

  @Test func filesWhoseNamesAreNotUTF8() throws {
    let program = try Program("rank2.h5")
    let result = try program.run(
      shell: #"""
        set -e
        in=$(printf 'caf\351.h5'); out=$(printf 'r\351sultat.h5')
        cp rank2.h5 "$in"
        "$0" --in "$in" --out "$out" --json
        "$0" --in "$in" --out "$out" --force --quiet
        "$0" verify --in "$in" --against "$out"
        config=$(printf 'p\351rsonne.json')
        echo '{"batchsize": 3}' > "$config"
        "$0" --in "$in" --out "$out" --config "$config" || test $? = 78
        "$0" --in "$in" --out "$out" --config "$config.absent" || test $? = 78
        rm "$config"
        test -f "$out"
        h=$(printf 'absent\351.h5')
        "$0" --in "$h" --out "$out" --force || test $? = 66
        "$0" --in "$in" --out "$out" || test $? = 73
        test "$(ls | wc -l)" -eq 5
        """#)
    #expect(result.exitCode == 0)
    #expect(
      result.error == #"""
        bn-stream: p\xE9rsonne.json:1:2: batchsize is not a known key; did you mean batch_size?
        bn-stream: cannot read the configuration "p\xE9rsonne.json.absent" (--config): there is no such file; check the path
        bn-stream: absent\xE9.h5: there is no such file; check --in
        bn-stream: r\xE9sultat.h5: exists already; choose another --out, or replace it with --force

        """#)
    #expect(result.output.contains(#""input" : "caf\\xE9.h5""#))
    #expect(result.output.contains(#"of r\xE9sultat.h5 agree"#))
    let copy = try program.run(shell: #"mv "$(printf 'r\351sultat.h5')" out.h5"#)
    #expect(copy.exitCode == 0)
    let root = try File(reading: program.path("out.h5")).root
    #expect(try root.readString(attribute: "input_path") == #"caf\xE9.h5"#)
  }

  @Test func namesInFilesObeyNoTerminal() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("a\u{1B}[2J\nb\u{9B}")
      try layer.addTensors([6, 3], gradient: false)
      try layer.add("grad_outputs", [0])
    }
    for arguments in [["--out", "out.h5"], ["--dry-run"]] {
      let result = try program.run(["--in", "in.h5"] + arguments)
      #expect(result.exitCode == 0)
      #expect(result.output.contains(#"/a\x1B[2J\x0Ab\x9B  [6, 3]"#))
      #expect(result.error.hasPrefix(#"warning: /a\x1B[2J\x0Ab\x9B has no `grad_output`"#))
      for text in [result.output, result.error] {
        #expect(!text.unicodeScalars.contains { $0 != "\n" && $0.properties.generalCategory == .control })
      }
    }
    // As a pattern, what is shown finds the layer.
    let inspected = try program.run("inspect", "in.h5", "--layer", #"a\x1B\[2J\x0Ab\x9B"#)
    #expect(inspected.output.hasPrefix("/a\\x1B[2J\\x0Ab\\x9B\n  activations "))
    for arguments in [["check"], ["trace", "--dot"], ["verify", "--against", "out.h5"]] {
      let result = try program.run(arguments + ["--in", "in.h5"])
      #expect(
        !result.output.unicodeScalars.contains { $0 != "\n" && $0.properties.generalCategory == .control })
      #expect(!result.output.isEmpty)
    }
  }

  @Test(arguments: [245, 255]) func longNames(length: Int) throws {
    let program = try Program("rank2.h5")
    let name = String(repeating: "n", count: length - 5) + "é.h5"
    let result = try program.run("--in", "rank2.h5", "--out", name, "--quiet")
    #expect(result.exitCode == 0 && result.error == "")
    #expect(try program.files.contains(name))
    #expect(try program.files.count == 2)
  }
}

#if os(Linux)
  import Foundation
  import TestSupport
  import Testing

  /// Standard streams that are closed, full or broken: they change what can be said, and nothing else.
  ///
  /// What a sanitizer has to say goes to these streams, too.
  @Suite(
    .serialized, .timeLimit(.minutes(30)),
    .enabled(if: !Sanitizer.isPresent, "what a sanitizer says goes to these streams, too"))
  struct StandardStreamTests {
    /// Each with words for both streams: it prints a result, and has something to say while it works.
    static let commands =
      FrameTests.commands.map { $0 + ["--layer", "layer"] }
      + [
        ["run", "--in", "rank2.h5", "--out", "out.h5", "--verbose"],
        ["run", "--in", "rank2.h5", "--out", "out.h5", "--verbose", "--quiet"],
        ["run", "--in", "rank2.h5", "--out", "out.h5", "--verbose", "--progress", "always", "--json"],
      ]

    /// What the shell does to streams, and whether standard output can then be written.
    static let streams: [(redirection: String, outputIsLost: Bool)] = [
      ("<&-", false), (">&-", false), ("2>&-", false), ("<&- >&- 2>&-", false), (">&- 2>&-", false),
      ("</dev/full", false), (">/dev/full", true), ("2>/dev/full", false), (">/dev/full 2>&1", true),
      // Open, but for reading.
      ("1</dev/null", true), ("2</dev/null", false), ("1</ 2</", true),
    ]

    static let errors: [(arguments: String, code: Int32)] = [
      ("--in absent.h5 --out out.h5", 66), ("check --in absent.h5 --json", 66), ("--in rank2.h5", 64),
      ("--in rank2.h5 --out there.h5", 73), ("--in rank2.h5 --out out.h5 --config absent.json", 78),
      ("verify --in rank2.h5 --against rank2.h5 --batch-size 4 --epsilon 0.5 --quiet", 1),
      ("trace --in there.h5 --dot", 65),
    ]

    /// The bytes of out.h5, if there is one.
    private func output(_ program: Program) -> Data? {
      program.bytes("out.h5")
    }

    /// Each third one: every command meets some of them, and every one of them meets some commands.
    private static func streams(for index: Int) -> [(redirection: String, outputIsLost: Bool)] {
      stride(from: index % 3, to: streams.count, by: 3).map { streams[$0] }
    }

    @Test(arguments: commands.indices)
    func changeNothingElse(index: Int) throws {
      let arguments = Self.commands[index]
      let program = try Program("rank2.h5")
      let line = arguments.joined(separator: " ")
      let before = try program.run(arguments)
      #expect(before.exitCode == 0)
      let expected = output(program)
      #expect((expected != nil) == arguments.contains("out.h5"))
      for (redirection, outputIsLost) in Self.streams(for: index) {
        unlink(program.path("out.h5"))
        let result = try program.run(shell: #"exec "$0" \#(line) \#(redirection)"#)
        #expect(
          result.exitCode == (outputIsLost && !arguments.contains("--quiet") ? 74 : 0), "\(redirection)")
        #expect(output(program) == expected, "\(redirection): the output has other bytes")
        #expect(try program.files == (expected == nil ? ["rank2.h5"] : ["out.h5", "rank2.h5"]))
      }
    }

    /// A pipe whose reader is gone, for one of the two.
    @Test(arguments: commands.indices)
    func aBrokenPipeToo(index: Int) throws {
      let arguments = Self.commands[index]
      let program = try Program("rank2.h5")
      #expect(try program.run(arguments).exitCode == 0)
      let expected = output(program)
      unlink(program.path("out.h5"))
      let isError = index.isMultiple(of: 2)
      let pipe = Pipe()
      try pipe.fileHandleForReading.close()
      let result = try program.run(
        arguments, standardOutput: isError ? nil : pipe.fileHandleForWriting,
        standardError: isError ? pipe.fileHandleForWriting : nil)
      #expect(result.exitCode == (isError || arguments.contains("--quiet") ? 0 : 74))
      #expect(output(program) == expected)
    }

    /// Where nobody can be told, the exit code still tells.
    @Test(arguments: errors.indices)
    func errorsKeepTheirCodes(index: Int) throws {
      let program = try Program("rank2.h5")
      try program.write("precious", to: "there.h5")
      let (arguments, code) = Self.errors[index]
      for (redirection, _) in Self.streams(for: index) {
        let result = try program.run(shell: #"exec "$0" \#(arguments) \#(redirection)"#)
        #expect(result.exitCode == code, "\(redirection)")
        #expect(try program.files == ["rank2.h5", "there.h5"])
      }
      #expect(try String(contentsOfFile: program.path("there.h5"), encoding: .utf8) == "precious")
    }

    @Test(arguments: [(0, "--help"), (1, "--version"), (2, "check --help"), (3, "help run")])
    func helpNeedsNoStreams(index: Int, arguments: String) throws {
      for (redirection, isLost) in Self.streams(for: index) {
        let result = try Program().run(shell: #"exec "$0" \#(arguments) \#(redirection)"#)
        #expect(result.exitCode == (isLost ? 74 : 0), "\(redirection)")
      }
    }

    /// However few files may be open, a command works or says one line. Below 4, not even its libraries can be loaded.
    @Test(arguments: [
      ["run", "--in", "rank2.h5", "--out", "out.h5", "--verbose"], ["trace", "--in", "rank2.h5", "--dot"],
      ["check", "--in", "rank2.h5"],
      ["verify", "--in", "rank2.h5", "--against", "rank2.h5", "--batch-size", "4"],
    ])
    func fewDescriptorsDoOrAreSaid(arguments: [String]) throws {
      let program = try Program("rank2.h5")
      let line = arguments.joined(separator: " ")
      #expect(try program.run(shell: #"exec "$0" \#(line)"#).exitCode == 0)
      let expected = output(program)
      var worked = 0
      for limit in 4...18 {
        unlink(program.path("out.h5"))
        let result = try program.run(shell: #"ulimit -n \#(limit); exec "$0" \#(line)"#)
        if result.exitCode == 0 {
          worked += 1
          #expect(output(program) == expected)
        } else {
          #expect(worked == 0, "works with fewer than \(limit)")
          #expect(result.exitCode == 74)
          #expect(
            result.error
              == "bn-stream: only \(limit) files may be open at once, which are too few, or others take them; "
              + "allow more with `ulimit -n 64`\n")
          #expect(try program.files == ["rank2.h5"])
        }
      }
      #expect(worked > 0)
    }

    /// What a process limits only itself to, it may raise.
    @Test func aSoftLimitIsRaised() throws {
      let program = try Program("rank2.h5")
      let result = try program.run(shell: #"ulimit -S -n 7; exec "$0" --in rank2.h5 --out out.h5"#)
      #expect(result.exitCode == 0)
      #expect(result.error == "")
    }
  }
#endif

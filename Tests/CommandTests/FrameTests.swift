import Foundation
import Jobs
import TestSupport
import Testing

/// What holds for every command, because one frame runs them all.
@Suite(.timeLimit(.minutes(30))) struct FrameTests {
  /// Each with what it takes to print a result.
  static let commands = [
    ["--in", "rank2.h5", "--dry-run"],
    ["run", "--in", "rank2.h5", "--out", "out.h5"],
    ["run", "--in", "rank2.h5", "--out", "out.h5", "--json"],
    ["inspect", "rank2.h5"],
    ["inspect", "rank2.h5", "--json"],
    ["trace", "--in", "rank2.h5", "--dot"],
    ["trace", "--in", "rank2.h5", "--out", "out.h5"],
    ["check", "--in", "rank2.h5"],
    ["check", "--in", "rank2.h5", "--json"],
    ["verify", "--in", "rank2.h5", "--against", "rank2.h5", "--batch-size", "4"],
    ["verify", "--in", "rank2.h5", "--against", "rank2.h5", "--batch-size", "4", "--json"],
    ["explain", "identity", "--in", "rank2.h5"],
    ["explain", "adjoints", "--in", "rank2.h5", "--out", "out.h5", "--json"],
  ]
  /// Those that a signal can stop.
  static let working = commands.filter { !$0.contains("--dry-run") }

  /// A reader that is gone must not end the program without a word.
  @Test(arguments: commands + [["--help"], ["--version"], ["check", "--help"]])
  func saysThatNobodyReads(arguments: [String]) throws {
    let program = try Program("rank2.h5")
    let pipe = Pipe()
    try pipe.fileHandleForReading.close()
    let result = try program.run(arguments, standardOutput: pipe.fileHandleForWriting)
    #expect(result.exitCode == 74)
    #expect(
      result.error.hasSuffix(
        "bn-stream: standard output: writing failed: Broken pipe; the result is lost, but a file given with --out is "
          + "complete\n"), "\(result.error)")
    #expect(try program.files.contains("out.h5") == arguments.contains("out.h5"))
  }

  #if os(Linux)
    @Test(arguments: commands + [["--help"]])
    func saysThatTheDiskIsFull(arguments: [String]) throws {
      let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
      let result = try Program("rank2.h5").run(arguments, standardOutput: full)
      #expect(result.exitCode == 74)
      #expect(
        result.error.hasSuffix(
          "bn-stream: standard output: writing failed: No space left on device; the result is lost, but a file given with "
            + "--out is complete\n"))
    }

    /// Where nobody can be told, the exit code still tells.
    @Test(
      arguments: [
        (["--in", "absent.h5", "--out", "out.h5"], 66), (["--in", "rank2.h5"], 64),
      ] as [([String], Int32)])
    func needsNoStandardError(arguments: [String], exitCode: Int32) throws {
      let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
      let result = try Program("rank2.h5").run(arguments, standardError: full)
      #expect(result.exitCode == exitCode)
    }
  #endif

  /// The configuration comes from a pipe, so that the signal comes when the command has begun and before it can end.
  @Test(arguments: working, [SIGINT, SIGTERM])
  func stopsBySignal(arguments: [String], number: Int32) async throws {
    let program = try Program("rank2.h5")
    #expect(mkfifo(program.path("config"), 0o600) == 0)
    let begin = ContinuousClock.now
    let process = try program.start(arguments + ["--config", "config"])
    // Opening waits for the reader. A second one stays, so that writing works even if the program stops without reading.
    let config = try FileHandle(forWritingTo: program.folder.appending(path: "config"))
    let reader = try FileHandle(forReadingFrom: program.folder.appending(path: "config"))
    defer { try? reader.close() }
    let start = ContinuousClock.now - begin
    kill(process.processIdentifier, number)
    // The process that watches hands it on, and the other one could be done before: on a machine that starts programs late, later.
    try await Task.sleep(for: max(.milliseconds(500), start * 10))
    // Who does not wait for the rest has closed its end.
    try? config.write(contentsOf: Data("{}".utf8))
    try config.close()
    let result = try program.wait(for: process)
    #expect(result.exitCode == 75)
    #expect(result.error == "bn-stream: \(InterruptionTests.message)\n")
    #expect(try program.files == ["config", "rank2.h5"])
  }

  @Test(arguments: commands)
  func saysOneLineAndOneObjectOfAFailure(arguments: [String]) throws {
    let program = try Program("rank2.h5")
    let result = try program.run(arguments.map { $0 == "rank2.h5" ? "absent.h5" : $0 })
    #expect(result.exitCode == 66)
    let name = arguments.first == "inspect" ? "<file>" : "--in"
    let message = "absent.h5: there is no such file; check \(name)"
    #expect(result.error == "bn-stream: \(message)\n")
    if arguments.contains("--json") {
      let summary = try JSONDecoder().decode(JobSummary.self, from: Data(result.output.utf8))
      #expect(summary.status == .failed)
      #expect(summary.input == "absent.h5")
      #expect(summary.configuration != nil)
      #expect(summary.error == JobSummary.Failure(code: 66, message: message))
    } else {
      #expect(result.output == "")
    }
  }

  @Test(arguments: commands.filter { !$0.contains("--json") })
  func saysNothingIfAskedTo(arguments: [String]) throws {
    let result = try Program("rank2.h5").run(arguments + ["--quiet"])
    #expect(result.exitCode == 0)
    #expect(result.output == "" && result.error == "")
  }

  /// Who asks for JSON has it, also where nothing else is to be said.
  @Test(arguments: commands.filter { $0.contains("--json") } + [["explain", "--json"]])
  func printsJSONThoughQuiet(arguments: [String]) throws {
    let program = try Program("rank2.h5")
    let result = try program.run(arguments + ["--quiet"])
    #expect(result.exitCode == 0 && result.error == "")
    let json = try? JSONSerialization.jsonObject(with: Data(result.output.utf8))
    #expect(json != nil, "\(result.output)")
  }

  @Test(arguments: [
    ["--in", "", "--out", "o.h5"], ["--in", "rank2.h5", "--out", ""], ["trace", "--in", "", "--dot"],
    ["check", "--in", ""], ["verify", "--in", "rank2.h5", "--against", ""],
  ])
  func refusesEmptyNames(arguments: [String]) throws {
    let command = ["trace", "check", "verify"].contains(arguments[0]) ? arguments[0] : "run"
    expectFailure(
      try Program("rank2.h5").run(arguments), 64, "A file's name is empty; see bn-stream \(command) --help")
  }
}

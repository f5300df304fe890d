import Foundation
import TestSupport
import Testing

/// With `--log-format` everything on standard error has a time and names its layers, in a line for people or an object for programs.
@Suite(.timeLimit(.minutes(30))) struct LogFormatTests {
  /// The objects of a log; a line that is none is an issue.
  private func objects(_ log: String) throws -> [[String: Any]] {
    try log.split(separator: "\n").map { line in
      let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return try #require(object, "\(line)")
    }
  }

  private func makeInput(_ program: Program) throws {
    try program.make { root in
      for name in ["a", "b\u{1B}[2J"] {
        let layer = try root.createGroup(name)
        try layer.addTensors([8, 3])
        // Worth a warning.
        try layer.writeAttribute("eps", 0.5)
      }
    }
  }

  /// Who decodes chunks, and how data is read that is none.
  @Test(
    arguments: [
      ("all_filters.h5", "chunks, decoded by all threads if several fit in memory"),
      ("scaleoffset.h5", "data that the HDF5 library reads, one thread at a time"),
      ("rank2.h5", "contiguous data, read around HDF5"),
      // Of no sample a file holds nothing, as of many that nobody wrote.
      ("no_samples.h5", "data that was never written, all fill value"),
    ])
  func verboseSaysHowDataIsRead(file: String, words: String) throws {
    let program = try Program(file)
    let result = try program.run("--in", file, "--out", "out.h5", "--verbose", "--threads", "2")
    #expect(result.error.split(separator: "\n").contains { $0.hasSuffix(", \(words)") }, "\(result.error)")
  }

  @Test func aJobLayerByLayer() throws {
    let program = try Program()
    try makeInput(program)
    let command = ["--in", "in.h5", "--out", "out.h5", "--force"]
    let plain = try program.run(command)
    let begin = Date()
    let result = try program.run(command + ["--log-format", "json"])
    #expect(result.exitCode == 0)
    let lines = try objects(result.error)
    #expect(lines.map { $0["level"] as? String } == ["warning", "info", "info"])
    #expect(lines[0]["layers"] as? [String] == ["/a", "/b\u{1B}[2J"])
    // Within JSON nothing can be taken for a command to the terminal.
    let message = try #require(lines[0]["message"] as? String)
    #expect("warning: \(message.replacing("\u{1B}", with: "\\x1B"))\n" == plain.error)
    #expect(!result.error.contains("\u{1B}"))
    #expect(lines.dropFirst().map { $0["layer"] as? String } == ["/a", "/b\u{1B}[2J"])
    for line in lines.dropFirst() {
      // Two tensors of 8 × 3 float64 are read, and two written.
      #expect(line["bytes"] as? Int == 4 * 8 * 3 * 8)
      #expect(try #require(line["seconds"] as? Double) > 0)
    }
    for line in lines {
      let time = try Date(
        try #require(line["time"] as? String),
        strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
      #expect(time > begin.addingTimeInterval(-1) && time < Date().addingTimeInterval(1))
    }
    let text = try program.run(command + ["--log-format", "text"]).error.split(separator: "\n")
    #expect(
      text.count == 3 && text[0].contains("Z warning /a, /b\\x1B[2J have an attribute `eps`"), "\(text)")
    #expect(text[2].contains("Z info /b\\x1B[2J: done in "), "\(text)")
    // Silence is stronger, and what is said in detail has a time, too.
    #expect(try program.run(command + ["--log-format", "json", "--quiet"]).error == "")
    let detailed = try objects(program.run(command + ["--log-format", "json", "--verbose"]).error)
    #expect(detailed.map { $0["level"] as? String } == ["warning", "debug", "info", "debug", "info"])
    #expect(detailed[1]["layer"] as? String == "/a")
  }

  @Test(arguments: [
    (["--in", "in.h5", "--out", "out.h5", "--log-format", "json", "--epsilon", "-1"], 64),
    (["--in", "in.h5", "--log-format=json"], 64),
    (["--in", "missing.h5", "--out", "out.h5", "--log-format", "json"], 66),
    (["--log-format", "json", "--in", "in.h5", "--out", "out.h5", "--layer", "none"], 65),
  ])
  func errorsToo(arguments: [String], code: Int) throws {
    let program = try Program()
    try makeInput(program)
    let result = try program.run(arguments)
    #expect(result.exitCode == Int32(code))
    let lines = try objects(result.error)
    #expect(lines.last?["level"] as? String == "error" && lines.last?["code"] as? Int == code)
    let plain = try program.run(
      arguments.filter { !["--log-format", "json", "--log-format=json"].contains($0) })
    #expect(
      "bn-stream: \(lines.last?["message"] as? String ?? "")"
        == plain.error.split(separator: "\n").last.map(String.init))
  }

  /// Where its value is missing, that is said as it is of any option.
  @Test func aMissingFormatIsSaid() throws {
    expectFailure(
      try Program("rank2.h5").run("--in", "rank2.h5", "--out", "out.h5", "--log-format"), 64,
      "Missing value for '--log-format <text|json>'; see bn-stream run --help")
  }

  @Test func progressHasNumbers() throws {
    let program = try Program()
    try program.makeLongInput()
    let process = try program.start([
      "--in", "long.h5", "--out", "out.h5", "--config", "means.json", "--log-format", "json", "--progress",
      "always",
    ])
    while process.isRunning, !program.errorSoFar.contains(#""share":"#) {
      Thread.sleep(forTimeInterval: 0.01)
    }
    kill(process.processIdentifier, SIGTERM)
    let result = try program.wait(for: process)
    let lines = try objects(result.error)
    let progress = try #require(lines.first { $0["share"] != nil })
    let share = try #require(progress["share"] as? Double)
    #expect(share > 0 && share <= 1)
    // No machine reads a terabyte in a second.
    #expect((0.0..<1000).contains(try #require(progress["gigabytes_per_second"] as? Double)))
    #expect((progress["layer"] as? String)?.hasPrefix("/layer") == true)
    // The layer is named beside it.
    let message = try #require(progress["message"] as? String)
    #expect(
      message.firstMatch(of: #/^[0-9]+ %  [0-9]+\.[0-9]{2} GB\/s/#) != nil && !message.contains("layer"))
  }
}
